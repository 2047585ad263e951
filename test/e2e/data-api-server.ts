import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import type { ReadableStream } from 'node:stream/web';
import { Global, Module } from '@nestjs/common';
import { APP_FILTER, APP_INTERCEPTOR, NestFactory } from '@nestjs/core';
import { FastifyAdapter, NestFastifyApplication } from '@nestjs/platform-fastify';
import { DataApiModule } from '../../src/gateway/data/data-api.module';
import { DataApiOptions } from '../../src/gateway/data/data-api.options';
import { keepBulkLoadsStreaming } from '../../src/gateway/data/keep-bulk-loads-streaming';
import { identityCheck, storageCheck } from '../../src/gateway/health/health-checks';
import { HEALTH_CHECKS, HealthController } from '../../src/gateway/health/health.controller';
import { MonitoringController } from '../../src/gateway/monitoring/monitoring.controller';
import {
  AuthModule,
  createPostgresTableBackend,
  ErrorFilter,
  fastifyServerOptions,
  HttpModule,
  RequestIdInterceptor,
  TABLE_BACKEND,
  TableBackend,
  TableDrops,
  TOKEN_VALIDATOR,
  TokenValidator,
} from '../../src/index';
import { createTestDatabase } from '../setup/database';

export type JsonObject = Record<string, unknown>;
type Body = string | ReadableStream;

/** What a call answered. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: JsonObject;
}

/** The gateway's data API on a real PostgreSQL of its own, listening on a free port. */
export interface DataApiServer {
  readonly url: string;
  readonly backend: TableBackend;
  readonly app: NestFastifyApplication;
  client(token?: string, project?: string): DataApiClient;
  stop(): Promise<void>;
}

const TOKENS = 'demo-token=demo:member;other-token=other:member;admin-token=ops:admin';
const BODY_LIMIT = 16 * 1024 * 1024;

export async function startDataApi(
  options: DataApiOptions = {},
  wrap: (backend: TableBackend) => TableBackend = (backend) => backend,
): Promise<DataApiServer> {
  const database = await createTestDatabase();
  const postgres = await createPostgresTableBackend({ connectionString: database.url });
  const backend = wrap(postgres);

  /** No settings, no backups: tables are dropped at once. */
  const drops = { provide: TableDrops, useValue: { drop: backend.dropTable.bind(backend) } };

  @Global()
  @Module({ providers: [{ provide: TABLE_BACKEND, useValue: backend }, drops], exports: [TABLE_BACKEND, TableDrops] })
  class BackendModule {}

  @Module({
    imports: [
      BackendModule,
      AuthModule.forRoot({ authority: { kind: 'static', tokens: TOKENS }, adminProjectId: 'ops' }),
      HttpModule,
      DataApiModule.forRoot(options),
    ],
    controllers: [MonitoringController, HealthController],
    providers: [
      {
        provide: HEALTH_CHECKS,
        inject: [TOKEN_VALIDATOR],
        useFactory: (validator: TokenValidator) => [identityCheck(validator), storageCheck(backend)],
      },
      { provide: APP_FILTER, useExisting: ErrorFilter },
      { provide: APP_INTERCEPTOR, useExisting: RequestIdInterceptor },
    ],
  })
  class TestGatewayModule {}

  const app = await NestFactory.create<NestFastifyApplication>(
    TestGatewayModule,
    new FastifyAdapter(fastifyServerOptions(BODY_LIMIT)),
    { logger: false, abortOnError: false },
  );
  keepBulkLoadsStreaming(app.getHttpAdapter().getInstance());
  await app.listen(0, '127.0.0.1');
  const url = await app.getUrl();
  return {
    url,
    backend,
    app,
    client: (token = 'demo-token', project = 'demo') => new DataApiClient(url, token, project),
    stop: async () => {
      await app.close();
      await postgres.close();
      await database.drop();
    },
  };
}

/** A name that no other table has. */
export function tableName(): string {
  return `table${randomBytes(8).toString('hex')}`;
}

/** One client of one project, as MagnetoDB's own talks. */
export class DataApiClient {
  constructor(
    private readonly server: string,
    private readonly token: string,
    private readonly project: string,
    /** Which of the two orders of path segments. */
    private readonly dataFirst = true,
  ) {}

  /** The same client with the other order of path segments. */
  otherOrder(): DataApiClient {
    return new DataApiClient(this.server, this.token, this.project, !this.dataFirst);
  }

  get baseUrl(): string {
    return `${this.server}/v1/${this.dataFirst ? `data/${this.project}` : `${this.project}/data`}`;
  }

  async send(method: string, url: string, body?: Body, headers: Record<string, string> = {}): Promise<Answer> {
    const init: RequestInit = {
      method,
      headers: { 'X-Auth-Token': this.token, ...headers },
      ...(body === undefined ? {} : { body, duplex: 'half' }),
    };
    const response = await fetch(url, init);
    const text = await response.text();
    return {
      status: response.status,
      headers: response.headers,
      body: text === '' ? {} : (JSON.parse(text) as JsonObject),
    };
  }

  get(path: string): Promise<Answer> {
    return this.send('GET', `${this.baseUrl}/${path}`);
  }

  post(path: string, body: unknown): Promise<Answer> {
    return this.send('POST', `${this.baseUrl}/${path}`, JSON.stringify(body), { 'Content-Type': 'application/json' });
  }

  /** A call on one table: put_item, query, … */
  call(table: string, call: string, body: unknown): Promise<Answer> {
    return this.post(`tables/${table}/${call}`, body);
  }

  createTable(name: unknown, attributes: unknown, keys: unknown, indexes?: unknown): Promise<Answer> {
    const rest = indexes === undefined ? {} : { local_secondary_indexes: indexes };
    return this.post('tables', { table_name: name, attribute_definitions: attributes, key_schema: keys, ...rest });
  }

  deleteTable(name: string): Promise<Answer> {
    return this.send('DELETE', `${this.baseUrl}/tables/${name}`);
  }

  /** Any media type and any chunks; `text` may be a stream. */
  bulkLoad(table: string, text: string | Readable, type = 'application/json'): Promise<Answer> {
    const body = typeof text === 'string' ? text : Readable.toWeb(text);
    return this.send('POST', `${this.baseUrl}/tables/${table}/bulk_load`, body, { 'Content-Type': type });
  }
}

/** The answer's body, which must be a success. */
export async function ok(answer: Promise<Answer>): Promise<JsonObject> {
  const { status, body } = await answer;
  expect({ status, body }).toEqual({ status: 200, body: expect.anything() });
  return body;
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

// -- The tables of MagnetoDB's own tests ---------------------------------------------------------------------

export const attribute = (name: string, type: string): JsonObject => ({ attribute_name: name, attribute_type: type });
export const hash = (name: string): JsonObject => ({ attribute_name: name, key_type: 'HASH' });
export const range = (name: string): JsonObject => ({ attribute_name: name, key_type: 'RANGE' });
export const index = (
  name: string,
  hashName: string,
  rangeName: string,
  projection: JsonObject = { projection_type: 'ALL' },
): JsonObject => ({
  index_name: name,
  key_schema: [hash(hashName), range(rangeName)],
  projection,
});

export const FORUM_ATTRIBUTES = [attribute('forum', 'S'), attribute('subject', 'S')];
export const FORUM_KEYS = [hash('forum'), range('subject')];
export const POSTER_ATTRIBUTE = attribute('last_posted_by', 'S');
export const POSTER_INDEX = index('last_posted_by_index', 'forum', 'last_posted_by');

/** A post of a forum: five attributes, the key `forum` and `subject`. */
export function post(
  forum: string,
  subject: string,
  rest: { message?: string; poster?: string; replies?: string } = {},
): JsonObject {
  return {
    forum: { S: forum },
    subject: { S: subject },
    message: { S: rest.message ?? 'message text' },
    last_posted_by: { S: rest.poster ?? 'John' },
    replies: { N: rest.replies ?? '1' },
  };
}

export const condition = (operator: string, ...values: JsonObject[]): JsonObject => ({
  attribute_value_list: values,
  comparison_operator: operator,
});

/** A new table of posts with the index on their posters; its name. */
export async function forumTable(client: DataApiClient, name: string = tableName()): Promise<string> {
  await ok(client.createTable(name, [...FORUM_ATTRIBUTES, POSTER_ATTRIBUTE], FORUM_KEYS, [POSTER_INDEX]));
  return name;
}
