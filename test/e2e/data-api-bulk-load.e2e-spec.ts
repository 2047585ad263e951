import { request as httpRequest } from 'node:http';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { StoredItem } from '../../src/index';
import { DomainError } from '../../src/kernel';
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
} from './data-api-server';

let server: DataApiServer;
let client: DataApiClient;
/** What the backend does before it writes a batch. */
let beforeWrite: (items: readonly StoredItem[]) => Promise<void>;
let batches: number[];

beforeAll(async () => {
  server = await startDataApi({ maxItemBytes: 100_000 }, (backend) => {
    const putItems: typeof backend.putItems = async (ref, items) => {
      batches.push(items.length);
      await beforeWrite(items);
      await backend.putItems(ref, items);
    };
    return new Proxy(backend, {
      get: (target, name) => {
        const value: unknown = name === 'putItems' ? putItems : Reflect.get(target, name);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
  });
  client = server.client();
});
beforeEach(() => {
  beforeWrite = async () => undefined;
  batches = [];
});
afterAll(() => server.stop());

const items = (count: number): JsonObject[] =>
  Array.from({ length: count }, (_, i) => post(`forum${i}`, `subject${i}`, { poster: `Bulk${i}` }));
const line = (item: JsonObject): string => `${JSON.stringify(item)}\n`;
const lines = (all: JsonObject[]): string => all.map(line).join('');
const count = async (table: string): Promise<number> => {
  let counted = 0;
  let exclusive_start_key: unknown;
  do {
    const page = await ok(client.call(table, 'scan', { select: 'COUNT', exclusive_start_key }));
    counted += Number(page['count']);
    exclusive_start_key = page['last_evaluated_key'];
  } while (exclusive_start_key !== undefined);
  return counted;
};
const stored = async (table: string, { forum, subject }: JsonObject): Promise<unknown> =>
  (await ok(client.call(table, 'get_item', { key: { forum, subject }, consistent_read: true })))['item'];
const loaded = (read: number, last: JsonObject): JsonObject => ({
  read,
  processed: read,
  unprocessed: 0,
  failed: 0,
  last_item: JSON.stringify(last),
  failed_items: {},
});

it('loads 100 items', async () => {
  const table = await forumTable(client);
  const all = items(100);
  expect(await ok(client.bulkLoad(table, lines(all)))).toEqual(loaded(100, all[99] as JsonObject));
  expect(await stored(table, all[99] as JsonObject)).toEqual(all[99]);
  expect(await count(table)).toBe(100);
});

it('loads a last line without a line feed, and passes over empty lines', async () => {
  const table = await forumTable(client);
  const all = items(2);
  const text = `\n${line(all[0] as JsonObject)}\r\n  \n${JSON.stringify(all[1])}`;
  expect(await ok(client.bulkLoad(table, text))).toEqual(loaded(2, all[1] as JsonObject));
  expect(await count(table)).toBe(2);
});

it('loads nothing from nothing', async () => {
  const table = await forumTable(client);
  const answer = { read: 0, processed: 0, unprocessed: 0, failed: 0, last_item: null, failed_items: {} };
  expect(await ok(client.bulkLoad(table, ''))).toEqual(answer);
});

it.each(['application/json', 'text/plain', 'application/octet-stream', 'application/x-ndjson', 'nonsense'])(
  'takes the media type %s',
  async (type) => {
    const table = await forumTable(client);
    expect(await ok(client.bulkLoad(table, lines(items(3)), type))).toMatchObject({ processed: 3 });
  },
);

it('takes the other order of path segments', async () => {
  const table = await forumTable(client);
  expect(await ok(client.otherOrder().bulkLoad(table, lines(items(3))))).toMatchObject({ processed: 3 });
});

it('lets the last of two items of one key win', async () => {
  const table = await forumTable(client);
  const all = Array.from({ length: 1200 }, (_, i) => post('forum', 'subject', { replies: String(i) }));
  expect(await ok(client.bulkLoad(table, lines(all)))).toMatchObject({ read: 1200, processed: 1200 });
  expect(await stored(table, all[0] as JsonObject)).toEqual(all[1199]);
});

it('loads what may come in one chunk, cut anywhere', async () => {
  const table = await forumTable(client);
  const bytes = Buffer.from(lines(items(20).map((item) => ({ ...item, message: { S: 'é😀' } }))));
  const chunks = Array.from({ length: Math.ceil(bytes.length / 7) }, (_, i) => bytes.subarray(i * 7, i * 7 + 7));
  expect(await ok(client.bulkLoad(table, Readable.from(chunks)))).toMatchObject({ read: 20, processed: 20 });
});

it('has no limit on its length, and is read no faster than it is stored', async () => {
  const table = await forumTable(client);
  const message = 'x'.repeat(60_000);
  const total = 500;
  let sent = 0;
  let written = 0;
  let mostAhead = 0;
  function* source(): Generator<string> {
    for (; sent < total; sent++) yield line(post('forum', `subject${sent}`, { message }));
  }
  beforeWrite = async (batch) => {
    // A slow store: whoever does not wait for it runs far ahead.
    await sleep(5);
    written += batch.length;
    mostAhead = Math.max(mostAhead, sent - written);
  };
  expect(await ok(client.bulkLoad(table, Readable.from(source())))).toMatchObject({ read: total, processed: total });
  // 30 MB in all; ahead of what is stored lie two batches of 1 MiB and what sockets and streams hold between here and there.
  expect(mostAhead * message.length).toBeLessThan(15_000_000);
  expect(await count(table)).toBe(total);
});

describe('a bad item', () => {
  const bad: [string, string, RegExp][] = [
    ['without its range key', line({ forum: { S: 'f' } }), /subject/],
    ['with a key of another type', line({ forum: { S: 'f' }, subject: { N: '1' } }), /subject/],
    ['with an empty hash key', line({ forum: { S: '' }, subject: { S: 's' } }), /empty/],
    ['that is no JSON', '{"forum": {"S"\n', /JSON/],
    ['that is no object', '[]\n', /object/],
    ['above the limit', line(post('f', 's', { message: 'x'.repeat(100_001) })), /100000 bytes/],
  ];
  it.each(bad)(
    '%s stops the load: what is before it is stored, what is behind it is not',
    async (_name, text, message) => {
      const table = await forumTable(client);
      const all = items(100);
      const body = await ok(client.bulkLoad(table, lines(all.slice(0, 98)) + text + line(all[99] as JsonObject)));
      expect(body).toMatchObject({ read: 100, processed: 98, unprocessed: 1, failed: 1 });
      const failures = Object.entries(body['failed_items'] as JsonObject);
      expect(failures).toEqual([[expect.any(String), expect.stringMatching(message)]]);
      expect(text.startsWith((failures[0]?.[0] ?? '').replace('…', ''))).toBe(true);
      expect(await stored(table, all[97] as JsonObject)).toEqual(all[97]);
      expect(await count(table)).toBe(98);
    },
  );

  it('of bytes that are no UTF-8 stops the load', async () => {
    const table = await forumTable(client);
    const bytes = Buffer.concat([
      Buffer.from('{"forum":{"S":"'),
      Buffer.from([0xff, 0xfe]),
      Buffer.from('"},"subject":{"S":"s"}}\n'),
    ]);
    const body = await ok(client.bulkLoad(table, Readable.from([bytes])));
    expect(body).toMatchObject({ read: 1, processed: 0, failed: 1 });
  });

  it('cut off in the middle is the one that fails', async () => {
    const table = await forumTable(client);
    const text = lines(items(100));
    const body = await ok(client.bulkLoad(table, text.slice(0, text.length / 2)));
    expect(Number(body['processed']) + 1).toBe(body['read']);
    expect(body).toMatchObject({ failed: 1, unprocessed: 0 });
    expect(await count(table)).toBe(body['processed']);
  });

  it('that the backend alone refuses is found among its batch', async () => {
    const table = await forumTable(client);
    beforeWrite = async (batch) => {
      if (batch.some(({ item }) => item.get('subject')?.value === 'subject7'))
        throw new DomainError('ValidationError', 'Not this one');
    };
    const all = items(20);
    expect(await ok(client.bulkLoad(table, lines(all)))).toEqual({
      read: 20,
      processed: 7,
      unprocessed: 12,
      failed: 1,
      last_item: JSON.stringify(all[19]),
      failed_items: { [JSON.stringify(all[7])]: 'Not this one' },
    });
    expect(await count(table)).toBe(7);
  });
});

describe('a bad day', () => {
  it('in the middle: what was stored is counted, the batch is named, the rest is left', async () => {
    const table = await forumTable(client);
    beforeWrite = async () => {
      if (batches.length > 1) throw new DomainError('ServiceUnavailable', 'Gone for now', { transient: true });
    };
    const body = await ok(client.bulkLoad(table, lines(items(2000))));
    const [first = 0, second = 0] = batches;
    expect(body).toMatchObject({ read: 2000, processed: first, failed: second, unprocessed: 2000 - first - second });
    expect(Object.keys(body['failed_items'] as JsonObject)).toHaveLength(second);
    expect(batches).toHaveLength(2);
    expect(await count(table)).toBe(first);
  });

  it.each([
    ['the backend is away', 503, 'ServiceUnavailable'],
    ['the table is locked', 423, 'TableLocked'],
  ] as const)('from the start: %s', async (_name, status, code) => {
    const table = await forumTable(client);
    beforeWrite = async () => {
      throw new DomainError(code, 'Come again', { transient: true, retryAfterSeconds: 3 });
    };
    const { headers } = await refused(client.bulkLoad(table, lines(items(10))), status, code);
    expect(headers.get('Retry-After')).toBe('3');
  });

  it('the client goes away: what was stored stays, and the server serves on', async () => {
    const table = await forumTable(client);
    const written = new Promise<void>((resolve) => {
      beforeWrite = async () => resolve();
    });
    const request = httpRequest(`${client.baseUrl}/tables/${table}/bulk_load`, {
      method: 'POST',
      headers: { 'X-Auth-Token': 'demo-token', 'Content-Type': 'application/json' },
    });
    request.on('error', () => undefined);
    request.write(lines(items(600)));
    await written;
    request.destroy();
    expect(await ok(client.bulkLoad(await forumTable(client), lines(items(1))))).toMatchObject({ processed: 1 });
  });
});

it('knows no table that is not there, and reads no name that is none', async () => {
  await refused(client.bulkLoad('no_such_table', lines(items(3))), 404, 'TableNotExistsException');
  await invalid(client.bulkLoad('a%20b', lines(items(3))), /table name/);
});

it('needs a token', async () => {
  const table = await forumTable(client);
  await refused(server.client('nobody').bulkLoad(table, lines(items(3))), 401, 'Unauthorized');
  await refused(server.client('other-token').bulkLoad(table, lines(items(3))), 403, 'Forbidden');
  expect(await count(table)).toBe(0);
});
