import { mkdir, mkdtemp, readdir, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Logger } from 'nestjs-pino';
import { Client, QueryResultRow } from 'pg';
import { createGatewayApp } from '../../src/gateway/create-app';
import { BackupRestoreOptions, createLogger, createPostgresTableBackend, TableBackend } from '../../src/index';
import { FaultyObjectStore } from '../fakes/faulty-object-store';
import { createTestDatabase } from '../setup/database';
import { DataApiClient } from './data-api-server';
import { DialectName, ManagementClient } from './management-server';

const TOKENS = [
  'demo-token=demo:member',
  'reader-token=demo:reader',
  'other-token=other:member',
  'admin-token=ops:admin',
  'monitor-token=ops:magnetodb_monitor',
].join(';');

/** Limits that tests reach without much data. */
export const MAX_BODY_BYTES = 64 * 1024;
export const MAX_ITEM_BYTES = 16 * 1024;

/** The gateway as it is run, but in this process: its log can be read, and things can be made to go wrong below it. */
export interface BadDaysGateway {
  readonly url: string;
  readonly databaseUrl: string;
  readonly backend: TableBackend;
  /** Folder of the deployment's own store. */
  readonly objects: string;
  /** Folder that users may name, and its URL. */
  readonly outside: string;
  readonly outsideUrl: string;
  /** Done to every store that is opened from now on. */
  spoil(how: (store: FaultyObjectStore) => void): void;
  /** Runs before each call of a method of the tables' backend. */
  before(method: keyof TableBackend, run: (...args: readonly unknown[]) => unknown): void;
  /** Ends everything that `spoil` and `before` did. */
  heal(): void;
  /** Everything logged so far. */
  logs(): string;
  query<Row extends QueryResultRow>(sql: string, values?: unknown[]): Promise<Row[]>;
  /** Every object in the two stores, relative to the folder that holds both. */
  files(): Promise<string[]>;
  client(dialect?: DialectName, token?: string, project?: string): ManagementClient;
  data(token?: string, project?: string): DataApiClient;
  stop(): Promise<void>;
}

/** Development tokens judge, or what is given; tables in PostgreSQL, or those that are given, which the caller closes. */
export async function startBadDays(
  jobs: NonNullable<BackupRestoreOptions['jobs']> = {},
  authority: BackupRestoreOptions['auth']['authority'] = { kind: 'static', tokens: TOKENS },
  tables?: TableBackend,
): Promise<BadDaysGateway> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'bad-days-')));
  const [objects, outside] = [join(folder, 'objects'), join(folder, 'outside')];
  await Promise.all([mkdir(objects), mkdir(outside)]);
  const database = await createTestDatabase();
  const backend = tables ?? (await createPostgresTableBackend({ connectionString: database.url }));
  let spoil: (store: FaultyObjectStore) => void = () => undefined;
  const hooks = new Map<PropertyKey, (...args: readonly unknown[]) => unknown>();
  let text = '';
  const logger = createLogger('trace', { write: (line: string) => void (text += line) });
  const plugin: BackupRestoreOptions = {
    database: { url: database.url },
    tables: hooked(backend, hooks),
    auth: { authority, adminProjectId: 'ops' },
    storage: {
      internalUrl: pathToFileURL(objects).href,
      allowedFolders: [outside],
      allowedHosts: [],
      decorate: (store) => {
        const faulty = new FaultyObjectStore(store);
        spoil(faulty);
        return faulty;
      },
    },
    jobs: { stepsPerProcess: 4, ...jobs },
    sweepSeconds: 0,
    logger,
  };
  const app = await createGatewayApp({
    plugin,
    dataApi: { maxItemBytes: MAX_ITEM_BYTES },
    logger,
    maxBodyBytes: MAX_BODY_BYTES,
    trustProxy: false,
    startLogger: false,
  });
  await app.init();
  app.useLogger(app.get(Logger));
  await app.listen(0, '127.0.0.1');
  const url = await app.getUrl();
  const sql = new Client({ connectionString: database.url });
  sql.on('error', () => undefined);
  await sql.connect();
  return {
    url,
    databaseUrl: database.url,
    backend,
    objects,
    outside,
    outsideUrl: pathToFileURL(outside).href,
    spoil: (how) => void (spoil = how),
    before: (method, run) => void hooks.set(method, run),
    heal: () => {
      spoil = () => undefined;
      hooks.clear();
    },
    logs: () => text,
    query: async <Row extends QueryResultRow>(query: string, values: unknown[] = []) => (await sql.query<Row>(query, values)).rows,
    files: () => filesBelow(folder),
    client: (dialect = 'spec', token = 'demo-token', project = 'demo') => new ManagementClient(url, dialect, token, project),
    data: (token = 'demo-token', project = 'demo') => new DataApiClient(url, token, project),
    stop: async () => {
      await app.close();
      if (!tables) await backend.close();
      await sql.end();
      await database.drop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

export async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1)).sort();
}

/** The backend, asking first what is hooked to the method. A method that gives a stream of items does so only then. */
function hooked(backend: TableBackend, hooks: ReadonlyMap<PropertyKey, (...args: readonly unknown[]) => unknown>): TableBackend {
  return new Proxy(backend, {
    get: (target, key) => {
      const value: unknown = Reflect.get(target, key);
      const hook = hooks.get(key);
      if (typeof value !== 'function') return value;
      const call = (...args: unknown[]): unknown => Reflect.apply(value, target, args);
      return hook === undefined ? call : async (...args: unknown[]) => Promise.resolve(hook(...args)).then(() => call(...args));
    },
  });
}

/** A door that callers wait at until it is opened. */
export class Door {
  private release: () => void = () => undefined;
  private arrive: () => void = () => undefined;
  private readonly opened = new Promise<void>((resolve) => (this.release = resolve));
  /** Resolves when the first caller waits. */
  readonly reached = new Promise<void>((resolve) => (this.arrive = resolve));

  readonly wait = (): Promise<void> => {
    this.arrive();
    return this.opened;
  };

  open(): void {
    this.release();
  }
}

/** What the outbox says of a backup or restore job (dashed id): `operation.phase`, in order. */
export async function eventsOf(gateway: BadDaysGateway, subject: unknown): Promise<string[]> {
  const rows = await gateway.query<{ name: string }>(
    `SELECT e.operation || '.' || e.phase AS name FROM magnetodb_backup.events e
      WHERE $1 IN (e.payload->>'backup_id', e.payload->>'restore_job_id') ORDER BY e.seq`,
    [subject],
  );
  return rows.map((row) => row.name);
}

/** Every item of a table, as the wire has it, in a fixed order. */
export async function contentOf(client: DataApiClient, table: string): Promise<string[]> {
  const items: string[] = [];
  let start: unknown;
  do {
    const answer = await client.call(table, 'scan', { limit: 1000, ...(start === undefined ? {} : { exclusive_start_key: start }) });
    if (answer.status !== 200) throw new Error(`scan answered ${answer.status}`);
    for (const item of answer.body['items'] as Record<string, unknown>[]) items.push(JSON.stringify(item, Object.keys(item).sort()));
    start = answer.body['last_evaluated_key'];
  } while (start !== undefined);
  return items.sort();
}

/** What stays of restores: contents that are built, or held by merges, in the tables' own registry. */
export async function unpublished(gateway: BadDaysGateway): Promise<number> {
  const [row] = await gateway.query<{ count: string }>(
    `SELECT (SELECT count(*) FROM magnetodb.table_contents WHERE state = 'building') + (SELECT count(*) FROM magnetodb.table_merges) AS count`,
  );
  return Number(row?.count);
}
