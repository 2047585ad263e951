import {
  attribute,
  condition,
  DataApiClient,
  DataApiServer,
  FORUM_ATTRIBUTES,
  FORUM_KEYS,
  forumTable,
  hash,
  index,
  invalid,
  JsonObject,
  ok,
  post,
  POSTER_ATTRIBUTE,
  range,
  refused,
  startDataApi,
  tableName,
} from './data-api-server';

let server: DataApiServer;
let client: DataApiClient;
/** A table of posts with an index on their posters: `forum1` has one post, `forum5` five, `forum11` eleven. */
let forum: string;

const base64 = (byte: number): string => Buffer.from([byte]).toString('base64');
const query = (key_conditions: unknown, rest: JsonObject = {}, table = forum) =>
  client.call(table, 'query', { key_conditions, ...rest });
const itemsOf = (body: JsonObject): JsonObject[] => body['items'] as JsonObject[];
const inForum = (name: string): JsonObject => ({ forum: condition('EQ', { S: name }) });
const posts = (name: string): JsonObject => ({ ...inForum(name), subject: condition('BEGINS_WITH', { S: 'subject' }) });
const thread = (name: string, count: number): JsonObject[] =>
  Array.from({ length: count }, (_, i) =>
    post(name, `subject${String(i).padStart(2, '0')}`, { poster: `poster${9 - (i % 10)}`, replies: String(i) }),
  );
const ONE_POST = post('forum1', 'subject2', { replies: '10' });
const FIVE_POSTS = thread('forum5', 5);
const ELEVEN_POSTS = thread('forum11', 11);

beforeAll(async () => {
  server = await startDataApi();
  client = server.client();
  forum = await forumTable(client);
  for (const item of [ONE_POST, ...FIVE_POSTS, ...ELEVEN_POSTS]) await ok(client.call(forum, 'put_item', { item }));
});
afterAll(() => server.stop());

describe('key conditions', () => {
  it('finds an item by hash key and the beginning of the range key', async () => {
    expect(await ok(query(posts('forum1'), { consistent_read: true }))).toEqual({ count: 1, items: [ONE_POST] });
  });

  it.each([true, false, undefined])('takes consistent_read %s', async (consistent_read) => {
    expect(itemsOf(await ok(query(posts('forum1'), { consistent_read })))).toEqual([ONE_POST]);
  });

  it('finds nothing for a hash key without items', async () => {
    expect(await ok(query(inForum('forum2')))).toEqual({ count: 0, items: [] });
  });

  it('finds an item in a table with a name of 3 characters', async () => {
    await forumTable(client, 'a01');
    await ok(client.call('a01', 'put_item', { item: ONE_POST }));
    expect(await ok(query(posts('forum1'), {}, 'a01'))).toMatchObject({ count: 1 });
  });

  it.each([
    ['hash key of type N', 'N', '1'],
    ['hash key of type S', 'S', '1'],
    ['hash key of type B', 'B', base64(0xff)],
  ])('finds an item by its %s alone', async (_name, type, value) => {
    const table = tableName();
    await ok(client.createTable(table, [attribute('forum', type), attribute('subject', type)], FORUM_KEYS));
    const item = { forum: { [type]: value }, subject: { [type]: value } };
    await ok(client.call(table, 'put_item', { item }));
    expect(await ok(query({ forum: condition('EQ', { [type]: value }) }, {}, table))).toEqual({
      count: 1,
      items: [item],
    });
  });

  const [FD, FE, FF] = [base64(0xfd), base64(0xfe), base64(0xff)];
  /** Name, type of the range key, its value, operator, operands, how many items are found. */
  const comparisons: [string, string, string, string, string[], number][] = [
    ['N: 1 LE 2', 'N', '1', 'LE', ['2'], 1],
    ['N: 1 LE 1', 'N', '1', 'LE', ['1'], 1],
    ['N: 1 LE 0', 'N', '1', 'LE', ['0'], 0],
    ['N: 1 LT 2', 'N', '1', 'LT', ['2'], 1],
    ['N: 1 LT 1', 'N', '1', 'LT', ['1'], 0],
    ['N: 1 LT 0', 'N', '1', 'LT', ['0'], 0],
    ['N: 1 GE 2', 'N', '1', 'GE', ['2'], 0],
    ['N: 1 GE 1', 'N', '1', 'GE', ['1'], 1],
    ['N: 1 GE 0', 'N', '1', 'GE', ['0'], 1],
    ['N: 1 GT 2', 'N', '1', 'GT', ['2'], 0],
    ['N: 1 GT 1', 'N', '1', 'GT', ['1'], 0],
    ['N: 1 GT 0', 'N', '1', 'GT', ['0'], 1],
    ['N: 9 LT 10, though not as text', 'N', '9', 'LT', ['10'], 1],
    ['N: -10 LT -9', 'N', '-10', 'LT', ['-9'], 1],
    ['N: 1.5 EQ 1.50', 'N', '1.5', 'EQ', ['1.50'], 1],
    ['S: 1 LE 2', 'S', '1', 'LE', ['2'], 1],
    ['S: 1 LE 1', 'S', '1', 'LE', ['1'], 1],
    ['S: 1 LE 0', 'S', '1', 'LE', ['0'], 0],
    ['S: 1 LT 2', 'S', '1', 'LT', ['2'], 1],
    ['S: 1 LT 1', 'S', '1', 'LT', ['1'], 0],
    ['S: 1 LT 0', 'S', '1', 'LT', ['0'], 0],
    ['S: 1 GE 2', 'S', '1', 'GE', ['2'], 0],
    ['S: 1 GE 1', 'S', '1', 'GE', ['1'], 1],
    ['S: 1 GE 0', 'S', '1', 'GE', ['0'], 1],
    ['S: 1 GT 2', 'S', '1', 'GT', ['2'], 0],
    ['S: 1 GT 1', 'S', '1', 'GT', ['1'], 0],
    ['S: 1 GT 0', 'S', '1', 'GT', ['0'], 1],
    ['S: Z LT a, by bytes', 'S', 'Z', 'LT', ['a'], 1],
    ['S: U+FFFF LT U+10000, by bytes', 'S', '\uffff', 'LT', ['\u{10000}'], 1],
    ['B: FE LE FF', 'B', FE, 'LE', [FF], 1],
    ['B: FE LE FE', 'B', FE, 'LE', [FE], 1],
    ['B: FE LE FD', 'B', FE, 'LE', [FD], 0],
    ['B: FE LT FF', 'B', FE, 'LT', [FF], 1],
    ['B: FE LT FE', 'B', FE, 'LT', [FE], 0],
    ['B: FE LT FD', 'B', FE, 'LT', [FD], 0],
    ['B: FE GE FF', 'B', FE, 'GE', [FF], 0],
    ['B: FE GE FE', 'B', FE, 'GE', [FE], 1],
    ['B: FE GE FD', 'B', FE, 'GE', [FD], 1],
    ['B: FE GT FF', 'B', FE, 'GT', [FF], 0],
    ['B: FE GT FE', 'B', FE, 'GT', [FE], 0],
    ['B: FE GT FD', 'B', FE, 'GT', [FD], 1],
    ['S: startend BEGINS_WITH start', 'S', 'startend', 'BEGINS_WITH', ['start'], 1],
    ['S: startend BEGINS_WITH end', 'S', 'startend', 'BEGINS_WITH', ['end'], 0],
    ['B: 00 BEGINS_WITH 00', 'B', base64(0), 'BEGINS_WITH', [base64(0)], 1],
    ['B: FF BEGINS_WITH FF', 'B', FF, 'BEGINS_WITH', [FF], 1],
    ['N: 1 BETWEEN 0 and 2', 'N', '1', 'BETWEEN', ['0', '2'], 1],
    ['N: 1 BETWEEN 1 and 2', 'N', '1', 'BETWEEN', ['1', '2'], 1],
    ['N: 1 BETWEEN 1 and 1', 'N', '1', 'BETWEEN', ['1', '1'], 1],
    ['N: 1 BETWEEN 2 and 3', 'N', '1', 'BETWEEN', ['2', '3'], 0],
    ['N: 1 BETWEEN -1 and 0', 'N', '1', 'BETWEEN', ['-1', '0'], 0],
  ];

  describe.each(['N', 'S', 'B'])('on a range key of type %s', (type) => {
    let table: string;
    beforeAll(async () => {
      table = tableName();
      await ok(client.createTable(table, [attribute('forum', 'S'), attribute('subject', type)], FORUM_KEYS));
    });

    it.each(comparisons.filter(([, of]) => of === type))(
      '%s',
      async (name, _type, value, operator, operands, count) => {
        const item = { forum: { S: name }, subject: { [type]: value } };
        await ok(client.call(table, 'put_item', { item }));
        const conditions = {
          ...inForum(name),
          subject: condition(operator, ...operands.map((operand) => ({ [type]: operand }))),
        };
        expect(await ok(query(conditions, { consistent_read: true }, table))).toEqual({
          count,
          items: count === 0 ? [] : [item],
        });
      },
    );
  });

  const poster = (value: JsonObject): JsonObject => ({ last_posted_by: condition('EQ', value) });
  const refusals: [string, unknown, RegExp?][] = [
    ['missing conditions', undefined, /key_conditions/],
    ['no conditions', {}, /match/],
    ['conditions that are a list', []],
    ['the range key alone', { subject: condition('BEGINS_WITH', { S: 'subject' }) }, /match/],
    ['an attribute that is no key', { ...inForum('forum1'), message: condition('EQ', { S: 'm' }) }, /match/],
    ['an attribute that is no key, alone', poster({ S: 'John' }), /match/],
    [
      'an attribute that is not there, with BEGINS_WITH',
      { ...inForum('forum1'), nobody: condition('BEGINS_WITH', { S: 's' }) },
      /match/,
    ],
    [
      'an attribute that is not there, with BETWEEN',
      { ...inForum('forum1'), nobody: condition('BETWEEN', { S: '0' }, { S: '2' }) },
      /match/,
    ],
    ['an attribute that is not there, alone', { incorrect: condition('EQ', { S: 'forum1' }) }, /match/],
    ['an index attribute without its index', { ...inForum('forum1'), ...poster({ S: 'John' }) }, /match/],
    ['another operator than EQ on the hash key', { forum: condition('GT', { S: 'forum1' }) }, /EQ/],
    ['a hash key of another scalar type', { forum: condition('EQ', { N: '1' }) }, /match/],
    ['a hash key of type B for one of type S', { forum: condition('EQ', { B: base64(1) }) }, /match/],
    ['a set for the hash key', { forum: condition('EQ', { SS: ['1', '2'] }) }],
    ['a broken set for the hash key', { forum: condition('EQ', { SS: 'forum1' }) }],
    ['an unknown type', { forum: condition('EQ', { INVALID: 'forum1' }) }],
    ['a set with BEGINS_WITH', { ...inForum('f'), subject: condition('BEGINS_WITH', { SS: ['start', 'end'] }) }],
    ['a set with BETWEEN', { ...inForum('f'), subject: condition('BETWEEN', { SS: ['0', '2'] }) }],
    ['a set with GE', { ...inForum('f'), subject: condition('GE', { NS: ['1', '2'] }) }],
    ['a set with GT', { ...inForum('f'), subject: condition('GT', { NS: ['1', '2'] }) }],
    ['a set with LE', { ...inForum('f'), subject: condition('LE', { NS: ['1', '2'] }) }],
    ['a set with LT', { ...inForum('f'), subject: condition('LT', { NS: ['1', '2'] }) }],
    [
      'two values with BEGINS_WITH',
      { ...inForum('f'), subject: condition('BEGINS_WITH', { S: 'a' }, { S: 'b' }) },
      /exactly 1/,
    ],
    ['two values with LT', { ...inForum('f'), subject: condition('LT', { S: 'a' }, { S: 'b' }) }, /exactly 1/],
    ['two values with LE', { ...inForum('f'), subject: condition('LE', { S: 'a' }, { S: 'b' }) }, /exactly 1/],
    ['two values with GE', { ...inForum('f'), subject: condition('GE', { S: 'a' }, { S: 'b' }) }, /exactly 1/],
    ['two values with GT', { ...inForum('f'), subject: condition('GT', { S: 'a' }, { S: 'b' }) }, /exactly 1/],
    ['one value with BETWEEN', { ...inForum('f'), subject: condition('BETWEEN', { S: '1' }) }, /exactly 2/],
    [
      'values of two types with BETWEEN',
      { ...inForum('f'), subject: condition('BETWEEN', { S: '1' }, { N: '2' }) },
      /one type/,
    ],
    ['no value with EQ', { forum: condition('EQ') }, /exactly 1/],
    ['a number with BEGINS_WITH', { ...inForum('f'), subject: condition('BEGINS_WITH', { N: '1' }) }, /BEGINS_WITH/],
    [
      'an operator that only filters know',
      { ...inForum('f'), subject: condition('NE', { S: '1' }) },
      /comparison_operator/,
    ],
    ['an unknown operator', { ...inForum('f'), subject: condition('QQ', { S: '1' }) }, /comparison_operator/],
    ['an empty operator', { ...inForum('f'), subject: condition('', { S: '1' }) }, /comparison_operator/],
    ['an operator of signs', { ...inForum('f'), subject: condition('%%', { S: '1' }) }, /comparison_operator/],
    ['a missing operator', { forum: { attribute_value_list: [{ S: 'f' }] } }, /comparison_operator/],
    ['an unknown key in a condition', { forum: { ...condition('EQ', { S: 'f' }), extra: 1 } }, /extra/],
  ];
  it.each(refusals)('refuses %s', async (_name, conditions, message = /./) => {
    await invalid(query(conditions), message);
  });

  it('knows no table that is not there', async () => {
    await refused(
      query(posts('forum1'), {}, 'non_existent_table'),
      404,
      'TableNotExistsException',
      /non_existent_table/,
    );
  });

  it('takes the hash key alone in a table without a range key', async () => {
    const table = tableName();
    await ok(client.createTable(table, FORUM_ATTRIBUTES, [hash('forum')]));
    await ok(client.call(table, 'put_item', { item: ONE_POST }));
    expect(await ok(query(inForum('forum1'), {}, table))).toEqual({ count: 1, items: [ONE_POST] });
    await invalid(query(posts('forum1'), {}, table), /match/);
  });
});

describe('what a query answers', () => {
  const ALL = Object.keys(ONE_POST);
  const selections: [string, JsonObject, string[]][] = [
    ['all attributes by default', {}, ALL],
    ['all attributes for ALL_ATTRIBUTES', { select: 'ALL_ATTRIBUTES' }, ALL],
    ['all attributes for an empty list', { attributes_to_get: [] }, ALL],
    ['the keys', { attributes_to_get: ['forum', 'subject'] }, ['forum', 'subject']],
    ['the attributes that are there of many', { attributes_to_get: [...ALL, 'attr1', 'attr2'] }, ALL],
    [
      'one attribute for SPECIFIC_ATTRIBUTES',
      { attributes_to_get: ['last_posted_by'], select: 'SPECIFIC_ATTRIBUTES' },
      ['last_posted_by'],
    ],
    ['empty items if no attribute is there', { attributes_to_get: ['incorrect1', 'incorrect2'] }, []],
    [
      'the attributes that are there of some',
      { attributes_to_get: ['forum', 'subject', 'incorrect3'] },
      ['forum', 'subject'],
    ],
  ];
  it.each(selections)('holds %s', async (_name, rest, names) => {
    const item = Object.fromEntries(names.map((name) => [name, ONE_POST[name]]));
    expect(await ok(query(posts('forum1'), rest))).toEqual({ count: 1, items: [item] });
  });

  it('holds no items for COUNT', async () => {
    expect(await ok(query(posts('forum5'), { select: 'COUNT' }))).toEqual({ count: 5 });
  });

  it.each([
    ['an empty name to get', { attributes_to_get: [''] }],
    ['a name to get of signs', { attributes_to_get: ['%$&'] }],
    ['names to get with an empty select', { attributes_to_get: ['message'], select: '' }],
    ['names to get with an unknown select', { attributes_to_get: ['message'], select: 'INVALID' }],
    ['names to get with ALL_ATTRIBUTES', { attributes_to_get: ['message'], select: 'ALL_ATTRIBUTES' }],
    [
      'names to get with ALL_PROJECTED_ATTRIBUTES',
      { attributes_to_get: ['message'], select: 'ALL_PROJECTED_ATTRIBUTES' },
    ],
    ['names to get with COUNT', { attributes_to_get: ['message'], select: 'COUNT' }],
    ['SPECIFIC_ATTRIBUTES without names', { select: 'SPECIFIC_ATTRIBUTES' }],
    ['ALL_PROJECTED_ATTRIBUTES without an index', { select: 'ALL_PROJECTED_ATTRIBUTES' }],
    ['an empty select', { select: '' }],
    ['an unknown select', { select: 'INVALID' }],
    ['consistent_read that is text', { consistent_read: 'INVALID' }],
    ['scan_index_forward that is text', { scan_index_forward: 'other' }],
    ['scan_index_forward that is empty', { scan_index_forward: '' }],
    ['a limit of 0', { limit: 0 }],
    ['a negative limit', { limit: -1 }],
    ['a limit that is a word', { limit: 'all' }],
    ['a broken limit', { limit: 1.5 }],
    ['an unknown key', { query_filter: {} }],
  ])('refuses %s', async (_name, rest) => {
    await invalid(query(posts('forum1'), rest), new RegExp(Object.keys(rest).join('|')));
  });
});

describe('order and paging', () => {
  it('answers ascending', async () => {
    expect(itemsOf(await ok(query(posts('forum5'), { scan_index_forward: true })))).toEqual(FIVE_POSTS);
    expect(itemsOf(await ok(query(posts('forum5'))))).toEqual(FIVE_POSTS);
  });

  it('answers descending', async () => {
    expect(itemsOf(await ok(query(posts('forum5'), { scan_index_forward: false })))).toEqual([...FIVE_POSTS].reverse());
  });

  it.each([6, 10])('answers 5 items without a key to go on from at limit %i', async (limit) => {
    const body = await ok(query(posts('forum5'), { limit }));
    expect(itemsOf(body)).toEqual(FIVE_POSTS);
    expect(body).not.toHaveProperty('last_evaluated_key');
  });

  it('answers 5 of 11 items and the key of the last', async () => {
    const body = await ok(query(posts('forum11'), { limit: 5 }));
    expect(itemsOf(body)).toEqual(ELEVEN_POSTS.slice(0, 5));
    const { forum, subject } = ELEVEN_POSTS[4] ?? {};
    expect(body['last_evaluated_key']).toEqual({ forum, subject });
  });

  const pageThrough = async (conditions: JsonObject, rest: JsonObject): Promise<JsonObject[]> => {
    const seen: JsonObject[] = [];
    let exclusive_start_key: unknown;
    do {
      const body = await ok(query(conditions, { ...rest, exclusive_start_key }));
      seen.push(...itemsOf(body));
      exclusive_start_key = body['last_evaluated_key'];
    } while (exclusive_start_key !== undefined);
    return seen;
  };

  it.each([1, 2, 5, 11])('pages through 11 items at limit %i, each once, both ways', async (limit) => {
    expect(await pageThrough(posts('forum11'), { limit })).toEqual(ELEVEN_POSTS);
    expect(await pageThrough(posts('forum11'), { limit, scan_index_forward: false })).toEqual(
      [...ELEVEN_POSTS].reverse(),
    );
  });

  it.each([1, 3])('pages through an index at limit %i, by its attribute, then by the range key', async (limit) => {
    const order = (item: JsonObject): string => JSON.stringify([item['last_posted_by'], item['subject']]);
    const sorted = [...ELEVEN_POSTS].sort((a, b) => (order(a) < order(b) ? -1 : 1));
    const rest = { limit, index_name: 'last_posted_by_index' };
    expect(await pageThrough(inForum('forum11'), rest)).toEqual(sorted);
    expect(await pageThrough(inForum('forum11'), { ...rest, scan_index_forward: false })).toEqual(sorted.reverse());
  });

  it('starts behind a key that no item has', async () => {
    const exclusive_start_key = { forum: { S: 'forum5' }, subject: { S: 'subject02x' } };
    expect(itemsOf(await ok(query(posts('forum5'), { exclusive_start_key })))).toEqual(FIVE_POSTS.slice(3));
  });

  it.each([
    ['a start key of a set type', { forum: { SS: ['one', 'two'] } }],
    ['a start key without the range key', { forum: { S: 'forum5' } }],
    ['a start key of another hash key', { forum: { S: 'forum1' }, subject: { S: 's' } }],
    ['a start key with another attribute', { forum: { S: 'forum5' }, subject: { S: 's' }, message: { S: 'm' } }],
    ['a start key of another type', { forum: { S: 'forum5' }, subject: { N: '1' } }],
    ['a start key that is text', 'subject1'],
  ])('refuses %s', async (_name, exclusive_start_key) => {
    await invalid(query(posts('forum5'), { exclusive_start_key }), /exclusive_start_key/);
  });
});

describe('queries on an index', () => {
  const byPoster = (name: string, poster: string): JsonObject => ({
    ...inForum(name),
    last_posted_by: condition('EQ', { S: poster }),
  });
  const index_name = 'last_posted_by_index';

  it('finds an item by the index', async () => {
    expect(await ok(query(byPoster('forum1', 'John'), { index_name }))).toEqual({ count: 1, items: [ONE_POST] });
    expect(await ok(query(byPoster('forum1', 'Jim'), { index_name }))).toEqual({ count: 0, items: [] });
  });

  it('finds an item by its key where the table has an index', async () => {
    const conditions = { ...inForum('forum1'), subject: condition('EQ', { S: 'subject2' }) };
    expect(await ok(query(conditions))).toEqual({ count: 1, items: [ONE_POST] });
  });

  it('takes all parameters at once', async () => {
    const { forum, subject } = ONE_POST;
    const rest = {
      index_name,
      attributes_to_get: ['forum', 'subject'],
      select: 'SPECIFIC_ATTRIBUTES',
      scan_index_forward: true,
      consistent_read: true,
      limit: 10,
      exclusive_start_key: { forum, subject: { S: '' }, last_posted_by: { S: 'A' } },
    };
    expect(await ok(query(byPoster('forum1', 'John'), rest))).toEqual({ count: 1, items: [{ forum, subject }] });
  });

  it.each([
    ['ALL', undefined, ['a', 'b', 'h', 'i', 'r']],
    ['KEYS_ONLY', undefined, ['h', 'i', 'r']],
    ['INCLUDE', ['a'], ['a', 'h', 'i', 'r']],
  ])('answers what the projection %s holds, or all if asked', async (projection_type, non_key_attributes, names) => {
    const table = tableName();
    const projection = { projection_type, ...(non_key_attributes === undefined ? {} : { non_key_attributes }) };
    const definitions = ['h', 'r', 'i'].map((name) => attribute(name, 'S'));
    await ok(client.createTable(table, definitions, [hash('h'), range('r')], [index('by_i', 'h', 'i', projection)]));
    const item = Object.fromEntries(['a', 'b', 'h', 'i', 'r'].map((name) => [name, { S: name }]));
    await ok(client.call(table, 'put_item', { item }));
    const keyCondition = { h: condition('EQ', { S: 'h' }) };
    const projected = Object.fromEntries(names.map((name) => [name, { S: name }]));
    for (const select of [undefined, 'ALL_PROJECTED_ATTRIBUTES']) {
      expect(await ok(query(keyCondition, { index_name: 'by_i', select }, table))).toEqual({
        count: 1,
        items: [projected],
      });
    }
    expect(await ok(query(keyCondition, { index_name: 'by_i', select: 'ALL_ATTRIBUTES' }, table))).toEqual({
      count: 1,
      items: [item],
    });
  });

  it('leaves out items without the attribute of the index', async () => {
    const table = await forumTable(client);
    const { last_posted_by: _left, ...without } = ONE_POST;
    await ok(client.call(table, 'put_item', { item: without }));
    expect(await ok(query(inForum('forum1'), { index_name }, table))).toEqual({ count: 0, items: [] });
    expect(await ok(query(inForum('forum1'), {}, table))).toEqual({ count: 1, items: [without] });
  });

  it.each([
    ['an empty index name', '', /index_name/],
    ['an index that is not there', 'non_existent_index', /no index/],
    ['an index name that is a number', 7, /index_name/],
  ])('refuses %s', async (_name, name, message) => {
    await invalid(query(byPoster('forum1', 'John'), { index_name: name }), message);
  });

  it('refuses a condition on the range key of the table beside an index', async () => {
    await invalid(query(posts('forum1'), { index_name }), /match/);
  });
});

it('refuses an index attribute of another type', async () => {
  const table = tableName();
  await ok(
    client.createTable(table, [...FORUM_ATTRIBUTES, POSTER_ATTRIBUTE], FORUM_KEYS, [
      index('by_poster', 'forum', 'last_posted_by'),
    ]),
  );
  const conditions = { ...inForum('f'), last_posted_by: condition('EQ', { N: '1' }) };
  await invalid(query(conditions, { index_name: 'by_poster' }, table), /match/);
});
