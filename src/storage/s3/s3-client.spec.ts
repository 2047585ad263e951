import { promises as fs } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { listed, readObject, sourceOf } from '../../../test/contract/object-store.contract';
import { Serve, TestServers } from '../../../test/fakes/test-servers';
import { Secret, parseLocationUrl } from '../../kernel';
import { HttpConnect, S3ObjectStore } from '..';

const servers = new TestServers();
let http: HttpConnect;

/** One that reads what it is sent. */
const serverOf = (serve: Serve): Promise<string> => servers.start((request, response) => serve(request.resume(), response));

function storeAt(endpoint: string, credentials?: Record<string, string>): S3ObjectStore {
  const given = credentials && new Map(Object.entries(credentials).map(([name, value]) => [name, new Secret(value)]));
  return new S3ObjectStore({ root: parseLocationUrl('s3://bucket/prefix', 'url', endpoint), credentials: given, http });
}

beforeEach(() => {
  http = new HttpConnect({ idleMillis: 10_000 });
});
afterEach(async () => {
  http.close();
  await servers.close();
});

describe("what the process's surroundings say of Amazon", () => {
  const before = { ...process.env };
  let folder: string;
  let decoys: string[];

  beforeEach(async () => {
    folder = await fs.mkdtemp(join(tmpdir(), 's3-surroundings-'));
    decoys = [];
    const decoy = await serverOf((request, response) => {
      decoys.push(request.url ?? '');
      response.end('{}');
    });
    await fs.writeFile(
      join(folder, 'config'),
      `[profile ambient]\nregion = eu-ambient-1\nendpoint_url = ${decoy}\ncredential_process = touch ${join(folder, 'run')}\nuse_dualstack_endpoint = true\n`,
    );
    await fs.writeFile(join(folder, 'credentials'), '[ambient]\naws_access_key_id = AMBIENT\naws_secret_access_key = ambient\n');
    Object.assign(process.env, {
      AWS_ACCESS_KEY_ID: 'AMBIENT',
      AWS_SECRET_ACCESS_KEY: 'ambient',
      AWS_SESSION_TOKEN: 'ambient',
      AWS_PROFILE: 'ambient',
      AWS_CONFIG_FILE: join(folder, 'config'),
      AWS_SHARED_CREDENTIALS_FILE: join(folder, 'credentials'),
      AWS_REGION: 'eu-ambient-1',
      AWS_ENDPOINT_URL: decoy,
      AWS_ENDPOINT_URL_S3: decoy,
      AWS_EC2_METADATA_SERVICE_ENDPOINT: decoy,
      AWS_CONTAINER_CREDENTIALS_FULL_URI: `${decoy}/container`,
      AWS_USE_FIPS_ENDPOINT: 'true',
      AWS_MAX_ATTEMPTS: '7',
      AWS_RETRY_MODE: 'adaptive',
      HTTP_PROXY: decoy,
      HTTPS_PROXY: decoy,
    });
  });
  afterEach(async () => {
    for (const name of Object.keys(process.env)) if (!(name in before)) delete process.env[name];
    Object.assign(process.env, before);
    await fs.rm(folder, { recursive: true, force: true });
  });

  it('is asked without a word to standard error', async () => {
    const warn = jest.spyOn(process, 'emitWarning');
    await storeAt(await serverOf((_request, response) => response.end())).put('object', sourceOf('x'));
    expect(warn).not.toHaveBeenCalled();
    warn.mockRestore();
  });

  it('is not heard: requests go to the endpoint named, with the keys given or none, and once', async () => {
    const seen: IncomingMessage[] = [];
    const endpoint = await serverOf((request, response) => {
      seen.push(request);
      if (request.method === 'GET') response.writeHead(503);
      response.end();
    });
    for (const credentials of [undefined, { access_key_id: 'GIVEN', secret_access_key: 'given' }]) {
      const store = storeAt(endpoint, credentials);
      await store.put('object', sourceOf('x'));
      await expect(store.get('object')).rejects.toMatchObject({ transient: true });
    }
    expect(seen.map(({ method, url }) => `${method} ${url}`)).toEqual([
      'PUT /bucket/prefix/object?x-id=PutObject',
      'GET /bucket/prefix/object?x-id=GetObject',
      'PUT /bucket/prefix/object?x-id=PutObject',
      'GET /bucket/prefix/object?x-id=GetObject',
    ]);
    const authorizations = seen.map(({ headers }) => headers.authorization);
    expect(authorizations.slice(0, 2)).toEqual([undefined, undefined]);
    for (const given of authorizations.slice(2)) expect(given).toMatch(/^AWS4-HMAC-SHA256 Credential=GIVEN\/\d{8}\/us-east-1\/s3\//);
    expect(JSON.stringify(seen.map(({ headers }) => headers))).not.toMatch(/ambient/i);
    expect(decoys).toEqual([]);
    await expect(fs.access(join(folder, 'run'))).rejects.toMatchObject({ code: 'ENOENT' });
  });
});

describe('answers', () => {
  const xml = (code: string): string => `<?xml version="1.0"?><Error><Code>${code}</Code><Message>hunter2</Message></Error>`;

  it.each([
    [404, xml('NoSuchBucket'), { code: 'StorageError', transient: false, message: 'there is no such bucket' }],
    [403, xml('ExpiredToken'), { code: 'StorageError', transient: false, message: 'the S3 credentials have expired' }],
    [403, xml('RequestTimeTooSkewed'), { code: 'StorageError', transient: false, message: expect.stringContaining('clock') }],
    [403, xml('AccessDenied'), { code: 'StorageError', transient: false, message: 'the S3 credentials do not allow this' }],
    [403, xml('QuotaExceeded'), { code: 'StorageFull', transient: false }],
    [507, xml('XMinioStorageFull'), { code: 'StorageFull', transient: false }],
    [413, 'too much', { code: 'StorageFull', transient: false }],
    [400, xml('AuthorizationHeaderMalformed'), { code: 'StorageError', transient: false, message: expect.stringContaining('another region') }],
    [301, xml('PermanentRedirect'), { code: 'StorageError', transient: false, message: expect.stringContaining('another region (eu-west-9)') }],
    [307, xml('TemporaryRedirect'), { code: 'StorageError', transient: false, message: expect.stringContaining('another region') }],
    [503, xml('SlowDown'), { code: 'StorageError', transient: true, retryAfterSeconds: 7 }],
    [500, 'no XML at all', { code: 'StorageError', transient: true }],
    [429, '', { code: 'StorageError', transient: true }],
    [418, xml('Teapot'), { code: 'StorageError', transient: false, message: 'the S3 service refuses the request (418)' }],
  ])('%d %s', async (status, body, error) => {
    let asked = 0;
    const endpoint = await serverOf((_request, response) => {
      asked++;
      const headers = { 'x-amz-bucket-region': 'eu-west-9', 'retry-after': '7', location: 'http://169.254.169.254/' };
      response.writeHead(status, headers).end(body);
    });
    const store = storeAt(endpoint, { access_key_id: 'a', secret_access_key: 'b' });
    for (const call of [() => store.put('object', sourceOf('x')), () => store.get('object'), () => listed(store)]) {
      const refused = call();
      await expect(refused).rejects.toMatchObject(error);
      await expect(refused).rejects.not.toMatchObject({ message: expect.stringContaining('hunter2') });
    }
    expect(asked).toBe(3);
  });

  it('that never end are not waited for', async () => {
    const endpoint = await serverOf((_request, response) => {
      response.writeHead(200, { 'content-type': 'application/xml' });
      const more = (): void => void response.write(Buffer.alloc(1_000_000, ' '), (error) => error ?? more());
      more();
    });
    await expect(listed(storeAt(endpoint))).rejects.toMatchObject({ code: 'StorageError', message: expect.stringContaining('more bytes') });
  });

  it('of a service without ranges are cut', async () => {
    const endpoint = await serverOf((_request, response) => response.end('0123456789'));
    expect(String(await readObject(storeAt(endpoint), 'object', { start: 3, end: 6 }))).toBe('345');
    expect(String(await readObject(storeAt(endpoint), 'object', { start: 8 }))).toBe('89');
  });

  it('of another range than the one asked for are refused', async () => {
    const endpoint = await serverOf((_request, response) => response.writeHead(206, { 'content-range': 'bytes 5-9/10' }).end('56789'));
    await expect(readObject(storeAt(endpoint), 'object', { start: 3, end: 6 })).rejects.toMatchObject({ code: 'StorageError', transient: true });
  });
});
