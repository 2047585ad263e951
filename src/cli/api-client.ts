import { Uuid, parseUuid } from '../kernel';
import { Call } from './command';
import { CliError, EXIT, exitCodeOfStatus, usageError } from './exit-codes';

const DEFAULT_URL = 'http://127.0.0.1:8480';
/** A call that is not answered by then has failed. */
const TIMEOUT_MILLIS = 60_000;
const PAGE = 1000;
/** Of found backups: each page has the gateway read so many manifests. */
const FIND_PAGE = 200;

export interface JobProgress {
  readonly phase: string;
  readonly items_done?: number;
  readonly items_total_estimate?: number;
  readonly bytes_done?: number;
  readonly eta_seconds?: number;
}

/** What backups and restore jobs have in common, in the deployed dialect; the rest is shown as it comes. */
export interface Resource extends Readonly<Record<string, unknown>> {
  readonly status: string;
  readonly table_name: string;
  readonly progress?: JobProgress;
  readonly error?: { readonly type: string; readonly message: string };
  /** Of a backup. */
  readonly verification?: { readonly status: string };
}

export type ResourceKind = 'backup' | 'restore_job';

const PLURAL: Readonly<Record<ResourceKind, string>> = { backup: 'backups', restore_job: 'restores' };
const LISTED: Readonly<Record<ResourceKind, string>> = { backup: 'backups', restore_job: 'restore_jobs' };

/** What lies at a place. */
export interface FoundBackup extends Readonly<Record<string, unknown>> {
  readonly location: string;
  readonly status: 'COMPLETE' | 'INCOMPLETE' | 'UNREADABLE';
  readonly own_store: boolean;
  readonly in_catalogue: boolean;
  readonly project_id?: string;
  readonly error?: { readonly type: string; readonly message: string };
}

interface FoundPage {
  readonly found: FoundBackup[];
  readonly last_evaluated_location?: string;
}

/** A resource and what it is. */
export interface Found {
  readonly kind: ResourceKind;
  readonly id: Uuid;
  readonly resource: Resource;
}

/** The management API of one project, in MagnetoDB's deployed dialect. */
export class ApiClient {
  private readonly base: string;

  private constructor(
    private readonly gateway: string,
    project: string,
    private readonly token: string,
    private readonly signal: AbortSignal,
  ) {
    this.base = `${gateway}/v1/management/${encodeURIComponent(project)}`;
  }

  /** By options, then environment. @throws CliError if something is missing */
  static of(call: Call): ApiClient {
    const { env, signal } = call.io;
    const url = call.text('url') ?? env['MAGNETODB_URL'] ?? DEFAULT_URL;
    const project = call.text('project') ?? env['MAGNETODB_PROJECT'];
    const token = call.text('token') ?? env['MAGNETODB_TOKEN'];
    if (!/^https?:\/\/[^/@?#]+(\/[^?#]*)?$/i.test(url))
      throw usageError('the gateway’s URL must look like https://host[:port][/path]');
    if (!project) throw usageError('which project? Give --project or set MAGNETODB_PROJECT');
    if (!token) throw usageError('no token: set MAGNETODB_TOKEN, or give --token');
    return new ApiClient(url.replace(/\/+$/, ''), project, token, signal);
  }

  createBackup(table: string, body: unknown): Promise<Resource> {
    return this.call('POST', `${tablePath(table)}/backups`, body);
  }

  createRestore(table: string, body: unknown): Promise<Resource> {
    return this.call('POST', `${tablePath(table)}/restores`, body);
  }

  verifyBackup({ id, resource }: Found): Promise<Resource> {
    return this.call('POST', `${tablePath(resource.table_name)}/backups/${id}/verify`);
  }

  importBackup(body: unknown): Promise<Resource> {
    return this.call('POST', '/backups/import', body);
  }

  /** What lies below a source, page by page. */
  async *findBackups(body: Readonly<Record<string, unknown>>): AsyncGenerator<FoundBackup[]> {
    let last: string | undefined;
    do {
      const start = last === undefined ? {} : { exclusive_start_location: last };
      const page = await this.call<FoundPage>('POST', '/backups/find', { ...body, ...start, limit: FIND_PAGE });
      yield page.found;
      last = page.last_evaluated_location;
    } while (last !== undefined);
  }

  /** The same gateway and token, for another project. */
  ofProject(project: string): ApiClient {
    return new ApiClient(this.gateway, project, this.token, this.signal);
  }

  delete({ kind, id, resource }: Found, query: Record<string, string> = {}): Promise<Resource> {
    return this.call(
      'DELETE',
      `${tablePath(resource.table_name)}/${PLURAL[kind]}/${id}?${new URLSearchParams(query).toString()}`,
    );
  }

  /** Page by page, in order of time. */
  async *list(
    kind: ResourceKind,
    table: string | undefined,
    filters: Record<string, string>,
    limit: number,
  ): AsyncGenerator<Resource[]> {
    const path = `${table === undefined ? '' : tablePath(table)}/${PLURAL[kind]}`;
    let start: string | undefined;
    for (let left = limit; left > 0; left -= PAGE) {
      const query = new URLSearchParams({ ...filters, limit: String(Math.min(left, PAGE)) });
      if (start !== undefined) query.set(`exclusive_start_${kind}_id`, start);
      const page = await this.call<Record<string, unknown>>('GET', `${path}?${query.toString()}`);
      yield page[LISTED[kind]] as Resource[];
      start = page[`last_evaluated_${kind}_id`] as string | undefined;
      if (start === undefined) return;
    }
  }

  /**
   * The backup or restore job of an id, whichever it is, without the table's name: lists are in order of ids and any id serves
   * as a start, so the id just below gives it.
   * @throws CliError if there is none
   */
  async find(text: string): Promise<Found> {
    const id = parseUuid(text);
    if (id === undefined) throw usageError('an id is a UUID, with dashes or without');
    const found = (await this.findOf('backup', id)) ?? (await this.findOf('restore_job', id));
    if (!found)
      throw new CliError(EXIT.notFound, 'NotFound', 'the project has neither a backup nor a restore job of this id');
    return found;
  }

  /** Undefined if there is none of this kind. */
  async findOf(kind: ResourceKind, id: Uuid): Promise<Found | undefined> {
    const query = new URLSearchParams({ limit: '1', [`exclusive_start_${kind}_id`]: idBefore(id) });
    const page = await this.call<Record<string, unknown>>('GET', `/${PLURAL[kind]}?${query.toString()}`);
    const resource = (page[LISTED[kind]] as Resource[])[0];
    return resource !== undefined && idOf(kind, resource) === id ? { kind, id, resource } : undefined;
  }

  private async call<T = Resource>(method: string, path: string, body?: unknown): Promise<T> {
    const response = await this.send(method, path, body);
    const answer = parseAnswer(response.text);
    if (response.status >= 200 && response.status < 300 && answer !== undefined) return answer as T;
    const error = answer?.['error'] as { type?: unknown; message?: unknown } | undefined;
    throw new CliError(
      exitCodeOfStatus(response.status),
      typeof error?.type === 'string' ? error.type : 'UnexpectedAnswer',
      typeof error?.message === 'string'
        ? error.message
        : `the server answered ${response.status}, and not as a MagnetoDB gateway does`,
    );
  }

  private async send(method: string, path: string, body: unknown): Promise<{ status: number; text: string }> {
    try {
      const response = await fetch(this.base + path, {
        method,
        headers: { 'X-Auth-Token': this.token, ...(body === undefined ? {} : { 'Content-Type': 'application/json' }) },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        // A redirection would carry the token elsewhere.
        redirect: 'manual',
        signal: AbortSignal.any([this.signal, AbortSignal.timeout(TIMEOUT_MILLIS)]),
      });
      return { status: response.status, text: await response.text() };
    } catch (error) {
      this.signal.throwIfAborted();
      const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
      const code = (cause as NodeJS.ErrnoException).code ?? (cause as Error).name;
      throw new CliError(EXIT.unavailable, 'ServiceUnavailable', `the gateway cannot be reached (${code})`);
    }
  }
}

/** The id of a resource in its canonical spelling. */
export function idOf(kind: ResourceKind, resource: Resource): Uuid {
  return parseUuid(String(resource[`${kind}_id`])) ?? '';
}

function tablePath(table: string): string {
  return `/tables/${encodeURIComponent(table)}`;
}

function idBefore(id: Uuid): Uuid {
  const value = BigInt(`0x${id.replaceAll('-', '')}`);
  const hex = (value === 0n ? 0n : value - 1n).toString(16).padStart(32, '0');
  return parseUuid(hex) ?? id;
}

function parseAnswer(text: string): Record<string, unknown> | undefined {
  try {
    const json: unknown = JSON.parse(text);
    return typeof json === 'object' && json !== null && !Array.isArray(json)
      ? (json as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}
