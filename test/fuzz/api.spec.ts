import { once } from 'node:events';
import { Agent, IncomingMessage, request } from 'node:http';
import { text } from 'node:stream/consumers';
import fc from 'fast-check';
import { BadDaysGateway, startBadDays } from '../e2e/bad-days-gateway';
import { Json, makeTable } from '../e2e/management-server';

/** More of them: FUZZ_RUNS=100000. The same again: FUZZ_SEED=… */
const RUNS = Number(process.env['FUZZ_RUNS'] ?? 1500);
const SEED = Number(process.env['FUZZ_SEED'] ?? Date.now() % 2 ** 31);

interface Operation {
  readonly method: string;
  readonly path: string;
  readonly query: readonly string[];
  readonly examples: readonly unknown[];
}

let gateway: BadDaysGateway;
let operations: Operation[];
let known: { table: string; tableId: string; backupId: string };
const agent = new Agent({ keepAlive: true, maxSockets: 8 });

beforeAll(async () => {
  process.stdout.write(`API fuzz: FUZZ_SEED=${SEED} FUZZ_RUNS=${RUNS}\n`);
  // Jobs wait: only the calls are looked at.
  gateway = await startBadDays({ stepsPerProcess: 0 });
  const table = await makeTable(gateway.backend, 20, 'threads');
  const asked = await gateway.client().createBackup(table);
  known = { table, tableId: String(asked.body['table_id']), backupId: String(asked.body['id']) };
  operations = operationsOf((await (await fetch(`${gateway.url}/openapi.json`)).json()) as Json);
});
afterAll(async () => {
  agent.destroy();
  await gateway.stop();
});

/** Every call that the service itself says it has. */
function operationsOf(document: Json): Operation[] {
  const found: Operation[] = [];
  for (const [path, item] of Object.entries(document['paths'] as Record<string, Record<string, Json>>)) {
    for (const [method, operation] of Object.entries(item)) {
      const parameters = (operation['parameters'] ?? []) as { in: string; name: string }[];
      const query = parameters.filter((parameter) => parameter.in === 'query').map((parameter) => parameter.name);
      found.push({ method: method.toUpperCase(), path, query, examples: examplesOf(operation) });
    }
  }
  return found;
}

function examplesOf(operation: Json): unknown[] {
  const content = (operation['requestBody'] as { content?: Record<string, { example?: unknown; examples?: Record<string, { value: unknown }> }> } | undefined)?.content ?? {};
  return Object.values(content).flatMap(({ example, examples }) => [...(example === undefined ? [] : [example]), ...Object.values(examples ?? {}).map(({ value }) => value)]);
}

const NASTY = [
  null, -1, 0, 1, 1.5, 2 ** 53, 1e308, true, '', ' ', '0', '..', '../../etc/passwd', '\u0000', '\ud800', '😀', '\u202e', "'; DROP TABLE x; --", '%s%n', '${7*7}', '1E999999999', '0x10',
  'constructor', 'toString', '__proto__', 'a'.repeat(300), [], {}, [[]], { S: 'x' }, { N: '1' }, { N: 'NaN' }, { N: '9'.repeat(400) }, { B: '=' }, { SS: ['a', 'a'] }, { SSM: { a: 1 } }, { S: null }, { S: 'a', N: '1' },
  { constructor: { prototype: 1 } }, { length: -1 }, Array.from({ length: 30 }, () => ({ S: 'x' })), '01890a5d-ac96-774b-bcce-b302099a8057', 'file:///etc/passwd', 'http://127.0.0.1:1/', 'EQ', 'BETWEEN', 'HASH', 'ALL_NEW',
] as const; // prettier-ignore

const anyJson = fc.oneof({ weight: 2, arbitrary: fc.constantFrom<unknown>(...NASTY) }, { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 4 }) });
const anyEdit = fc.record({ path: fc.array(fc.nat({ max: 12 }), { minLength: 1, maxLength: 6 }), value: anyJson, name: fc.option(fc.constantFrom('S', 'N', 'x', '__proto__', 'limit', '')) });
const anySegment = fc.oneof(
  { weight: 5, arbitrary: fc.constant('known') },
  { weight: 1, arbitrary: fc.constantFrom('..', '%00', '%2e%2e%2f', 'x', 'no_such', '%', '%zz', '%ff%fe', 'a'.repeat(300), '-', '01890a5dac96774bbcceb302099a8057', "'", '%27%3b--') },
  { weight: 1, arbitrary: fc.string({ unit: 'grapheme', maxLength: 12 }).map((segment) => encodeURIComponent(segment.replace(/[\ud800-\udfff]/g, ''))) },
);
const anyCall = fc.record({
  at: fc.nat(),
  segments: fc.array(anySegment, { minLength: 4, maxLength: 4 }),
  query: fc.oneof({ weight: 2, arbitrary: fc.constant<[number, string][]>([]) }, { weight: 1, arbitrary: fc.array(fc.tuple(fc.nat({ max: 12 }), fc.oneof(fc.constantFrom('', '0', '1', '-1', '1001', 'true', 'CREATED', 'x'.repeat(300), '%00', '01890a5dac96774bbcceb302099a8057', '[]'), fc.string({ maxLength: 6 }).map(encodeURIComponent))), { maxLength: 3 }) }),
  body: fc.oneof(
    { weight: 6, arbitrary: fc.record({ example: fc.nat(), edits: fc.array(anyEdit, { maxLength: 3 }) }) },
    { weight: 1, arbitrary: anyJson.map((json) => ({ text: JSON.stringify(json) ?? '' })) },
    { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 30 }).map((garbage) => ({ text: garbage })) },
  ),
}); // prettier-ignore
type Call = typeof anyCall extends fc.Arbitrary<infer T> ? T : never;

/** Replaces a member somewhere in a JSON value, gives it another name, or adds one. */
function edited(json: unknown, [step = 0, ...rest]: readonly number[], value: unknown, name: string | null): unknown {
  if (typeof json !== 'object' || json === null) return value;
  const keys = Object.keys(json);
  const key = keys[step % (keys.length + 1)];
  if (Array.isArray(json)) {
    const copy: unknown[] = [...(json as unknown[])];
    copy[key === undefined ? copy.length : Number(key)] = key === undefined || rest.length === 0 ? value : edited(copy[Number(key)], rest, value, name);
    return copy;
  }
  const copy = new Map(Object.entries(json));
  if (key === undefined) copy.set(name ?? 'surprise', value);
  else if (rest.length > 0) copy.set(key, edited(copy.get(key), rest, value, name));
  else if (name === null) copy.set(key, value);
  else copy.set(name, copy.get(key)).delete(key);
  return Object.fromEntries(copy);
}

function pathOf(operation: Operation, call: Call): string {
  const values: Record<string, string> = { project_id: 'demo', backup_id: known.backupId, restore_job_id: known.backupId };
  let at = 0;
  const path = operation.path.replace(/\{([^}]*)\}/g, (_all, name: string) => {
    const segment = call.segments[(at += 1) % call.segments.length] ?? 'known';
    // A project of one's own is what most calls need to get anywhere.
    if (segment !== 'known' && (name !== 'project_id' || call.at % 8 === 0)) return segment;
    // The table stays: without it, all calls would end alike.
    return values[name] ?? (operation.method === 'DELETE' && operation.path.endsWith(`{${name}}`) ? 'dropped' : known.table);
  });
  const names = [...operation.query, 'limit', 'surprise'];
  const query = call.query.map(([index, value]) => `${names[index % names.length] ?? 'x'}=${value}`);
  return query.length === 0 ? path : `${path}?${query.join('&')}`;
}

function bodyOf(operation: Operation, { body }: Call): string {
  if ('text' in body) return body.text;
  const example = operation.examples[body.example % Math.max(1, operation.examples.length)] ?? {};
  return JSON.stringify(body.edits.reduce((json: unknown, { path, value, name }) => edited(json, path, value, name), example)) ?? '';
}

async function send(method: string, path: string, body: string): Promise<{ status: number; text: string }> {
  const { hostname, port } = new URL(gateway.url);
  const headers = { 'X-Auth-Token': 'demo-token', ...(method === 'GET' ? {} : { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) }) };
  const sent = request({ hostname, port, method, path, headers, agent });
  sent.end(method === 'GET' ? undefined : body);
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  if (response.headers['content-type']?.startsWith('application/x-ndjson')) {
    // A stream that goes on until its listener goes.
    const [first] = (await once(response, 'data')) as [Buffer];
    sent.destroy();
    return { status: response.statusCode ?? 0, text: first.toString() };
  }
  return { status: response.statusCode ?? 0, text: await text(response) };
}

it('knows all calls of the management and the data API', () => {
  const paths = operations.map(({ path }) => path);
  expect(operations.length).toBeGreaterThan(50);
  for (const part of ['/backups', '/restores', '/backups/import', '/put_item', '/batch_write_item', '/bulk_load', '/scan', '/query']) {
    expect(paths.filter((path) => path.endsWith(part))).not.toEqual([]);
  }
  expect(operations.filter(({ method, examples }) => method === 'POST' && examples.length > 0).length).toBeGreaterThan(15);
});

it('answers whatever comes by the contract: never a 5xx, never another error body', async () => {
  const statuses = new Map<number, number>();
  await fc.assert(
    fc.asyncProperty(anyCall, async (call) => {
      const operation = operations[call.at % operations.length];
      if (operation === undefined) throw new Error('no operation');
      const answer = await send(operation.method, pathOf(operation, call), bodyOf(operation, call));
      statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1);
      expect(answer.status).toBeLessThan(500);
      if (answer.status < 400) return;
      const body = JSON.parse(answer.text) as Json;
      expect(body).toEqual({
        code: answer.status,
        title: expect.any(String),
        explanation: expect.any(String),
        error: { message: expect.stringMatching(/./), type: expect.stringMatching(/^[A-Z][A-Za-z]+$/), traceback: null },
      });
      expect(answer.text).not.toMatch(/ at \S+:\d+|node_modules|SELECT |syntax error|ECONN|ENOENT/);
    }),
    { seed: SEED, numRuns: RUNS },
  );
  // Both sides were seen: calls that went through, and every common refusal.
  expect([200, 400, 403, 404].filter((status) => !statuses.has(status))).toEqual([]);
  // And the service is as well as before.
  expect((await fetch(`${gateway.url}/healthcheck?fullcheck=true`)).status).toBe(200);
}, 300_000);
