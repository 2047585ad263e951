import { HttpProxy } from '../../../test/fakes/http-proxy';
import { Secret } from '../../kernel';
import { HttpConnect } from '../http-connect';
import { HomeSwift, HomeSwiftOptions } from './home-swift';
import { logInAtKeystone } from './log-in';

const endpoint = (region: string, kind: string, url: string) => ({ region_id: region, region, interface: kind, url });
const CATALOGUE = [
  { type: 'identity', endpoints: [endpoint('One', 'public', 'https://keystone.example')] },
  {
    type: 'object-store',
    endpoints: [
      endpoint('One', 'public', 'https://one.example/v1/AUTH_p1/'),
      endpoint('One', 'internal', 'https://inside.one.example/v1/AUTH_p1'),
      endpoint('Two', 'public', 'https://two.example/v1/AUTH_p1'),
    ],
  },
];

describe('a log-in at Keystone', () => {
  const http = new HttpConnect();
  let keystone: HttpProxy;
  let status: number;
  let catalogue: unknown;
  /** Keystone's clock is so much ahead of ours. */
  let aheadMillis: number;

  beforeAll(async () => {
    keystone = await HttpProxy.before('http://127.0.0.1:1');
  });
  afterAll(async () => {
    http.close();
    await keystone.close();
  });
  beforeEach(() => {
    status = 201;
    catalogue = CATALOGUE;
    aheadMillis = 0;
    keystone.judge(() => {
      const now = Date.now() + aheadMillis;
      const at = (millis: number) => new Date(now + millis).toISOString();
      const token = { issued_at: at(0), expires_at: at(3_600_000), catalog: catalogue, user: { id: 'u1' }, project: { id: 'p1' } };
      return { status, headers: { 'x-subject-token': 'a-token' }, text: JSON.stringify({ token }) };
    });
  });

  function home(url: string, options: HomeSwiftOptions = {}): HomeSwift {
    const credentials = { auth_url: keystone.url, username: 'magnetodb', password: 'secret', project_name: 'service' };
    return new HomeSwift(url, new Map(Object.entries(credentials).map(([name, value]) => [name, new Secret(value)])), options, http);
  }

  it.each<[HomeSwiftOptions, string]>([
    [{}, 'swift+https://one.example/v1/AUTH_p1/backups-{project}'],
    [{ interface: 'internal' }, 'swift+https://inside.one.example/v1/AUTH_p1/backups-{project}'],
    [{ region: 'Two' }, 'swift+https://two.example/v1/AUTH_p1/backups-{project}'],
    [{ access: 'trust' }, 'swift+https://one.example/v1/AUTH_{project}/backups-{project}'],
  ])('tells where the own Swift is: %j', async (options, expected) => {
    expect(await home('swift://backups-{project}', options).completeUrl()).toBe(expected);
  });

  it('is not made for a URL that says it all', async () => {
    keystone.seen.length = 0;
    expect(await home('swift+https://swift.example/v1/AUTH_x/backups').completeUrl()).toBe('swift+https://swift.example/v1/AUTH_x/backups');
    expect(keystone.seen).toEqual([]);
  });

  it.each<[HomeSwiftOptions]>([[{ region: 'Three' }], [{ interface: 'admin' }]])('that names no such Swift is an error: %j', async (options) => {
    await expect(home('swift://backups', options).completeUrl()).rejects.toMatchObject({ code: 'StorageError', message: expect.stringContaining('names no object store') });
  });

  it('of trusting users needs accounts that are named by projects', async () => {
    catalogue = [{ type: 'object-store', endpoints: [endpoint('One', 'public', 'https://one.example/v1/everybody')] }];
    await expect(home('swift://backups', { access: 'trust' }).completeUrl()).rejects.toMatchObject({ code: 'StorageError' });
  });

  it.each([-300_000, 0, 300_000])('counts a token’s life by our clock, where Keystone’s is %i ms ahead', async (ahead) => {
    aheadMillis = ahead;
    const before = Date.now();
    const user = { kind: 'application_credential', id: 'id', secret: 'secret' } as const;
    const { expiresAt = 0 } = await logInAtKeystone(http, keystone.url, { user, scope: { kind: 'own' } });
    expect(expiresAt - 3_600_000).toBeGreaterThanOrEqual(before);
    expect(expiresAt - 3_600_000).toBeLessThanOrEqual(Date.now());
  });

  it.each([
    [401, false],
    [404, false],
    [429, true],
    [503, true],
  ])('that is answered with %i may work later: %s', async (answered, transient) => {
    status = answered;
    await expect(home('swift://backups').completeUrl()).rejects.toMatchObject({ code: 'StorageError', transient });
  });
});
