import { DomainError } from '../../src/kernel';
import { until } from '../setup/until';
import {
  DataApiClient,
  DataApiServer,
  forumTable,
  invalid,
  JsonObject,
  ok,
  post,
  refused,
  startDataApi,
  tableName,
} from './data-api-server';

let server: DataApiServer;
let client: DataApiClient;
let admin: DataApiClient;
let storageFails = false;

beforeAll(async () => {
  server = await startDataApi({}, (backend) => {
    const ping = async (): Promise<void> => {
      if (storageFails) throw new DomainError('ServiceUnavailable', 'Gone', { transient: true });
      await backend.ping();
    };
    return new Proxy(backend, {
      get: (target, name) => {
        const value: unknown = name === 'ping' ? ping : Reflect.get(target, name);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
  });
  client = server.client();
  admin = server.client('admin-token', 'ops');
});
afterAll(() => server.stop());

const monitor = (path: string, as = client) => as.send('GET', `${server.url}/v1/monitoring/projects${path}`);
const rows = async (answer: ReturnType<typeof monitor>): Promise<JsonObject[]> =>
  (await ok(answer)) as unknown as JsonObject[];

describe('monitoring', () => {
  it('shows an empty table', async () => {
    const table = await forumTable(client);
    expect(await ok(monitor(`/demo/tables/${table}`))).toEqual({ size: 0, item_count: 0 });
  });

  it('shows a table that holds items', async () => {
    const table = await forumTable(client);
    for (let i = 0; i < 5; i++) await ok(client.call(table, 'put_item', { item: post('forum', `subject${i}`) }));
    const usage = await ok(monitor(`/demo/tables/${table}`));
    expect(usage['item_count']).toBe(5);
    expect(usage['size']).toBeGreaterThan(0);
    expect(await ok(monitor(`/demo/tables/${table}?metrics=item_count`))).toEqual({ item_count: 5 });
    const described = (await ok(client.get(`tables/${table}`)))['table'];
    expect(described).toMatchObject({ item_count: 5, table_size_bytes: usage['size'] });
  });

  it('shows the tables of a project', async () => {
    const table = await forumTable(client);
    const own = await rows(monitor('/demo'));
    expect(own).toContainEqual({ table_name: table, usage_detailes: { size: 0, item_count: 0 } });
    expect(own.map((row) => row['table_name'])).toEqual(own.map((row) => row['table_name']).sort());
  });

  it('shows the tables of all projects to an administrator', async () => {
    const [own, others] = [await forumTable(client), await forumTable(server.client('other-token', 'other'))];
    const all = await rows(monitor('', admin));
    const usage = { status: 'ACTIVE', usage_detailes: { size: 0, item_count: 0 } };
    expect(all).toContainEqual({ tenant: 'demo', name: own, ...usage });
    expect(all).toContainEqual({ tenant: 'other', name: others, ...usage });
  });

  it('pages through the tables of all projects', async () => {
    for (const name of ['aaa', 'bbb', 'ccc']) await forumTable(server.client('admin-token', 'paged'), name);
    const seen: unknown[] = [];
    let query = 'limit=2&last_evaluated_project=paged';
    for (;;) {
      const page = (await rows(monitor(`?${query}`, admin))).filter((row) => row['tenant'] === 'paged');
      const last = page.at(-1);
      if (last === undefined) break;
      seen.push(...page.map((row) => row['name']));
      query = `limit=2&last_evaluated_project=paged&last_evaluated_table=${String(last['name'])}`;
    }
    expect(seen).toEqual(['aaa', 'bbb', 'ccc']);
  });

  it('shows other projects to nobody else', async () => {
    await refused(monitor(''), 403, 'Forbidden');
    await refused(monitor('/other'), 403, 'Forbidden');
    await refused(monitor('/demo', server.client('nobody')), 401, 'Unauthorized');
  });

  it('refuses what it does not know', async () => {
    await invalid(monitor('/demo?metrics=weight'), /metrics/);
    await invalid(monitor('/demo?limit=1'), /limit/);
    await invalid(monitor('?limit=0', admin), /limit/);
    await invalid(monitor('?last_evaluated_table=aaa', admin), /last_evaluated_project/);
    await refused(monitor(`/demo/tables/${tableName()}`), 404, 'TableNotExistsException');
  });
});

describe('healthcheck', () => {
  const health = (query = '') => fetch(`${server.url}/healthcheck${query}`);
  afterEach(() => {
    storageFails = false;
  });

  it.each(['', '?fullcheck=false'])('says that calls are served, without a token (%j)', async (query) => {
    const response = await health(query);
    expect([response.status, await response.json()]).toEqual([200, { API: 'OK' }]);
  });

  it('asks each subsystem', async () => {
    const response = await health('?fullcheck=true');
    expect([response.status, await response.json()]).toEqual([200, { API: 'OK', Identity: 'OK', Storage: 'OK' }]);
  });

  it('answers 503 if one does not work', async () => {
    storageFails = true;
    // An answer is remembered for a second.
    const response = await until(async () => {
      const answer = await health('?fullcheck=true');
      return answer.status !== 200 && answer;
    });
    expect([response.status, await response.json()]).toEqual([503, { API: 'OK', Identity: 'OK', Storage: 'ERROR' }]);
    expect((await health()).status).toBe(200);
  });

  it('refuses what it does not know', async () => {
    expect((await health('?fullcheck=maybe')).status).toBe(400);
    expect((await health('?full=true')).status).toBe(400);
  });
});

it('says that the DynamoDB dialect is not served', async () => {
  const headers = { 'Content-Type': 'application/x-amz-json-1.0', 'X-Amz-Target': 'DynamoDB_20120810.ListTables' };
  for (const type of [headers, { ...headers, 'Content-Type': 'application/json' }]) {
    await refused(client.send('POST', `${server.url}/`, '{}', type), 404, 'NotFound', /DynamoDB/);
  }
});
