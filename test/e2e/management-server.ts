import { mkdir, mkdtemp, readdir, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Module } from '@nestjs/common';
import { APP_FILTER, NestFactory } from '@nestjs/core';
import { NestExpressApplication } from '@nestjs/platform-express';
import { FastifyAdapter, NestFastifyApplication } from '@nestjs/platform-fastify';
import {
  BackupRestoreModule,
  BackupRestoreOptions,
  createPostgresTableBackend,
  ErrorFilter,
  fastifyServerOptions,
  HttpModule,
  TableBackend,
} from '../../src/index';
import { Item, TableSchema } from '../../src/kernel';
import { createTestDatabase } from '../setup/database';
import { until } from '../setup/until';

export type Json = Record<string, unknown>;

/** What a call answered. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Json;
}

/** A foreign host with the plugin in it: its own tables, database and object store. */
export interface ManagementServer {
  readonly app: NestFastifyApplication | NestExpressApplication;
  readonly url: string;
  readonly backend: TableBackend;
  /** URL of the store of the deployment. */
  readonly objectsUrl: string;
  /** URL of a folder that users may name. */
  readonly outsideUrl: string;
  readonly databaseUrl: string;
  /** Every file in the two stores, relative. */
  files(): Promise<string[]>;
  client(dialect?: DialectName, token?: string, project?: string): ManagementClient;
  stop(): Promise<void>;
}

const TOKENS = [
  'demo-token=demo:member',
  'reader-token=demo:reader',
  'none-token=demo:guest',
  'other-token=other:member',
  'admin-token=ops:admin',
].join(';');

export interface ServerOptions extends Partial<Omit<BackupRestoreOptions, 'database' | 'tables' | 'auth' | 'storage'>> {
  readonly platform?: 'fastify' | 'express';
  readonly policyRules?: Record<string, string>;
  /** Jobs wait in the queue for ever. */
  readonly apiOnly?: boolean;
  readonly wrapBackend?: (backend: TableBackend) => TableBackend;
  /** Another server, whose database and tables it shares as another process would. To be stopped before that one. */
  readonly joins?: ManagementServer;
  /** Beside the folder that users may name. */
  readonly storage?: Partial<BackupRestoreOptions['storage']>;
}

export async function startManagement(options: ServerOptions = {}): Promise<ManagementServer> {
  const { platform = 'fastify', policyRules, apiOnly = false, wrapBackend, joins, storage, ...rest } = options;
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'management-')));
  const [objects, outside] = [join(folder, 'objects'), join(folder, 'outside')];
  await mkdir(objects);
  await mkdir(outside);
  const database = joins === undefined ? await createTestDatabase() : { url: joins.databaseUrl, drop: async () => undefined };
  const postgres = await createPostgresTableBackend({ connectionString: database.url });
  const backend = wrapBackend?.(postgres) ?? postgres;
  const plugin: BackupRestoreOptions = {
    sweepSeconds: 0,
    ...(apiOnly ? { jobs: { stepsPerProcess: 0 } } : {}),
    ...rest,
    database: { url: database.url },
    tables: backend,
    auth: {
      authority: { kind: 'static', tokens: TOKENS },
      adminProjectId: 'ops',
      ...(policyRules ? { policyRules } : {}),
    },
    storage: { internalUrl: pathToFileURL(objects).href, allowedFolders: [outside], allowedHosts: [], ...storage },
  };

  @Module({
    imports: [BackupRestoreModule.forRootAsync({ useFactory: () => plugin }), HttpModule],
    providers: [{ provide: APP_FILTER, useExisting: ErrorFilter }],
  })
  class HostModule {}

  const app =
    platform === 'fastify'
      ? await NestFactory.create<NestFastifyApplication>(
          HostModule,
          new FastifyAdapter(fastifyServerOptions(64 * 1024)),
          { logger: false, abortOnError: false },
        )
      : await NestFactory.create<NestExpressApplication>(HostModule, { logger: false, abortOnError: false });
  await app.listen(0, '127.0.0.1');
  const url = await app.getUrl();
  return {
    app,
    url,
    backend,
    databaseUrl: database.url,
    objectsUrl: pathToFileURL(objects).href,
    outsideUrl: pathToFileURL(outside).href,
    files: async () => {
      const entries = await readdir(folder, { recursive: true, withFileTypes: true });
      return entries
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1));
    },
    client: (dialect = 'spec', token = 'demo-token', project = 'demo') =>
      new ManagementClient(url, dialect, token, project),
    stop: async () => {
      await app.close();
      await postgres.close();
      await database.drop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

export type DialectName = 'spec' | 'deployed';
export const DIALECTS: readonly DialectName[] = ['spec', 'deployed'];

/** The contract's keys, typed here again: not taken from the product. */
export const KEYS = {
  spec: { id: 'id', name: 'name', restoreId: 'id', from: 'id', start: 'start_datetime', finish: 'finish_datetime' },
  deployed: {
    id: 'backup_id',
    name: 'backup_name',
    restoreId: 'restore_job_id',
    from: 'backup_id',
    start: 'start_date_time',
    finish: 'finish_date_time',
  },
} as const;

/** A client of one project in one dialect. */
export class ManagementClient {
  readonly keys: (typeof KEYS)[DialectName];

  constructor(
    private readonly server: string,
    readonly dialect: DialectName,
    private readonly token: string,
    private readonly project: string,
  ) {
    this.keys = KEYS[dialect];
  }

  /** Path of a table's management calls. */
  table(name: string): string {
    return this.dialect === 'spec'
      ? `/v1/${this.project}/management/${name}`
      : `/v1/management/${this.project}/tables/${name}`;
  }

  /** Path of the project's management calls. */
  get projectPath(): string {
    return this.dialect === 'spec' ? `/v1/${this.project}/management` : `/v1/management/${this.project}`;
  }

  async send(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Answer> {
    const response = await fetch(this.server + path, {
      method,
      headers: {
        'X-Auth-Token': this.token,
        ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, body: text === '' ? {} : (JSON.parse(text) as Json) };
  }

  get(path: string): Promise<Answer> {
    return this.send('GET', path);
  }

  createBackup(table: string, name: unknown = 'nightly', rest: Json = {}): Promise<Answer> {
    return this.send('POST', `${this.table(table)}/backups`, { [this.keys.name]: name, ...rest });
  }

  backup(table: string, id: unknown): Promise<Answer> {
    return this.get(`${this.table(table)}/backups/${String(id)}`);
  }

  deleteBackup(table: string, id: unknown, query = '', body?: Json): Promise<Answer> {
    return this.send('DELETE', `${this.table(table)}/backups/${String(id)}${query}`, body);
  }

  createRestore(table: string, body: Json): Promise<Answer> {
    return this.send('POST', `${this.table(table)}/restores`, body);
  }

  restore(table: string, id: unknown): Promise<Answer> {
    return this.get(`${this.table(table)}/restores/${String(id)}`);
  }

  import(body: Json): Promise<Answer> {
    return this.send('POST', `${this.projectPath}/backups/import`, body);
  }

  /** A backup that is made; its answer. */
  async madeBackup(table: string, name = 'nightly', rest: Json = {}): Promise<Json> {
    const asked = await expectStatus(this.createBackup(table, name, rest), 202);
    return this.finished(() => this.backup(table, asked[this.keys.id]), 'CREATING');
  }

  /** The answer once its status is another than that. */
  finished(ask: () => Promise<Answer>, running: string): Promise<Json> {
    return until(async () => {
      const body = await expectStatus(ask(), 200);
      return body['status'] === running ? undefined : body;
    }, 40_000);
  }

  /** Until the call answers 404. */
  async gone(ask: () => Promise<Answer>): Promise<void> {
    await until(async () => (await ask()).status === 404, 40_000);
  }
}

export async function expectStatus(answer: Promise<Answer>, status: number): Promise<Json> {
  const given = await answer;
  expect({ status: given.status, body: given.body }).toEqual({ status, body: expect.anything() });
  return given.body;
}

/** The call must fail so, with MagnetoDB's error body and nothing more in it. */
export async function refused(
  answer: Promise<Answer>,
  status: number,
  type: string,
  message: RegExp = /./,
): Promise<Answer> {
  const given = await answer;
  expect(given.body).toEqual({
    code: status,
    title: expect.any(String),
    explanation: expect.any(String),
    error: { message: expect.stringMatching(message), type, traceback: null },
  });
  expect(given.status).toBe(status);
  return given;
}

export const invalid = (answer: Promise<Answer>, message?: RegExp): Promise<Answer> =>
  refused(answer, 400, 'ValidationError', message);

export const THREADS: TableSchema = {
  attributes: new Map([
    ['forum', 'S'],
    ['subject', 'S'],
    ['replies', 'N'],
  ]),
  hashKey: 'forum',
  rangeKey: 'subject',
  indexes: [{ name: 'by_replies', rangeAttribute: 'replies', projection: { type: 'ALL' } }],
};

let tables = 0;

/** A new table of threads with so many items; its name. */
export async function makeTable(
  backend: TableBackend,
  items = 3,
  name = `threads_${(tables += 1)}`,
  projectId = 'demo',
): Promise<string> {
  await backend.createTable({ projectId, name }, THREADS);
  const all: { item: Item; expiresAt: undefined }[] = [];
  for (let index = 0; index < items; index += 1) all.push({ item: thread(index), expiresAt: undefined });
  if (items > 0) await backend.putItems({ projectId, name }, all);
  return name;
}

export function thread(index: number): Item {
  return new Map([
    ['forum', { type: 'S', value: `forum ${index % 7}` }],
    ['subject', { type: 'S', value: `subject ${index}` }],
    ['replies', { type: 'N', value: String(index) }],
  ]);
}
