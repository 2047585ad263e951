/** An error answer of the service, in its own words. */
export class ApiError extends Error {
  /** @param {{ status: number, title: string, type: string, message: string, requestId: string | null, retryAfter: string | null }} answer */
  constructor(answer) {
    super(answer.message);
    Object.assign(this, answer);
  }
}

const PAGE = 1000;
/** More pages than that are not asked for: a list of a hundred thousand is read by other means. */
const MAX_PAGES = 100;

/**
 * The calls that this page makes, for one project. The token is held here and nowhere else: not in storage, cookies, URLs or elements;
 * `forget` or leaving the page is the end of it.
 */
export class Api {
  #token;
  #onUnauthorized;
  #root = new URL('../', document.baseURI);
  #calls = new AbortController();

  constructor(project, token, onUnauthorized) {
    this.project = project;
    this.#token = token;
    this.#onUnauthorized = onUnauthorized;
  }

  /** Ends every call that is under way, and forgets the token. */
  forget() {
    this.#token = undefined;
    this.#calls.abort();
  }

  /** Names of all tables. */
  async tableNames() {
    const names = [];
    let start;
    for (let pages = 0; pages < MAX_PAGES; pages += 1) {
      const query = start === undefined ? '' : `&exclusive_start_table_name=${encodeURIComponent(start)}`;
      const page = await this.#json('GET', `v1/data/${this.#of(this.project)}/tables?limit=${PAGE}${query}`);
      for (const { href } of page.tables) names.push(decodeURIComponent(href.slice(href.lastIndexOf('/') + 1)));
      start = page.last_evaluated_table_name;
      if (start === undefined) break;
    }
    return names;
  }

  async describeTable(name) {
    return (await this.#json('GET', `v1/data/${this.#of(this.project)}/tables/${this.#of(name)}`)).table;
  }

  /** Backups of one table, or of all; those that began after a time (milliseconds), or all. */
  backups(table, since) {
    return this.#list(this.#path(table), 'backups', 'backup_id', since);
  }

  restores(since) {
    return this.#list(this.#path(undefined), 'restores', 'restore_job_id', since);
  }

  createBackup(table, body) {
    return this.#json('POST', `${this.#path(table)}/backups`, body);
  }

  restore(table, body) {
    return this.#json('POST', `${this.#path(table)}/restores`, body);
  }

  verify(backup) {
    return this.#json('POST', `${this.#backup(backup)}/verify`);
  }

  deleteBackup(backup) {
    return this.#json('DELETE', this.#backup(backup));
  }

  pauseBackup(backup, paused) {
    return this.#json('PATCH', this.#backup(backup), { paused });
  }

  pauseRestore(job, paused) {
    return this.#json('PATCH', this.#restore(job), { paused });
  }

  /** Cancels one that runs, forgets one that is over. */
  deleteRestore(job) {
    return this.#json('DELETE', this.#restore(job));
  }

  /** What the service offers for new backups: `{ format, compression }`, lists of words, from its own description. */
  async offers() {
    const document = await this.#json('GET', 'openapi.json');
    const { format, compression } = document.components.schemas.CreateBackup.properties.strategy.properties;
    return { format: format.enum, compression: compression.enum };
  }

  /** The answer of the call that watches jobs; the caller reads its body. */
  watch(signal) {
    return this.#fetch('GET', `${this.#path(undefined)}/jobs/watch`, undefined, signal);
  }

  #of(part) {
    return encodeURIComponent(part);
  }

  #path(table) {
    const project = `v1/management/${this.#of(this.project)}`;
    return table === undefined ? project : `${project}/tables/${this.#of(table)}`;
  }

  #backup({ table_name: table, backup_id: id }) {
    return `${this.#path(table)}/backups/${this.#of(id)}`;
  }

  #restore({ table_name: table, restore_job_id: id }) {
    return `${this.#path(table)}/restores/${this.#of(id)}`;
  }

  async #list(path, kind, key, since) {
    const found = [];
    let start = since === undefined ? undefined : firstIdSince(since);
    for (let pages = 0; pages < MAX_PAGES; pages += 1) {
      const query = start === undefined ? '' : `&exclusive_start_${key}=${start}`;
      const page = await this.#json('GET', `${path}/${kind}?limit=${PAGE}${query}`);
      found.push(...(page.backups ?? page.restore_jobs));
      start = page[`last_evaluated_${key}`];
      if (start === undefined) break;
    }
    return found;
  }

  async #json(method, path, body) {
    return (await this.#fetch(method, path, body, this.#calls.signal)).json();
  }

  async #fetch(method, path, body, signal) {
    if (this.#token === undefined) throw new DOMException('signed out', 'AbortError');
    const answer = await fetch(new URL(path, this.#root), {
      method,
      headers: { 'X-Auth-Token': this.#token, ...(body === undefined ? {} : { 'Content-Type': 'application/json' }) },
      body: body === undefined ? undefined : JSON.stringify(body),
      credentials: 'omit',
      cache: 'no-store',
      redirect: 'error',
      referrerPolicy: 'no-referrer',
      signal: AbortSignal.any([signal, this.#calls.signal]),
    });
    if (answer.ok) return answer;
    const error = await errorOf(answer);
    if (answer.status === 401) this.#onUnauthorized(error);
    throw error;
  }
}

/** Ids are in the order of time (UUIDv7), and any well-formed one may start a list: no page of older ones is read. */
function firstIdSince(millis) {
  return `${Math.max(0, millis).toString(16).padStart(12, '0')}70008000000000000000`;
}

async function errorOf(answer) {
  const body = await answer.json().catch(() => ({}));
  return new ApiError({
    status: answer.status,
    title: body.title ?? answer.statusText,
    type: body.error?.type ?? `HTTP ${answer.status}`,
    message: body.error?.message ?? body.explanation ?? 'The service gave no reason.',
    requestId: answer.headers.get('x-openstack-request-id'),
    retryAfter: answer.headers.get('retry-after'),
  });
}
