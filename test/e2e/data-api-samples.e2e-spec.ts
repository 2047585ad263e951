import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  attribute,
  DataApiClient,
  DataApiServer,
  hash,
  index,
  invalid,
  JsonObject,
  ok,
  range,
  refused,
  startDataApi,
} from './data-api-server';

/** MagnetoDB's own sample requests and responses (docs/data-api.md, "Samples", says where they contradict its code). */
const FOLDER = join(__dirname, '../fixtures/samples');
const used = new Set<string>();

function sample(name: string): JsonObject {
  used.add(`${name}.json`);
  return JSON.parse(readFileSync(join(FOLDER, `${name}.json`), 'utf8')) as JsonObject;
}

let server: DataApiServer;
let client: DataApiClient;
let project = 0;

beforeAll(async () => {
  server = await startDataApi();
});
beforeEach(() => {
  // Samples name their tables; each test has a project of its own.
  client = server.client('admin-token', `sample${project++}`);
});
afterAll(() => server.stop());

const THREAD = ['ForumName', 'Subject'];
const thread = (subject: string, rest: JsonObject = {}): JsonObject => ({
  ForumName: { S: 'MagnetoDB' },
  Subject: { S: subject },
  ...rest,
});
const createThread = () => ok(client.post('tables', sample('create_table_sample_request')));
const put = (item: unknown, table = 'Thread') => ok(client.call(table, 'put_item', { item }));
const get = async (key: JsonObject, table = 'Thread'): Promise<unknown> =>
  (await ok(client.call(table, 'get_item', { key })))['item'];

/** A sample's description of a table, with what differs from call to call taken from the real one. */
function likeSample(name: string, container: string, table: JsonObject): JsonObject {
  const described = sample(name)[container] as JsonObject;
  const definitions = described['attribute_definitions'] as JsonObject[];
  const byName = (a: JsonObject, b: JsonObject): number =>
    String(a['attribute_name']) < String(b['attribute_name']) ? -1 : 1;
  expect([...(table['attribute_definitions'] as JsonObject[])].sort(byName)).toEqual([...definitions].sort(byName));
  return {
    ...described,
    attribute_definitions: table['attribute_definitions'],
    creation_date_time: table['creation_date_time'],
    local_secondary_indexes: table['local_secondary_indexes'],
    table_id: table['table_id'],
    links: table['links'],
    // CREATING in no sample of ours: a table is there at once.
    table_status: name.startsWith('delete') ? 'DELETING' : 'ACTIVE',
  };
}

describe('tables', () => {
  it('are created, described, listed and deleted as the samples show', async () => {
    const created = (await createThread())['table_description'] as JsonObject;
    expect(created).toEqual(likeSample('create_table_sample_response', 'table_description', created));
    const described = (await ok(client.get('tables/Thread')))['table'] as JsonObject;
    expect(described).toEqual({ ...created });
    const inSample = sample('describe_table_sample_response')['table'] as JsonObject;
    expect(Object.keys(described).sort()).toEqual(
      [...Object.keys(inSample), 'table_id'].filter((key, i, all) => all.indexOf(key) === i).sort(),
    );
    await ok(client.createTable('test_hash', [attribute('a', 'S')], [hash('a')]));
    const listed = JSON.stringify(sample('list_tables_sample_response')).replaceAll(
      'http://localhost:8480/v1/data/fake_project_id',
      client.baseUrl,
    );
    expect(await ok(client.get('tables'))).toEqual(JSON.parse(listed));
    const deleted = (await ok(client.deleteTable('Thread')))['table_description'] as JsonObject;
    expect(deleted).toEqual(likeSample('delete_table_sample_response', 'table_description', deleted));
  });

  it('of the atomic counter count', async () => {
    await ok(client.post('tables', sample('atomic_counter_create_table')));
    await ok(client.call('Thread', 'put_item', sample('atomic_counter_put')));
    for (let i = 0; i < 2; i++) await ok(client.call('Thread', 'update_item', sample('atomic_counter_update')));
    await ok(client.call('Thread', 'update_item', sample('atomic_counter_view_count')));
    expect(await get(thread('How do I delete an item?'))).toEqual({
      ...(sample('atomic_counter_put')['item'] as JsonObject),
      ViewsCount: { N: '2' },
      Tags: { SS: ['HelpMe', 'Multiple Items', 'Update'] },
    });
  });
});

describe('items', () => {
  it('are put if they are not there, as the sample asks', async () => {
    await createThread();
    const request = sample('put_item_sample_request');
    expect(await ok(client.call('Thread', 'put_item', request))).toEqual({});
    await refused(client.call('Thread', 'put_item', request), 400, 'ConditionalCheckFailedException');
    // The sample's answer is what the same request without its condition gives the second time.
    expect(await ok(client.call('Thread', 'put_item', { ...request, expected: {} }))).toEqual(
      sample('put_item_sample_response'),
    );
  });

  it('are put if they are as expected', async () => {
    await createThread();
    const request = sample('condition_exist_equal_sample');
    await refused(client.call('Thread', 'put_item', request), 400, 'ConditionalCheckFailedException');
    await put(request['item']);
    await ok(client.call('Thread', 'put_item', request));
  });

  it('are got with the attributes that the sample asks for', async () => {
    await createThread();
    const { Item: attributes } = sample('get_item_sample_response') as { Item: JsonObject };
    await put(thread('How do I update multiple items?', { ...attributes, LastPostedBy: { S: 'fred@example.com' } }));
    const { item } = await ok(client.call('Thread', 'get_item', sample('get_item_sample_request')));
    expect(item).toEqual({ ...attributes, Tags: { SS: ['HelpMe', 'Multiple Items', 'Update'] } });
  });

  it('are updated as the sample asks', async () => {
    await createThread();
    await put(thread('How do I delete an item?', { LastPostedBy: { S: 'fred@example.com' } }));
    const request = sample('update_item_sample_request');
    const { attributes } = sample('update_item_sample_response') as { attributes: JsonObject };
    expect(await ok(client.call('Thread', 'update_item', request))).toEqual({
      attributes: thread('How do I delete an item?', attributes),
    });
    await refused(client.call('Thread', 'update_item', request), 400, 'ConditionalCheckFailedException');
  });

  it('are deleted as the sample asks, its key spelled as its syntax says', async () => {
    await createThread();
    const { attributes } = sample('delete_item_sample_response') as { attributes: JsonObject };
    await put(attributes);
    const request = sample('delete_item_sample_request');
    await invalid(client.call('Thread', 'delete_item', request), /returnValues/);
    const { returnValues: return_values, ...rest } = request;
    expect(await ok(client.call('Thread', 'delete_item', { ...rest, return_values }))).toEqual({ attributes });
  });

  it('are queried as the sample asks, once its start key is whole', async () => {
    const response = sample('query_sample_response') as {
      count: number;
      items: JsonObject[];
      last_evaluated_key: JsonObject;
    };
    const keys = [hash('ForumName'), range('Subject')];
    const definitions = [...THREAD, 'LastPostDateTime'].map((name) => attribute(name, 'S'));
    await ok(
      client.createTable('Thread', definitions, keys, [index('LastPostIndex', 'ForumName', 'LastPostDateTime')]),
    );
    for (const [i, item] of response.items.entries()) await put({ ...item, Subject: { S: `subject${i}` } });
    await put({ ForumName: { S: 'Testing OS API' }, Subject: { S: 'later' }, LastPostDateTime: { S: '3/20/14' } });
    const request = sample('query_sample_request');
    await invalid(client.call('Thread', 'query', request), /exclusive_start_key/);
    const start = { ForumName: { S: 'Testing OS API' }, LastPostDateTime: { S: '3/1/14' }, Subject: { S: 'any' } };
    expect(await ok(client.call('Thread', 'query', { ...request, exclusive_start_key: start }))).toEqual({
      ...response,
      last_evaluated_key: { ...response.last_evaluated_key, Subject: { S: 'subject1' } },
    });
  });

  it('are scanned as the sample asks', async () => {
    const response = sample('scan_sample_response') as { items: JsonObject[] };
    await ok(client.createTable('Thread', [attribute('ForumName', 'S')], [hash('ForumName')]));
    for (const item of response.items) await put(item);
    await put({ ForumName: { S: 'Old' }, LastPostDateTime: { S: '1/1/14' } });
    const seen: JsonObject[] = [];
    let exclusive_start_key: unknown;
    do {
      // The sample's own start key may lie behind items of this table, so the first page starts without it.
      const page = await ok(client.call('Thread', 'scan', { ...sample('scan_sample_request'), exclusive_start_key }));
      expect(page).toEqual({
        count: expect.any(Number),
        scanned_count: expect.any(Number),
        items: expect.any(Array),
        ...(page['last_evaluated_key'] ? { last_evaluated_key: expect.anything() } : {}),
      });
      seen.push(...(page['items'] as JsonObject[]));
      exclusive_start_key = page['last_evaluated_key'];
    } while (exclusive_start_key !== undefined);
    expect(seen).toHaveLength(2);
    expect(seen).toEqual(expect.arrayContaining(response.items));
    await ok(client.call('Thread', 'scan', sample('scan_sample_request')));
  });
});

describe('batches', () => {
  it('are written and read as the samples ask', async () => {
    for (const name of ['Forum', 'Thread'])
      await ok(
        client.createTable(
          name,
          [attribute('Name', 'S'), attribute('Category', 'S')],
          [hash('Name'), range('Category')],
        ),
      );
    const cinder = { Name: { S: 'Cinder' }, Category: { S: 'OpenStack Core' } };
    await put(cinder, 'Forum');
    expect(await ok(client.post('batch_write_item', sample('batch_write_item_sample_request')))).toEqual({
      unprocessed_items: {},
    });
    expect(await get(cinder, 'Forum')).toBeUndefined();
    const { request_items: asked } = sample('batch_get_item_sample_request') as {
      request_items: Record<string, { keys: JsonObject[] }>;
    };
    const { responses, unprocessed_keys } = await ok(client.post('batch_get_item', { request_items: asked }));
    expect([responses, unprocessed_keys]).toEqual([{ Forum: asked['Forum']?.keys }, {}]);
  });

  it('hand back what the samples hand back, in a form that can be sent again', async () => {
    for (const name of ['Forum', 'Thread'])
      await ok(
        client.createTable(
          name,
          [attribute('Name', 'S'), attribute('Category', 'S')],
          [hash('Name'), range('Category')],
        ),
      );
    const { unprocessed_items } = sample('batch_write_item_sample_response');
    await ok(client.post('batch_write_item', { request_items: unprocessed_items }));
    const { unprocessed_keys } = sample('batch_get_item_sample_response');
    await ok(client.post('batch_get_item', { request_items: unprocessed_keys }));
  });
});

describe('monitoring', () => {
  it('has the keys of the samples', async () => {
    await createThread();
    const monitor = (path: string) => ok(client.send('GET', `${server.url}/v1/monitoring/projects${path}`)) as unknown;
    const own = client.baseUrl.split('/').at(-1) ?? '';
    const shape = (value: unknown): unknown =>
      Array.isArray(value)
        ? [shape(value[0])]
        : typeof value === 'object' && value !== null
          ? Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, shape(inner)]))
          : typeof value;
    for (const [path, kind] of [
      ['', 'all_projects'],
      [`/${own}`, 'project'],
      [`/${own}/tables/Thread`, 'table'],
    ] as const) {
      const answer = shape(await monitor(path));
      expect(answer).toEqual(shape(sample(`${kind}_usage_details_sample_response`)));
      const syntax = JSON.stringify(sample(`${kind}_usage_details_response_syntax`));
      expect(JSON.parse(syntax)).toEqual(answer);
    }
  });
});

it.each([
  ['put_item', { return_values: 'NONE', time_to_live: 0 }],
  ['update_item', { return_values: 'NONE', time_to_live: 0 }],
  ['delete_item', { return_values: 'NONE' }],
  ['get_item', { consistent_read: true }],
  ['query', { consistent_read: true, limit: 1, scan_index_forward: true, select: 'SPECIFIC_ATTRIBUTES' }],
  ['scan', { limit: 1, segment: 0, total_segments: 1, select: 'SPECIFIC_ATTRIBUTES' }],
])('%s knows every key of its syntax', async (call, words) => {
  await ok(client.createTable('tab', [attribute('string', 'S')], [hash('string')]));
  const typed: JsonObject = { string: { S: 'text' } };
  const values: JsonObject = {
    item: typed,
    key: typed,
    expected: {},
    attribute_updates: { other: { action: 'PUT', value: { S: 'x' } } },
    attributes_to_get: ['string'],
    exclusive_start_key: typed,
    key_conditions: { string: { attribute_value_list: [{ S: 'text' }], comparison_operator: 'EQ' } },
    scan_filter: { string: { attribute_value_list: [{ S: 'text' }], comparison_operator: 'EQ' } },
    ...words,
  };
  const { index_name: _needsAnIndex, ...syntax } = sample(`${call}_request_syntax`);
  await ok(
    client.call('tab', call, Object.fromEntries(Object.keys(syntax).map((key) => [key, values[key] ?? fail(key)]))),
  );
});

function fail(key: string): never {
  throw new Error(`No value for ${key}`);
}

it('batches and tables know every key of their syntax', async () => {
  expect(Object.keys(sample('create_table_request_syntax')).sort()).toEqual(
    Object.keys(sample('create_table_sample_request')).sort(),
  );
  await ok(client.createTable('string', [attribute('string', 'S')], [hash('string')]));
  const fill = (text: string): unknown =>
    JSON.parse(
      text
        .replaceAll(/\{"B":"blob".*?\}/g, '{"S":"text"}')
        .replaceAll('"boolean"', 'true')
        .replaceAll('"number"', '0'),
    );
  const get = fill(JSON.stringify(sample('batch_get_item_request_syntax')));
  expect(await ok(client.post('batch_get_item', get))).toEqual({ responses: {}, unprocessed_keys: {} });
  // The syntax shows a delete and a put of one item, of which a real request may have only one.
  await invalid(
    client.post('batch_write_item', fill(JSON.stringify(sample('batch_write_item_request_syntax')))),
    /More than one/,
  );
});

it('every sample is used', () => {
  expect(readdirSync(FOLDER).filter((name) => !used.has(name))).toEqual([]);
});
