import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { newCredentialsKey } from '../../src/index';
import { Fate, HttpProxy, ProxiedRequest } from '../fakes/http-proxy';
import { OwnUser, pythonIsThere } from '../setup/keystone-service';
import { steadyFetch } from '../setup/steady-fetch';
import { OTHER_TESTER, SwiftService, TESTER } from '../setup/swift-service';
import { until } from '../setup/until';
import { DataApiClient, FORUM_ATTRIBUTES, FORUM_KEYS, ok, post } from './data-api-server';
import { KeystoneGateway, startKeystoneGateway } from './keystone-gateway';
import { ManagementClient, expectStatus, refused } from './management-server';

const describeIfThere = pythonIsThere('backups in Swift') ? describe : describe.skip;
const START_MILLIS = 300_000;
const ITEMS = 120;
/** Many chunks of a small table. */
const SMALL = { RANGE_BYTES: String(16 * 1024), CHUNK_BYTES: String(8 * 1024), MAX_ATTEMPTS: '100' };

let swift: SwiftService;
let proxy: HttpProxy;

/** What a user sees of a gateway that keeps backups in Swift. */
class Scene {
  constructor(
    readonly gateway: KeystoneGateway,
    readonly client: ManagementClient,
    readonly data: DataApiClient,
    readonly project: string,
  ) {}

  static async of(gateway: KeystoneGateway, user: 'member' | 'stranger' = 'member', project: 'demo' | 'other' = 'demo'): Promise<Scene> {
    const token = await swift.keystone.logIn(user, { project });
    const id = swift.keystone.ids.projects[project] ?? '';
    return new Scene(gateway, new ManagementClient(gateway.url, 'spec', token, id), new DataApiClient(gateway.url, token, id), id);
  }

  async table(name: string, items = ITEMS): Promise<string> {
    await ok(this.data.createTable(name, FORUM_ATTRIBUTES, FORUM_KEYS));
    const lines = Array.from({ length: items }, (_, i) => JSON.stringify(post(`forum ${i % 7}`, `subject ${i}`, { message: `${i} ${'x'.repeat(300)}` })));
    await ok(this.data.bulkLoad(name, lines.join('\n')));
    return name;
  }

  /** Every item, in one order. */
  async items(table: string): Promise<string[]> {
    const { items } = (await ok(this.data.call(table, 'scan', {}))) as { items: unknown[] };
    return items.map((item) => JSON.stringify(item)).sort();
  }

  async restored(target: string, body: Record<string, unknown>): Promise<Record<string, unknown>> {
    const job = await expectStatus(this.client.createRestore(target, body), 202);
    return this.client.finished(() => this.client.restore(target, job['id']), 'RESTORING');
  }
}

/** Names in a container; undefined if there is none. */
async function objectsOf(account: string, container: string, token: string): Promise<string[] | undefined> {
  const response = await steadyFetch(`${swift.url}/v1/${account}/${container}`, { headers: { 'X-Auth-Token': token } });
  const text = await response.text();
  return response.status === 404 ? undefined : text.split('\n').filter((name) => name !== '');
}

/** What Swift answers to a token: of an account, or of what is in it. */
async function statusOf(path: string, token: string): Promise<number> {
  return (await steadyFetch(`${swift.url}/v1/${path}`, { method: 'HEAD', headers: { 'X-Auth-Token': token } })).status;
}

/** Names with this beginning that a container lists and has. Where Swift is busy a listing is late, or stays wrong: each object is asked for itself. */
async function leftOf(account: string, container: string, prefix: string, token?: string): Promise<string[]> {
  token ??= await swift.keystone.logIn('magnetodb', { project: 'service' });
  const listed = (await objectsOf(account, container, token))?.filter((name) => name.startsWith(prefix)) ?? [];
  const statuses = await Promise.all(listed.map((name) => statusOf(`${account}/${container}/${name}`, token)));
  return listed.filter((_, index) => statuses[index] !== 404);
}

async function bytesIn(account: string, container: string): Promise<number> {
  const headers = { 'X-Auth-Token': await swift.keystone.logIn('magnetodb', { project: 'service' }) };
  const response = await steadyFetch(`${swift.url}/v1/${account}/${container}`, { method: 'HEAD', headers });
  return Number(response.headers.get('x-container-bytes-used'));
}

function locationOf(backup: Record<string, unknown>): string {
  return (backup['links'] as { rel: string; href: string }[]).find(({ rel }) => rel === 'location')?.href ?? '';
}

describeIfThere('Backups in Swift', () => {
  let scene: Scene;
  let gateway: KeystoneGateway;
  let account: string;
  let container: string;

  beforeAll(async () => {
    swift = await SwiftService.shared();
    proxy = await HttpProxy.before(swift.url);
    account = `AUTH_${swift.keystone.ids.projects['service']}`;
    gateway = await startKeystoneGateway(swift.keystone, { ...SMALL, OBJECTS_URL: `swift+${proxy.url}/v1/${account}/e2e-{project}` });
    scene = await Scene.of(gateway);
    container = `e2e-${scene.project}`;
  }, START_MILLIS);
  afterAll(async () => {
    await gateway?.stop();
    await proxy?.close();
  });
  afterEach(() => proxy.heal());

  it('go to the project’s own container, are verified and restored by id and by URL, and leave nothing when they are deleted', async () => {
    const table = await scene.table('whole');
    const before = await scene.items(table);
    const backup = await scene.client.madeBackup(table);
    expect(backup).toMatchObject({ status: 'CREATED', item_count: ITEMS });
    const url = locationOf(backup);
    expect(url).toBe(`swift+${proxy.url}/v1/${account}/${container}/${String(backup['id'])}`);
    expect(await statusOf(`${account}/${container}/${String(backup['id'])}/manifest.json`, await swift.keystone.logIn('magnetodb', { project: 'service' }))).toBe(200);

    expect(await scene.restored('by_id', { id: backup['id'] })).toMatchObject({ status: 'RESTORED' });
    expect(await scene.items('by_id')).toEqual(before);
    expect(await scene.restored('by_url', { source: url })).toMatchObject({ status: 'RESTORED' });
    expect(await scene.items('by_url')).toEqual(before);

    const other = await Scene.of(gateway, 'stranger', 'other');
    await refused(other.client.createRestore('stolen', { source: url }), 404, 'BackupNotExists');

    await expectStatus(scene.client.deleteBackup(table, backup['id']), 200);
    await scene.client.gone(() => scene.client.backup(table, backup['id']));
    expect(await leftOf(account, container, String(backup['id']))).toEqual([]);
  });

  it('of every project are found again by an admin of the deployment, though each has a container of its own', async () => {
    const other = await Scene.of(gateway, 'stranger', 'other');
    const made = await Promise.all([scene, other].map(async (each) => locationOf(await each.client.madeBackup(await each.table(`found_${each.project.slice(0, 4)}`, 5)))));
    const admin = swift.keystone.ids.projects['admin'] ?? '';
    const client = new ManagementClient(gateway.url, 'spec', await swift.keystone.logIn('admin', { project: 'admin' }), admin);
    const lookThrough = async (): Promise<string[]> => {
      const all: string[] = [];
      for (let after: unknown; ; ) {
        const body = { all_projects: true, limit: 1, ...(after === undefined ? {} : { exclusive_start_location: after }) };
        const page = await expectStatus(client.send('POST', `${client.projectPath}/backups/find`, body), 200);
        all.push(...(page['found'] as { location: string }[]).map(({ location }) => location));
        after = page['last_evaluated_location'];
        if (after === undefined || after === null) return all;
      }
    };
    // Listings may be late where Swift is busy.
    const all = await until(async () => {
      const found = await lookThrough();
      return made.every((location) => found.includes(location)) && found;
    });
    expect(all).toEqual([...new Set(all)].sort());
    const own = await expectStatus(other.client.send('POST', `${other.client.projectPath}/backups/find`, {}), 200);
    const locations = (own['found'] as { location: string }[]).map(({ location }) => location);
    expect([locations.includes(made[0] ?? ''), locations.includes(made[1] ?? '')]).toEqual([false, true]);
  });

  const isChunk = ({ method, url }: ProxiedRequest): boolean => url.includes('/chunks/') && (method === 'PUT' || method === 'GET');

  it.each<[string, number, Fate]>([
    ['answers 500 three times', 3, { status: 500 }],
    ['is slow', 3, { after: () => delay(300) }],
    ['cuts connections in mid-object', 3, { cutAfter: 700 }],
    ['wants fewer requests', 3, { status: 498, headers: { 'retry-after': '0' } }],
  ])('that %s, a backup and a restore come through', async (_title, times, fate) => {
    const table = await scene.table(`t${randomUUID().slice(0, 8)}`);
    const troubled = proxy.next(times, isChunk, fate);
    const backup = await scene.client.madeBackup(table);
    await troubled;
    expect(backup).toMatchObject({ status: 'CREATED', item_count: ITEMS });
    const again = proxy.next(times, isChunk, fate);
    expect(await scene.restored(`${table}_again`, { id: backup['id'] })).toMatchObject({ status: 'RESTORED' });
    await again;
    expect(await scene.items(`${table}_again`)).toEqual(await scene.items(table));
  });

  it('that hears from Keystone, in the middle of a backup and of a restore, that the gateway’s token is revoked, is asked with another', async () => {
    const table = await scene.table('revoked');
    /** The next chunk waits until Keystone has revoked the token that it came with, and Swift has heard of it. */
    const revocation = (): Promise<string> =>
      new Promise((done, failed) =>
        proxy.judge(({ url, token = '' }) => {
          if (!url.includes('/chunks/')) return undefined;
          proxy.heal();
          const refused = swift.keystone.revoke(token).then(() => until(async () => (await statusOf(account, token)) === 401));
          refused.then(() => done(token), failed);
          return { after: () => refused };
        }),
      );
    const during = revocation();
    const asked = await expectStatus(scene.client.createBackup(table), 202);
    const first = await during;
    const backup = await scene.client.finished(() => scene.client.backup(table, asked['id']), 'CREATING');
    expect(backup).toMatchObject({ status: 'CREATED', item_count: ITEMS });
    const duringTheNext = revocation();
    const job = await expectStatus(scene.client.createRestore('revoked_again', { id: backup['id'] }), 202);
    const second = await duringTheNext;
    expect(await scene.client.finished(() => scene.client.restore('revoked_again', job['id']), 'RESTORING')).toMatchObject({ status: 'RESTORED' });
    expect(await scene.items('revoked_again')).toEqual(await scene.items(table));
    expect([first, second]).not.toContain(proxy.seen.at(-1)?.token);
    expect(second).not.toBe(first);
  });

  it('whose quota is used up, ends the job with an error that says so and leaves nothing; once it is raised, backups are made', async () => {
    const table = await scene.table('full');
    /** As its operator does: bytes that the container, made if need be, may hold. */
    const limit = async (bytes: string): Promise<void> => {
      const headers = { 'X-Auth-Token': await swift.keystone.logIn('magnetodb', { project: 'service' }), 'X-Container-Meta-Quota-Bytes': bytes };
      const { status } = await steadyFetch(`${swift.url}/v1/${account}/${container}`, { method: 'PUT', headers });
      expect([201, 202]).toContain(status);
    };
    // No chunk fits in, but what the gateway puts first.
    await limit(String((await bytesIn(account, container)) + 500));
    const backup = await scene.client.madeBackup(table);
    expect(backup).toMatchObject({ status: 'CREATE_FAILED', error: { type: 'StorageFull', message: expect.stringContaining("the object store's quota is used up") } });
    expect(await leftOf(account, container, String(backup['id']))).toEqual([]);
    await limit('');
    expect(await scene.client.madeBackup(table)).toMatchObject({ status: 'CREATED', item_count: ITEMS });
  });

  /** Everything that is listed, and then the container: as somebody would who cleans up. */
  async function wipe(): Promise<void> {
    const headers = { 'X-Auth-Token': await swift.keystone.logIn('magnetodb', { project: 'service' }) };
    await until(async () => {
      for (const name of (await objectsOf(account, container, headers['X-Auth-Token'])) ?? [])
        await steadyFetch(`${swift.url}/v1/${account}/${container}/${name}`, { method: 'DELETE', headers });
      const { status } = await steadyFetch(`${swift.url}/v1/${account}/${container}`, { method: 'DELETE', headers });
      return status === 204 || status === 404;
    });
  }

  it('whose container is deleted under a job, ends it with an error that says so', async () => {
    const table = await scene.table('gone');
    let chunks = 0;
    let goOn = (): void => undefined;
    const gone = new Promise<void>((resolve) => (goOn = resolve));
    proxy.judge(({ method, url }) => (method === 'PUT' && url.includes('/chunks/') && ++chunks > 2 ? { after: () => gone } : undefined));
    const asked = await expectStatus(scene.client.createBackup(table), 202);
    const id = String(asked['id']);
    await until(() => chunks > 2);
    await wipe();
    goOn();
    const backup = await scene.client.finished(() => scene.client.backup(table, id), 'CREATING');
    expect(backup).toMatchObject({ status: 'CREATE_FAILED', error: { type: 'StorageError', message: expect.stringContaining('deleted while it was being made') } });
  });

  it('whose container is deleted under a restore, ends it with an error, and no table is left', async () => {
    const backup = await scene.client.madeBackup(await scene.table('source'));
    let chunks = 0;
    let goOn = (): void => undefined;
    const gone = new Promise<void>((resolve) => (goOn = resolve));
    proxy.judge(({ method, url }) => (method === 'GET' && url.includes('/chunks/') && ++chunks > 2 ? { after: () => gone } : undefined));
    const job = await expectStatus(scene.client.createRestore('never', { id: backup['id'] }), 202);
    await until(() => chunks > 2);
    await wipe();
    goOn();
    const restore = await scene.client.finished(() => scene.client.restore('never', job['id']), 'RESTORING');
    expect(restore).toMatchObject({ status: 'RESTORE_FAILED', error: { type: 'ArchiveDamaged', message: expect.stringContaining('chunks/') } });
    expect(await scene.data.get('tables/never')).toMatchObject({ status: 404, body: { error: { type: 'TableNotExistsException' } } });
  });
});

describeIfThere('A gateway whose service user is an application credential', () => {
  const credential = async (): Promise<Record<string, string>> => {
    const { id, secret } = await swift.keystone.applicationCredential('magnetodb', undefined, 'service');
    return { KEYSTONE_USERNAME: '', KEYSTONE_PASSWORD: '', KEYSTONE_APPLICATION_CREDENTIAL_ID: id, KEYSTONE_APPLICATION_CREDENTIAL_SECRET: secret };
  };
  beforeAll(async () => {
    swift = await SwiftService.shared();
  }, START_MILLIS);

  it('lets users in by it, and keeps their backups in Swift', async () => {
    const gateway = await startKeystoneGateway(swift.keystone, { ...SMALL, ...(await credential()), OBJECTS_URL: 'swift://by-credential-{project}' });
    try {
      const scene = await Scene.of(gateway);
      const table = await scene.table('by_credential');
      const backup = await scene.client.madeBackup(table);
      expect(locationOf(backup)).toContain(`/AUTH_${swift.keystone.ids.projects['service']}/by-credential-`);
      expect(await scene.restored('by_credential_again', { id: backup['id'] })).toMatchObject({ status: 'RESTORED' });
      expect(await scene.items('by_credential_again')).toEqual(await scene.items(table));
    } finally {
      await gateway.stop();
    }
  });

  it.each<[string, Record<string, string>, RegExp]>([
    ['beside a name', { KEYSTONE_USERNAME: 'magnetodb', KEYSTONE_PASSWORD: 's3cret' }, /^KEYSTONE_URL needs KEYSTONE_USERNAME and KEYSTONE_PASSWORD .* or else KEYSTONE_APPLICATION_CREDENTIAL_ID/],
    ['without its secret', { KEYSTONE_APPLICATION_CREDENTIAL_SECRET: '' }, /^KEYSTONE_URL needs/],
    ['to act for users by trusts', { OBJECTS_URL: 'swift://theirs', OBJECTS_ACCESS: 'trust' }, /^OBJECTS_URL: trusts need the service user’s name and password/],
  ])('is not started with it %s', async (_title, settings, message) => {
    const error: unknown = await startKeystoneGateway(swift.keystone, { ...(await credential()), ...settings }).then((gateway) => gateway.stop(), (caught: unknown) => caught);
    expect(String((error as Error).message)).toMatch(message);
    expect(String((error as Error).message)).not.toContain('s3cret');
  });
});

describeIfThere('Backups in the accounts of their users', () => {
  let gateway: KeystoneGateway;
  let scene: Scene;
  let account: string;

  beforeAll(async () => {
    swift = await SwiftService.shared();
    gateway = await startKeystoneGateway(swift.keystone, { ...SMALL, OBJECTS_URL: 'swift://kept-backups', OBJECTS_ACCESS: 'trust', SWEEP_SECONDS: '1' });
    scene = await Scene.of(gateway);
    account = `AUTH_${scene.project}`;
  }, START_MILLIS);
  afterAll(() => gateway?.stop());

  /** The trusts that a user has given. */
  async function trusts(): Promise<unknown[]> {
    const id = swift.keystone.ids.users['member'];
    const { body } = await swift.keystone.call('GET', `/OS-TRUST/trusts?trustor_user_id=${id}`, await swift.keystone.logIn('member'));
    return body['trusts'] as unknown[];
  }

  it('are made, restored, verified and deleted by trusts that end with their jobs, also if the user’s token is revoked', async () => {
    const table = await scene.table('trusted');
    const before = await scene.items(table);
    const token = await swift.keystone.logIn('member');
    const passing = new ManagementClient(gateway.url, 'spec', token, scene.project);
    const asked = await expectStatus(passing.createBackup(table), 202);
    await swift.keystone.revoke(token);
    const backup = await scene.client.finished(() => scene.client.backup(table, asked['id']), 'CREATING');
    expect(backup).toMatchObject({ status: 'CREATED', item_count: ITEMS });
    expect(locationOf(backup)).toBe(`swift+${swift.url}/v1/${account}/kept-backups/${String(backup['id'])}`);
    // The user's own, as any of the user's objects is.
    expect(await statusOf(`${account}/kept-backups/${String(backup['id'])}/manifest.json`, await swift.keystone.logIn('member'))).toBe(200);
    await until(async () => (await trusts()).length === 0);

    expect(await scene.restored('trusted_again', { source: locationOf(backup) })).toMatchObject({ status: 'RESTORED' });
    expect(await scene.items('trusted_again')).toEqual(before);
    await expectStatus(scene.client.send('POST', `${scene.client.table(table)}/backups/${String(backup['id'])}/verify`), 202);
    await until(async () => (await scene.client.backup(table, backup['id'])).body['last_verified_at'] !== undefined);
    const other = await Scene.of(gateway, 'stranger', 'other');
    await refused(other.client.createRestore('stolen', { source: locationOf(backup) }), 404, 'BackupNotExists');

    await expectStatus(scene.client.deleteBackup(table, backup['id']), 200);
    await scene.client.gone(() => scene.client.backup(table, backup['id']));
    expect(await leftOf(account, 'kept-backups', String(backup['id']), await swift.keystone.logIn('member'))).toEqual([]);
    await until(async () => (await trusts()).length === 0);
  });

  it('are not found for every project at once: nobody knows all accounts', async () => {
    const admin = swift.keystone.ids.projects['admin'] ?? '';
    const client = new ManagementClient(gateway.url, 'spec', await swift.keystone.logIn('admin', { project: 'admin' }), admin);
    await refused(client.send('POST', `${client.projectPath}/backups/find`, { all_projects: true }), 400, 'ValidationError', /one project at a time/);
  });

  it('are not begun with a token that may trust nobody', async () => {
    const table = await scene.table('untrusted');
    const token = await swift.keystone.logInWith(await swift.keystone.applicationCredential('member'));
    await refused(new ManagementClient(gateway.url, 'spec', token, scene.project).createBackup(table), 403, 'Forbidden', /trust/);
  });
});

describeIfThere('Backups in the account of a user', () => {
  let gateway: KeystoneGateway;
  let identity: HttpProxy;
  let owner: OwnUser;
  let scene: Scene;
  let account: string;

  beforeAll(async () => {
    swift = await SwiftService.shared();
    proxy = await HttpProxy.before(swift.url);
    identity = await HttpProxy.before(swift.keystone.url);
    gateway = await startKeystoneGateway(swift.keystone, {
      ...SMALL,
      KEYSTONE_URL: `${identity.url}/v3`,
      OBJECTS_URL: `swift+${proxy.url}/v1/AUTH_{project}/kept`,
      OBJECTS_ACCESS: 'trust',
      SWEEP_SECONDS: '1',
      // What cannot be removed is given up soon.
      MAX_ATTEMPTS: '4',
    });
    owner = await swift.keystone.ownUser('member');
    account = `AUTH_${owner.projectId}`;
    scene = await sceneOf(owner);
  }, START_MILLIS);
  afterAll(async () => {
    await gateway?.stop();
    await proxy?.close();
    await identity?.close();
  });
  afterEach(() => {
    proxy.heal();
    identity.heal();
  });

  async function sceneOf(user: OwnUser): Promise<Scene> {
    const token = await user.logIn();
    return new Scene(gateway, new ManagementClient(gateway.url, 'spec', token, user.projectId), new DataApiClient(gateway.url, token, user.projectId), user.projectId);
  }

  /** As the operators of the Swift do: bytes that the account may hold; none: any number. */
  async function limit(bytes: string): Promise<void> {
    const headers = { 'X-Auth-Token': await swift.keystone.logIn('swift', { project: 'service' }), 'X-Account-Meta-Quota-Bytes': bytes };
    const { status } = await steadyFetch(`${swift.url}/v1/${account}`, { method: 'POST', headers });
    expect(status).toBe(204);
  }

  async function trustsGiven(): Promise<unknown[]> {
    const { body } = await swift.keystone.call('GET', `/OS-TRUST/trusts?trustor_user_id=${owner.id}`, await owner.logIn());
    return body['trusts'] as unknown[];
  }

  it('end in an error that says so and leave nothing where the quota of the account is used up; once it is raised, they are made', async () => {
    const table = await scene.table('poor');
    // Makes the account.
    expect(await scene.client.madeBackup(table)).toMatchObject({ status: 'CREATED' });
    await limit('500');
    const backup = await scene.client.madeBackup(table);
    expect(backup).toMatchObject({ status: 'CREATE_FAILED', error: { type: 'StorageFull', message: expect.stringContaining("the object store's quota is used up") } });
    expect(await leftOf(account, 'kept', String(backup['id']), await owner.logIn())).toEqual([]);
    await limit('');
    expect(await scene.client.madeBackup(table)).toMatchObject({ status: 'CREATED', item_count: ITEMS });
  });

  it('are made though Keystone refuses the tokens that the gateway has, and their trusts end', async () => {
    const table = await scene.table('renewed');
    expect(await scene.client.madeBackup(table)).toMatchObject({ status: 'CREATED' });
    const own = identity.seen.filter(({ method, url }) => method === 'GET' && url.startsWith('/v3/auth/tokens')).map(({ token = '' }) => token);
    await Promise.all([...new Set(own)].map((token) => swift.keystone.revoke(token)));
    let revoked = 0;
    identity.judge(({ method, token = '' }) => (method === 'DELETE' && revoked++ === 0 ? { after: () => swift.keystone.revoke(token) } : undefined));
    expect(await scene.client.madeBackup(table)).toMatchObject({ status: 'CREATED', item_count: ITEMS });
    await until(() => revoked > 0);
    await until(async () => (await trustsGiven()).length === 0);
  });

  it('fail where the user is disabled in mid-job, and say that the store lets the job in no more', async () => {
    const leaver = await swift.keystone.ownUser('member');
    const left = await sceneOf(leaver);
    const table = await left.table('left');
    const disabled = new Promise<void>((resolve, reject) => {
      proxy.judge(({ method, url, token = '' }) => {
        if (method !== 'PUT' || !url.includes('/chunks/')) return undefined;
        proxy.heal();
        const gone = leaver.setEnabled(false).then(() => until(async () => (await statusOf(`AUTH_${leaver.projectId}`, token)) === 401));
        gone.then(() => resolve(), reject);
        return { after: () => gone };
      });
    });
    const asked = await expectStatus(left.client.createBackup(table), 202);
    await disabled;
    // As an admin of the deployment sees it.
    const admin = new ManagementClient(gateway.url, 'spec', await swift.keystone.logIn('admin', { project: 'admin' }), leaver.projectId);
    const backup = await admin.finished(() => admin.backup(table, asked['id']), 'CREATING');
    expect(backup).toMatchObject({ status: 'CREATE_FAILED', error: { type: 'StorageError', message: expect.stringContaining('does not accept the credentials') } });
  });
});

describeIfThere('Backups in a Swift that is stopped and started again', () => {
  let own: SwiftService;
  let before: HttpProxy;
  let gateway: KeystoneGateway;
  let scene: Scene;
  let account: string;

  beforeAll(async () => {
    swift = await SwiftService.shared();
    // Chunks are larger than that, and so stored in segments.
    own = await SwiftService.own({ maxObjectBytes: 6000 });
    before = await HttpProxy.before(own.url);
    account = `AUTH_${swift.keystone.ids.projects['service']}`;
    gateway = await startKeystoneGateway(swift.keystone, { ...SMALL, OBJECTS_URL: `swift+${before.url}/v1/${account}/outage` });
    scene = await Scene.of(gateway);
  }, START_MILLIS);
  afterAll(async () => {
    await gateway?.stop();
    await before?.close();
    await own?.stop();
  });

  /** Stops Swift as the third of such requests is on its way, and starts it once the gateway has seen that it is away. */
  async function outageAmid(method: string): Promise<void> {
    let requests = 0;
    let failing = false;
    let reached = (): void => undefined;
    const amid = new Promise<void>((resolve) => (reached = resolve));
    let goOn = (): void => undefined;
    const stopped = new Promise<void>((resolve) => (goOn = resolve));
    let missed = 0;
    before.judge((one) => {
      if (failing) missed++;
      if (one.method !== method || !one.url.includes('/chunks/') || ++requests < 3) return undefined;
      reached();
      return { after: () => stopped };
    });
    await amid;
    await own.stop();
    failing = true;
    goOn();
    await until(() => missed > 2);
    await own.start();
    before.heal();
  }

  it('come through, in the middle of a backup and of a restore, and leave neither objects nor segments when they are deleted', async () => {
    const table = await scene.table('outage');
    const asked = await expectStatus(scene.client.createBackup(table, 'nightly', { strategy: { compression: 'none' } }), 202);
    await outageAmid('PUT');
    const backup = await scene.client.finished(() => scene.client.backup(table, asked['id']), 'CREATING');
    expect(backup).toMatchObject({ status: 'CREATED', item_count: ITEMS });
    expect(await names('outage_segments')).not.toEqual([]);

    const job = await expectStatus(scene.client.createRestore('outage_again', { id: backup['id'] }), 202);
    await outageAmid('GET');
    expect(await scene.client.finished(() => scene.client.restore('outage_again', job['id']), 'RESTORING')).toMatchObject({ status: 'RESTORED' });
    expect(await scene.items('outage_again')).toEqual(await scene.items(table));

    await expectStatus(scene.client.deleteBackup(table, backup['id']), 200);
    await scene.client.gone(() => scene.client.backup(table, backup['id']));
    expect([await names('outage'), await names('outage_segments')]).toEqual([[], []]);
    // Two stops and starts of five servers, on a machine that may be busy.
  }, START_MILLIS);

  async function names(container: string): Promise<string[]> {
    const response = await steadyFetch(`${own.url}/v1/${account}/${container}`, { headers: { 'X-Auth-Token': await swift.keystone.logIn('magnetodb', { project: 'service' }) } });
    return (await response.text()).split('\n').filter((name) => name !== '');
  }
});

describeIfThere('Backups in a Swift of another cloud', () => {
  let gateway: KeystoneGateway;
  let scene: Scene;
  let location: Record<string, unknown>;

  beforeAll(async () => {
    swift = await SwiftService.shared();
    gateway = await startKeystoneGateway(swift.keystone, { ...SMALL, ALLOWED_HOSTS: new URL(swift.tempauthUrl).host, CREDENTIALS_KEYS: newCredentialsKey('test') });
    scene = await Scene.of(gateway);
    location = {
      type: 'external',
      url: `swift://elsewhere-${randomUUID()}/backups`,
      endpoint: `${swift.tempauthUrl}/v1/${TESTER.account}`,
      credentials: { auth_url: `${swift.tempauthUrl}/auth/v1.0`, username: TESTER.user, password: TESTER.key },
    };
  }, START_MILLIS);
  afterAll(() => gateway?.stop());

  it('are made with the credentials of the request, and restored from the URL by whoever has them', async () => {
    const table = await scene.table('sent');
    const backup = await scene.client.madeBackup(table, 'nightly', { strategy: { location } });
    expect(backup).toMatchObject({ status: 'CREATED', item_count: ITEMS });
    expect(JSON.stringify(backup)).not.toContain(TESTER.key);
    const other = await Scene.of(gateway, 'stranger', 'other');
    const { credentials } = location;
    expect(await other.restored('received', { source: { url: locationOf(backup), credentials } })).toMatchObject({ status: 'RESTORED' });
    expect(await other.items('received')).toEqual(await scene.items(table));
    await refused(other.client.createRestore('stolen', { source: locationOf(backup) }), 400, 'ValidationError', /credentials/);
  });

  it.each<[string, Record<string, unknown>, number, string, RegExp]>([
    ['wrong key', { password: 'wrong' }, 400, 'ValidationError', /credentials/],
    ['log-in at a host that nobody allowed', { auth_url: 'http://169.254.169.254/auth/v1.0' }, 403, 'Forbidden', /169\.254\.169\.254/],
    ['unknown key of the credentials', { colour: 'blue' }, 400, 'ValidationError', /colour/],
    ['user of another account', { username: OTHER_TESTER.user, password: OTHER_TESTER.key }, 400, 'ValidationError', /denies access/],
  ])('are refused before a job begins: %s', async (_title, change, status, type, message) => {
    const credentials = { ...(location['credentials'] as object), ...change };
    const table = await scene.table(`r${randomUUID().slice(0, 8)}`, 1);
    await refused(scene.client.createBackup(table, 'nightly', { strategy: { location: { ...location, credentials } } }), status, type, message);
  });
});
