import { AddressInfo } from 'node:net';
import { createServer, IncomingMessage, Server } from 'node:http';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import { TestProcess } from '../setup/child-process';
import { createTestDatabase, TestDatabase } from '../setup/database';
import { until } from '../setup/until';
import { expectStatus, Json, ManagementClient } from './management-server';
import { readSamples } from './prometheus';

jest.setTimeout(300_000);

/** A span as OTLP's JSON has it, with attributes as an object. */
interface Span {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string | undefined;
  readonly service: string;
  readonly process: unknown;
  readonly start: bigint;
  readonly end: bigint;
  readonly error: boolean;
  readonly events: readonly string[];
  readonly attributes: Readonly<Record<string, unknown>>;
}

/** A small collector: OTLP over HTTP, JSON. It keeps what it gets. */
class Collector {
  readonly spans: Span[] = [];
  readonly headers: IncomingMessage['headers'][] = [];
  raw = '';
  private constructor(private readonly server: Server) {}

  static async start(): Promise<Collector> {
    const server = createServer((request, response) => {
      void json(request).then((body) => {
        if (request.method === 'POST' && request.url === '/v1/traces') collector.take(body as Otlp, request.headers);
        response.setHeader('Content-Type', 'application/json').end('{}');
      });
    });
    const collector = new Collector(server);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return collector;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  private take(body: Otlp, headers: IncomingMessage['headers']): void {
    this.headers.push(headers);
    this.raw += JSON.stringify(body);
    for (const { resource, scopeSpans } of body.resourceSpans) {
      const about = attributesOf(resource.attributes);
      for (const span of scopeSpans.flatMap(({ spans }) => spans)) {
        this.spans.push({
          name: span.name,
          traceId: span.traceId,
          spanId: span.spanId,
          parentSpanId: span.parentSpanId === '' ? undefined : span.parentSpanId,
          service: String(about['service.name']),
          process: about['test.process'],
          start: BigInt(span.startTimeUnixNano),
          end: BigInt(span.endTimeUnixNano),
          error: span.status?.code === 2,
          events: (span.events ?? []).map(({ name }) => name),
          attributes: attributesOf(span.attributes),
        });
      }
    }
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, 'close');
  }
}

type Attributes = readonly { readonly key: string; readonly value: Record<string, unknown> }[];
interface Otlp {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: Attributes };
    readonly scopeSpans: readonly {
      readonly spans: readonly {
        readonly name: string;
        readonly traceId: string;
        readonly spanId: string;
        readonly parentSpanId?: string;
        readonly startTimeUnixNano: string;
        readonly endTimeUnixNano: string;
        readonly status?: { readonly code?: number };
        readonly events?: readonly { readonly name: string }[];
        readonly attributes: Attributes;
      }[];
    }[];
  }[];
}

function attributesOf(list: Attributes): Record<string, unknown> {
  return Object.fromEntries(list.map(({ key, value }) => [key, Object.values(value)[0]]));
}

const READY = /^MagnetoDB gateway ready: (http:\/\/\S+) /m;
const SECRET = 'do-not-trace-me';
let collector: Collector;
let database: TestDatabase;
let folder: string;
const processes: TestProcess[] = [];

async function start(settings: Record<string, string>): Promise<{ url: string; process: TestProcess; client: ManagementClient }> {
  const process = TestProcess.start('src/gateway/main.ts', {
    NODE_ENV: 'development',
    PORT: '0',
    HOST: '',
    DATABASE_URL: database.url,
    DATA_DIR: folder,
    DEV_TOKENS: `${SECRET}=demo:member`,
    LOG_LEVEL: 'info',
    ...settings,
  });
  processes.push(process);
  await until(() => READY.test(process.stdout) || !process.running, 60_000, 'the gateway did not become ready');
  const url = READY.exec(process.stdout)?.[1];
  if (url === undefined) throw new Error(`the gateway did not start: ${process.stderr}`);
  return { url, process, client: new ManagementClient(url, 'spec', SECRET, 'demo') };
}

beforeAll(async () => {
  collector = await Collector.start();
  database = await createTestDatabase();
  folder = await mkdtemp(join(tmpdir(), 'tracing-'));
});
afterAll(async () => {
  for (const each of processes) await each.kill();
  await collector.stop();
  await database.drop();
  await rm(folder, { recursive: true, force: true });
});

async function makeTable(client: ManagementClient, name: string): Promise<void> {
  const body = { table_name: name, attribute_definitions: [{ attribute_name: 'id', attribute_type: 'S' }], key_schema: [{ attribute_name: 'id', key_type: 'HASH' }] };
  await expectStatus(client.send('POST', '/v1/data/demo/tables', body), 200);
  await expectStatus(client.send('POST', `/v1/data/demo/tables/${name}/put_item`, { item: { id: { S: 'an item that nobody else may see' } } }), 200);
}

/** Both processes end well, and so have sent everything. */
async function stopAll(): Promise<void> {
  for (const each of processes.splice(0)) {
    each.signal('SIGTERM');
    expect((await each.exited).code).toBe(0);
  }
}

describe('with a collector', () => {
  let backup: Json;
  let root: Span;
  let trace: Span[];
  const logs: string[] = [];

  beforeAll(async () => {
    const otel = { OTEL_EXPORTER_OTLP_ENDPOINT: `${collector.url}/`, OTEL_EXPORTER_OTLP_HEADERS: 'x-key=opens-the-collector', METRICS_PUBLIC: 'true' };
    // One process takes the call, and the other does the work.
    const front = await start({ ...otel, STEPS_PER_PROCESS: '0', OTEL_RESOURCE_ATTRIBUTES: 'test.process=front' });
    await start({ ...otel, OTEL_RESOURCE_ATTRIBUTES: 'test.process=worker', OTEL_SERVICE_NAME: 'worker' });
    await makeTable(front.client, 'threads');
    const foreign = { traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' };
    const asked = await front.client.send('POST', '/v1/demo/management/threads/backups', { name: 'traced' }, foreign);
    expect(asked.status).toBe(202);
    backup = await front.client.finished(() => front.client.backup('threads', asked.body['id']), 'CREATING');
    expect(backup['status']).toBe('CREATED');
    expect(readSamples(await (await fetch(`${front.url}/metrics`)).text()).map(({ name }) => name)).toContain('process_resident_memory_bytes');
    logs.push(...processes.map(({ stderr }) => stderr));
    await stopAll();
    const roots = collector.spans.filter(({ name }) => name === 'POST /v1/:project_id/management/:table/backups');
    expect(roots).toHaveLength(1);
    [root] = roots as [Span];
    trace = collector.spans.filter(({ traceId }) => traceId === root.traceId);
  });

  const named = (name: string): Span[] => trace.filter((each) => each.name === name);

  it('has one trace from the request to the end of its job, over two processes', () => {
    expect(root).toMatchObject({ parentSpanId: undefined, service: 'magnetodb-gateway', process: 'front', error: false });
    expect(root.attributes).toMatchObject({ 'http.request.method': 'POST', 'http.route': '/v1/:project_id/management/:table/backups' });
    expect(root.attributes['magnetodb.request_id']).toMatch(/^req-/);
    for (const stage of ['plan', 'copy', 'seal']) {
      const [step] = named(`backup.create ${stage}`);
      expect(step).toMatchObject({ parentSpanId: root.spanId, process: 'worker', service: 'worker', error: false });
      expect(step?.attributes).toMatchObject({ 'magnetodb.subject_id': backup['id'], 'magnetodb.outcome': 'done' });
    }
    const [job, ...more] = named('backup.create job');
    expect(more).toEqual([]);
    expect(job).toMatchObject({ parentSpanId: root.spanId, process: 'worker', error: false, events: ['job succeeded'] });
    const [seal] = named('backup.create seal');
    if (job === undefined || seal === undefined) throw new Error('no job, or no seal');
    expect(job.start <= seal.start && job.end >= seal.start).toBe(true);
  });

  it('has the requests to the object store below the steps that make them', () => {
    const steps = new Map(trace.filter(({ name }) => name.startsWith('backup.create ')).map((span) => [span.spanId, span.name]));
    const puts = named('object_store put');
    const of = (word: string): (string | undefined)[] =>
      puts.filter(({ attributes }) => String(attributes['magnetodb.store.object']).includes(word)).map(({ parentSpanId }) => steps.get(parentSpanId ?? ''));
    expect(of('chunks/')).toEqual(['backup.create copy']);
    expect(of('manifest')).toEqual(['backup.create seal']);
    for (const { attributes } of puts) expect(attributes).toMatchObject({ 'magnetodb.store.place': 'internal', 'magnetodb.outcome': 'ok' });
  });

  it('does not go on with a trace that the caller has made up', () => {
    expect(root.traceId).not.toBe('0af7651916cd43dd8448eb211c80319c');
  });

  it('is known in the log: the line of the request, and that of its job, have its id', () => {
    const lines = logs.join('').split('\n').filter((line) => line.includes(root.traceId)).map((line) => JSON.parse(line) as Json);
    expect(lines.some((line) => line['msg'] === 'a job is asked for' && line['request_id'] === root.attributes['magnetodb.request_id'])).toBe(true);
  });

  it('has neither tokens nor items nor paths in it', () => {
    for (const word of [SECRET, 'nobody else may see', folder, database.url, 'SELECT', 'opens-the-collector']) expect(collector.raw).not.toContain(word);
    expect(collector.headers.every((headers) => headers['x-key'] === 'opens-the-collector')).toBe(true);
  });
});

it('does without a collector that is away, and says so in the log once', async () => {
  const { client, process } = await start({ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9', OTEL_EXPORTER_OTLP_TIMEOUT: '500' });
  await makeTable(client, 'undisturbed');
  expect(await client.madeBackup('undisturbed')).toMatchObject({ status: 'CREATED' });
  await stopAll();
  expect(process.stderr.split('could not be sent to the collector')).toHaveLength(2);
});

it('loads nothing of the SDK without one, and goes on with the trace of a proxy that it trusts with one', async () => {
  const loaded = async (settings: Record<string, string>): Promise<string[]> => {
    const { client, process } = await start({ ...settings, NODE_OPTIONS: `--require ${join(__dirname, '..', 'setup', 'print-modules.js')}` });
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    await expectStatus(client.send('GET', '/v1/demo/management/backups', undefined, { traceparent }), 200);
    await stopAll();
    return process.stdout.split('\n').filter((line) => line.startsWith('loaded '));
  };
  expect(await loaded({})).toEqual(['loaded @opentelemetry/api']);
  const before = collector.spans.length;
  expect(await loaded({ OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, TRUST_PROXY: 'true' })).toContain('loaded @opentelemetry/sdk-trace');
  const spans = collector.spans.slice(before).filter(({ name }) => name.startsWith('GET /v1/'));
  expect(spans).toMatchObject([{ traceId: '0af7651916cd43dd8448eb211c80319c', parentSpanId: 'b7ad6b7169203331' }]);
});
