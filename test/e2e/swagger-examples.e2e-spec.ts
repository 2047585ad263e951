import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GatewaySettings } from '../../src/gateway/settings';
import { RunningGateway, startGateway } from '../../src/gateway/start';
import { createTestDatabase, TestDatabase } from '../setup/database';

interface Operation {
  readonly parameters?: readonly { name: string; in: string; schema?: { example?: unknown }; example?: unknown }[];
  readonly requestBody?: { content: Record<string, { examples: Record<string, { value: unknown }> }> };
  readonly responses: Record<string, unknown>;
}
interface Document {
  readonly paths: Record<string, Record<string, Operation>>;
}

/** In which order a person would try the calls; the examples follow each other. Calls that are not named come where the `*` is. */
const ORDER = [
  'post tables',
  'post put_item',
  'post get_item',
  'post update_item',
  'post query',
  'post scan',
  'post batch_write_item',
  'post batch_get_item',
  'post bulk_load',
  '*',
  'post delete_item',
  'delete {table}',
];

function rank(method: string, path: string): number {
  const index = ORDER.indexOf(`${method} ${path.split('/').at(-1) ?? ''}`);
  return index < 0 ? ORDER.indexOf('*') : index;
}

/** The management calls' examples are tried by openapi.e2e-spec.ts: they need ids of answers. */
describe('the examples of the OpenAPI document', () => {
  let database: TestDatabase;
  let folder: string;
  let gateway: RunningGateway;
  let document: Document;

  beforeAll(async () => {
    database = await createTestDatabase();
    folder = await mkdtemp(join(tmpdir(), 'examples-'));
    const settings = { port: 0, dataDir: folder, databaseUrl: database.url, devTokens: 'admin-token=demo:member,admin', adminProject: 'demo', logLevel: 'silent' };
    gateway = await startGateway(Object.assign(new GatewaySettings(), settings));
    document = (await (await fetch(`${gateway.url}/openapi.json`)).json()) as Document;
  });
  afterAll(async () => {
    await gateway.stop();
    await database.drop();
    await rm(folder, { recursive: true, force: true });
  });

  /** Sends one documented example; the answer's status, and the one that is documented. */
  const send = async (method: string, path: string, type: string | undefined, body: unknown): Promise<[string, number]> => {
    const { parameters } = document.paths[path]?.[method] ?? {};
    const url = path.replace(/\{(\w+)\}/g, (_all, name: string) => {
      const parameter = parameters?.find((each) => each.name === name && each.in === 'path');
      return encodeURIComponent(String(parameter?.schema?.example ?? parameter?.example));
    });
    const answer = await fetch(gateway.url + url, {
      method: method.toUpperCase(),
      headers: { 'X-Auth-Token': 'admin-token', ...(type === undefined ? {} : { 'Content-Type': type }) },
      ...(type === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    await answer.text();
    return [`${method} ${path}`, answer.status];
  };

  it.each([
    ['MagnetoDB’s', '/v1/data/{project_id}'],
    ['the other', '/v1/{project_id}/data'],
  ])('work as they stand: data calls in %s spelling of URLs, monitoring and health', async (_name, prefix) => {
    const calls = Object.entries(document.paths)
      .filter(([path]) => path.startsWith(prefix) || path.startsWith('/v1/monitoring') || path === '/healthcheck')
      .flatMap(([path, methods]) => Object.entries(methods).map(([method, operation]) => ({ path, method, operation })))
      .sort((a, b) => rank(a.method, a.path) - rank(b.method, b.path));
    expect(calls.length).toBeGreaterThanOrEqual(17);
    const got: [string, number][] = [];
    const wanted: [string, number][] = [];
    for (const { path, method, operation } of calls) {
      const success = Number(Object.keys(operation.responses).find((status) => status.startsWith('2')));
      const bodies = Object.entries(operation.requestBody?.content ?? {}).flatMap(([type, { examples }]) =>
        Object.values(examples).map(({ value }): [string | undefined, unknown] => [type, value]),
      );
      if (operation.requestBody !== undefined) expect(bodies.length).toBeGreaterThan(0);
      for (const [type, body] of bodies.length > 0 ? bodies : [[undefined, undefined] as const]) {
        got.push(await send(method, path, type, body));
        wanted.push([`${method} ${path}`, success]);
      }
    }
    expect(got).toEqual(wanted);
  });
});
