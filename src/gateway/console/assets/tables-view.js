import { makeBackup } from './backup-dialogs.js';
import { byId, debounced, el, keyedList, setText } from './dom.js';
import { bytes, count } from './format.js';
import { button, cell, Pager, showError, statusMark } from './parts.js';

const PAGE = 25;
/** Descriptions asked for at once. */
const AT_ONCE = 4;
const QUIET_MILLIS = 250;

/**
 * The project's tables. All names are known, so that the filter finds any of them; only the tables that are seen are described, and none
 * twice until they may have changed.
 */
export class TablesView {
  #names = [];
  #described = new Map();
  #wanted = [];
  #asking = 0;

  constructor(app) {
    this.app = app;
    this.filter = byId('tables-filter');
    this.errors = byId('tables-error');
    this.describeSoon = debounced(() => this.#describe(), QUIET_MILLIS);
    this.draw = keyedList(byId('tables-rows'), (row) => row.name, ({ name }) => this.#row(name));
    this.pager = new Pager(byId('tables-pager'), PAGE, ['table', 'tables'], (names) => this.#show(names));
    this.filter.addEventListener('input', () => {
      this.pager.first();
      this.#filtered();
    });
    byId('tables-refresh').addEventListener('click', () => this.load());
  }

  async load() {
    try {
      const { api } = this.app;
      const names = await api.tableNames();
      if (this.app.api !== api) return;
      this.#names = names;
      this.#described.clear();
      showError(this.errors, undefined);
      this.#filtered();
    } catch (error) {
      if (error.name !== 'AbortError') showError(this.errors, error);
    }
  }

  /** Nobody is signed in. */
  clear() {
    this.describeSoon.cancel();
    this.#names = [];
    this.#wanted = [];
    this.#described.clear();
    this.filter.value = '';
    this.pager.set([]);
  }

  /** A table has been made or filled. */
  changed(name) {
    if (!this.#names.includes(name)) return void this.load();
    this.#described.delete(name);
    this.#filtered();
  }

  #filtered() {
    const words = this.filter.value.trim().toLowerCase();
    this.pager.set(this.#names.filter((name) => name.toLowerCase().includes(words)));
    const none = this.#names.length === 0 ? 'This project has no tables yet.' : 'No table has such a name.';
    setText(byId('tables-none'), this.pager.words.textContent.startsWith('0 ') ? none : '');
  }

  #show(names) {
    this.draw(names.map((name) => ({ name, ...this.#described.get(name) })));
    this.#wanted = names.filter((name) => !this.#described.has(name));
    this.describeSoon();
  }

  #describe() {
    while (this.#asking < AT_ONCE && this.#wanted.length > 0) {
      const name = this.#wanted.shift();
      if (this.#described.has(name)) continue;
      this.#asking += 1;
      this.app.api
        .describeTable(name)
        .then(
          (table) => this.#described.set(name, { status: table.table_status, items: table.item_count, size: table.table_size_bytes }),
          (error) => {
            if (error.name !== 'AbortError') this.#described.set(name, { status: error.type ?? 'Unknown' });
          },
        )
        .finally(() => {
          this.#asking -= 1;
          this.draw(this.#seen());
          this.#describe();
        });
    }
  }

  #seen() {
    return [...byId('tables-rows').children].map(({ dataset }) => ({ name: dataset.name, ...this.#described.get(dataset.name) }));
  }

  #row(name) {
    const status = statusMark();
    const items = cell('Items', 'number');
    const size = cell('Size', 'number');
    const backups = el('a', { class: 'button', href: this.app.link('backups', { table: name }), 'aria-label': `Backups of ${name}` }, 'Backups');
    const node = el(
      'tr',
      { role: 'row' },
      el('th', { scope: 'row', role: 'rowheader' }, name),
      cell('Status', null, status.node),
      items,
      size,
      cell('', null, el('div', { class: 'row-buttons' }, button('Back up…', name, () => makeBackup(this.app, name)), backups)),
    );
    node.dataset.name = name;
    const update = (row) => {
      status.update(row.status ?? '', row.status === undefined ? '…' : undefined);
      setText(items, row.status === undefined ? '…' : count(row.items));
      setText(size, row.status === undefined ? '…' : bytes(row.size));
    };
    return { node, update };
  }
}
