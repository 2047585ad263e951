import {
  attribute,
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
  POSTER_INDEX,
  range,
  refused,
  startDataApi,
  tableName,
} from './data-api-server';

let server: DataApiServer;
let client: DataApiClient;
let projects = 0;

/** A project that no other test has tables in: the administrator may name any. */
const emptyProject = (): DataApiClient => server.client('admin-token', `project${projects++}`);

beforeAll(async () => {
  server = await startDataApi();
  client = server.client();
});
afterAll(() => server.stop());

const description = (body: JsonObject): JsonObject => (body['table_description'] ?? body['table']) as JsonObject;
const hrefs = (body: JsonObject): unknown[] => (body['tables'] as JsonObject[]).map((table) => table['href']);

describe('create_table', () => {
  it('answers the description of a table without indexes', async () => {
    const name = tableName();
    const table = description(await ok(client.createTable(name, FORUM_ATTRIBUTES, FORUM_KEYS)));
    const href = `${client.baseUrl}/tables/${name}`;
    expect(table).toEqual({
      attribute_definitions: FORUM_ATTRIBUTES,
      creation_date_time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      item_count: 0,
      key_schema: FORUM_KEYS,
      table_id: expect.stringMatching(/^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/),
      table_name: name,
      table_size_bytes: 0,
      table_status: 'ACTIVE',
      links: [
        { href, rel: 'self' },
        { href, rel: 'bookmark' },
      ],
    });
  });

  it('answers the description of a table with an index', async () => {
    const table = description(
      await ok(client.createTable(tableName(), [...FORUM_ATTRIBUTES, POSTER_ATTRIBUTE], FORUM_KEYS, [POSTER_INDEX])),
    );
    expect(table['local_secondary_indexes']).toEqual([{ ...POSTER_INDEX, index_size_bytes: 0, item_count: 0 }]);
    expect(table['attribute_definitions']).toEqual([...FORUM_ATTRIBUTES, POSTER_ATTRIBUTE]);
  });

  it('takes a table name of 3 characters', async () => {
    expect(description(await ok(client.createTable('qqq', FORUM_ATTRIBUTES, FORUM_KEYS)))['table_name']).toBe('qqq');
  });

  it('takes a table name of 255 characters', async () => {
    const name = 'n'.repeat(255);
    await ok(client.createTable(name, FORUM_ATTRIBUTES, FORUM_KEYS));
    expect(description(await ok(client.get(`tables/${name}`)))['table_name']).toBe(name);
  });

  const keyed = (name: string, type: string, length = 1): JsonObject[] => [
    attribute(name.repeat(length), type),
    attribute(`s`.repeat(length), type),
  ];
  const schemas: [string, JsonObject[]][] = [
    ['attribute names of 1 character', keyed('f', 'S')],
    ['attribute names of 255 characters', keyed('f', 'S', 255)],
    ['keys of type S', keyed('f', 'S')],
    ['keys of type N', keyed('f', 'N')],
    ['keys of type B', keyed('f', 'B')],
    ['an attribute of type S that is no key', [...keyed('f', 'S'), attribute('more', 'S')]],
    ['an attribute of type SS that is no key', [...keyed('f', 'S'), attribute('more', 'SS')]],
    ['an attribute of type SNM that is no key', [...keyed('f', 'S'), attribute('more', 'SNM')]],
  ];
  it.each(schemas)('takes %s', async (_name, attributes) => {
    const [first, second] = attributes.map((each) => String(each['attribute_name']));
    const keys = [hash(first ?? ''), range(second ?? '')];
    const table = description(await ok(client.createTable(tableName(), attributes, keys)));
    expect(table['attribute_definitions']).toEqual(attributes);
    expect(table['key_schema']).toEqual(keys);
  });

  it('takes a hash key alone', async () => {
    const table = description(await ok(client.createTable(tableName(), [attribute('forum', 'S')], [hash('forum')])));
    expect(table['key_schema']).toEqual([hash('forum')]);
  });

  it('answers the hash key first, however they were given', async () => {
    const table = description(await ok(client.createTable(tableName(), FORUM_ATTRIBUTES, [...FORUM_KEYS].reverse())));
    expect(table['key_schema']).toEqual(FORUM_KEYS);
  });

  const projections: [string, JsonObject, JsonObject][] = [
    ['projection ALL', { projection_type: 'ALL' }, { projection_type: 'ALL' }],
    ['projection KEYS_ONLY', { projection_type: 'KEYS_ONLY' }, { projection_type: 'KEYS_ONLY' }],
    [
      'projection INCLUDE of 1 attribute',
      { projection_type: 'INCLUDE', non_key_attributes: ['extra1'] },
      { projection_type: 'INCLUDE', non_key_attributes: ['extra1'] },
    ],
    [
      'projection INCLUDE of 20 attributes',
      { projection_type: 'INCLUDE', non_key_attributes: Array.from({ length: 20 }, (_, i) => `extra${i}`) },
      { projection_type: 'INCLUDE', non_key_attributes: Array.from({ length: 20 }, (_, i) => `extra${i}`) },
    ],
    ['projection without a type and a list', {}, { projection_type: 'ALL' }],
  ];
  it.each(projections)('takes an index with %s', async (_name, given, answered) => {
    const indexes = [index('an_index', 'forum', 'last_posted_by', given)];
    const table = description(
      await ok(client.createTable(tableName(), [...FORUM_ATTRIBUTES, POSTER_ATTRIBUTE], FORUM_KEYS, indexes)),
    );
    expect(table['local_secondary_indexes']).toEqual([expect.objectContaining({ projection: answered })]);
  });

  const indexed = (count: number, type = 'S'): [JsonObject[], JsonObject[]] => {
    const names = Array.from({ length: count }, (_, i) => `attr${i}`);
    return [names.map((name) => attribute(name, type)), names.map((name) => index(`${name}_index`, 'forum', name))];
  };
  const indexSets: [string, [JsonObject[], JsonObject[]]][] = [
    ['1 index', indexed(1)],
    ['5 indexes', indexed(5)],
    ['an index on type N', indexed(1, 'N')],
    ['an index on type B', indexed(1, 'B')],
  ];
  it.each(indexSets)('takes %s', async (_name, [attributes, indexes]) => {
    const table = description(
      await ok(client.createTable(tableName(), [...FORUM_ATTRIBUTES, ...attributes], FORUM_KEYS, indexes)),
    );
    expect(table['local_secondary_indexes']).toEqual(
      indexes.map((each) => ({ ...each, index_size_bytes: 0, item_count: 0 })),
    );
  });

  it.each([
    ['of 3 characters', 'qqq'],
    ['of 255 characters', 'q'.repeat(255)],
    ['in upper case', 'INDEX_NAME'],
  ])('takes an index name %s', async (_name, indexName) => {
    const indexes = [index(indexName, 'forum', 'last_posted_by')];
    const table = description(
      await ok(client.createTable(tableName(), [...FORUM_ATTRIBUTES, POSTER_ATTRIBUTE], FORUM_KEYS, indexes)),
    );
    expect(table['local_secondary_indexes']).toEqual([expect.objectContaining({ index_name: indexName })]);
  });

  it('takes 3 indexes that include 20 attributes between them', async () => {
    const [attributes] = indexed(3);
    const include = (from: number, to: number): JsonObject => ({
      projection_type: 'INCLUDE',
      non_key_attributes: Array.from({ length: to - from }, (_, i) => `extra${from + i}`),
    });
    const indexes = [include(1, 8), include(8, 15), include(15, 21)].map((projection, i) =>
      index(`index${i}`, 'forum', `attr${i}`, projection),
    );
    const table = description(
      await ok(client.createTable(tableName(), [...FORUM_ATTRIBUTES, ...attributes], FORUM_KEYS, indexes)),
    );
    expect(table['local_secondary_indexes']).toEqual(
      indexes.map((each) => ({ ...each, index_size_bytes: 0, item_count: 0 })),
    );
  });

  it('gives the same index name to two tables', async () => {
    await forumTable(client);
    await forumTable(client);
  });

  it('refuses a name that is taken', async () => {
    const name = await forumTable(client);
    const again = client.createTable(name, FORUM_ATTRIBUTES, FORUM_KEYS);
    await refused(again, 400, 'TableAlreadyExistsException', new RegExp(name));
  });

  const ATTRIBUTES = [...FORUM_ATTRIBUTES, POSTER_ATTRIBUTE, attribute('set', 'SS')];
  const without = (key: string): JsonObject => ({ ...POSTER_INDEX, [key]: undefined });
  const refusals: [
    string,
    { name?: unknown; attributes?: unknown; keys?: unknown; indexes?: unknown; message?: RegExp },
  ][] = [
    ['an empty name', { name: '' }],
    ['a name of 2 characters', { name: 'ab' }],
    ['a name of 256 characters', { name: 'n'.repeat(256) }],
    ['a name with a slash', { name: 'a/b' }],
    ['a name with a line break', { name: 'abc\n' }],
    ['a missing name', { name: undefined, message: /table_name is required/ }],
    ['a name that is a number', { name: 12345 }],
    ['missing attribute definitions', { attributes: undefined }],
    ['a missing key schema', { keys: undefined }],
    ['missing definitions and keys', { attributes: undefined, keys: undefined }],
    ['a missing name and key schema', { name: undefined, keys: undefined }],
    ['a missing name and definitions', { name: undefined, attributes: undefined }],
    ['nothing at all', { name: undefined, attributes: undefined, keys: undefined }],
    ['an empty key schema', { keys: [] }],
    ['a range key alone', { keys: [range('subject')], message: /HASH/ }],
    ['two hash keys', { keys: [...FORUM_KEYS, hash('last_posted_by')] }],
    ['two range keys', { keys: [...FORUM_KEYS, range('last_posted_by')] }],
    ['one attribute as both keys', { keys: [hash('forum'), range('forum')] }],
    ['an unknown key type', { keys: [{ attribute_name: 'forum', key_type: 'INVALID' }] }],
    ['a key that is not defined', { keys: [hash('nobody')] }],
    ['a hash key of a set type', { keys: [hash('set')] }],
    ['a range key of a set type', { keys: [hash('forum'), range('set')] }],
    ['a definition without a name', { attributes: [{ attribute_type: 'S' }] }],
    ['a definition without a type', { attributes: [{ attribute_name: 'forum' }, attribute('subject', 'S')] }],
    ['a definition of an unknown type', { attributes: [attribute('forum', 'X'), attribute('subject', 'S')] }],
    [
      'a definition with an unknown key',
      { attributes: [{ ...attribute('forum', 'S'), extra: 1 }, attribute('subject', 'S')], message: /extra/ },
    ],
    ['an attribute that is defined twice', { attributes: [...ATTRIBUTES, attribute('forum', 'S')] }],
    ['an attribute name of 256 characters', { attributes: [...ATTRIBUTES, attribute('a'.repeat(256), 'S')] }],
    ['an empty attribute name', { attributes: [...ATTRIBUTES, attribute('', 'S')] }],
    ['an attribute name with a space', { attributes: [...ATTRIBUTES, attribute('a b', 'S')] }],
    ['an index without a name', { indexes: [without('index_name')] }],
    ['an index without a key schema', { indexes: [without('key_schema')] }],
    ['an index without a projection', { indexes: [without('projection')] }],
    ['an index name of 2 characters', { indexes: [{ ...POSTER_INDEX, index_name: 'ab' }] }],
    ['an index name of 256 characters', { indexes: [{ ...POSTER_INDEX, index_name: 'i'.repeat(256) }] }],
    ['an index without a range key', { indexes: [{ ...POSTER_INDEX, key_schema: [hash('forum')] }], message: /RANGE/ }],
    ['an index with another hash key', { indexes: [index('an_index', 'subject', 'last_posted_by')] }],
    ['an index with the keys of the table', { indexes: [index('an_index', 'forum', 'subject')] }],
    ['two indexes with the same keys', { indexes: [POSTER_INDEX, { ...POSTER_INDEX, index_name: 'another' }] }],
    [
      'two indexes of one name',
      {
        attributes: [...ATTRIBUTES, attribute('more', 'S')],
        indexes: [POSTER_INDEX, index('last_posted_by_index', 'forum', 'more')],
      },
    ],
    [
      'an index on a table without a range key',
      { keys: [hash('forum')], indexes: [POSTER_INDEX], message: /range key/ },
    ],
    ['an index on a set', { indexes: [index('an_index', 'forum', 'set')] }],
    ['an index on an attribute that is not defined', { indexes: [index('an_index', 'forum', 'nobody')] }],
    [
      'non-key attributes with projection ALL',
      {
        indexes: [index('an_index', 'forum', 'last_posted_by', { projection_type: 'ALL', non_key_attributes: ['a'] })],
      },
    ],
    [
      'non-key attributes with projection KEYS_ONLY',
      {
        indexes: [
          index('an_index', 'forum', 'last_posted_by', { projection_type: 'KEYS_ONLY', non_key_attributes: ['a'] }),
        ],
      },
    ],
    ['an unknown projection', { indexes: [index('an_index', 'forum', 'last_posted_by', { projection_type: 'SOME' })] }],
  ];
  it.each(refusals)('refuses %s', async (_name, { message, ...given }) => {
    const request = { name: tableName(), attributes: ATTRIBUTES, keys: FORUM_KEYS, ...given };
    await invalid(client.createTable(request.name, request.attributes, request.keys, request.indexes), message);
  });

  it('refuses unknown keys and names them', async () => {
    const body = {
      table_name: tableName(),
      attribute_definitions: FORUM_ATTRIBUTES,
      key_schema: FORUM_KEYS,
      global_secondary_indexes: [],
    };
    await invalid(client.post('tables', body), /global_secondary_indexes/);
  });
});

describe('describe_table', () => {
  it('shows a table with both keys', async () => {
    const name = tableName();
    const created = description(await ok(client.createTable(name, FORUM_ATTRIBUTES, FORUM_KEYS)));
    const described = await ok(client.get(`tables/${name}`));
    expect(described).toEqual({ table: created });
    expect(described['table']).not.toHaveProperty('local_secondary_indexes');
  });

  it('shows a table with a hash key alone, and attributes beside it', async () => {
    const name = tableName();
    await ok(client.createTable(name, FORUM_ATTRIBUTES, [hash('forum')]));
    expect(description(await ok(client.get(`tables/${name}`)))).toMatchObject({
      attribute_definitions: FORUM_ATTRIBUTES,
      key_schema: [hash('forum')],
    });
  });

  it('shows a table with indexes', async () => {
    const name = await forumTable(client);
    expect(description(await ok(client.get(`tables/${name}`)))).toMatchObject({
      local_secondary_indexes: [{ ...POSTER_INDEX, index_size_bytes: 0, item_count: 0 }],
      item_count: 0,
      table_size_bytes: 0,
    });
  });

  it('knows no table that is not there', async () => {
    const name = tableName();
    await refused(client.get(`tables/${name}`), 404, 'TableNotExistsException', new RegExp(name));
  });

  it.each(['ab', 'a%20b', '..%2Fsecret', 'a'.repeat(256), '%00abc', 'tab%C3%A9le'])(
    'refuses the name %s',
    async (name) => {
      await invalid(client.get(`tables/${name}`));
    },
  );

  it('links in the order of path segments that the call used', async () => {
    const name = await forumTable(client);
    const other = client.otherOrder();
    expect(other.baseUrl).toBe(`${server.url}/v1/demo/data`);
    const href = `${other.baseUrl}/tables/${name}`;
    expect(description(await ok(other.get(`tables/${name}`)))['links']).toEqual([
      { href, rel: 'self' },
      { href, rel: 'bookmark' },
    ]);
    expect(hrefs(await ok(other.get('tables')))).toContain(href);
  });
});

describe('delete_table', () => {
  it('answers the description, and the table is gone', async () => {
    const name = await forumTable(client);
    await ok(client.call(name, 'put_item', { item: post('forum1', 'subject1') }));
    const gone = description(await ok(client.deleteTable(name)));
    expect(gone).toMatchObject({ table_name: name, key_schema: FORUM_KEYS, table_status: 'DELETING' });
    await refused(client.get(`tables/${name}`), 404, 'TableNotExistsException');
    await refused(client.deleteTable(name), 404, 'TableNotExistsException');
    await forumTable(client, name);
    expect(await ok(client.call(name, 'scan', {}))).toEqual({ count: 0, scanned_count: 0, items: [] });
  });
});

describe('list_tables', () => {
  const make = async (project: DataApiClient, names: string[]): Promise<string[]> => {
    for (const name of names) await ok(project.createTable(name, FORUM_ATTRIBUTES, FORUM_KEYS));
    return names;
  };

  it('is empty without tables', async () => {
    expect(await ok(emptyProject().get('tables'))).toEqual({ tables: [] });
  });

  it('links each table', async () => {
    const project = emptyProject();
    await make(project, ['one']);
    expect(await ok(project.get('tables'))).toEqual({
      tables: [{ href: `${project.baseUrl}/tables/one`, rel: 'self' }],
    });
  });

  it('shows all tables without a limit, by name', async () => {
    const project = emptyProject();
    await make(project, ['ccc', 'aaa', 'Zzz', 'eee', 'bbb']);
    expect(hrefs(await ok(project.get('tables')))).toEqual(
      ['Zzz', 'aaa', 'bbb', 'ccc', 'eee'].map((name) => `${project.baseUrl}/tables/${name}`),
    );
  });

  it('pages through 10 tables 3 at a time', async () => {
    const project = emptyProject();
    const names = await make(
      project,
      Array.from({ length: 10 }, (_, i) => `table${i}`),
    );
    const seen: unknown[] = [];
    let query = 'tables?limit=3';
    for (let page = 0; page < 3; page++) {
      const body = await ok(project.get(query));
      expect(body['tables']).toHaveLength(3);
      expect(hrefs(body)[2]).toBe(`${project.baseUrl}/tables/${String(body['last_evaluated_table_name'])}`);
      seen.push(...hrefs(body));
      query = `tables?limit=3&exclusive_start_table_name=${String(body['last_evaluated_table_name'])}`;
    }
    const last = await ok(project.get(query));
    expect(last).not.toHaveProperty('last_evaluated_table_name');
    expect([...seen, ...hrefs(last)]).toEqual(names.map((name) => `${project.baseUrl}/tables/${name}`));
  });

  it('starts behind a name without a page before', async () => {
    const project = emptyProject();
    await make(project, ['aaa', 'bbb', 'ccc']);
    expect(hrefs(await ok(project.get('tables?exclusive_start_table_name=aaa')))).toHaveLength(2);
  });

  it('starts behind a name that no table has', async () => {
    const project = emptyProject();
    await make(project, ['aaa1', 'bbb']);
    expect(hrefs(await ok(project.get('tables?exclusive_start_table_name=aaa')))).toHaveLength(2);
  });

  it.each([
    ['a negative limit', 'limit=-2', /limit/],
    ['a limit of 0', 'limit=0', /limit/],
    ['a limit that is a word', 'limit=str', /integer/],
    ['an empty limit', 'limit=', /integer/],
    ['a limit given twice', 'limit=1&limit=2', /limit/],
    ['an unknown parameter', 'page=1', /page/],
    ['a start that is no name', 'exclusive_start_table_name=%21', /exclusive_start_table_name/],
  ])('refuses %s', async (_name, query, message) => {
    await invalid(client.get(`tables?${query}`), message);
  });
});
