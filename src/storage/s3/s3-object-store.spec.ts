import { CreateBucketCommand, ListMultipartUploadsCommand, S3Client } from '@aws-sdk/client-s3';
import { randomBytes, randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import { brokenSource, listed, objectStoreContract, readObject, sourceOf } from '../../../test/contract/object-store.contract';
import { pythonIsThere } from '../../../test/setup/keystone-service';
import { startMoto } from '../../../test/setup/moto-service';
import { SwiftService } from '../../../test/setup/swift-service';
import { Credentials, Secret, parseLocationUrl } from '../../kernel';
import { HttpConnect, S3ObjectStore } from '..';
import { retrying } from '../retrying';

const KEYS = { access_key_id: 'test:tester', secret_access_key: 'testing' };
const http = new HttpConnect();
/** Of this run: the service is shared. */
const bucket = `s3-${randomUUID()}`;
let endpoint: string;
let admin: S3Client;

function secrets(given: Record<string, string> = KEYS): Credentials {
  return new Map(Object.entries(given).map(([name, value]) => [name, new Secret(value)]));
}

function storeAt(url: string, credentials = secrets(), partBytes?: number): S3ObjectStore {
  const root = parseLocationUrl(url, 'url', endpoint);
  return new S3ObjectStore({ root, credentials, http }, partBytes === undefined ? {} : { partBytes });
}

async function openUploads(): Promise<number> {
  const { Uploads = [] } = await admin.send(new ListMultipartUploadsCommand({ Bucket: bucket }));
  return Uploads.length;
}

const describeIfThere = pythonIsThere('the S3 store') ? describe : describe.skip;
const SERVICES: readonly (readonly [string, () => Promise<string>])[] = [
  ["Swift's S3 API", async () => (await SwiftService.shared()).tempauthUrl],
  ['moto', startMoto],
];

afterAll(() => http.close());

describeIfThere.each(SERVICES)('S3ObjectStore, %s', (service, start) => {
  beforeAll(async () => {
    endpoint = await start();
    const credentials = { accessKeyId: KEYS.access_key_id, secretAccessKey: KEYS.secret_access_key };
    admin = new S3Client({ endpoint, region: 'us-east-1', forcePathStyle: true, credentials, maxAttempts: 1 });
    await admin.send(new CreateBucketCommand({ Bucket: bucket }));
  }, 300_000);
  afterAll(() => admin.destroy());

  // Large objects of the contract go in parts.
  objectStoreContract(service, async () => {
    const url = `s3://${bucket}/team/${randomUUID()}`;
    // As it is used: moto answers 500 when two puts of a name meet.
    return { store: retrying(storeAt(url, secrets(), 900_000)), reopen: () => storeAt(url) };
  });

  describe('parts', () => {
    it('are aborted when their source breaks or is cancelled: nothing is left', async () => {
      const store = storeAt(`s3://${bucket}/parts`, secrets(), 50_000);
      await expect(store.put('object', brokenSource(120_000, 200_000, new Error('broken')))).rejects.toMatchObject({ code: 'StorageError' });
      const controller = new AbortController();
      const reason = new Error('cancelled');
      const source = sourceOf(randomBytes(200_000));
      const open = (): Readable => {
        const stream = source.open();
        let bytes = 0;
        stream.on('data', (chunk: Buffer) => {
          bytes += chunk.length;
          if (bytes > 120_000) controller.abort(reason);
        });
        return stream.pause();
      };
      await expect(store.put('object', { size: source.size, open }, controller.signal)).rejects.toBe(reason);
      await expect(store.put('object', { size: 200_000, open: sourceOf(randomBytes(199_999)).open })).rejects.toMatchObject({ code: 'StorageError' });
      expect(await openUploads()).toBe(0);
      expect(await listed(store)).toEqual([]);
    });
  });

  it('a missing bucket is no missing object', async () => {
    const store = storeAt('s3://no-such-bucket/x');
    for (const call of [() => store.put('object', sourceOf('x')), () => store.get('object'), () => listed(store)]) {
      await expect(call()).rejects.toMatchObject({ code: 'StorageError', transient: false, message: 'there is no such bucket' });
    }
  });

  it('prefixes of any spelling are places of their own', async () => {
    const store = storeAt(`s3://${bucket}/a%20b/ü+(1)'%25!*/`);
    await store.put('chunks/object', sourceOf('x'));
    expect(await listed(store)).toEqual(['chunks/object']);
    expect(String(await readObject(storeAt(`s3://${bucket}/a%20b`), "ü+(1)'%!*/chunks/object"))).toBe('x');
    expect(store.url('chunks/object')).toBe(
      `s3://${bucket}/a%20b/%C3%BC%2B(1)'%25!*/chunks/object?endpoint=${encodeURIComponent(endpoint)}`,
    );
  });
});

describeIfThere('S3ObjectStore', () => {
  beforeAll(async () => {
    endpoint = (await SwiftService.shared()).tempauthUrl;
  }, 300_000);

  describe('credentials', () => {
    it.each([
      [{ access_key_id: 'hunter2' }, 'both or neither'],
      [{ secret_access_key: 'hunter2' }, 'both or neither'],
      [{ session_token: 'hunter2' }, 'both or neither'],
      [{ ...KEYS, hunter2: 'hunter2' }, 'nothing else'],
      [{ ...KEYS, region: '../hunter2' }, 'not the name of a region'],
    ])('%j cannot be', (given, message) => {
      const opening = (): S3ObjectStore => storeAt('s3://b', secrets(given));
      expect(opening).toThrow(message);
      expect(opening).not.toThrow('hunter2');
    });

    it.each([
      [{ ...KEYS, secret_access_key: 'hunter2' }, 'refuses the access key'],
      [{ access_key_id: 'nobody:hunter2', secret_access_key: 'hunter2' }, 'access key'],
    ])('that are wrong are told from one another: %j', async (given, message) => {
      const store = storeAt(`s3://${bucket}/x`, secrets(given));
      for (const call of [() => store.put('object', sourceOf('x')), () => store.get('object'), () => listed(store)]) {
        const refused = call();
        await expect(refused).rejects.toMatchObject({ code: 'StorageError', transient: false, message: expect.stringContaining(message) });
        await expect(refused).rejects.not.toMatchObject({ message: expect.stringContaining('hunter2') });
      }
    });

    it('of somebody else do not open a bucket', async () => {
      const store = storeAt(`s3://${bucket}/x`, secrets({ access_key_id: 'other:tester', secret_access_key: 'testing2' }));
      await expect(store.put('object', sourceOf('x'))).rejects.toMatchObject({ code: 'StorageError', transient: false });
    });
  });
});
