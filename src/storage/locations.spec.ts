import { promises as fs } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { listed, objectStoreContract, readObject, sourceOf } from '../../test/contract/object-store.contract';
import { FaultyObjectStore } from '../../test/fakes/faulty-object-store';
import { Credentials, Secret, StoreLocation, fileLocation, newId, parseLocationUrl } from '../kernel';
import { MemoryObjectStore, ObjectStoreRegistry, RegistryOptions, StorageSettings, StoreTarget } from '.';

let base: string;
let registry: ObjectStoreRegistry;
const backupId = '01890000-0000-7000-8000-000000000001';
const credentials: Credentials = new Map([['secret_key', new Secret('hunter2')]]);

function makeRegistry(settings: Partial<StorageSettings> = {}, options: RegistryOptions = {}): ObjectStoreRegistry {
  return new ObjectStoreRegistry(
    {
      internalUrl: fileLocation(join(base, 'objects')).href,
      allowedFolders: [join(base, 'allowed')],
      allowedHosts: ['storage.example.org', '*.cloud.example.org', 'odd.example.org:9000'],
      retry: { sleep: async () => undefined },
      ...settings,
    },
    options,
  );
}

function external(url: string, endpoint?: string): StoreLocation {
  return { type: 'external', url: parseLocationUrl(url, 'url', endpoint), credentials };
}

function source(url: string): { url: ReturnType<typeof parseLocationUrl> } {
  return { url: parseLocationUrl(url, 'source') };
}

beforeEach(async () => {
  base = await fs.realpath(await fs.mkdtemp(join(tmpdir(), 'locations-')));
  await fs.mkdir(join(base, 'allowed'));
  await fs.mkdir(join(base, 'forbidden'));
  registry = makeRegistry();
});
afterEach(() => fs.rm(base, { recursive: true, force: true }));

objectStoreContract('a backup in the internal store', async () => {
  const location = await registry.locationOf({ type: 'internal' }, { projectId: 'demo', backupId });
  const store = await registry.open(location);
  const again = await registry.open(location);
  return { store, reopen: () => again };
});

describe('the internal store', () => {
  it('has a folder for each project and one in it for each backup, which go with their objects', async () => {
    const location = await registry.locationOf({ type: 'internal' }, { projectId: 'demo', backupId });
    expect(location).toEqual({ type: 'internal', url: `file://${base}/objects/demo/${backupId}` });
    const store = await registry.open(location);
    expect(store.url('manifest.json')).toBe(`${location.url}/manifest.json`);
    await store.put('manifest.json', sourceOf('{}'));
    expect(await fs.readdir(join(base, 'objects', 'demo', backupId))).toEqual(['manifest.json']);
    await store.delete('manifest.json');
    expect(await fs.readdir(join(base, 'objects'))).toEqual([]);
  });

  it.each(['Demo', '../other', 'a/b', '.', 'ä', '_64', 'a.b'])(
    'keeps project %j apart from all others',
    async (projectId) => {
      const { url } = await registry.locationOf({ type: 'internal' }, { projectId, backupId });
      expect(url).toBe(`file://${base}/objects/_${Buffer.from(projectId).toString('hex')}/${backupId}`);
      expect(await registry.locationOfSource(source(url), projectId)).toEqual({ type: 'internal', url });
    },
  );

  it.each(['', 'x'.repeat(101)])('refuses project %j', async (projectId) => {
    await expect(registry.locationOf({ type: 'internal' }, { projectId, backupId })).rejects.toMatchObject({
      code: 'ValidationError',
    });
  });

  it('is a source for the own project, with or without slash or manifest', async () => {
    const { url } = await registry.locationOf({ type: 'internal' }, { projectId: 'demo', backupId });
    for (const spelling of [url, `${url}/`, `${url}/manifest.json`]) {
      expect(await registry.locationOfSource({ ...source(spelling), credentials }, 'demo')).toEqual({
        type: 'internal',
        url,
      });
    }
  });

  it.each([
    ['another project', `other/${backupId}`],
    ['a project whose name begins alike', `demo2/${backupId}`],
    ['the store itself', ''],
    ['a project itself', 'demo'],
    ['something in a backup', `demo/${backupId}/chunks`],
    ['what is no backup', 'demo/x'],
    ['another spelling of the id', `demo/${backupId.replaceAll('-', '')}`],
  ])('gives %s away to nobody: 404', async (_what, path) => {
    await expect(registry.locationOfSource(source(`file://${base}/objects/${path}`), 'demo')).rejects.toMatchObject({
      code: 'BackupNotExists',
    });
  });

  it('finds a backup after it has moved', async () => {
    const { url } = await registry.locationOf({ type: 'internal' }, { projectId: 'demo', backupId });
    const store = await registry.open({ type: 'internal', url: `file://${base}/former/objects/demo/${backupId}` });
    expect(store.url('')).toBe((await registry.open({ type: 'internal', url })).url(''));
  });

  it.each(['/former/objects/demo', '/former/objects/demo/no-id', `/demo/${newId()}/chunks`, ''])(
    'opens nothing that is no backup’s place as internal: %s',
    async (path) => {
      await expect(registry.open({ type: 'internal', url: `file://${base}${path}` })).rejects.toMatchObject({ code: 'StorageError' });
    },
  );
});

describe('external folders', () => {
  it('hold a folder for each backup, and stay themselves', async () => {
    const location = await registry.locationOf(external(`file://${base}/allowed/team`), {
      projectId: 'demo',
      backupId,
    });
    expect(location).toEqual({ type: 'external', url: `file://${base}/allowed/team/${backupId}`, credentials });
    const store = await registry.open(location);
    await store.put('chunks/a', sourceOf('x'));
    expect(await registry.locationOfSource(source(location.url), 'anybody')).toEqual({
      type: 'external',
      url: location.url,
    });
    await store.delete('chunks/a');
    expect(await fs.readdir(join(base, 'allowed', 'team'))).toEqual([]);
  });

  it.each(['forbidden', 'allowed-not', 'forbidden/no/such', ''])(
    'outside of the list are refused, there or not: %j',
    async (path) => {
      const url = `file://${base}/${path}`;
      const refusal = { code: 'Forbidden', message: expect.not.stringContaining(base) };
      await expect(registry.locationOf(external(url), { projectId: 'demo', backupId })).rejects.toMatchObject(refusal);
      await expect(registry.locationOfSource(source(url), 'demo')).rejects.toMatchObject(refusal);
      await expect(registry.open({ type: 'external', url })).rejects.toMatchObject(refusal);
    },
  );

  it('are refused if a link leads out of the list, or nowhere', async () => {
    await fs.symlink(join(base, 'forbidden'), join(base, 'allowed', 'link'));
    await fs.symlink(join(base, 'later'), join(base, 'allowed', 'dangling'));
    for (const path of ['link', 'link/deeper', 'dangling', 'dangling/deeper']) {
      await expect(registry.locationOfSource(source(`file://${base}/allowed/${path}`), 'demo')).rejects.toMatchObject({
        code: 'Forbidden',
      });
    }
  });

  it('may not reach into the internal store, by name, by link or from above', async () => {
    registry = makeRegistry({ allowedFolders: [base] });
    await fs.mkdir(join(base, 'objects', 'other'), { recursive: true });
    await fs.symlink(join(base, 'objects'), join(base, 'allowed', 'link'));
    const backup = { projectId: 'demo', backupId };
    for (const path of ['/objects', '/objects/demo', '/allowed/link', '/allowed/link/other', '']) {
      await expect(registry.locationOf(external(`file://${base}${path}`), backup)).rejects.toMatchObject({
        code: 'Forbidden',
      });
    }
    for (const path of [`/allowed/link/other/${backupId}`, '']) {
      await expect(registry.locationOfSource(source(`file://${base}${path}`), 'demo')).rejects.toMatchObject({
        code: 'Forbidden',
      });
    }
    await expect(
      registry.open({ type: 'external', url: `file://${base}/objects/other/${backupId}` }),
    ).rejects.toMatchObject({ code: 'Forbidden' });
    expect(await registry.locationOf(external(`file://${base}/allowed`), backup)).toMatchObject({ type: 'external' });
  });

  it('are all refused on a fresh install', async () => {
    registry = makeRegistry({ allowedFolders: undefined, allowedHosts: undefined });
    await expect(registry.locationOfSource(source(`file://${base}/allowed`), 'demo')).rejects.toMatchObject({
      code: 'Forbidden',
    });
    await expect(registry.locationOfSource(source('s3://bucket'), 'demo')).rejects.toMatchObject({ code: 'Forbidden' });
  });
});

describe('external hosts', () => {
  it.each([
    ['https://storage.example.org/a', undefined],
    ['https://storage.example.org:443/a', undefined],
    ['https://STORAGE.example.org/a', undefined],
    ['https://a.b.cloud.example.org/a', undefined],
    ['s3://bucket/a', 'http://odd.example.org:9000'],
    ['swift://c/p', 'https://storage.example.org/v1/AUTH_x'],
  ])('of a kind that the host switched off are not available: %s', async (url, endpoint) => {
    registry = makeRegistry({}, { adapters: { s3: undefined, swift: undefined, http: undefined } });
    await expect(registry.locationOf(external(url, endpoint), { projectId: 'demo', backupId })).rejects.toMatchObject({
      code: 'ValidationError',
      message: expect.stringMatching(/^(s3|swift|http) locations are not available in this deployment$/),
    });
  });

  it.each([
    ['https://evil.example.org/a', undefined, 'evil.example.org'],
    ['https://storage.example.org:22/a', undefined, 'storage.example.org:22'],
    ['https://odd.example.org/a', undefined, 'odd.example.org'],
    ['https://cloud.example.org/a', undefined, 'cloud.example.org'],
    ['https://evilcloud.example.org/a', undefined, 'evilcloud.example.org'],
    ['http://127.1/a', undefined, '127.0.0.1'],
    ['http://[::1]/a', undefined, '[::1]'],
    ['s3://storage.example.org/a', undefined, 's3.amazonaws.com'],
    ['swift://c/p', 'https://evil.example.org/v1/AUTH_x', 'evil.example.org'],
  ])('off the list are refused by name: %s', async (url, endpoint, host) => {
    await expect(registry.locationOf(external(url, endpoint), { projectId: 'demo', backupId })).rejects.toMatchObject({
      code: 'Forbidden',
      message: `the host ${host} is not on the operator's list of allowed storage locations`,
    });
  });

  it('may not reach into an internal store that lies on an allowed host itself', async () => {
    registry = makeRegistry(
      { internalUrl: 'https://storage.example.org/own' },
      { adapters: { http: () => new MemoryObjectStore() } },
    );
    const backup = { projectId: 'demo', backupId };
    for (const path of ['/own', '/own/other', '']) {
      await expect(registry.locationOf(external(`https://storage.example.org${path}`), backup)).rejects.toMatchObject({
        code: 'Forbidden',
      });
    }
    expect(await registry.locationOf(external('https://storage.example.org/owner'), backup)).toMatchObject({
      type: 'external',
    });
    await expect(
      registry.locationOfSource(source(`https://storage.example.org/own/other/${backupId}`), 'demo'),
    ).rejects.toMatchObject({ code: 'BackupNotExists' });
  });

  it('are served once an adapter is registered, with the credentials of the request only', async () => {
    const targets: StoreTarget[] = [];
    const own: Credentials = new Map([['key', new Secret('ours')]]);
    registry = makeRegistry(
      { internalCredentials: own },
      {
        adapters: {
          http: (target) => {
            targets.push(target);
            return new MemoryObjectStore();
          },
        },
      },
    );
    const location = await registry.locationOf(external('https://storage.example.org/a'), {
      projectId: 'demo',
      backupId,
    });
    await (await registry.open(location)).put('a', sourceOf('x'));
    await registry.open({ type: 'external', url: location.url });
    expect(targets.map((target) => target.credentials)).toEqual([credentials, undefined]);
    expect(targets[0]?.root.href).toBe(`https://storage.example.org/a/${backupId}`);
    expect(inspect(targets, { depth: 9 }) + JSON.stringify(targets)).not.toContain('hunter2');
  });
});

describe('hosts asked by HTTP', () => {
  const at = async (address: string, settings: Partial<StorageSettings>, url = 'http://storage.example.org/a'): Promise<unknown> => {
    registry = makeRegistry(settings, { http: { resolve: async () => [{ address, family: 4 }], connectMillis: 1 } });
    const location = await registry.locationOfSource(source(url), 'demo');
    return (await registry.open(location)).head('object').catch((error: unknown) => error);
  };
  const forbidden = { code: 'Forbidden', message: expect.not.stringContaining('10.1') };
  const away = { code: 'StorageError' };

  it('are reached at public addresses, and at those that are listed', async () => {
    const retry = { attempts: 1 };
    expect(await at('10.1.2.3', { retry })).toMatchObject(forbidden);
    expect(await at('10.1.2.3', { retry, allowedAddresses: ['10.2.0.0/16'] })).toMatchObject(forbidden);
    expect(await at('10.1.2.3', { retry, allowedAddresses: ['10.1.0.0/16'] })).toMatchObject(away);
    expect(await at('203.0.113.1', { retry })).toMatchObject({ code: 'Forbidden' });
    // A host that is an address was listed as one.
    expect(await at('', { retry, allowedHosts: ['127.0.0.1:1'] }, 'http://127.0.0.1:1/a')).toMatchObject(away);
  });

  it('of the own store are the operator’s: no list is asked', async () => {
    const reached: string[] = [];
    const internalUrl = 'http://10.1.2.3:1/own';
    registry = makeRegistry(
      { internalUrl, retry: { attempts: 1 } },
      { adapters: { http: ({ http, root }) => Object.assign(new MemoryObjectStore(), { head: async () => http.request(root.href).catch((error: Error) => reached.push(error.message)) }) }, http: { connectMillis: 1 } },
    );
    await (await registry.open(await registry.locationOf({ type: 'internal' }, { projectId: 'demo', backupId }))).head('object');
    expect(reached).toEqual([expect.not.stringContaining('list')]);
  });
});

describe('opened stores', () => {
  it('are retried below the name check, once', async () => {
    const faulty = new FaultyObjectStore(new MemoryObjectStore());
    let waits = 0;
    const sleep = async (): Promise<void> => {
      if (++waits > 100) throw new Error('tried again and again');
    };
    registry = makeRegistry({ retry: { attempts: 3, sleep } }, { decorate: () => faulty });
    const store = await registry.open(
      await registry.locationOf({ type: 'internal' }, { projectId: 'demo', backupId: newId() }),
    );
    faulty.failTransiently({ operation: 'put', times: 2 });
    await store.put('a', sourceOf('x'));
    expect(String(await readObject(store, 'a'))).toBe('x');
    faulty.failTransiently({ operation: 'put' });
    await expect(store.put('b', sourceOf('x'))).rejects.toMatchObject({ transient: true });
    expect(faulty.calls.filter(({ operation, name }) => operation === 'put' && name === 'b')).toHaveLength(3);
    await expect(store.get('../other')).rejects.toMatchObject({ code: 'StorageError' });
    expect(await listed(store)).toEqual(['a']);
  });
});

describe('settings', () => {
  it.each([
    { internalUrl: 'objects' },
    { allowedFolders: ['relative'] },
    { allowedFolders: ['/a/../b'] },
    { allowedHosts: ['https://host'] },
    { allowedHosts: ['host/path'] },
    { allowedHosts: ['*'] },
    { allowedHosts: ['a.*.org'] },
    { allowedHosts: [''] },
    { allowedHosts: ['user@host'] },
    { allowedAddresses: ['host'] },
    { allowedAddresses: ['10.0.0.0/33'] },
  ])('that cannot be are refused at the start: %j', (settings) => {
    expect(() => makeRegistry(settings)).toThrow(expect.objectContaining({ code: 'ValidationError' }));
  });
});
