import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { brokenSource, listed, objectStoreContract, readObject, sourceOf } from '../../../test/contract/object-store.contract';
import { HttpProxy, ProxiedRequest } from '../../../test/fakes/http-proxy';
import { pythonIsThere } from '../../../test/setup/keystone-service';
import { SwiftService, TESTER } from '../../../test/setup/swift-service';
import { until } from '../../../test/setup/until';
import { parseLocationUrl } from '../../kernel';
import { HttpConnect } from '../http-connect';
import { keyChecked } from '../key-checked';
import { ObjectStore } from '../object-store';
import { retrying } from '../retrying';
import { logInAtSwift } from './log-in';
import { SwiftClient } from './swift-client';
import { SwiftObjectStore } from './swift-object-store';
import { TokenSession } from './token-session';

const describeOnSwift = pythonIsThere('the Swift store') ? describe : describe.skip;
const SEGMENT = 150_000;

describeOnSwift('SwiftObjectStore', () => {
  const http = new HttpConnect();
  let swift: SwiftService;
  let proxy: HttpProxy;
  let logIns = 0;

  beforeAll(async () => {
    swift = await SwiftService.shared();
    proxy = await HttpProxy.before(swift.tempauthUrl);
  }, 300_000);
  afterAll(async () => {
    http.close();
    await proxy?.close();
  });
  afterEach(() => proxy.heal());

  function clientOf(server: string): SwiftClient {
    const session = new TokenSession(async () => {
      logIns++;
      return logInAtSwift(http, `${swift.tempauthUrl}/auth/v1.0`, TESTER.user, TESTER.key);
    });
    return new SwiftClient(http, `${server}/v1/${TESTER.account}`, session);
  }

  function open(container: string, { segmentBytes = 2 ** 30, server = swift.tempauthUrl } = {}): SwiftObjectStore {
    const root = parseLocationUrl(`swift+${server}/v1/${TESTER.account}/${container}/some/prefix`, 'root');
    return new SwiftObjectStore({ client: clientOf(server), root, segmentBytes });
  }

  for (const [name, segmentBytes] of [['plain objects', 2 ** 30], ['segments', SEGMENT]] as const) {
    objectStoreContract(`Swift, ${name}`, async () => {
      const container = `contract-${randomUUID()}`;
      const opened = (): ObjectStore => keyChecked(retrying(open(container, { segmentBytes })));
      // Swift remembers for seconds that a new container was not there, and says so of a delete, too: making one has a test of its own.
      await asked('PUT', container);
      return { store: opened(), reopen: opened };
    });
  }

  /** As an operator of the account. */
  async function asked(method: string, path: string, headers: Record<string, string> = {}): Promise<Response> {
    return fetch(`${swift.tempauthUrl}/v1/${TESTER.account}/${path}`, { method, headers: { 'X-Auth-Token': await swift.tempauthToken(), ...headers } });
  }

  async function segmentsOf(container: string): Promise<string[]> {
    const response = await asked('GET', `${container}_segments`);
    return (await response.text()).split('\n').filter((line) => line !== '');
  }

  const isPut = ({ method, url }: ProxiedRequest): boolean => method === 'PUT' && url.includes('/object');

  describe('a large object', () => {
    const bytes = randomBytes(4 * SEGMENT + 17);
    let container: string;
    let store: SwiftObjectStore;

    beforeEach(async () => {
      container = `large-${randomUUID()}`;
      store = open(container, { segmentBytes: SEGMENT });
    });

    it('is a manifest of segments that lie in a container of their own, and goes whole', async () => {
      await store.put('object', sourceOf(bytes));
      const segments = await segmentsOf(container);
      expect(segments).toHaveLength(5);
      expect(segments.every((name) => name.startsWith('some/prefix/object~'))).toBe(true);
      const head = await asked('HEAD', `${container}/some/prefix/object`);
      expect(head.headers.get('x-static-large-object')).toBe('True');
      expect(await store.head('object')).toEqual({ size: bytes.length });
      expect((await readObject(store, 'object', { start: SEGMENT - 1, end: 3 * SEGMENT + 1 }))?.equals(bytes.subarray(SEGMENT - 1, 3 * SEGMENT + 1))).toBe(true);
      await store.delete('object');
      expect(await segmentsOf(container)).toEqual([]);
      expect(await listed(store)).toEqual([]);
    });

    it('leaves no segment of a put that broke', async () => {
      await expect(store.put('object', brokenSource(2 * SEGMENT + 5, 4 * SEGMENT, new Error('broke')))).rejects.toMatchObject({ code: 'StorageError' });
      await until(async () => (await segmentsOf(container)).length === 0);
      expect(await store.head('object')).toBeUndefined();
    });

    it('keeps no segment of a process that died over it once it is deleted, and touches no neighbour', async () => {
      await store.put('object', sourceOf(bytes));
      await store.put('object2', sourceOf(bytes));
      for (const name of ['object', 'never']) await asked('PUT', `${container}_segments/some/prefix/${name}~dead/00000000`);
      await store.delete('object');
      await store.delete('never');
      expect((await segmentsOf(container)).every((name) => name.startsWith('some/prefix/object2~'))).toBe(true);
      expect((await readObject(store, 'object2'))?.equals(bytes)).toBe(true);
    });

    it('is refused if a segment was damaged in between', async () => {
      const through = open(container, { segmentBytes: SEGMENT, server: proxy.url });
      // Behind its back, as the manifest is about to come.
      const damage = async (): Promise<void> => {
        const [first] = await segmentsOf(container);
        const headers = { 'X-Auth-Token': await swift.tempauthToken() };
        const response = await fetch(`${swift.tempauthUrl}/v1/${TESTER.account}/${container}_segments/${first}`, { method: 'PUT', headers, body: 'other bytes' });
        expect(response.status).toBe(201);
      };
      proxy.judge(({ method, url }) => (method === 'PUT' && url.includes('multipart-manifest') ? { after: damage } : undefined));
      await expect(through.put('object', sourceOf(bytes))).rejects.toMatchObject({ code: 'StorageError' });
      expect(await store.head('object')).toBeUndefined();
    });

    it('is sent in segments that go some at a time', async () => {
      let onTheirWay = 0;
      // Each waits for three others.
      proxy.judge(({ method, url }) => {
        if (method !== 'PUT' || !url.includes('~')) return undefined;
        onTheirWay++;
        return { after: () => until(() => onTheirWay >= 4) };
      });
      await open(container, { segmentBytes: SEGMENT, server: proxy.url }).put('object', sourceOf(bytes));
      expect((await readObject(store, 'object'))?.equals(bytes)).toBe(true);
    });

    it.each([0, 2, 4])('of which a segment is damaged on its way is not stored, and leaves none: segment %d', async (damaged) => {
      const through = open(container, { segmentBytes: SEGMENT, server: proxy.url });
      const isIt = ({ method, url }: ProxiedRequest): boolean => method === 'PUT' && url.endsWith(`/0000000${damaged}`);
      const done = proxy.next(1, isIt, { damageAt: 16 });
      await expect(through.put('object', sourceOf(bytes))).rejects.toMatchObject({ code: 'StorageError', transient: true, message: expect.stringContaining('segment was damaged') });
      await done;
      expect(await store.head('object')).toBeUndefined();
      await until(async () => (await segmentsOf(container)).length === 0);
      await retrying(through, { baseDelayMillis: 1 }).put('object', sourceOf(bytes));
      expect((await readObject(store, 'object'))?.equals(bytes)).toBe(true);
    });

    it('is made where the Swift takes no larger plain objects, whatever the setting', async () => {
      const info = await fetch(`${swift.tempauthUrl}/info`);
      const limits = (await info.json()) as { swift: { max_file_size: number } };
      const limited = new SwiftClient(http, `${proxy.url}/v1/${TESTER.account}`, new TokenSession(() => logInAtSwift(http, `${swift.tempauthUrl}/auth/v1.0`, TESTER.user, TESTER.key)));
      proxy.judge(({ url }) => (url === '/info' ? { status: 200, text: JSON.stringify({ ...limits, swift: { ...limits.swift, max_file_size: 200_000 } }) } : undefined));
      const root = parseLocationUrl(`swift+${proxy.url}/v1/${TESTER.account}/${container}`, 'root');
      await new SwiftObjectStore({ client: limited, root, segmentBytes: 2 ** 30 }).put('object', sourceOf(randomBytes(500_000)));
      expect(await segmentsOf(container)).toHaveLength(3);
    });
  });

  describe('what is sent', () => {
    it('carries its digest, and Swift refuses what arrives damaged', async () => {
      const container = `digest-${randomUUID()}`;
      const store = open(container);
      let reads = 0;
      // Reads differently the second time, as a broken memory would.
      const source = { size: 5, open: () => sourceOf(reads++ === 0 ? 'aaaaa' : 'bbbbb').open() };
      await expect(store.put('object', source)).rejects.toMatchObject({ code: 'StorageError', transient: true, message: expect.stringContaining('damaged') });
      expect(await store.head('object')).toBeUndefined();
    });

    it('is sent again where it was damaged on its way', async () => {
      const container = `way-${randomUUID()}`;
      const through = open(container, { server: proxy.url });
      await through.put('other', sourceOf('x'));
      const damaged = (): Promise<void> => proxy.next(1, isPut, { damageAt: 123_456 });
      const bytes = randomBytes(200_000);
      const first = damaged();
      await expect(through.put('object', sourceOf(bytes))).rejects.toMatchObject({ code: 'StorageError', transient: true, message: expect.stringContaining('damaged') });
      await first;
      expect(await through.head('object')).toBeUndefined();
      const second = damaged();
      await retrying(through, { baseDelayMillis: 1 }).put('object', sourceOf(bytes));
      await second;
      expect((await readObject(through, 'object'))?.equals(bytes)).toBe(true);
    });

    it('is compared with what Swift says it has stored', async () => {
      const store = open(`etag-${randomUUID()}`, { server: proxy.url });
      proxy.judge((request) => (isPut(request) ? { status: 201, headers: { etag: createHash('md5').update('else').digest('hex') } } : undefined));
      await expect(store.put('object', sourceOf('bytes'))).rejects.toMatchObject({ code: 'StorageError', transient: true });
    });
  });

  describe('on a bad day', () => {
    const bytes = randomBytes(1_000_000);
    const fast = { attempts: 6, baseDelayMillis: 1 };
    let container: string;

    beforeEach(() => {
      container = `bad-${randomUUID()}`;
      logIns = 0;
    });

    it.each([
      ['answers 500 three times', { status: 500 }, 3],
      ['has no time', { status: 503, headers: { 'retry-after': '0' } }, 1],
      ['wants us to be slower', { status: 498 }, 2],
      ['wants us to be slower still', { status: 429, headers: { 'retry-after': '1' } }, 1],
      ['cuts the connection', 'cut' as const, 2],
      ['cuts the connection in mid-object', { cutAfter: 400_000 }, 2],
    ])('that %s, puts and reads come through', async (_title, fate, times) => {
      const store = retrying(open(container, { server: proxy.url }), fast);
      await store.put('other', sourceOf('x'));
      const troubled = proxy.next(times, ({ url }) => url.endsWith('/object'), fate);
      await store.put('object', sourceOf(bytes));
      await troubled;
      const again = proxy.next(times, ({ method, url }) => method === 'GET' && url.endsWith('/object'), fate);
      expect((await readObject(store, 'object'))?.equals(bytes)).toBe(true);
      await again;
    });

    it('makes the container for many puts at once', async () => {
      const store = retrying(open(container));
      const names = Array.from({ length: 20 }, (_, i) => String(i)).sort();
      await Promise.all(names.map((name) => store.put(name, sourceOf(name))));
      expect(await listed(store)).toEqual(names);
    });

    it('that remembers a new container as missing for a while, puts come through', async () => {
      for (const segmentBytes of [2 ** 30, 300_000]) {
        const store = retrying(open(container, { server: proxy.url, segmentBytes }), { ...fast, maxRetryAfterMillis: 1 });
        const forgotten = proxy.next(3, isPut, { status: 404 });
        await store.put('object', sourceOf(bytes));
        await forgotten;
        expect((await readObject(store, 'object'))?.equals(bytes)).toBe(true);
      }
    });

    it.each([
      [{ status: 404 }, { code: 'StorageError', transient: true, retryAfterSeconds: 2 }],
      [{ status: 429, headers: { 'retry-after': '7' } }, { code: 'StorageError', transient: true, retryAfterSeconds: 7 }],
      [{ status: 503, headers: { 'retry-after': new Date(Date.now() + 3_600_000).toUTCString() } }, { code: 'StorageError', transient: true, retryAfterSeconds: 300 }],
      [{ status: 403 }, { code: 'StorageError', transient: false }],
      [{ status: 413, text: 'Upload exceeds quota.' }, { code: 'StorageFull', transient: false, message: expect.stringContaining('quota') }],
      [{ status: 507 }, { code: 'StorageFull', transient: false }],
      [{ status: 418 }, { code: 'StorageError', transient: false }],
    ])('is told what it means: %j', async (fate, error) => {
      const store = open(container, { server: proxy.url });
      proxy.judge((request) => (isPut(request) ? fate : undefined));
      await expect(store.put('object', sourceOf(bytes))).rejects.toMatchObject(error);
    });

    it('a quota that is used up is an error that says so, before anything was sent', async () => {
      const store = open(container, { server: proxy.url });
      await store.put('first', sourceOf('x'));
      expect((await asked('POST', container, { 'X-Container-Meta-Quota-Bytes': '1000' })).status).toBe(204);
      // The proxy's cache of the container.
      const error = await until(() => store.put('object', sourceOf(bytes)).then(() => undefined, (reason: unknown) => reason));
      expect(error).toMatchObject({ code: 'StorageFull', transient: false, message: expect.stringContaining('quota') });
    });

    it('a token that is refused is renewed once for everybody who needs it', async () => {
      const store = open(container, { server: proxy.url });
      await store.put('object', sourceOf(bytes));
      // Tempauth gives the same token out again: what counts is that it was asked.
      proxy.judge(() => (logIns < 2 ? { status: 401 } : undefined));
      const reads = Array.from({ length: 8 }, () => readObject(store, 'object'));
      await Promise.all([store.put('object2', sourceOf(bytes)), ...reads]);
      expect((await Promise.all(reads)).every((read) => read?.equals(bytes))).toBe(true);
      expect(logIns).toBe(2);
    });

    it('a large object goes on with another token', async () => {
      const store = open(container, { server: proxy.url, segmentBytes: 300_000 });
      const segments: string[] = [];
      proxy.judge(({ method, url }) => {
        if (method !== 'PUT' || !url.includes('~')) return undefined;
        segments.push(url);
        return segments.length >= 2 && logIns < 2 ? { status: 401 } : undefined;
      });
      await store.put('object', sourceOf(bytes));
      expect((await readObject(store, 'object'))?.equals(bytes)).toBe(true);
      expect(logIns).toBe(2);
      // One upload of four segments, some sent again.
      expect([new Set(segments).size, segments.length > 4]).toEqual([4, true]);
    });

    it('a new token that is refused, too, is an error', async () => {
      const store = open(container, { server: proxy.url });
      proxy.judge(() => ({ status: 401 }));
      await expect(store.head('object')).rejects.toMatchObject({ code: 'StorageError', message: expect.stringContaining('credentials') });
      expect(logIns).toBe(2);
    });
  });
});
