import { DataApiClient, DataApiServer, forumTable, invalid, ok, post, refused, startDataApi } from './data-api-server';

let server: DataApiServer;
let client: DataApiClient;
let forum: string;

const JSON_TYPE = { 'Content-Type': 'application/json' };
const CALLS = ['put_item', 'get_item', 'update_item', 'delete_item', 'query', 'scan'];

beforeAll(async () => {
  server = await startDataApi();
  client = server.client();
  forum = await forumTable(client);
});
afterAll(() => server.stop());

const sendTo = (call: string, text: string, headers: Record<string, string> = JSON_TYPE) =>
  client.send('POST', `${client.baseUrl}/tables/${forum}/${call}`, text, headers);

describe.each(CALLS)('%s', (call) => {
  it.each([
    ['malformed JSON', '{"key": '],
    ['JSON with a trailing comma', '{"key": {},}'],
    ['an empty body', ''],
    ['null', 'null'],
    ['a number', '5'],
    ['a text', '"key"'],
    ['a list', '[]'],
    ['an unknown key', '{"no_such_key": 1}'],
    ['a __proto__', '{"__proto__": {"key": 1}}'],
  ])('refuses %s', async (_name, text) => {
    await invalid(sendTo(call, text));
  });

  it('refuses another media type', async () => {
    await invalid(sendTo(call, '<key/>', { 'Content-Type': 'text/xml' }));
  });

  it('knows no other method', async () => {
    const { headers } = await refused(client.get(`tables/${forum}/${call}`), 405, 'MethodNotAllowed');
    expect(headers.get('Allow')).toBe('POST');
  });

  it('needs a token of the project', async () => {
    const url = `${client.baseUrl}/tables/${forum}/${call}`;
    await refused(server.client('nobody').send('POST', url, '{}', JSON_TYPE), 401, 'Unauthorized');
    await refused(server.client('other-token').send('POST', url, '{}', JSON_TYPE), 403, 'Forbidden');
  });

  it('needs a table', async () => {
    await refused(client.post(`tables//${call}`, {}), 404, 'NotFound');
    await invalid(client.post(`tables/..%2F..%2Fetc/${call}`, {}), /table name/);
  });
});

it('refuses a body above 16 MiB', async () => {
  const text = JSON.stringify({ item: post('f', 's', { message: 'x'.repeat(16 * 1024 * 1024) }) });
  await refused(sendTo('put_item', text), 413, 'RequestTooLarge');
});

it('refuses a deeply nested body and serves on', async () => {
  const depth = 1_000_000;
  await invalid(sendTo('put_item', `{"item": ${'['.repeat(depth)}${']'.repeat(depth)}}`));
  await ok(client.get('tables'));
});

it('quotes at most a little of what it refuses', async () => {
  const { body } = await invalid(client.call(forum, 'scan', { ['k'.repeat(100_000)]: 1 }));
  expect(JSON.stringify(body).length).toBeLessThan(1000);
});

it('gives each answer a request id', async () => {
  for (const path of ['tables', 'tables/no_such_table']) {
    expect((await client.get(path)).headers.get('x-openstack-request-id')).toMatch(/^req-/);
  }
});

it('knows no path that it does not serve', async () => {
  await refused(client.get('nothing'), 404, 'NotFound');
  await refused(client.post(`tables/${forum}/truncate`, {}), 404, 'NotFound');
});

it.each(['demo%2Ftables', '..%2Fops', 'demo%00', 'd'.repeat(65), 'dem%C3%B6'])(
  'does not let the project %s pass',
  async (project) => {
    await refused(server.client('demo-token', project).get('tables'), 403, 'Forbidden');
    await invalid(server.client('admin-token', project).get('tables'), /project/);
  },
);
