import {
  attribute,
  DataApiClient,
  DataApiServer,
  forumTable,
  hash,
  index,
  invalid,
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
/** One table with a hash key `message` alone, one of posts; tests keep apart by their keys. */
let messages: string;
let forum: string;
let keys = 0;
const freshKey = (): JsonObject => ({ message: { S: `message ${keys++}` } });
const freshPost = (): JsonObject => post(`forum ${keys++}`, 'subject2');
const postKey = ({ forum, subject }: JsonObject): JsonObject => ({ forum, subject });

const put = (item: JsonObject, rest: JsonObject = {}, table = messages) =>
  client.call(table, 'put_item', { item, ...rest });
const get = (key: JsonObject, rest: JsonObject = {}, table = messages) =>
  client.call(table, 'get_item', { key, ...rest });
const update = (key: JsonObject, attribute_updates: unknown, rest: JsonObject = {}, table = messages) =>
  client.call(table, 'update_item', { key, attribute_updates, ...rest });
const remove = (key: unknown, rest: JsonObject = {}, table = messages) =>
  client.call(table, 'delete_item', { key, ...rest });
const base64 = (...bytes: number[]): string => Buffer.from(bytes).toString('base64');
const failsCondition = (answer: ReturnType<typeof put>) => refused(answer, 400, 'ConditionalCheckFailedException');

beforeAll(async () => {
  server = await startDataApi();
  client = server.client();
  messages = tableName();
  await ok(client.createTable(messages, [attribute('message', 'S'), attribute('defined', 'N')], [hash('message')]));
  forum = await forumTable(client);
});
afterAll(() => server.stop());

describe('put_item', () => {
  it('stores the key alone', async () => {
    const key = freshKey();
    expect(await ok(put(key))).toEqual({});
    expect(await ok(get(key, { consistent_read: true }))).toEqual({ item: key });
  });

  it('stores several attributes', async () => {
    const key = freshKey();
    await ok(put({ ...key, author: { S: 'Bob' } }));
    expect(await ok(get(key))).toEqual({ item: { ...key, author: { S: 'Bob' } } });
  });

  const values: [string, JsonObject][] = [
    ['S', { S: 'text' }],
    ['S, empty', { S: '' }],
    ['S with U+0000, quotes and emoji', { S: '\u0000 "\' \\ 😀 \u2028' }],
    ['N', { N: '3' }],
    ['N of 38 digits', { N: '-12345678901234567890.123456789012345678' }],
    ['N of 59 digits, an integer', { N: '1.2345678901234567890123456789012345678901234567890123456789E58' }],
    ['N with a huge exponent', { N: '1E999999999' }],
    ['B', { B: base64(0xff, 0xfe, 0) }],
    ['B, empty', { B: '' }],
    ['SS', { SS: ['eeee', 'nnnn', 'qqqq'] }],
    ['NS', { NS: ['1', '2'] }],
    ['BS', { BS: [base64(1), base64(2)] }],
    ['SSM', { SSM: { eeee: 'rrrr', nnnn: 'yyyy', qqqq: '' } }],
    ['SNM', { SNM: { eeee: '1', qqqq: '-2.5' } }],
    ['SBM', { SBM: { eeee: base64(0xff, 0xfe), qqqq: base64(0xef) } }],
    ['NSM', { NSM: { '-1': 'rrrr', '3': 'yyyy' } }],
    ['NNM', { NNM: { '1': '10', '2.5': '20' } }],
    ['NBM', { NBM: { '1': base64(0xff, 0xfe), '2': base64(0xef) } }],
    ['BSM', { BSM: { [base64(0xaf)]: 'rrrr', [base64(0xdf)]: 'yyyy' } }],
    ['BNM', { BNM: { [base64(0xaf)]: '1', [base64(0xdf)]: '2' } }],
    ['BBM', { BBM: { [base64(0xaf, 0xfe)]: base64(0xff), [base64(0xdf, 0xde)]: base64(0xfe) } }],
  ];
  it.each(values)('keeps a value of type %s', async (_type, value) => {
    const key = freshKey();
    await ok(put({ ...key, value }));
    expect(await ok(get(key))).toEqual({ item: { ...key, value } });
  });

  it('keeps an item with values of all types', async () => {
    const item: JsonObject = {
      ...freshKey(),
      ...Object.fromEntries(values.map(([, value], i) => [`value${i}`, value])),
    };
    await ok(put(item));
    expect(await ok(get({ message: item['message'] }))).toEqual({ item });
  });

  it('writes numbers in one canonical form', async () => {
    const key = freshKey();
    await ok(put({ ...key, n: { N: '+001.500' }, set: { NS: ['1.0', '01', '2'] }, zero: { N: '-0.00' } }));
    expect(await ok(get(key))).toEqual({
      item: { ...key, n: { N: '1.5' }, set: { NS: ['1', '2'] }, zero: { N: '0' } },
    });
  });

  it('keeps attributes with names of every object', async () => {
    const key = freshKey();
    const item = JSON.parse(
      `{"message":${JSON.stringify(key['message'])},"__proto__":{"S":"a"},"constructor":{"S":"b"}}`,
    ) as JsonObject;
    await ok(put(item));
    const { item: stored } = await ok(get(key));
    expect(JSON.stringify(stored)).toBe(
      `{"__proto__":{"S":"a"},"constructor":{"S":"b"},"message":${JSON.stringify(key['message'])}}`,
    );
  });

  it('keeps text beyond ASCII in a key', async () => {
    const key = { message: { S: '\u00c3\u00a2 😀' } };
    await ok(put(key));
    expect(await ok(get(key))).toEqual({ item: key });
  });

  it('takes the last of two equal names in the JSON text', async () => {
    const { message } = freshKey() as { message: JsonObject };
    const text = `{"item":{"message":{"S":"first"},"message":${JSON.stringify(message)}}}`;
    await ok(
      client.send('POST', `${client.baseUrl}/tables/${messages}/put_item`, text, {
        'Content-Type': 'application/json',
      }),
    );
    expect(await ok(get({ message }))).toEqual({ item: { message } });
  });

  it('replaces the whole item, types too', async () => {
    const key = freshKey();
    await ok(put({ ...key, author: { SS: ['Alice', 'Bob'] }, other: { SS: ['q', 'w'] } }));
    await ok(put({ ...key, author: { S: 'Kris' } }));
    expect(await ok(get(key))).toEqual({ item: { ...key, author: { S: 'Kris' } } });
  });

  it('replaces defined attributes with nothing', async () => {
    const item = freshPost();
    for (const next of [item, { ...postKey(item), last_posted_by: { S: 'Rob' } }, postKey(item)]) {
      await ok(put(next, {}, forum));
      expect(await ok(get(postKey(item), {}, forum))).toEqual({ item: next });
    }
  });

  const expectations: [string, JsonObject | undefined, JsonObject, boolean][] = [
    ['an equal value', { author: { S: 'Bob' } }, { author: { value: { S: 'Bob' } } }, true],
    ['another value', { author: { S: 'Bob' } }, { author: { value: { S: 'Dod' } } }, false],
    ['an equal text of another type', { author: { S: '1' } }, { author: { value: { N: '1' } } }, false],
    ['an equal number in another spelling', { n: { N: '1' } }, { n: { value: { N: '1.0' } } }, true],
    ['an attribute that must exist and does', { author: { S: 'Bob' } }, { author: { exists: true } }, true],
    ['an attribute that must exist and does not', {}, { author: { exists: true } }, false],
    ['an attribute that must not exist and does not', { author: { S: 'Bob' } }, { id: { exists: false } }, true],
    ['an attribute that must not exist and does', { id: { N: '1' } }, { id: { exists: false } }, false],
    ['a value of an absent attribute', { author: { S: 'Bob' } }, { wrong_key: { value: { S: 'Bob' } } }, false],
    ['an item that must not exist and does not', undefined, { message: { exists: false } }, true],
    ['an item that must not exist and does', {}, { message: { exists: false } }, false],
    ['an absent item with a value', undefined, { message: { exists: false }, author: { value: { S: 'Bob' } } }, false],
    ['no condition at all', undefined, {}, true],
  ];
  it.each(expectations)('judges expected: %s', async (_name, before, expected, met) => {
    const key = freshKey();
    if (before !== undefined) await ok(put({ ...key, ...before }));
    const after = { ...key, author: { S: 'Alice' }, id: { N: '2' } };
    if (met) await ok(put(after, { expected }));
    else await failsCondition(put(after, { expected }));
    const stored = met ? { item: after } : before === undefined ? {} : { item: { ...key, ...before } };
    expect(await ok(get(key))).toEqual(stored);
  });

  const returns: [string, unknown, (before: JsonObject, after: JsonObject) => JsonObject][] = [
    ['nothing by default', undefined, () => ({})],
    ['nothing for NONE', 'NONE', () => ({})],
    ['the old item for ALL_OLD', 'ALL_OLD', (before) => ({ attributes: before })],
    ['the new item for ALL_NEW', 'ALL_NEW', (_before, after) => ({ attributes: after })],
  ];
  it.each(returns)('returns %s', async (_name, return_values, answer) => {
    const key = freshKey();
    const before = { ...key, authors: { SS: ['Alice', 'Bob'] } };
    const after = { ...key, authors: { SS: ['Kris', 'Rob'] } };
    await ok(put(before, { time_to_live: 0 }));
    expect(await ok(put(after, { return_values, time_to_live: 0 }))).toEqual(answer(before, after));
  });

  it('returns nothing for ALL_OLD if there was no item', async () => {
    expect(await ok(put(freshKey(), { return_values: 'ALL_OLD' }))).toEqual({});
  });

  it('returns the old item of a table with indexes', async () => {
    const table = tableName();
    const attributes = [attribute('message', 'S'), attribute('thread', 'S'), attribute('time', 'S')];
    await ok(
      client.createTable(
        table,
        attributes,
        [hash('message'), range('thread')],
        [index('time_index', 'message', 'time')],
      ),
    );
    const item = (time: string): JsonObject => ({
      message: { S: 'm' },
      thread: { S: 't' },
      time: { S: time },
      authors: { SS: ['a', 'b'] },
    });
    expect(await ok(put(item('2009'), { return_values: 'ALL_OLD' }, table))).toEqual({});
    expect(await ok(put(item('2010'), { return_values: 'ALL_OLD' }, table))).toEqual({ attributes: item('2009') });
    await ok(put(item('2011'), {}, table));
    expect(await ok(put(item('2012'), { return_values: 'ALL_OLD' }, table))).toEqual({ attributes: item('2011') });
  });

  const refusals: [string, JsonObject, RegExp][] = [
    ['a missing item', { item: undefined }, /item is required/],
    ['an item that is a list', { item: [] }, /item must be an object/],
    ['a missing key attribute', { item: { author: { S: 'Bob' } } }, /message/],
    ['a key attribute of another type', { item: { message: { N: '1' } } }, /message/],
    ['a defined attribute of another type', { item: { message: { S: 'm' }, defined: { S: '1' } } }, /defined/],
    ['an empty hash key', { item: { message: { S: '' } } }, /empty/],
    ['a value without a type', { item: { message: {} } }, /exactly one type/],
    ['a value of two types', { item: { message: { S: 'a', N: '1' } } }, /exactly one type/],
    ['a value of an unknown type', { item: { message: { S: 'm' }, a: { KK: 'x' } } }, /unknown type/],
    ['a value that is no object', { item: { message: 'm' } }, /object/],
    ['a number that is a JSON number', { item: { message: { S: 'm' }, n: { N: 1 } } }, /text/],
    ['a number that is none', { item: { message: { S: 'm' }, n: { N: 'one' } } }, /item\.n/],
    ['NaN', { item: { message: { S: 'm' }, n: { N: 'NaN' } } }, /item\.n/],
    [
      'a number of 39 digits with a fraction',
      { item: { message: { S: 'm' }, n: { N: `${'1'.repeat(38)}.5` } } },
      /item\.n/,
    ],
    ['text that is a number', { item: { message: { S: 5 } } }, /text/],
    ['bytes that are not base64', { item: { message: { S: 'm' }, b: { B: '***' } } }, /base64/],
    ['a set that is no list', { item: { message: { S: 'm' }, s: { SS: 'x' } } }, /array/],
    ['an empty set', { item: { message: { S: 'm' }, s: { SS: [] } } }, /empty/],
    ['a set of mixed types', { item: { message: { S: 'm' }, s: { SS: ['a', 1] } } }, /text/],
    ['an empty map', { item: { message: { S: 'm' }, s: { SSM: {} } } }, /empty/],
    ['a map that is a list', { item: { message: { S: 'm' }, s: { SSM: ['a'] } } }, /object/],
    [
      'one key of a map in two spellings',
      { item: { message: { S: 'm' }, s: { NSM: { '1': 'a', '1.0': 'b' } } } },
      /two spellings/,
    ],
    ['an empty attribute name', { item: { message: { S: 'm' }, '': { S: 'x' } } }, /name/],
    ['an attribute name with a space', { item: { message: { S: 'm' }, 'a b': { S: 'x' } } }, /name/],
    ['an attribute name of 256 characters', { item: { message: { S: 'm' }, ['a'.repeat(256)]: { S: 'x' } } }, /name/],
    ['a lone surrogate', { item: { message: { S: 'm' }, a: { S: '\ud800' } } }, /Unicode/],
    ['an empty word in return_values', { return_values: '' }, /return_values/],
    ['a wrong word in return_values', { return_values: 'wrong_string' }, /return_values/],
    ['UPDATED_OLD in return_values', { return_values: 'UPDATED_OLD' }, /return_values/],
    ['a number in return_values', { return_values: 1 }, /return_values/],
    ['an unknown key', { if_not_exist: true }, /if_not_exist/],
    ['expected that is a list', { expected: [] }, /expected/],
    ['an unknown type in expected', { expected: { author: { value: { KK: 'Bob' } } } }, /unknown type/],
    ['both value and exists', { expected: { author: { value: { S: 'a' }, exists: true } } }, /either/],
    ['neither value nor exists', { expected: { author: {} } }, /either/],
    ['an unknown key in expected', { expected: { author: { comparison: 'EQ' } } }, /comparison/],
    ['exists that is a word', { expected: { author: { exists: 'yes' } } }, /true or false/],
    ['a negative time to live', { time_to_live: -1 }, /time_to_live/],
    ['a time to live above 20 years', { time_to_live: 630720001 }, /time_to_live/],
    ['a broken time to live', { time_to_live: 1.5 }, /time_to_live/],
    ['a time to live that is a word', { time_to_live: 'soon' }, /time_to_live/],
  ];
  it.each(refusals)('refuses %s', async (_name, body, message) => {
    const key = freshKey();
    await invalid(client.call(messages, 'put_item', { item: key, ...body }), message);
    expect(await ok(get(key))).toEqual({});
  });

  it('knows no table that is not there', async () => {
    await refused(put(freshKey(), {}, 'nonexistenttable'), 404, 'TableNotExistsException', /nonexistenttable/);
  });

  it('refuses an item above the limit and takes one at it', async () => {
    const key = freshKey();
    const overhead = Buffer.byteLength(JSON.stringify({ filler: { S: '' }, ...key }));
    await ok(put({ ...key, filler: { S: 'x'.repeat(1024 * 1024 - overhead) } }));
    await invalid(put({ ...key, filler: { S: 'x'.repeat(1024 * 1024 - overhead + 1) } }), /1048576 bytes/);
  });
});

describe('get_item', () => {
  it('answers all attributes', async () => {
    const item = freshPost();
    await ok(put(item, {}, forum));
    expect(await ok(get(postKey(item), {}, forum))).toEqual({ item });
  });

  const selections: [string, unknown, string[]][] = [
    ['one attribute', ['last_posted_by'], ['last_posted_by']],
    ['two attributes', ['last_posted_by', 'message'], ['last_posted_by', 'message']],
    ['more attributes than there are', ['message', 'author'], ['message']],
    ['only an attribute that is not there', ['wrong_attribute'], []],
    ['all for an empty list', [], ['forum', 'subject', 'message', 'last_posted_by', 'replies']],
    ['all for null', null, ['forum', 'subject', 'message', 'last_posted_by', 'replies']],
    ['an attribute that is asked for twice', ['message', 'message'], ['message']],
  ];
  it.each(selections)('answers %s', async (_name, attributes_to_get, names) => {
    const item = freshPost();
    await ok(put(item, {}, forum));
    const selected = Object.fromEntries(names.map((name) => [name, item[name]]));
    expect(await ok(get(postKey(item), { attributes_to_get }, forum))).toEqual({ item: selected });
  });

  it.each([true, false, undefined])('takes consistent_read %s', async (consistent_read) => {
    const item = freshPost();
    await ok(put(item, {}, forum));
    expect(await ok(get(postKey(item), { consistent_read }, forum))).toEqual({ item });
  });

  it.each([
    ['S', 'sss', 'ppp'],
    ['N', '111', '11'],
    ['B', 'blob', 'qwer'],
  ])('finds a key of type %s, and no other', async (type, value, other) => {
    const table = tableName();
    await ok(client.createTable(table, [attribute('key', type)], [hash('key')]));
    const item = { key: { [type]: value }, last_posted_by: { S: 'John' } };
    await ok(put(item, {}, table));
    expect(await ok(get({ key: { [type]: value } }, {}, table))).toEqual({ item });
    expect(await ok(get({ key: { [type]: other } }, {}, table))).toEqual({});
  });

  it('finds a number key in any spelling', async () => {
    const table = tableName();
    await ok(client.createTable(table, [attribute('key', 'N')], [hash('key')]));
    await ok(put({ key: { N: '1.50' } }, {}, table));
    expect(await ok(get({ key: { N: '15E-1' } }, {}, table))).toEqual({ item: { key: { N: '1.5' } } });
  });

  it('answers nothing for a key without an item', async () => {
    expect(await ok(get(freshKey()))).toEqual({});
  });

  const refusals: [string, JsonObject][] = [
    ['a missing key', { key: undefined }],
    ['a key that is null', { key: null }],
    ['a key that is text', { key: '' }],
    ['a key of an unknown type', { key: { message: { K: 'message' } } }],
    ['a key without the range key', { key: { forum: { S: 'forum1' } } }],
    ['a key with another attribute', { key: { forum: { S: 'f' }, subject: { S: 's' }, message: { S: 'm' } } }],
    ['a key of another type', { key: { forum: { S: 'f' }, subject: { N: '1' } } }],
    ['a key with an empty hash key', { key: { forum: { S: '' }, subject: { S: 's' } } }],
    ['empty names to get', { attributes_to_get: ['', ''] }],
    ['names to get that are no list', { attributes_to_get: 'message' }],
    ['consistent_read that is text', { consistent_read: '' }],
    ['an unknown key in the body', { projection: 'x' }],
  ];
  it.each(refusals)('refuses %s', async (_name, body) => {
    await invalid(client.call(forum, 'get_item', { key: { forum: { S: 'f' }, subject: { S: 's' } }, ...body }));
  });

  it('knows no path without a table', async () => {
    await refused(client.post('tables//get_item', { key: freshKey() }), 404, 'NotFound');
  });

  it('finds an item of a table with a name of 3 characters', async () => {
    await forumTable(client, 'xyz');
    const item = freshPost();
    await ok(put(item, {}, 'xyz'));
    expect(await ok(get(postKey(item), {}, 'xyz'))).toEqual({ item });
  });
});

describe('update_item', () => {
  it.each([
    ['ADD', { tags: { action: 'ADD', value: { SS: ['a'] } } }, { tags: { SS: ['a'] } }],
    ['PUT', { tags: { action: 'PUT', value: { S: 'a' } } }, { tags: { S: 'a' } }],
    [
      'PUT, ADD and DELETE',
      {
        by: { action: 'PUT', value: { S: 'user' } },
        tags: { action: 'ADD', value: { SS: ['a', 'b'] } },
        gone: { action: 'DELETE', value: { S: 'x' } },
      },
      { by: { S: 'user' }, tags: { SS: ['a', 'b'] } },
    ],
    ['no updates', {}, {}],
  ])('creates an absent item by %s', async (_name, updates, attributes) => {
    const key = freshKey();
    expect(await ok(update(key, updates))).toEqual({});
    expect(await ok(get(key))).toEqual({ item: { ...key, ...attributes } });
  });

  it('creates no item by updates that only delete', async () => {
    const key = freshKey();
    const updates = {
      a: { action: 'DELETE', value: { S: 'x' } },
      b: { action: 'DELETE', value: { SS: ['x'] } },
      c: { action: 'DELETE' },
    };
    expect(await ok(update(key, updates))).toEqual({});
    expect(await ok(get(key))).toEqual({});
  });

  it('updates an item that has its key attributes only', async () => {
    const key = freshKey();
    await ok(put(key));
    expect(await ok(update(key, { subject: { action: 'PUT', value: { S: 'subject' } } }))).toEqual({});
    expect(await ok(get(key))).toEqual({ item: { ...key, subject: { S: 'subject' } } });
  });

  const changes: [string, JsonObject, JsonObject, JsonObject][] = [
    [
      'adds members to a set',
      { a: { SS: ['1', '2'] } },
      { action: 'ADD', value: { SS: ['2', '3'] } },
      { a: { SS: ['1', '2', '3'] } },
    ],
    [
      'takes members from a set',
      { a: { SS: ['1', '2'] } },
      { action: 'DELETE', value: { SS: ['2', '3'] } },
      { a: { SS: ['1'] } },
    ],
    ['removes a set with its last member', { a: { NS: ['1'] } }, { action: 'DELETE', value: { NS: ['1.0'] } }, {}],
    ['adds a number', { a: { N: '1' } }, { action: 'ADD', value: { N: '-2.5' } }, { a: { N: '-1.5' } }],
    [
      'adds exactly, beyond what a double holds',
      { a: { N: '9007199254740993' } },
      { action: 'ADD', value: { N: '0.0000000000000000001' } },
      { a: { N: '9007199254740993.0000000000000000001' } },
    ],
    [
      'sets entries of a map',
      { a: { SNM: { x: '1', y: '2' } } },
      { action: 'ADD', value: { SNM: { y: '3' } } },
      { a: { SNM: { x: '1', y: '3' } } },
    ],
    [
      'takes entries from a map',
      { a: { SNM: { x: '1', y: '2' } } },
      { action: 'DELETE', value: { SS: ['y'] } },
      { a: { SNM: { x: '1' } } },
    ],
    ['removes an attribute', { a: { S: 'x' } }, { action: 'DELETE' }, {}],
    ['replaces a value of another type', { a: { S: 'x' } }, { action: 'PUT', value: { N: '1' } }, { a: { N: '1' } }],
  ];
  it.each(changes)('%s', async (_name, before, a, after) => {
    const key = freshKey();
    await ok(put({ ...key, ...before }));
    await ok(update(key, { a }));
    expect(await ok(get(key))).toEqual({ item: { ...key, ...after } });
  });

  it('judges expected, and changes nothing if it fails', async () => {
    const key = freshKey();
    await ok(put({ ...key, a: { S: 'x' } }));
    const updates = { a: { action: 'PUT', value: { S: 'y' } } };
    await failsCondition(update(key, updates, { expected: { a: { value: { S: 'z' } } } }));
    await ok(update(key, updates, { expected: { a: { value: { S: 'x' } }, b: { exists: false } } }));
    expect(await ok(get(key))).toEqual({ item: { ...key, a: { S: 'y' } } });
  });

  const returns: [string, string, (key: JsonObject) => JsonObject][] = [
    ['ALL_OLD', 'ALL_OLD', (key) => ({ ...key, a: { N: '1' }, b: { S: 'b' } })],
    ['UPDATED_OLD', 'UPDATED_OLD', () => ({ a: { N: '1' } })],
    ['ALL_NEW', 'ALL_NEW', (key) => ({ ...key, a: { N: '2' }, b: { S: 'b' }, c: { S: 'c' } })],
    ['UPDATED_NEW', 'UPDATED_NEW', () => ({ a: { N: '2' }, c: { S: 'c' } })],
  ];
  it.each(returns)('returns %s', async (_name, return_values, attributes) => {
    const key = freshKey();
    await ok(put({ ...key, a: { N: '1' }, b: { S: 'b' } }));
    const updates = { a: { action: 'ADD', value: { N: '1' } }, c: { action: 'PUT', value: { S: 'c' } } };
    expect(await ok(update(key, updates, { return_values }))).toEqual({ attributes: attributes(key) });
  });

  it('returns no old attributes of an absent item', async () => {
    const answer = update(freshKey(), { a: { action: 'PUT', value: { S: 'x' } } }, { return_values: 'ALL_OLD' });
    expect(await ok(answer)).toEqual({ attributes: {} });
  });

  const refusals: [string, unknown, JsonObject?][] = [
    ['missing updates', undefined],
    ['updates that are a list', []],
    ['an update without an action', { a: { value: { S: 'x' } } }],
    ['an unknown action', { a: { action: 'SET', value: { S: 'x' } } }],
    ['PUT without a value', { a: { action: 'PUT' } }],
    ['ADD without a value', { a: { action: 'ADD' } }],
    ['an unknown key in an update', { a: { action: 'DELETE', extra: 1 } }],
    ['an update of the key', { message: { action: 'PUT', value: { S: 'x' } } }],
    ['a defined attribute of another type', { defined: { action: 'PUT', value: { S: 'x' } } }],
    ['ADD of a number to text', { text: { action: 'ADD', value: { N: '1' } } }],
    ['ADD of text', { other: { action: 'ADD', value: { S: 'x' } } }],
    ['ADD of a set of another type', { set: { action: 'ADD', value: { NS: ['1'] } } }],
    ['DELETE of members from text', { text: { action: 'DELETE', value: { SS: ['x'] } } }],
    ['an unknown key in the body', {}, { item: {} }],
    ['a wrong word in return_values', {}, { return_values: 'ALL' }],
    ['a negative time to live', {}, { time_to_live: -1 }],
  ];
  it.each(refusals)('refuses %s', async (_name, updates, rest = {}) => {
    const item: JsonObject = { ...freshKey(), text: { S: 'x' }, set: { SS: ['x'] } };
    await ok(put(item));
    const key = { message: item['message'] };
    await invalid(update(key, updates, rest));
    expect(await ok(get(key))).toEqual({ item });
  });

  it('does not let an item grow above the limit', async () => {
    const key = freshKey();
    await ok(put({ ...key, a: { SS: ['x'.repeat(600_000)] } }));
    await invalid(update(key, { a: { action: 'ADD', value: { SS: ['y'.repeat(600_000)] } } }), /larger/);
  });
});

describe('delete_item', () => {
  const keyTypes: [string, JsonObject[], JsonObject[], JsonObject, JsonObject][] = [
    ['a hash key of type S', [attribute('k', 'S')], [hash('k')], { k: { S: 'text' } }, { other: { S: 'x' } }],
    ['a hash key of type B', [attribute('k', 'B')], [hash('k')], { k: { B: base64(0xff) } }, {}],
    [
      'keys of types S and N',
      [attribute('k', 'S'), attribute('r', 'N')],
      [hash('k'), range('r')],
      { k: { S: 't' }, r: { N: '20140313164951' } },
      {},
    ],
    [
      'keys of type S and other attributes',
      [attribute('k', 'S'), attribute('r', 'S')],
      [hash('k'), range('r')],
      { k: { S: 't' }, r: { S: '1' } },
      { a: { N: '2' } },
    ],
  ];
  it.each(keyTypes)('deletes an item with %s', async (_name, attributes, schema, key, rest) => {
    const table = tableName();
    await ok(client.createTable(table, attributes, schema));
    await ok(put({ ...key, ...rest }, {}, table));
    expect(await ok(remove(key, {}, table))).toEqual({});
    expect(await ok(get(key, { consistent_read: true }, table))).toEqual({});
  });

  it('deletes from a table whose name mixes cases and has 3 characters', async () => {
    await ok(client.createTable('aBc', [attribute('k', 'S')], [hash('k')]));
    await ok(put({ k: { S: 'x' } }, {}, 'aBc'));
    await ok(remove({ k: { S: 'x' } }, {}, 'aBc'));
    expect(await ok(get({ k: { S: 'x' } }, {}, 'aBc'))).toEqual({});
  });

  it('leaves an absent item absent', async () => {
    expect(await ok(remove(freshKey()))).toEqual({});
  });

  it('judges expected, and deletes nothing if it fails', async () => {
    const key = freshKey();
    await ok(put({ ...key, a: { S: 'x' } }));
    await failsCondition(remove(key, { expected: { a: { exists: false } } }));
    expect(await ok(get(key))).toEqual({ item: { ...key, a: { S: 'x' } } });
    expect(await ok(remove(key, { expected: { category: { exists: false } } }))).toEqual({});
    expect(await ok(get(key))).toEqual({});
  });

  it('returns the old item for ALL_OLD, nothing if there was none', async () => {
    const item: JsonObject = { ...freshKey(), a: { S: 'x' } };
    const key = { message: item['message'] };
    await ok(put(item));
    expect(await ok(remove(key, { return_values: 'ALL_OLD' }))).toEqual({ attributes: item });
    expect(await ok(remove(key, { return_values: 'ALL_OLD' }))).toEqual({});
  });

  it.each([
    ['a missing key', { key: undefined }],
    ['ALL_NEW in return_values', { return_values: 'ALL_NEW' }],
    ['an unknown key in the body', { item: {} }],
    ['a key with another attribute', { key: { message: { S: 'm' }, a: { S: 'x' } } }],
  ])('refuses %s', async (_name, body) => {
    await invalid(client.call(messages, 'delete_item', { key: freshKey(), ...body }));
  });
});
