import { Uuid, parseUuid } from '../kernel';
import { ApiConnection } from './api-connection';
import { Call } from './command';
import { CliError, EXIT, usageError } from './exit-codes';

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
  private constructor(
    private readonly connection: ApiConnection,
    /** Undefined: the connection's. */
    private readonly project: string | undefined,
  ) {}

  /** By options, then environment; its calls throw CliError if something is missing. */
  static of(call: Call): ApiClient {
    return new ApiClient(ApiConnection.of(call), undefined);
  }

  createBackup(table: string, body: unknown): Promise<Resource> {
    return this.call('POST', `${tablePath(table)}/backups`, body);
  }

  createRestore(table: string, body: unknown): Promise<Resource> {
    return this.call('POST', `${tablePath(table)}/restores`, body);
  }

  /** @param body the `strategy` with the credentials of a place outside */
  verifyBackup({ id, resource }: Found, body?: unknown): Promise<Resource> {
    return this.call('POST', `${tablePath(resource.table_name)}/backups/${id}/verify`, body);
  }

  changeBackup({ id, resource }: Found, body: unknown): Promise<Resource> {
    return this.call('PATCH', `${tablePath(resource.table_name)}/backups/${id}`, body);
  }

  /** Of a table, or of the project; a body changes them. */
  settings(table: string | undefined, body?: unknown): Promise<Record<string, unknown>> {
    return this.call(body === undefined ? 'GET' : 'PATCH', `${table === undefined ? '' : tablePath(table)}/settings`, body);
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
    return new ApiClient(this.connection, project);
  }

  /** @param body the `strategy` with the credentials of a place outside */
  delete({ kind, id, resource }: Found, query: Record<string, string> = {}, body?: unknown): Promise<Resource> {
    return this.call(
      'DELETE',
      `${tablePath(resource.table_name)}/${PLURAL[kind]}/${id}?${new URLSearchParams(query).toString()}`,
      body,
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
    const project = this.project ?? (await this.connection.projectId());
    return this.connection.call<T>(method, `/v1/management/${encodeURIComponent(project)}${path}`, body);
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
