import { Api } from './api.js';
import { BackupsView } from './backups-view.js';
import { byId, setText } from './dom.js';
import { JobsView } from './jobs-view.js';
import { Messages, showError } from './parts.js';
import { backupRuns, Store } from './store.js';
import { TablesView } from './tables-view.js';
import { watchJobs } from './watch.js';

const VIEWS = ['tables', 'backups', 'jobs'];
const TITLE = 'MagnetoDB console';

/** The page: who is signed in, which view is seen, and what the watch tells. The address holds project and view, never the token. */
class App {
  api = undefined;
  store = new Store();
  messages = new Messages(byId('messages'), byId('errors'));
  #watch = new AbortController();
  #offers = undefined;

  constructor() {
    this.tables = new TablesView(this);
    this.backups = new BackupsView(this);
    this.jobs = new JobsView(this);
    byId('sign-in-form').addEventListener('submit', (event) => {
      event.preventDefault();
      void this.#signIn();
    });
    byId('sign-out').addEventListener('click', () => this.#signOut());
    // A page that is left, and kept by the browser to come back to, must not keep the token.
    addEventListener('pagehide', () => this.#signOut());
    addEventListener('hashchange', () => this.#route(true));
    byId('project').value = this.#place().project;
    this.#drawSoon(this.store);
  }

  /** What new backups may be made of; asked for once. */
  offers() {
    this.#offers ??= this.api.offers().catch((error) => {
      this.#offers = undefined;
      throw error;
    });
    return this.#offers;
  }

  /** The address of a view. */
  link(view, query = {}) {
    const words = new URLSearchParams(query).toString();
    return `#/${encodeURIComponent(this.api?.project ?? '')}/${view}${words === '' ? '' : `?${words}`}`;
  }

  #drawSoon(store) {
    store.addEventListener('change', () => {
      if (store !== this.store) return;
      this.backups.show();
      this.jobs.show();
    });
  }

  async #signIn() {
    const token = byId('token');
    const project = byId('project').value.trim();
    const api = new Api(project, token.value.trim(), (error) => this.#signOut(error));
    showError(byId('sign-in-error'), undefined);
    try {
      // Nothing is shown before the service has taken the token.
      await api.backups(undefined, Date.now());
    } catch (error) {
      api.forget();
      if (error.name !== 'AbortError') showError(byId('sign-in-error'), error);
      return;
    }
    token.value = '';
    this.api = api;
    byId('sign-in').hidden = true;
    byId('signed-in').hidden = false;
    byId('who').hidden = false;
    setText(byId('project-name'), project);
    for (const view of VIEWS) byId(`nav-${view}`).href = this.link(view);
    byId('backups-of-all').href = this.link('backups');
    if (this.#place().project !== project) history.replaceState(null, '', this.link('tables'));
    this.#route(true);
    void this.tables.load();
    this.#live('connecting');
    void watchJobs(api, { line: (line) => this.#told(line), state: (state, error) => this.#live(state, error) }, this.#watch.signal);
  }

  /** Forgets the token and everything that was shown. `error`: why, if the service said so. */
  #signOut(error) {
    if (this.api === undefined && error === undefined) return;
    this.#watch.abort();
    this.#watch = new AbortController();
    this.api?.forget();
    this.api = undefined;
    this.#offers = undefined;
    this.store = new Store();
    this.#drawSoon(this.store);
    this.store.changed();
    this.tables.clear();
    for (const dialog of document.querySelectorAll('dialog')) dialog.close();
    byId('signed-in').hidden = true;
    byId('who').hidden = true;
    byId('sign-in').hidden = false;
    byId('token').value = '';
    document.title = TITLE;
    showError(byId('sign-in-error'), error);
    byId('token').focus();
  }

  #place() {
    const [path, words = ''] = location.hash.replace(/^#\/?/, '').split('?', 2);
    const [project = '', view = ''] = path.split('/').map(decodeURIComponent);
    return { project, view: VIEWS.includes(view) ? view : 'tables', table: new URLSearchParams(words).get('table') ?? undefined };
  }

  #route(focus) {
    if (this.api === undefined) return;
    const { project, view, table } = this.#place();
    // An address for another project needs that project's token.
    if (project !== this.api.project) {
      this.#signOut();
      byId('project').value = project;
      return;
    }
    for (const each of VIEWS) {
      byId(each).hidden = each !== view;
      byId(`nav-${each}`).setAttribute('aria-current', each === view ? 'page' : 'false');
    }
    if (view === 'backups') this.backups.ofTable(table);
    const heading = byId(`${view}-title`);
    document.title = `${heading.textContent} – ${project} – ${TITLE}`;
    if (focus) heading.focus();
  }

  #live(state, error) {
    const mark = byId('live');
    mark.dataset.state = state;
    setText(mark, { live: 'Live', connecting: 'Connecting…', refused: 'Not live' }[state]);
    if (state !== 'refused') return;
    this.messages.fail('Running jobs cannot be watched', error);
    this.#lists();
  }

  #lists() {
    void this.backups.load();
    void this.jobs.load();
  }

  #told(line) {
    switch (line.event) {
      case 'snapshot':
        this.store.setRunning(line.backups, line.restore_jobs);
        return this.#lists();
      case 'backup':
        return this.#toldBackup(line.backup, this.store.putBackup(line.backup));
      case 'restore_job':
        return this.#toldRestore(line.restore_job, this.store.putRestore(line.restore_job));
      case 'backup_deleted': {
        const gone = this.store.removeBackup(line.backup_id);
        if (gone !== undefined) this.messages.say(`The backup “${gone.backup_name}” of ${gone.table_name} is deleted.`);
      }
    }
  }

  #toldBackup(backup, before) {
    if (backupRuns(backup) || (before !== undefined && !backupRuns(before))) return;
    const name = `“${backup.backup_name}” of ${backup.table_name}`;
    const { status, verification, error } = backup;
    if (status.endsWith('_FAILED')) this.messages.say(`The backup ${name}: ${error?.message ?? status}`, 'bad');
    else if (verification?.status === 'PASSED' && before?.status === 'CREATED') this.messages.say(`The backup ${name} is whole.`, 'good');
    else if (verification !== undefined && before?.status === 'CREATED') this.messages.say(`The backup ${name}: ${verification.message ?? verification.status}`, 'bad');
    else this.messages.say(`The backup ${name} is made.`, 'good');
  }

  #toldRestore(job, before) {
    if (job.status === 'RESTORING' || (before !== undefined && before.status !== 'RESTORING')) return;
    if (job.status === 'RESTORED') this.messages.say(`The table ${job.table_name} is restored.`, 'good');
    else this.messages.say(`The restore onto ${job.table_name}: ${job.error?.message ?? job.status}`, 'bad');
    this.tables.changed(job.table_name);
  }
}

new App();
