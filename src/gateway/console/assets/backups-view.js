import { deleteBackup, showBackup } from './backup-dialogs.js';
import { byId, el, keyedList, setText } from './dom.js';
import { bytes, count, time } from './format.js';
import { button, cell, Pager, showError, statusMark } from './parts.js';
import { restoreBackup } from './restore-dialog.js';

const PAGE = 25;
const DAY = 86_400_000;

/** The project's backups, those of dropped tables too, the newest first. */
export class BackupsView {
  constructor(app) {
    this.app = app;
    this.filter = byId('backups-filter');
    this.status = byId('backups-status');
    this.since = byId('backups-since');
    this.errors = byId('backups-error');
    this.draw = keyedList(byId('backups-rows'), (backup) => backup.backup_id, (backup) => this.#row(backup));
    this.pager = new Pager(byId('backups-pager'), PAGE, ['backup', 'backups'], (backups) => this.draw(backups));
    for (const control of [this.filter, this.status])
      control.addEventListener('input', () => {
        this.pager.first();
        this.show();
      });
    this.since.addEventListener('input', () => this.load());
    byId('backups-refresh').addEventListener('click', () => this.load());
    byId('backups-all').addEventListener('click', () => {
      this.since.value = 'ever';
      this.load();
    });
  }

  /** Of one table only; undefined: of all. */
  ofTable(table) {
    if (this.table === table) return;
    this.table = table;
    // Somebody who asks for a table's backups wants its old ones, too.
    this.since.value = table === undefined ? '30' : 'ever';
    byId('backups-of').hidden = table === undefined;
    setText(byId('backups-of-name'), table ?? '');
    this.pager.first();
    this.load();
  }

  async load() {
    const { api, store } = this.app;
    const since = this.since.value === 'ever' ? undefined : Date.now() - Number(this.since.value) * DAY;
    try {
      store.beforeList();
      const list = await api.backups(this.table, since);
      if (this.app.api !== api) return;
      showError(this.errors, undefined);
      store.setBackups(list);
    } catch (error) {
      if (error.name !== 'AbortError') showError(this.errors, error);
    }
  }

  show() {
    const words = this.filter.value.trim().toLowerCase();
    const status = this.status.value;
    const found = [...this.app.store.backups.values()]
      .filter((backup) => this.table === undefined || backup.table_name === this.table)
      .filter((backup) => status === '' || backup.status === status)
      .filter((backup) => `${backup.backup_name}\n${backup.table_name}`.toLowerCase().includes(words))
      .sort((a, b) => (a.backup_id < b.backup_id ? 1 : -1));
    this.pager.set(found);
    byId('backups-none').hidden = found.length > 0;
    byId('backups-all').hidden = this.since.value === 'ever';
  }

  #row(first) {
    let backup = first;
    const { app } = this;
    const status = statusMark();
    const subject = `${first.backup_name} of ${first.table_name}`;
    const items = cell('Items', 'number');
    const size = cell('Size', 'number');
    const verified = statusMark();
    const restore = button('Restore…', subject, () => restoreBackup(app, backup));
    const verify = button('Verify', subject, () => this.#verify(backup));
    const remove = button('Delete…', subject, () => deleteBackup(app, backup));
    const node = el(
      'tr',
      { role: 'row' },
      el('th', { scope: 'row', role: 'rowheader' }, button(first.backup_name, undefined, () => showBackup(backup), 'link')),
      cell('Table', 'name', first.table_name),
      cell('Status', null, el('div', { class: 'marks' }, status.node, verified.node)),
      cell('Started', 'time', time(first.start_date_time)),
      items,
      size,
      cell('', null, el('div', { class: 'row-buttons' }, restore, verify, remove)),
    );
    const update = (now) => {
      backup = now;
      status.update(now.status);
      verified.node.hidden = now.verification === undefined;
      if (now.verification !== undefined) verified.update(now.verification.status, VERIFIED[now.verification.status]);
      setText(items, count(now.item_count));
      setText(size, bytes(now.size_bytes));
      restore.disabled = now.status !== 'CREATED' || now.restorable === false;
      verify.disabled = now.status !== 'CREATED' || now.verification?.status === 'RUNNING';
      remove.disabled = now.status === 'DELETING';
    };
    return { node, update };
  }

  async #verify(backup) {
    try {
      this.app.store.putBackup(await this.app.api.verify(backup));
      this.app.messages.say(`The verification of “${backup.backup_name}” has begun.`);
    } catch (error) {
      this.app.messages.fail(`“${backup.backup_name}” cannot be verified`, error);
    }
  }
}

const VERIFIED = { RUNNING: 'Verifying', PASSED: 'Verified', DAMAGED: 'Damaged', FAILED: 'Not verified' };
