import {
  condition,
  DataApiClient,
  DataApiServer,
  forumTable,
  invalid,
  JsonObject,
  ok,
  post,
  refused,
  startDataApi,
} from './data-api-server';

let server: DataApiServer;
let client: DataApiClient;
/** 60 posts in 6 forums; post 0 has what the others lack. */
let forum: string;

const base64 = (text: string): string => Buffer.from(text).toString('base64');
const EXTRA = {
  bytes: { B: base64('abc') },
  tags: { SS: ['blue', 'red'] },
  sizes: { NS: ['1', '2'] },
  counts: { SNM: { a: '1', b: '2' } },
  empty: { S: '' },
};
const ITEMS = Array.from({ length: 60 }, (_, i): JsonObject => ({
  ...post(`forum${i % 6}`, `subject${String(i).padStart(2, '0')}`, { replies: String(i) }),
  ...(i === 0 ? EXTRA : {}),
}));
const scan = (body: JsonObject, table = forum) => client.call(table, 'scan', body);
const subjects = (body: JsonObject): string[] =>
  (body['items'] as JsonObject[]).map((item) => (item['subject'] as { S: string }).S);
const allSubjects = ITEMS.map((item) => (item['subject'] as { S: string }).S);

beforeAll(async () => {
  server = await startDataApi();
  client = server.client();
  forum = await forumTable(client);
  for (const item of ITEMS) await ok(client.call(forum, 'put_item', { item }));
});
afterAll(() => server.stop());

/** Every page of a scan. */
async function pages(body: JsonObject): Promise<JsonObject[]> {
  const all: JsonObject[] = [];
  let exclusive_start_key: unknown;
  do {
    const page = await ok(scan({ ...body, exclusive_start_key }));
    all.push(page);
    exclusive_start_key = page['last_evaluated_key'];
  } while (exclusive_start_key !== undefined);
  return all;
}

describe('a whole scan', () => {
  it('answers each item once', async () => {
    const body = await ok(scan({}));
    expect(body).toMatchObject({ count: 60, scanned_count: 60 });
    expect(subjects(body).sort()).toEqual(allSubjects);
    expect(body['items']).toContainEqual(ITEMS[0]);
  });

  it.each([1, 7, 59, 60, 100])('pages at limit %i, each item once', async (limit) => {
    const all = await pages({ limit });
    expect(all.flatMap(subjects).sort()).toEqual(allSubjects);
    for (const page of all) expect(page['scanned_count']).toBeLessThanOrEqual(limit);
  });

  it.each([1, 2, 5, 64])('splits into %i segments without gap or overlap', async (total_segments) => {
    const seen: string[] = [];
    for (let segment = 0; segment < total_segments; segment++) {
      seen.push(...(await pages({ segment, total_segments, limit: 4 })).flatMap(subjects));
    }
    expect(seen.sort()).toEqual(allSubjects);
  });

  it('answers only a count for COUNT', async () => {
    expect(await ok(scan({ select: 'COUNT' }))).toEqual({ count: 60, scanned_count: 60 });
  });

  it('answers the named attributes', async () => {
    const body = await ok(scan({ attributes_to_get: ['replies', 'nothing'], limit: 2 }));
    for (const item of body['items'] as JsonObject[]) expect(Object.keys(item)).toEqual(['replies']);
  });

  it('knows no table that is not there', async () => {
    await refused(scan({}, 'no_such_table'), 404, 'TableNotExistsException');
  });
});

describe('scan_filter', () => {
  const first = allSubjects.slice(0, 1);
  const filters: [string, JsonObject, string[]][] = [
    ['EQ on the hash key', { forum: condition('EQ', { S: 'forum3' }) }, allSubjects.filter((_, i) => i % 6 === 3)],
    ['EQ on the range key', { subject: condition('EQ', { S: 'subject02' }) }, ['subject02']],
    ['EQ on a number in another spelling', { replies: condition('EQ', { N: '5.0' }) }, ['subject05']],
    ['EQ on a set, whatever its order', { tags: condition('EQ', { SS: ['red', 'blue'] }) }, first],
    ['EQ on a map', { counts: condition('EQ', { SNM: { b: '2', a: '1.0' } }) }, first],
    ['EQ on another type', { replies: condition('EQ', { S: '5' }) }, []],
    ['NE', { last_posted_by: condition('NE', { S: 'John' }) }, []],
    ['NE on an attribute that others lack', { empty: condition('NE', { S: 'x' }) }, first],
    ['LT on numbers', { replies: condition('LT', { N: '3' }) }, allSubjects.slice(0, 3)],
    ['LE on numbers', { replies: condition('LE', { N: '3' }) }, allSubjects.slice(0, 4)],
    ['GT on numbers', { replies: condition('GT', { N: '57' }) }, allSubjects.slice(58)],
    ['GE on numbers', { replies: condition('GE', { N: '57' }) }, allSubjects.slice(57)],
    ['BETWEEN', { replies: condition('BETWEEN', { N: '9' }, { N: '11' }) }, allSubjects.slice(9, 12)],
    ['BEGINS_WITH on text', { subject: condition('BEGINS_WITH', { S: 'subject1' }) }, allSubjects.slice(10, 20)],
    ['BEGINS_WITH on bytes', { bytes: condition('BEGINS_WITH', { B: base64('ab') }) }, first],
    ['IN', { replies: condition('IN', { N: '1' }, { N: '7' }, { N: '99' }) }, ['subject01', 'subject07']],
    ['CONTAINS in text', { subject: condition('CONTAINS', { S: 'ect07' }) }, ['subject07']],
    ['CONTAINS in bytes', { bytes: condition('CONTAINS', { B: base64('bc') }) }, first],
    ['CONTAINS in a set', { tags: condition('CONTAINS', { S: 'red' }) }, first],
    ['CONTAINS in a set of numbers', { sizes: condition('CONTAINS', { N: '2.0' }) }, first],
    ['CONTAINS in the keys of a map', { counts: condition('CONTAINS', { S: 'b' }) }, first],
    ['NOT_CONTAINS in a set', { tags: condition('NOT_CONTAINS', { S: 'green' }) }, first],
    ['NOT_CONTAINS, and it does', { tags: condition('NOT_CONTAINS', { S: 'red' }) }, []],
    ['NULL', { bytes: condition('NULL') }, allSubjects.slice(1)],
    ['NOT_NULL', { bytes: condition('NOT_NULL') }, first],
    ['NOT_NULL on an empty text', { empty: condition('NOT_NULL') }, first],
    [
      'two conditions',
      { forum: condition('EQ', { S: 'forum0' }), replies: condition('LT', { N: '10' }) },
      ['subject00', 'subject06'],
    ],
    ['no condition', {}, allSubjects],
  ];
  it.each(filters)('filters by %s', async (_name, scan_filter, found) => {
    const body = await ok(scan({ scan_filter }));
    expect(subjects(body).sort()).toEqual(found);
    expect(body).toMatchObject({ count: found.length, scanned_count: 60 });
  });

  it('counts what it examined, not what it found, against the limit', async () => {
    const all = await pages({ scan_filter: { subject: condition('EQ', { S: 'subject42' }) }, limit: 10 });
    expect(all.length).toBeGreaterThanOrEqual(6);
    expect(all.flatMap(subjects)).toEqual(['subject42']);
  });
});

describe('bad scans', () => {
  it.each([
    ['an unknown operator', { scan_filter: { a: condition('LIKE', { S: 'x' }) } }, /comparison_operator/],
    ['no value with EQ', { scan_filter: { a: condition('EQ') } }, /exactly 1/],
    ['a value with NULL', { scan_filter: { a: condition('NULL', { S: 'x' }) } }, /exactly 0/],
    ['no value with IN', { scan_filter: { a: condition('IN') } }, /1 to/],
    ['a set with IN', { scan_filter: { a: condition('IN', { SS: ['x'] }) } }, /scalars/],
    ['a set with CONTAINS', { scan_filter: { a: condition('CONTAINS', { SS: ['x'] }) } }, /scalars/],
    [
      'a list of values that is none',
      { scan_filter: { a: { attribute_value_list: 'x', comparison_operator: 'EQ' } } },
      /array/,
    ],
    ['a bad attribute name', { scan_filter: { 'a b': condition('NULL') } }, /name/],
    ['a segment beyond the last', { segment: 4, total_segments: 4 }, /segment/],
    ['a segment without a total', { segment: 1 }, /segment/],
    ['a negative segment', { segment: -1, total_segments: 2 }, /segment/],
    ['0 segments', { total_segments: 0 }, /total_segments/],
    ['4097 segments', { total_segments: 4097 }, /total_segments/],
    ['a limit of 0', { limit: 0 }, /limit/],
    ['a start key without the range key', { exclusive_start_key: { forum: { S: 'f' } } }, /exclusive_start_key/],
    [
      'a start key with another attribute',
      { exclusive_start_key: { forum: { S: 'f' }, subject: { S: 's' }, x: { S: 'x' } } },
      /exclusive_start_key/,
    ],
    ['an unknown key', { key_conditions: {} }, /key_conditions/],
    ['ALL_PROJECTED_ATTRIBUTES', { select: 'ALL_PROJECTED_ATTRIBUTES' }, /index/],
    ['a body that is a list', [] as unknown as JsonObject, /body/],
  ])('refuses %s', async (_name, body, message) => {
    await invalid(scan(body), message);
  });
});
