import { ManualClock } from '../../src/kernel';
import {
  attribute,
  condition,
  DataApiClient,
  DataApiServer,
  forumTable,
  hash,
  index,
  JsonObject,
  ok,
  post,
  range,
  refused,
  startDataApi,
  tableName,
} from './data-api-server';

let server: DataApiServer;
let client: DataApiClient;
let other: DataApiClient;
const clock = new ManualClock(Date.now());

beforeAll(async () => {
  server = await startDataApi({ clock });
  client = server.client();
  other = server.client('other-token', 'other');
});
afterAll(() => server.stop());

const base64 = (byte: number): string => Buffer.from([byte]).toString('base64');
const DEFINITIONS = [
  attribute('hash_attr', 'S'),
  attribute('range_attr', 'S'),
  attribute('istr', 'S'),
  attribute('inumber', 'N'),
  attribute('iblob', 'B'),
];
const KEYS = [hash('hash_attr'), range('range_attr')];
const INDEXES = [
  index('by_str', 'hash_attr', 'istr'),
  index('by_number', 'hash_attr', 'inumber'),
  index('by_blob', 'hash_attr', 'iblob'),
];
const key = (n: number): JsonObject => ({ hash_attr: { S: String(n) }, range_attr: { S: String(n) } });
const attributes = (n: number): JsonObject => ({
  inumber: { N: String(n) },
  istr: { S: String(n) },
  iblob: { B: base64(n) },
  inumberset: { NS: [n, n + 1, n + 2].map(String) },
  istringset: { SS: [n, n + 1, n + 2].map(String) },
  iblobset: { BS: [n, n + 1, n + 2].map(base64) },
});
const item = (n: number): JsonObject => ({ ...key(n), ...attributes(n) });
const ITEM = item(1);
const ON_KEY = { hash_attr: condition('EQ', { S: '1' }), range_attr: condition('EQ', { S: '1' }) };
const ON_INDEX = {
  key_conditions: { hash_attr: condition('EQ', { S: '1' }), inumber: condition('EQ', { N: '1' }) },
  index_name: 'by_number',
};
const FILTER = { scan_filter: { inumber: condition('EQ', { N: '1' }), istr: condition('EQ', { S: '1' }) } };
const UPDATE = { key: key(1), attribute_updates: { inumber: { action: 'PUT', value: { N: '1' } } } };

const create = (name: string, as = client) => ok(as.createTable(name, DEFINITIONS, KEYS, INDEXES));
const hrefs = async (as: DataApiClient): Promise<unknown[]> =>
  ((await ok(as.get('tables')))['tables'] as JsonObject[]).map((table) => table['href']);

/** Every way to see item 1 shows `items`. */
async function expectEverywhere(table: string, items: JsonObject[]): Promise<void> {
  expect(await ok(client.call(table, 'get_item', { key: key(1) }))).toEqual(
    items.length === 0 ? {} : { item: items[0] },
  );
  expect(await ok(client.call(table, 'query', { key_conditions: ON_KEY }))).toEqual({ count: items.length, items });
  expect(await ok(client.call(table, 'query', ON_INDEX))).toEqual({ count: items.length, items });
  expect(await ok(client.call(table, 'scan', FILTER))).toMatchObject({ count: items.length, items });
}

describe('a table and its items, from the first call to the last', () => {
  it('knows no call on a table that is not there, before and after its life', async () => {
    const name = tableName();
    const url = `${client.baseUrl}/tables/${name}`;
    const expectUnknown = async (): Promise<void> => {
      const calls: [string, JsonObject][] = [
        ['get_item', { key: key(1) }],
        ['query', { key_conditions: ON_KEY }],
        ['query', ON_INDEX],
        ['scan', FILTER],
        ['put_item', { item: ITEM }],
        ['update_item', UPDATE],
        ['delete_item', { key: key(1) }],
      ];
      for (const [call, body] of calls)
        await refused(client.call(name, call, body), 404, 'TableNotExistsException', new RegExp(name));
      await refused(client.get(`tables/${name}`), 404, 'TableNotExistsException');
      await refused(client.deleteTable(name), 404, 'TableNotExistsException');
      expect(await hrefs(client)).not.toContain(url);
    };
    await expectUnknown();
    await create(name);
    expect(await hrefs(client)).toContain(url);
    await refused(client.createTable(name, DEFINITIONS, KEYS), 400, 'TableAlreadyExistsException');
    await ok(client.deleteTable(name));
    await expectUnknown();
    await create(name);
    await expectEverywhere(name, []);
  });

  it('sees an item put, put again, updated and deleted in every way of reading', async () => {
    const name = tableName();
    await create(name);
    await expectEverywhere(name, []);
    await ok(client.call(name, 'delete_item', { key: key(1) }));
    for (let i = 0; i < 2; i++) {
      await ok(client.call(name, 'put_item', { item: ITEM }));
      await expectEverywhere(name, [ITEM]);
    }
    await ok(client.call(name, 'update_item', UPDATE));
    await expectEverywhere(name, [ITEM]);
    await ok(client.call(name, 'delete_item', { key: key(1) }));
    await expectEverywhere(name, []);
    await ok(client.call(name, 'delete_item', { key: key(1) }));
  });

  it('moves an item within an index when its attribute changes', async () => {
    const name = tableName();
    await create(name);
    await ok(client.call(name, 'put_item', { item: ITEM }));
    await ok(
      client.call(name, 'update_item', {
        key: key(1),
        attribute_updates: { inumber: { action: 'ADD', value: { N: '4' } } },
      }),
    );
    expect(await ok(client.call(name, 'query', ON_INDEX))).toEqual({ count: 0, items: [] });
    const five = {
      key_conditions: { hash_attr: condition('EQ', { S: '1' }), inumber: condition('EQ', { N: '5' }) },
      index_name: 'by_number',
    };
    expect(await ok(client.call(name, 'query', five))).toMatchObject({ count: 1, items: [{ inumber: { N: '5' } }] });
    await ok(client.call(name, 'update_item', { key: key(1), attribute_updates: { inumber: { action: 'DELETE' } } }));
    expect(await ok(client.call(name, 'query', five))).toEqual({ count: 0, items: [] });
  });

  it('writes, replaces and reads batches over 5 tables', async () => {
    const tables = Array.from({ length: 5 }, tableName);
    for (const name of tables) await create(name);
    const each = (value: unknown): JsonObject => Object.fromEntries(tables.map((name) => [name, value]));
    const write = (...requests: JsonObject[]) => ok(client.post('batch_write_item', { request_items: each(requests) }));
    const read = async (n: number): Promise<unknown> =>
      (await ok(client.post('batch_get_item', { request_items: each({ keys: [key(n)] }) })))['responses'];
    expect(await write({ put_request: { item: ITEM } })).toEqual({ unprocessed_items: {} });
    expect(await read(1)).toEqual(each([ITEM]));
    await write({ put_request: { item: item(2) } }, { delete_request: { key: key(1) } });
    expect(await read(1)).toEqual({});
    expect(await read(2)).toEqual(each([item(2)]));
    await write({ put_request: { item: key(2) } });
    expect(await read(2)).toEqual(each([key(2)]));
  });

  it('reads in a batch what was loaded in bulk', async () => {
    const name = tableName();
    await create(name);
    await ok(client.bulkLoad(name, `${JSON.stringify(ITEM)}\n${JSON.stringify(item(2))}\n`));
    const body = await ok(client.post('batch_get_item', { request_items: { [name]: { keys: [key(1), key(2)] } } }));
    expect(body).toEqual({ responses: { [name]: [ITEM, item(2)] }, unprocessed_keys: {} });
  });
});

describe('two projects', () => {
  it('have tables of one name apart', async () => {
    const name = tableName();
    const [own, others] = [`${client.baseUrl}/tables/${name}`, `${other.baseUrl}/tables/${name}`];
    await create(name);
    await create(name, other);
    expect([await hrefs(client), await hrefs(other)]).toEqual([
      expect.arrayContaining([own]),
      expect.arrayContaining([others]),
    ]);
    await ok(other.deleteTable(name));
    expect(await hrefs(client)).toContain(own);
    expect(await hrefs(other)).not.toContain(others);
    await create(name, other);
    await ok(client.deleteTable(name));
    expect(await hrefs(client)).not.toContain(own);
    expect(await hrefs(other)).toContain(others);
  });

  it('have items of one key apart', async () => {
    const name = tableName();
    await create(name);
    await ok(client.call(name, 'put_item', { item: ITEM }));
    const calls: [string, JsonObject][] = [
      ['get_item', { key: key(1) }],
      ['put_item', { item: ITEM }],
      ['update_item', UPDATE],
      ['delete_item', { key: key(1) }],
    ];
    for (const [call, body] of calls) await refused(other.call(name, call, body), 404, 'TableNotExistsException');
    await create(name, other);
    const theirs = { ...key(1), ...attributes(7) };
    const get = (as: DataApiClient) => ok(as.call(name, 'get_item', { key: key(1) }));
    expect(await get(other)).toEqual({});
    await ok(other.call(name, 'put_item', { item: theirs }));
    expect([await get(client), await get(other)]).toEqual([{ item: ITEM }, { item: theirs }]);
    await ok(other.call(name, 'update_item', UPDATE));
    expect([await get(client), await get(other)]).toEqual([
      { item: ITEM },
      { item: { ...theirs, inumber: { N: '1' } } },
    ]);
    await ok(other.call(name, 'delete_item', { key: key(1) }));
    expect([await get(client), await get(other)]).toEqual([{ item: ITEM }, {}]);
    await ok(other.deleteTable(name));
    expect(await get(client)).toEqual({ item: ITEM });
    await refused(other.call(name, 'get_item', { key: key(1) }), 404, 'TableNotExistsException');
  });
});

describe('writers at the same time', () => {
  it('cannot both meet conditions that exclude each other', async () => {
    const table = await forumTable(client);
    const { forum, subject } = post('f', 's');
    const update = (name: string, absent: string) =>
      client.call(table, 'update_item', {
        key: { forum, subject },
        attribute_updates: { [name]: { action: 'PUT', value: { S: 'x' } } },
        expected: { [absent]: { exists: false } },
      });
    for (let round = 0; round < 100; round++) {
      const answers = await Promise.all([update('tags', 'author'), update('author', 'tags')]);
      expect(answers.map((answer) => answer.status).sort()).toEqual([200, 400]);
      expect(answers.find((answer) => answer.status === 400)?.body).toMatchObject({
        error: { type: 'ConditionalCheckFailedException' },
      });
      await ok(client.call(table, 'delete_item', { key: { forum, subject } }));
    }
  });

  it('count exactly', async () => {
    const table = await forumTable(client);
    const { forum, subject } = post('f', 's');
    const add = { key: { forum, subject }, attribute_updates: { views: { action: 'ADD', value: { N: '1' } } } };
    await Promise.all(Array.from({ length: 100 }, () => ok(client.call(table, 'update_item', add))));
    expect(await ok(client.call(table, 'get_item', { key: { forum, subject } }))).toMatchObject({
      item: { views: { N: '100' } },
    });
  });
});

describe('time to live', () => {
  const { forum, subject } = post('f', 's');
  const get = (table: string) => ok(client.call(table, 'get_item', { key: { forum, subject } }));
  const expiry = async (table: string): Promise<number | undefined> => {
    const stored = await server.backend.getItem(
      { projectId: 'demo', name: table },
      new Map([
        ['forum', { type: 'S', value: 'f' }],
        ['subject', { type: 'S', value: 's' }],
      ]),
      { consistent: true },
    );
    return stored?.expiresAt;
  };
  const inSeconds = (seconds: number): number => Math.floor(clock.now() / 1000) + seconds;
  const put = (table: string, time_to_live?: unknown) =>
    ok(client.call(table, 'put_item', { item: { forum, subject }, time_to_live }));
  const update = (table: string, time_to_live?: unknown) =>
    ok(
      client.call(table, 'update_item', {
        key: { forum, subject },
        attribute_updates: { a: { action: 'PUT', value: { S: 'x' } } },
        time_to_live,
      }),
    );

  // Hours: the backend goes by the system's clock, which on a busy machine leaves the test's minutes behind.
  it('is set and cleared by a put', async () => {
    const table = await forumTable(client);
    await put(table, 10_000);
    expect(await expiry(table)).toBe(inSeconds(10_000));
    await put(table, '20000');
    expect(await expiry(table)).toBe(inSeconds(20_000));
    await put(table);
    expect(await expiry(table)).toBeUndefined();
    await put(table, 10_000);
    await put(table, 0);
    expect(await expiry(table)).toBeUndefined();
    expect(await get(table)).toEqual({ item: { forum, subject } });
  });

  it('is kept by an update without one, set by one with it, ended by 0', async () => {
    const table = await forumTable(client);
    await put(table, 10_000);
    await update(table);
    expect(await expiry(table)).toBe(inSeconds(10_000));
    await update(table, 30_000);
    expect(await expiry(table)).toBe(inSeconds(30_000));
    await update(table, 0);
    expect(await expiry(table)).toBeUndefined();
    expect(await get(table)).toMatchObject({ item: { forum, subject } });
  });

  it('is set by a batch', async () => {
    const table = await forumTable(client);
    await ok(
      client.post('batch_write_item', {
        request_items: { [table]: [{ put_request: { item: { forum, subject }, time_to_live: 5000 } }] },
      }),
    );
    expect(await expiry(table)).toBe(inSeconds(5000));
  });

  it('ends the item for reads and conditions', async () => {
    const table = await forumTable(client);
    // The data API's clock counts from an hour ago, so that what it lets live for half an hour is over for the backend.
    clock.advance(-3_600_000);
    await put(table, 1800);
    clock.advance(3_600_000);
    expect(await get(table)).toEqual({});
    expect(await ok(client.call(table, 'scan', {}))).toMatchObject({ count: 0 });
    await ok(client.call(table, 'put_item', { item: { forum, subject }, expected: { forum: { exists: false } } }));
    expect(await get(table)).toEqual({ item: { forum, subject } });
  });
});

describe('a table in MAINTENANCE', () => {
  it('answers 423 with Retry-After to every data call, and others go on', async () => {
    const [locked, free] = [await forumTable(client), await forumTable(client)];
    const item = post('f', 's');
    const { forum, subject } = item;
    const postKey = { forum, subject };
    const ref = { projectId: 'demo', name: locked };
    await server.backend.lock(ref, { owner: 'test', seconds: 60 });
    const calls: [string, JsonObject][] = [
      [`tables/${locked}/put_item`, { item }],
      [`tables/${locked}/get_item`, { key: postKey }],
      [`tables/${locked}/update_item`, { key: postKey, attribute_updates: {} }],
      [`tables/${locked}/delete_item`, { key: postKey }],
      [`tables/${locked}/query`, { key_conditions: { forum: condition('EQ', { S: 'f' }) } }],
      [`tables/${locked}/scan`, {}],
      ['batch_get_item', { request_items: { [locked]: { keys: [postKey] } } }],
      [
        'batch_write_item',
        { request_items: { [locked]: [{ put_request: { item } }], [free]: [{ put_request: { item } }] } },
      ],
    ];
    for (const [path, body] of calls) {
      const { headers, body: answer } = await refused(client.post(path, body), 423, 'TableLocked');
      expect(Number(headers.get('Retry-After'))).toBeGreaterThan(0);
      expect(answer['title']).toBe('Locked');
    }
    await refused(client.bulkLoad(locked, `${JSON.stringify(item)}\n`), 423, 'TableLocked');
    expect(await ok(client.get(`tables/${locked}`))).toMatchObject({ table: { table_status: 'MAINTENANCE' } });
    await ok(client.call(free, 'put_item', { item }));
    await server.backend.unlock(ref, 'test');
    expect(await ok(client.call(locked, 'scan', {}))).toMatchObject({ count: 0 });
    await ok(client.call(locked, 'put_item', { item }));
  });
});
