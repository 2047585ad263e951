import { gzipSync } from 'node:zlib';
import { listed, readObject, sourceOf } from '../../../test/contract/object-store.contract';
import { Serve, TestServers } from '../../../test/fakes/test-servers';
import { Secret, parseLocationUrl } from '../../kernel';
import { HttpConnect, HttpObjectStore } from '..';

const servers = new TestServers();
const http = new HttpConnect();

function storeAt(url: string, credentials?: Record<string, string>): HttpObjectStore {
  const given = credentials && new Map(Object.entries(credentials).map(([name, value]) => [name, new Secret(value)]));
  return new HttpObjectStore({ root: parseLocationUrl(url, 'url'), credentials: given, http });
}

afterEach(async () => {
  http.close();
  await servers.close();
});

const BYTES = '0123456789';

/** Servers from good to bad; all give `/x/object`. */
const SERVERS: Record<string, Serve> = {
  'a server with ranges': (request, response) => {
    if (request.url !== '/x/object') return response.writeHead(404).end('nothing');
    const [, from, to] = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '') ?? [];
    if (from === undefined) return response.writeHead(200, { 'content-length': '10' }).end(request.method === 'HEAD' ? undefined : BYTES);
    if (Number(from) >= 10) return response.writeHead(416).end();
    const last = Math.min(9, to ? Number(to) : 9);
    return response.writeHead(206, { 'content-range': `bytes ${from}-${last}/10` }).end(BYTES.slice(Number(from), last + 1));
  },
  'a server without ranges': (request, response) =>
    request.url === '/x/object' ? response.writeHead(200, { 'content-length': '10' }).end(request.method === 'HEAD' ? undefined : BYTES) : response.writeHead(404).end(),
  'a server without HEAD': (request, response) =>
    request.method === 'HEAD' ? response.writeHead(405).end() : request.url === '/x/object' ? response.end(BYTES) : response.writeHead(404).end(),
  'a server that does not tell the size': (request, response) => {
    if (request.url !== '/x/object') return response.writeHead(404).end();
    response.write(BYTES.slice(0, 4));
    return response.end(BYTES.slice(4));
  },
};

describe.each(Object.keys(SERVERS))('%s', (what) => {
  it('is read: whole, in part, and behind the end', async () => {
    const store = storeAt(`${await servers.start(SERVERS[what] as Serve)}/x`);
    const read = async (range = {}): Promise<string> => String(await readObject(store, 'object', range));
    expect(await read()).toBe(BYTES);
    expect(await read({ start: 3 })).toBe('3456789');
    expect(await read({ start: 3, end: 6 })).toBe('345');
    expect(await read({ start: 0, end: 2 })).toBe('01');
    expect(await read({ start: 8, end: 99 })).toBe('89');
    expect(await read({ start: 10 })).toBe('');
    expect(await read({ start: 4, end: 4 })).toBe('');
    expect(await store.head('object')).toEqual({ size: 10 });
    for (const missing of ['nothing', 'object/nothing']) {
      expect(await store.get(missing)).toBeUndefined();
      expect(await store.head(missing)).toBeUndefined();
    }
  });
});

it('is only read', async () => {
  const store = storeAt('http://127.0.0.1:1/x');
  expect(store.capabilities.writable).toBe(false);
  await expect(store.put()).rejects.toMatchObject({ code: 'StorageError', transient: false });
  await expect(store.delete()).rejects.toMatchObject({ code: 'StorageError', transient: false });
  expect(await listed(store)).toEqual([]);
  expect(store.url('')).toBe('http://127.0.0.1:1/x');
  expect(store.url('chunks/a')).toBe('http://127.0.0.1:1/x/chunks/a');
});

it('asks for the bytes as they are stored', async () => {
  const origin = await servers.start((request, response) => {
    if (request.headers['accept-encoding'] === 'identity') response.end(BYTES);
    else response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(BYTES));
  });
  expect(String(await readObject(storeAt(origin), 'object'))).toBe(BYTES);
});

it.each([
  [{ username: 'user', password: 'päss:word' }, `Basic ${Buffer.from('user:päss:word').toString('base64')}`],
  [{ token: 'abc.def' }, 'Bearer abc.def'],
  [undefined, ''],
])('sends %j, and never to another server that it is sent to', async (credentials, expected) => {
  const other = await servers.start((request, response) => response.end(`elsewhere:${request.headers.authorization ?? ''}`));
  const origin = await servers.start((request, response) => {
    if (request.url === '/moved') response.writeHead(302, { location: `${other}/` }).end();
    else response.end(request.headers.authorization ?? '');
  });
  const store = storeAt(origin, credentials);
  expect(String(await readObject(store, 'object'))).toBe(expected);
  expect(String(await readObject(store, 'moved'))).toBe('elsewhere:');
});

it.each([{ username: 'hunter2' }, { password: 'hunter2' }, { token: 'hunter2', username: 'a' }, { token: 'hunter2\n' }, { key: 'hunter2' }, { username: 'a:b', password: 'hunter2' }])(
  'takes no credentials such as %j',
  (credentials) => {
    const opening = (): HttpObjectStore => storeAt('http://127.0.0.1:1/x', credentials as unknown as Record<string, string>);
    expect(opening).toThrow('credentials of an http(s):// location');
    expect(opening).not.toThrow('hunter2');
  },
);

it.each([
  [401, false],
  [403, false],
  [418, false],
  [302, false],
  [429, true],
  [500, true],
  [503, true],
])('answer %d: tried again? %s', async (status, transient) => {
  const origin = await servers.start((_request, response) => response.writeHead(status, { 'retry-after': '3' }).end('hunter2'));
  const store = storeAt(origin);
  for (const call of [() => store.get('object'), () => store.head('object')]) {
    await expect(call()).rejects.toMatchObject({ code: 'StorageError', transient, retryAfterSeconds: transient ? 3 : undefined });
  }
});

it('reads nothing of a source that a put would have', async () => {
  // The port's put takes a source; this one refuses before it is opened.
  const source = sourceOf('x');
  const open = jest.spyOn(source, 'open');
  const store: { put: (name: string, given: typeof source) => Promise<void> } = storeAt('http://127.0.0.1:1/x');
  await expect(store.put('object', source)).rejects.toMatchObject({ code: 'StorageError' });
  expect(open).not.toHaveBeenCalled();
});
