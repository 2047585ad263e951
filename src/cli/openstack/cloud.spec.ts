import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Writable } from 'node:stream';
import { Io } from '../command';
import { CliError } from '../exit-codes';
import { Output } from '../output';
import { Cloud, CloudValues, cloudOf, valuesOfEnvironment } from './cloud';
import { readCloud } from './clouds-file';
import { endpointOf } from './keystone';

const PASSWORD = { auth_url: 'https://keystone:5000/v3', username: 'ann', password: 's3cr3t' };
const DEFAULT = { id: 'default' };

describe('The environment of an OpenStack client', () => {
  it.each<[string, Record<string, string>, unknown]>([
    ['a user by name', { OS_USERNAME: 'ann', OS_PASSWORD: 'p', OS_PROJECT_NAME: 'demo' }, [{ password: { user: { name: 'ann', domain: DEFAULT, password: 'p' } } }, { project: { name: 'demo', domain: DEFAULT } }]],
    [
      'domains by name',
      { OS_USERNAME: 'ann', OS_PASSWORD: 'p', OS_PROJECT_NAME: 'demo', OS_USER_DOMAIN_NAME: 'U', OS_PROJECT_DOMAIN_NAME: 'P' },
      [{ password: { user: { name: 'ann', domain: { name: 'U' }, password: 'p' } } }, { project: { name: 'demo', domain: { name: 'P' } } }],
    ],
    [
      'domains by id',
      { OS_USERNAME: 'ann', OS_PASSWORD: 'p', OS_PROJECT_NAME: 'demo', OS_USER_DOMAIN_ID: 'u', OS_DEFAULT_DOMAIN: 'd' },
      [{ password: { user: { name: 'ann', domain: { id: 'u' }, password: 'p' } } }, { project: { name: 'demo', domain: { id: 'd' } } }],
    ],
    ['ids', { OS_USER_ID: 'u1', OS_PASSWORD: 'p', OS_PROJECT_ID: 'p1', OS_PROJECT_NAME: 'demo' }, [{ password: { user: { id: 'u1', password: 'p' } } }, { project: { id: 'p1' } }]],
    ['a tenant, as it was called', { OS_USER_ID: 'u1', OS_PASSWORD: 'p', OS_TENANT_NAME: 'demo' }, [{ password: { user: { id: 'u1', password: 'p' } } }, { project: { name: 'demo', domain: DEFAULT } }]],
    ['the system', { OS_USER_ID: 'u1', OS_PASSWORD: 'p', OS_SYSTEM_SCOPE: 'all', OS_PROJECT_ID: 'p1' }, [{ password: { user: { id: 'u1', password: 'p' } } }, { system: { all: true } }]],
    ['nothing to be for', { OS_USER_ID: 'u1', OS_PASSWORD: 'p' }, [{ password: { user: { id: 'u1', password: 'p' } } }, undefined]],
    ['an application credential', { OS_APPLICATION_CREDENTIAL_ID: 'c', OS_APPLICATION_CREDENTIAL_SECRET: 's', OS_PROJECT_ID: 'p1' }, [{ application_credential: { id: 'c', secret: 's' } }, undefined]],
    [
      'an application credential by name',
      { OS_AUTH_TYPE: 'v3applicationcredential', OS_APPLICATION_CREDENTIAL_NAME: 'n', OS_APPLICATION_CREDENTIAL_SECRET: 's', OS_USERNAME: 'ann', OS_PASSWORD: 'p' },
      [{ application_credential: { name: 'n', user: { name: 'ann', domain: DEFAULT }, secret: 's' } }, undefined],
    ],
    ['a token for another project', { OS_AUTH_TYPE: 'v3token', OS_TOKEN: 't', OS_PASSWORD: 'p', OS_PROJECT_ID: 'p1' }, [{ token: { id: 't' } }, { project: { id: 'p1' } }]],
  ])('says %s', (_what, env, expected) => {
    const { login } = cloudOf('OS_AUTH_URL', valuesOfEnvironment({ OS_AUTH_URL: 'http://k/identity/', ...env }));
    const { identity, scope } = (login as { auth: { identity: { methods: string[] }; scope?: unknown } }).auth;
    const { methods, ...by } = identity;
    expect([by, scope]).toEqual(expected);
    expect(methods).toEqual(Object.keys(by));
  });

  it('says a token that is used as it is', () => {
    expect(cloudOf('x', { auth_url: 'http://k', token: 't' }).login).toEqual({ token: 't' });
  });

  it.each([
    ['http://k:5000', 'http://k:5000/v3'],
    ['http://k:5000/', 'http://k:5000/v3'],
    ['http://k:5000/v3/', 'http://k:5000/v3'],
    ['https://k/identity', 'https://k/identity/v3'],
  ])('%s is %s', (given, expected) => {
    expect(cloudOf('x', { ...PASSWORD, auth_url: given }).authUrl).toBe(expected);
  });

  it.each<[string, CloudValues, RegExp]>([
    ['no address', { username: 'ann', password: 's3cr3t' }, /auth_url/],
    ['an address with a password', { ...PASSWORD, auth_url: 'https://ann:s3cr3t@k/v3' }, /auth_url/],
    ['an address that is none', { ...PASSWORD, auth_url: 's3cr3t' }, /auth_url/],
    ['version 2', { ...PASSWORD, auth_url: 'https://k:5000/v2.0' }, /version 2/],
    ['no user', { auth_url: PASSWORD.auth_url, password: 's3cr3t' }, /username \(OS_USERNAME\) is missing/],
    ['no password', { auth_url: PASSWORD.auth_url, username: 'ann' }, /password \(OS_PASSWORD\) is missing/],
    ['another way to log in', { ...PASSWORD, auth_type: 'v3oidcpassword' }, /auth_type.*openstack token issue/],
    ['a credential without its secret', { ...PASSWORD, auth_type: 'v3applicationcredential' }, /application_credential_secret/],
  ])('is refused with %s, and no secret is repeated', (_what, values, message) => {
    const refused = (): unknown => cloudOf('the cloud x', values);
    expect(refused).toThrow(message);
    expect(refused).not.toThrow(/s3cr3t/);
  });

  it.each<[CloudValues, Partial<Cloud>]>([
    [{}, { regionName: undefined, interface: 'public', caFile: undefined, insecure: false }],
    [{ region_name: 'R', endpoint_type: 'internalURL', cacert: '/ca.pem' }, { regionName: 'R', interface: 'internal', caFile: '/ca.pem' }],
    [{ interface: 'admin', insecure: 'True' }, { interface: 'admin', insecure: true }],
    [{ verify: 'false' }, { insecure: true }],
    [{ verify: 'true' }, { insecure: false }],
  ])('%j is %j', (values, expected) => {
    expect(cloudOf('x', { ...PASSWORD, ...values })).toMatchObject(expected);
  });
});

describe('clouds.yaml', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'clouds-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  const io = (env: Record<string, string> = {}): Io => {
    const nowhere = new Output(new Writable());
    return { out: nowhere, err: nowhere, terminal: false, env, cwd: join(folder, 'here'), signal: new AbortController().signal };
  };
  async function put(path: string, text: string): Promise<void> {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), text);
  }
  const entry = (user: string): string => `clouds: {a: {auth: {username: ${user}}}}`;

  it('is looked for where other clients look, and the first one is the one', async () => {
    const env = { HOME: join(folder, 'home'), XDG_CONFIG_HOME: join(folder, 'xdg'), OS_CLIENT_CONFIG_FILE: join(folder, 'own.yaml') };
    const found = async (): Promise<unknown> => (await readCloud('a', io(env)))['username'];
    await put('home/.config/openstack/clouds.yml', entry('home'));
    expect(await found()).toBe('home');
    await put('home/.config/openstack/clouds.yaml', entry('yaml'));
    expect(await found()).toBe('yaml');
    await put('xdg/openstack/clouds.json', '{"clouds": {"a": {"auth": {"username": "xdg"}}}}');
    expect(await found()).toBe('xdg');
    await put('here/clouds.yaml', entry('here'));
    expect(await found()).toBe('here');
    await put('own.yaml', entry('own'));
    expect(await found()).toBe('own');
  });

  it('is read with secure.yaml over it, `auth` over what stands beside it, and every value as text', async () => {
    await put(
      'here/clouds.yaml',
      `
common: &common
  auth-url: https://k:5000/v3
  username: 0123
clouds:
  a:
    username: beside
    region_name: R
    auth:
      <<: *common
      password: open
  b:
    auth: {username: other}
    regions: [{name: R1}, R2]
`,
    );
    await put('here/secure.yaml', 'clouds: {a: {auth: {password: 12345}}, b: {password: not-of-a}}');
    expect(await readCloud('a', io())).toEqual({ region_name: 'R', auth_url: 'https://k:5000/v3', username: '0123', password: '12345' });
    expect(await readCloud('b', io())).toMatchObject({ region_name: 'R1', password: 'not-of-a' });
    await put('secret.yaml', 'clouds: {a: {auth: {password: elsewhere}}}');
    expect(await readCloud('a', io({ OS_CLIENT_SECURE_FILE: '../secret.yaml' }))).toMatchObject({ password: 'elsewhere' });
  });

  it.each<[string, string | undefined, RegExp]>([
    ['is not there', undefined, /no clouds.yaml in .*here.*\/etc\/openstack/],
    ['has no such cloud', 'clouds: {b: {auth: {password: s3cr3t}}}', /clouds.yaml has no cloud a/],
    ['has no clouds', 's3cr3t', /has no cloud a/],
    ['names a property of every object', 'clouds: {}', /has no cloud toString/],
    ['is no YAML', 'clouds:\n  a: {auth: {password: s3cr3t\n', /is no YAML, line \d/],
    ['says a key twice', 'clouds:\n  a:\n    password: s3cr3t\n    password: s3cr3t2\n', /is no YAML, line \d/],
  ])('is refused if it %s, and no secret is repeated', async (what, text, message) => {
    if (text !== undefined) await put('here/clouds.yaml', text);
    const refused = await readCloud(what.includes('property') ? 'toString' : 'a', io({ HOME: folder })).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(CliError);
    expect(refused).toMatchObject({ exitCode: 2, message: expect.stringMatching(message) });
    expect((refused as CliError).message).not.toContain('s3cr3t');
  });
});

describe('The catalogue', () => {
  const endpoint = (type: string, face: string, region: string, url: string) => ({ type, interface: face, region, url });
  const token = {
    token: 't',
    projectId: 'p',
    endpoints: [
      endpoint('identity', 'public', 'R1', 'http://keystone'),
      endpoint('key-value-storage-backup', 'public', 'R1', 'http://one/'),
      endpoint('key-value-storage-backup', 'public', 'R2', 'http://two/prefix/v1/management/p'),
      endpoint('key-value-storage-backup', 'internal', 'R2', 'http://inner/v1'),
      endpoint('twice', 'public', 'R1', 'http://same'),
      endpoint('twice', 'public', 'R2', 'http://same'),
    ],
  };
  const cloud = (values: CloudValues): Cloud => cloudOf('x', { ...PASSWORD, ...values });

  it.each<[string, CloudValues, string]>([
    ['key-value-storage-backup', { region_name: 'R1' }, 'http://one/'],
    ['key-value-storage-backup', { region_name: 'R2' }, 'http://two/prefix'],
    ['key-value-storage-backup', { interface: 'internal' }, 'http://inner'],
    ['twice', {}, 'http://same'],
  ])('leads to %s of %j at %s', (type, values, url) => {
    expect(endpointOf(token, type, cloud(values))).toBe(url);
  });

  it.each<[string, CloudValues, RegExp]>([
    ['key-value-storage-backup', {}, /in several regions \(R1, R2\)/],
    ['key-value-storage-backup', { region_name: 'R3' }, /no public endpoint .* in the region R3, which is in R1, R2/],
    ['key-value-storage-backup', { interface: 'admin' }, /no admin endpoint/],
    ['another', {}, /no public endpoint of a service another: give --url/],
  ])('leads to no %s of %j', (type, values, message) => {
    expect(() => endpointOf(token, type, cloud(values))).toThrow(message);
  });
});
