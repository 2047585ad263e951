import { DomainError } from '../../src/kernel';
import {
  attribute,
  condition,
  DataApiClient,
  DataApiServer,
  FORUM_KEYS,
  forumTable,
  hash,
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
let forum: string;
/** Keys on which the backend fails for now, or for good. */
const away = new Set<string>();
const broken = new Set<string>();

const write = (request_items: unknown) => client.post('batch_write_item', { request_items });
const read = (request_items: unknown) => client.post('batch_get_item', { request_items });
const put = (item: JsonObject, rest: JsonObject = {}): JsonObject => ({ put_request: { item, ...rest } });
const drop = (key: JsonObject): JsonObject => ({ delete_request: { key } });
const keyOf = ({ forum, subject }: JsonObject): JsonObject => ({ forum, subject });
const stored = async (item: JsonObject, table = forum): Promise<unknown> =>
  (await ok(client.call(table, 'get_item', { key: keyOf(item), consistent_read: true })))['item'];
const responses = async (answer: ReturnType<typeof read>): Promise<JsonObject> =>
  (await ok(answer))['responses'] as JsonObject;
let posts = 0;
const freshPost = (): JsonObject => post('forum1', `subject${posts++}`);

beforeAll(async () => {
  server = await startDataApi({}, (backend) => {
    const judge = (item: ReadonlyMap<string, { value: unknown }>): void => {
      const subject = String(item.get('subject')?.value);
      if (away.has(subject)) throw new DomainError('ServiceUnavailable', 'Gone for now', { transient: true });
      if (broken.has(subject)) throw new DomainError('InternalError', 'A defect');
    };
    const failing: Partial<typeof backend> = {
      putItem: async (ref, item, options) => (judge(item), backend.putItem(ref, item, options)),
      deleteItem: async (ref, key, options) => (judge(key), backend.deleteItem(ref, key, options)),
      getItem: async (ref, key, options) => (judge(key), backend.getItem(ref, key, options)),
    };
    return new Proxy(backend, {
      get: (target, name) => {
        const value: unknown = Reflect.get(failing, name) ?? Reflect.get(target, name);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
  });
  client = server.client();
  forum = await forumTable(client);
});
afterEach(() => {
  away.clear();
  broken.clear();
});
afterAll(() => server.stop());

describe('batch_write_item', () => {
  it('puts an item, which a query then finds', async () => {
    const item = post('forum of one', 'subject2');
    expect(await ok(write({ [forum]: [put(item)] }))).toEqual({ unprocessed_items: {} });
    const found = client.call(forum, 'query', { key_conditions: { forum: condition('EQ', { S: 'forum of one' }) } });
    expect(await ok(found)).toEqual({ count: 1, items: [item] });
  });

  it.each([
    ['N', 'N', { N: '1001' }],
    ['NS', 'N', { NS: ['1001', '1002'] }],
    ['S', 'S', { S: 'message text' }],
    ['B', 'S', { B: '/w==' }],
    ['BS', 'S', { BS: ['/wE=', '/wI='] }],
  ])('puts a value of type %s', async (_name, keyType, message) => {
    const table = tableName();
    await ok(client.createTable(table, [attribute('forum', keyType), attribute('subject', keyType)], FORUM_KEYS));
    const item = { forum: { [keyType]: '1000' }, subject: { [keyType]: '2000' }, message };
    await ok(write({ [table]: [put(item)] }));
    expect(await stored(item, table)).toEqual(item);
  });

  it('puts an item that has its key only', async () => {
    const item = keyOf(freshPost());
    await ok(write({ [forum]: [put(item)] }));
    expect(await stored(item)).toEqual(item);
  });

  it('deletes an item', async () => {
    const item = freshPost();
    await ok(write({ [forum]: [put(item)] }));
    expect(await ok(write({ [forum]: [drop(keyOf(item))] }))).toEqual({ unprocessed_items: {} });
    expect(await stored(item)).toBeUndefined();
  });

  it('puts one item and deletes another', async () => {
    const [old, young] = [freshPost(), freshPost()];
    await ok(write({ [forum]: [put(old)] }));
    await ok(write({ [forum]: [drop(keyOf(old)), put(young)] }));
    expect([await stored(old), await stored(young)]).toEqual([undefined, young]);
  });

  it('takes a put and a delete in one request object', async () => {
    const [old, young] = [freshPost(), freshPost()];
    await ok(write({ [forum]: [put(old)] }));
    await ok(write({ [forum]: [{ ...drop(keyOf(old)), ...put(young) }] }));
    expect([await stored(old), await stored(young)]).toEqual([undefined, young]);
  });

  it('writes to 25 tables at once', async () => {
    const tables = await Promise.all(Array.from({ length: 25 }, () => forumTable(client)));
    const item = freshPost();
    expect(await ok(write(Object.fromEntries(tables.map((table) => [table, [put(item)]]))))).toEqual({
      unprocessed_items: {},
    });
    for (const table of tables) expect(await stored(item, table)).toEqual(item);
  });

  it('takes 25 writes and refuses 26', async () => {
    const items = Array.from({ length: 26 }, freshPost);
    await invalid(write({ [forum]: items.map((item) => put(item)) }), /25/);
    expect(await stored(items[0] as JsonObject)).toBeUndefined();
    await ok(write({ [forum]: items.slice(1).map((item) => put(item)) }));
    expect(await stored(items[25] as JsonObject)).toEqual(items[25]);
  });

  it.each([
    ['a put and a delete of one item', (item: JsonObject) => [put(item), drop(keyOf(item))]],
    ['two puts of one item', (item: JsonObject) => [put(item), put({ ...item, message: { S: 'other' } })]],
  ])('refuses %s', async (_name, requests) => {
    const item = freshPost();
    await invalid(write({ [forum]: requests(item) }), /More than one/);
    expect(await stored(item)).toBeUndefined();
  });

  it('refuses two spellings of one number key', async () => {
    const table = tableName();
    await ok(client.createTable(table, [attribute('k', 'N')], [hash('k')]));
    await invalid(write({ [table]: [put({ k: { N: '1' } }), put({ k: { N: '1.0' } })] }), /More than one/);
  });

  it('writes nothing if a table is not there', async () => {
    const item = freshPost();
    await refused(
      write({ [forum]: [put(item)], non_existent_table: [put(item)] }),
      404,
      'TableNotExistsException',
      /non_existent_table/,
    );
    expect(await stored(item)).toBeUndefined();
  });

  it('hands back what could not be written for now', async () => {
    const [good, bad, gone] = [freshPost(), freshPost(), freshPost()];
    await ok(write({ [forum]: [put(gone)] }));
    for (const item of [bad, gone]) away.add((item['subject'] as { S: string }).S);
    const answer = await ok(write({ [forum]: [put(good), put(bad, { time_to_live: 60 }), drop(keyOf(gone))] }));
    expect(answer).toEqual({ unprocessed_items: { [forum]: [put(bad, { time_to_live: 60 }), drop(keyOf(gone))] } });
    away.clear();
    expect([await stored(good), await stored(bad), await stored(gone)]).toEqual([good, undefined, gone]);
    expect(await ok(client.post('batch_write_item', { request_items: answer['unprocessed_items'] }))).toEqual({
      unprocessed_items: {},
    });
    expect([await stored(bad), await stored(gone)]).toEqual([bad, undefined]);
  });

  it('fails as a whole if nothing could be written for now', async () => {
    const item = freshPost();
    away.add((item['subject'] as { S: string }).S);
    await refused(write({ [forum]: [put(item)] }), 503, 'ServiceUnavailable');
  });

  it('fails as a whole on a defect', async () => {
    const [good, bad] = [freshPost(), freshPost()];
    broken.add((bad['subject'] as { S: string }).S);
    await refused(write({ [forum]: [put(good), put(bad)] }), 500, 'InternalError');
  });

  const item = post('f', 's');
  it.each([
    ['a missing request_items', undefined, /request_items/],
    ['request_items that are a list', [], /request_items/],
    ['no request at all', {}, /from 1 to 25/],
    ['requests that are no list', { thread: put(item) }, /array/],
    ['an empty request', { thread: [{}] }, /put_request/],
    ['an unknown request', { thread: [{ update_request: {} }] }, /update_request/],
    ['a put without an item', { thread: [{ put_request: {} }] }, /item is required/],
    ['an unknown key in a put', { thread: [put(item, { expected: {} })] }, /expected/],
    ['an unknown key in a delete', { thread: [{ delete_request: { key: keyOf(item), expected: {} } }] }, /expected/],
    ['an empty attribute name', { thread: [put({ ...item, '': { N: '1' } })] }, /name/],
    ['a bad table name', { 'a b': [put(item)] }, /table name/],
    ['a negative time to live', { thread: [put(item, { time_to_live: -1 })] }, /time_to_live/],
  ])('refuses %s', async (_name, request_items, message) => {
    await invalid(write(request_items), message);
  });

  it('refuses an item or key that does not fit its table', async () => {
    await invalid(write({ [forum]: [put({ forum: { S: 'f' } })] }), /subject/);
    await invalid(write({ [forum]: [drop({ forum: { S: 'f' } })] }), /subject/);
    await invalid(write({ [forum]: [drop({ ...keyOf(item), message: { S: 'm' } })] }), /message/);
  });
});

describe('batch_get_item', () => {
  it('gets an item', async () => {
    const item = freshPost();
    await ok(write({ [forum]: [put(item)] }));
    expect(await ok(read({ [forum]: { keys: [keyOf(item)] } }))).toEqual({
      responses: { [forum]: [item] },
      unprocessed_keys: {},
    });
  });

  it.each([[['forum']], [['subject', 'message']], [['forum', 'subject', 'message']]])(
    'gets the attributes %j',
    async (attributes_to_get) => {
      const item = freshPost();
      await ok(write({ [forum]: [put(item)] }));
      const answer = await responses(
        read({ [forum]: { keys: [keyOf(item)], attributes_to_get, consistent_read: true } }),
      );
      expect(answer).toEqual({ [forum]: [Object.fromEntries(attributes_to_get.map((name) => [name, item[name]]))] });
    },
  );

  it.each([true, false])('takes consistent_read %s', async (consistent_read) => {
    const item = freshPost();
    await ok(write({ [forum]: [put(item)] }));
    expect(await responses(read({ [forum]: { keys: [keyOf(item)], consistent_read } }))).toEqual({ [forum]: [item] });
  });

  it('gets from several tables, the one with a name of 3 characters too', async () => {
    const tables = [await forumTable(client), await forumTable(client), await forumTable(client, 'xyz')];
    const item = freshPost();
    await ok(write(Object.fromEntries(tables.map((table) => [table, [put(item)]]))));
    const answer = await responses(read(Object.fromEntries(tables.map((table) => [table, { keys: [keyOf(item)] }]))));
    expect(answer).toEqual(Object.fromEntries(tables.map((table) => [table, [item]])));
  });

  it('gets 99 and 100 items, and refuses 101', async () => {
    const items = Array.from({ length: 101 }, freshPost);
    for (let i = 0; i < 100; i += 25) await ok(write({ [forum]: items.slice(i, i + 25).map((item) => put(item)) }));
    for (const count of [99, 100]) {
      const answer = await responses(read({ [forum]: { keys: items.slice(0, count).map(keyOf) } }));
      expect(answer).toEqual({ [forum]: items.slice(0, count) });
    }
    await invalid(read({ [forum]: { keys: items.map(keyOf) } }), /100/);
  });

  it('says nothing of items and tables without a hit', async () => {
    expect(await ok(read({ [forum]: { keys: [keyOf(freshPost())] } }))).toEqual({
      responses: {},
      unprocessed_keys: {},
    });
  });

  it('hands back the keys that could not be read for now', async () => {
    const [good, bad] = [freshPost(), freshPost()];
    await ok(write({ [forum]: [put(good), put(bad)] }));
    away.add((bad['subject'] as { S: string }).S);
    const request = { keys: [keyOf(good), keyOf(bad)], attributes_to_get: ['subject'], consistent_read: true };
    expect(await ok(read({ [forum]: request }))).toEqual({
      responses: { [forum]: [{ subject: good['subject'] }] },
      unprocessed_keys: { [forum]: { ...request, keys: [keyOf(bad)] } },
    });
  });

  it('hands back keys beyond 16 MiB of items, until all are read', async () => {
    const items = Array.from({ length: 30 }, () => ({ ...freshPost(), message: { S: 'x'.repeat(1_000_000) } }));
    for (let i = 0; i < 30; i += 15) await ok(write({ [forum]: items.slice(i, i + 15).map((item) => put(item)) }));
    const seen: string[] = [];
    let asked: unknown = { [forum]: { keys: items.map(keyOf) } };
    let calls = 0;
    for (; JSON.stringify(asked) !== '{}'; calls++) {
      const { responses, unprocessed_keys } = await ok(read(asked));
      const found = (responses as Record<string, JsonObject[]>)[forum] ?? [];
      expect(JSON.stringify(found).length).toBeLessThan(26_000_000);
      seen.push(...found.map((item) => JSON.stringify(item['subject'])));
      asked = unprocessed_keys;
    }
    expect(calls).toBeGreaterThan(1);
    expect(seen.sort()).toEqual(items.map((item) => JSON.stringify((item as JsonObject)['subject'])).sort());
  });

  it('knows no table that is not there', async () => {
    const item = freshPost();
    await refused(
      read({ [forum]: { keys: [keyOf(item)] }, non_existent_table: { keys: [keyOf(item)] } }),
      404,
      'TableNotExistsException',
    );
  });

  it('names tables like parts of every object', async () => {
    const table = await forumTable(client, '__proto__');
    const item = freshPost();
    const text = JSON.stringify({ request_items: { TABLE: [put(item)] } }).replace('TABLE', table);
    const json = { 'Content-Type': 'application/json' };
    await ok(client.send('POST', `${client.baseUrl}/batch_write_item`, text, json));
    const gets = JSON.stringify({ request_items: { TABLE: { keys: [keyOf(item)] } } }).replace('TABLE', table);
    const { responses } = await ok(client.send('POST', `${client.baseUrl}/batch_get_item`, gets, json));
    expect(Object.entries(responses as JsonObject)).toEqual([[table, [item]]]);
  });

  it.each([
    ['a missing request_items', undefined, /request_items/],
    ['no key at all', { thread: { keys: [] } }, /from 1 to 100/],
    ['missing keys', { thread: {} }, /keys/],
    ['an unknown key', { thread: { keys: [], filter: {} } }, /filter/],
    ['consistent_read that is text', { thread: { keys: [], consistent_read: 'yes' } }, /consistent_read/],
    ['a bad name to get', { thread: { keys: [], attributes_to_get: ['%'] } }, /attributes_to_get/],
    ['a bad table name', { ab: { keys: [] } }, /table name/],
  ])('refuses %s', async (_name, request_items, message) => {
    await invalid(read(request_items), message);
  });
});
