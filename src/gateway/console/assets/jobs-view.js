import { cancelBackup } from './backup-dialogs.js';
import { byId, el, keyedList, setText } from './dom.js';
import { time } from './format.js';
import { button, cell, Pager, showError, statusMark } from './parts.js';
import { cancelRestore } from './restore-dialog.js';

const PAGE = 10;
const DAYS = 30 * 86_400_000;

/** What runs, live, and how restores have ended. */
export class JobsView {
  constructor(app) {
    this.app = app;
    this.errors = byId('restores-error');
    this.drawRunning = keyedList(byId('running'), (job) => job.id, (job) => this.#job(job));
    this.drawRestores = keyedList(byId('restores-rows'), (job) => job.restore_job_id, (job) => this.#restore(job));
    this.pager = new Pager(byId('restores-pager'), PAGE, ['finished restore', 'finished restores'], (jobs) => this.drawRestores(jobs));
  }

  async load() {
    const { api, store } = this.app;
    try {
      const list = await api.restores(Date.now() - DAYS);
      if (this.app.api !== api) return;
      showError(this.errors, undefined);
      store.setRestores(list);
    } catch (error) {
      if (error.name !== 'AbortError') showError(this.errors, error);
    }
  }

  show() {
    const running = this.app.store.running();
    this.drawRunning(running);
    byId('running-none').hidden = running.length > 0;
    const badge = byId('running-count');
    badge.hidden = running.length === 0;
    setText(badge, running.length === 0 ? '' : String(running.length));
    const ended = [...this.app.store.restores.values()].filter((job) => job.status !== 'RESTORING');
    this.pager.set(ended.sort((a, b) => (a.restore_job_id < b.restore_job_id ? 1 : -1)));
  }

  #job(first) {
    let job = first;
    const titleId = `job-${first.id}`;
    const title = el('h3', { id: titleId });
    const phase = el('span', { class: 'phase' });
    const details = el('p', { class: 'job-details' });
    const bar = el('progress', { max: '100', 'aria-labelledby': titleId });
    const percent = el('span', { class: 'percent' });
    const pause = button('Pause', undefined, () => this.#pause(job));
    const cancel = button('Cancel…', undefined, () => (job.restore ? cancelRestore(this.app, job.restore) : cancelBackup(this.app, job.backup)));
    const node = el(
      'li',
      { class: 'job' },
      el('div', { class: 'job-head' }, title, phase),
      el('div', { class: 'job-bar' }, bar, percent),
      el('div', { class: 'job-foot' }, details, el('div', { class: 'row-buttons' }, pause, cancel)),
    );
    const update = (now) => {
      job = now;
      setText(title, now.title);
      setText(phase, now.phase);
      setText(details, now.details);
      if (now.fraction === undefined) bar.removeAttribute('value');
      else bar.value = now.fraction * 100;
      setText(percent, now.fraction === undefined ? '' : `${Math.floor(now.fraction * 100)} %`);
      setText(pause, now.paused ? 'Resume' : 'Pause');
      pause.setAttribute('aria-label', `${now.paused ? 'Resume' : 'Pause'}: ${now.title}`);
      cancel.setAttribute('aria-label', `Cancel: ${now.title}`);
      pause.hidden = !now.adjustable;
      cancel.hidden = !now.cancellable;
      node.dataset.paused = String(now.paused);
    };
    return { node, update };
  }

  #restore(first) {
    const status = statusMark();
    const subject = `restore onto ${first.table_name}`;
    const forget = button('Forget', subject, () => this.#forget(first));
    const outcome = cell('Outcome');
    const node = el(
      'tr',
      { role: 'row' },
      el('th', { scope: 'row', role: 'rowheader' }, first.table_name),
      cell('Status', null, status.node),
      cell('Finished', 'time', time(first.finish_date_time)),
      outcome,
      cell('', null, el('div', { class: 'row-buttons' }, forget)),
    );
    const update = (job) => {
      status.update(job.status);
      setText(outcome, job.error === undefined ? `From backup ${this.#nameOf(job.backup_id)}` : `${job.error.type}: ${job.error.message}`);
    };
    return { node, update };
  }

  #nameOf(id) {
    const backup = this.app.store.backups.get(id);
    return backup === undefined ? (id ?? 'elsewhere') : `“${backup.backup_name}”`;
  }

  async #pause(job) {
    const { api, store, messages } = this.app;
    try {
      if (job.restore) store.putRestore(await api.pauseRestore(job.restore, !job.paused));
      else store.putBackup(await api.pauseBackup(job.backup, !job.paused));
    } catch (error) {
      messages.fail(`${job.title}: it cannot be ${job.paused ? 'resumed' : 'paused'}`, error);
    }
  }

  async #forget(job) {
    try {
      await this.app.api.deleteRestore(job);
      this.app.store.removeRestore(job.restore_job_id);
    } catch (error) {
      this.app.messages.fail('The restore cannot be forgotten', error);
    }
  }
}
