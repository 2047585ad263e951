import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, RequestListener, Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { KeystoneService, pythonIsThere } from '../setup/keystone-service';
import { CliResult, jsonLines, runCli } from './cli-io';
import { KeystoneGateway, startKeystoneGateway } from './keystone-gateway';

const describeIfThere = pythonIsThere('logging in on the command line') ? describe : describe.skip;
const START_MILLIS = 300_000;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'keystone-cli-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const cli = (argv: string[], env: Record<string, string>): Promise<CliResult> => runCli(argv, { env, cwd: folder });

describeIfThere('The command line with a real Keystone', () => {
  let keystone: KeystoneService;
  let gateway: KeystoneGateway;
  /** Of this run alone: others use the same catalogue. */
  const type = `backup-${randomBytes(4).toString('hex')}`;
  let base: Record<string, string>;
  let table: string;

  beforeAll(async () => {
    keystone = await KeystoneService.shared();
    gateway = await startKeystoneGateway(keystone);
    await keystone.start({ [type]: `${gateway.url}/v1` });
    base = { OS_AUTH_URL: `${keystone.url}/v3`, MAGNETODB_SERVICE_TYPE: type };
    table = await makeTable();
  }, START_MILLIS);
  afterAll(() => gateway?.stop());

  async function makeTable(): Promise<string> {
    const token = await keystone.logIn('member');
    const definition = { table_name: 'threads', attribute_definitions: [{ attribute_name: 'h', attribute_type: 'S' }], key_schema: [{ attribute_name: 'h', key_type: 'HASH' }] };
    const answer = await fetch(`${gateway.url}/v1/data/${keystone.ids.projects['demo']}/tables`, {
      method: 'POST',
      headers: { 'X-Auth-Token': token, 'Content-Type': 'application/json' },
      body: JSON.stringify(definition),
    });
    expect(answer.status).toBe(200);
    return 'threads';
  }

  const password = (user: string, project = 'demo'): Record<string, string> => ({
    OS_USERNAME: user,
    OS_PASSWORD: `${user}-secret`,
    OS_PROJECT_NAME: project,
    OS_USER_DOMAIN_NAME: 'Default',
    OS_PROJECT_DOMAIN_ID: 'default',
  });

  it('backs up and restores for a user who has what every OpenStack client asks for', async () => {
    const env = { ...base, ...password('operator') };
    const made = await cli(['create', table, '--wait', '--json'], env);
    expect(made).toMatchObject({ code: 0 });
    const { backup_id: id } = jsonLines(made.out).at(-1) ?? {};
    expect(await cli(['restore', String(id), '--to', `${table}_again`, '--wait'], env)).toMatchObject({ code: 0 });
    expect(jsonLines((await cli(['list', '--json'], env)).out)).toMatchObject([{ backup_id: id, status: 'CREATED' }]);
    expect((await cli(['list', '--json'], { ...base, ...password('stranger', 'other') })).out).toBe('');
  });

  it('lets in by ids, application credential, token and clouds.yaml alike', async () => {
    const { id, secret, name } = await keystone.applicationCredential('viewer');
    const user = keystone.ids.users['viewer'] ?? '';
    const token = await keystone.logIn('viewer');
    await writeFile(
      join(folder, 'clouds.yaml'),
      `clouds:
  ours:
    region_name: RegionOne
    interface: internal
    auth: {auth_url: "${keystone.url}", username: viewer, user_domain_id: default, project_name: demo, project_domain_id: default}
`,
    );
    await writeFile(join(folder, 'secure.yaml'), 'clouds: {ours: {auth: {password: viewer-secret}}}');
    const ways: Record<string, string>[] = [
      { ...base, OS_USER_ID: user, OS_PASSWORD: 'viewer-secret', OS_PROJECT_ID: keystone.ids.projects['demo'] ?? '' },
      { ...base, OS_AUTH_TYPE: 'v3applicationcredential', OS_APPLICATION_CREDENTIAL_ID: id, OS_APPLICATION_CREDENTIAL_SECRET: secret },
      { ...base, OS_APPLICATION_CREDENTIAL_NAME: name, OS_APPLICATION_CREDENTIAL_SECRET: secret, OS_USER_ID: user },
      { ...base, OS_TOKEN: token },
      { ...base, OS_TOKEN: token, OS_PROJECT_NAME: 'demo' },
      { MAGNETODB_SERVICE_TYPE: type, OS_CLOUD: 'ours', OS_PASSWORD: 'of-another-cloud' },
    ];
    for (const env of ways) {
      expect([env, await cli(['settings', '--json'], env)]).toEqual([env, { code: 0, out: expect.stringContaining('backup_before_drop'), err: '' }]);
      // It is for reading only.
      expect(await cli(['create', table, '--json'], env)).toMatchObject({ code: 4, err: expect.stringContaining('Forbidden') });
    }
    expect(await cli(['settings', '--os-cloud', 'ours'], { MAGNETODB_SERVICE_TYPE: type, MAGNETODB_TOKEN: 'of-another-gateway' })).toMatchObject({ code: 0 });
  });

  it('is for the deployment with a token for the system', async () => {
    const env = { ...base, OS_USERNAME: 'admin', OS_PASSWORD: 'admin-secret', OS_USER_DOMAIN_ID: 'default', OS_SYSTEM_SCOPE: 'all', MAGNETODB_URL: gateway.url };
    expect(await cli(['dead-letters', '--json'], env)).toEqual({ code: 0, out: '', err: '' });
    expect(await cli(['list', '--project', keystone.ids.projects['demo'] ?? '', '--json'], env)).toMatchObject({ code: 0 });
    expect(await cli(['list'], env)).toMatchObject({ code: 2, err: expect.stringContaining('MAGNETODB_PROJECT') });
  });

  it('says why it is not let in, and no secret', async () => {
    const secrets = ['wr0ng', 'member-secret', 'gAAAA'];
    const refused = async (env: Record<string, string>, code: number, message: RegExp, ...options: string[]): Promise<void> => {
      const { out, err, ...rest } = await cli(['list', ...options], env);
      expect({ ...rest, out, err }).toEqual({ code, out: '', err: expect.stringMatching(message) });
      for (const secret of secrets) expect(err).not.toContain(secret);
    };
    const member = { ...base, ...password('member') };
    await refused({ ...member, OS_PASSWORD: 'wr0ng' }, 4, /does not let in/);
    await refused({ ...base, OS_TOKEN: 'gAAAAwr0ng' }, 4, /does not let in/);
    await refused({ ...member, OS_PROJECT_NAME: 'other' }, 4, /does not let in/);
    await refused(member, 4, /not for this project/, '--project', keystone.ids.projects['other'] ?? '');
    await refused(member, 2, /no public endpoint of a service key-value-storage-backup/, '--service-type', 'key-value-storage-backup');
    await refused(member, 2, /in the region Nowhere, which is in RegionOne/, '--os-region-name', 'Nowhere');
    await refused({ ...member, OS_AUTH_URL: 'http://127.0.0.1:1/v3' }, 6, /cannot be reached \(ECONNREFUSED\)/);
    await refused({ ...member, OS_AUTH_URL: `${gateway.url}/v3` }, 1, /answered 404, and not as Keystone v3 does/);
    await refused({ ...member, OS_CACERT: '/nowhere/ca.pem' }, 2, /cacert .*ENOENT/);
    await refused(member, 2, /which of the two/, '--token', 'gAAAA', '--os-cloud', 'ours');
  });
});

describe('The command line with servers that are none', () => {
  const servers: Server[] = [];
  afterEach(() => Promise.all(servers.splice(0).map((server) => new Promise((resolve) => server.close(resolve)))));

  async function serve(listener: RequestListener, tls?: { key: string; cert: string }): Promise<string> {
    const server = tls === undefined ? createServer(listener) : createTlsServer(tls, listener);
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  /** Both in one: logs everybody in, a new token each time, and accepts those alone that the test likes. */
  function keystoneAndGateway(accepts: (token: string) => boolean, seen: string[] = []): { listener: RequestListener; at(url: string): void } {
    let own = '';
    let tokens = 0;
    const listener: RequestListener = (request, response) => {
      request.resume();
      const json = (status: number, body: unknown, headers: Record<string, string> = {}): void =>
        void response.writeHead(status, { Connection: 'close', 'Content-Type': 'application/json', ...headers }).end(JSON.stringify(body));
      seen.push(`${request.method} ${request.url} ${String(request.headers['x-auth-token'])}`);
      if (request.url === '/v3/auth/tokens') {
        const endpoints = [{ interface: 'public', region_id: 'R', url: own }];
        const token = { project: { id: 'demo' }, catalog: [{ type: 'key-value-storage-backup', endpoints }] };
        return json(201, { token }, { 'X-Subject-Token': `token-${(tokens += 1)}` });
      }
      return accepts(String(request.headers['x-auth-token'])) ? json(200, { backups: [] }) : json(401, { error: { type: 'Unauthorized', message: 'no' } });
    };
    return { listener, at: (url) => void (own = url) };
  }

  const environment = (url: string): Record<string, string> => ({ OS_AUTH_URL: `${url}/v3`, OS_USERNAME: 'ann', OS_PASSWORD: 's3cr3t', OS_PROJECT_NAME: 'demo' });

  it('logs in again, once, when its token is refused in the middle', async () => {
    const seen: string[] = [];
    const both = keystoneAndGateway((token) => token === 'token-2', seen);
    const url = await serve(both.listener);
    both.at(url);
    expect(await cli(['list', '--json'], environment(url))).toEqual({ code: 0, out: '', err: '' });
    const list = 'GET /v1/management/demo/backups?limit=1000';
    expect(seen).toEqual(['POST /v3/auth/tokens undefined', `${list} token-1`, 'POST /v3/auth/tokens undefined', `${list} token-2`]);
    const never = keystoneAndGateway(() => false, (seen.length = 0, seen));
    const other = await serve(never.listener);
    never.at(other);
    expect(await cli(['list'], environment(other))).toMatchObject({ code: 4 });
    expect(seen.length).toBe(4);
  });

  it('believes in the certificates that it is told to believe in', async () => {
    const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
    const subject = ['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1'];
    await promisify(execFile)('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', ...subject, '-keyout', key, '-out', cert]);
    const both = keystoneAndGateway(() => true);
    const url = await serve(both.listener, { key: await readFile(key, 'utf8'), cert: await readFile(cert, 'utf8') });
    both.at(url);
    expect(await cli(['list'], environment(url))).toMatchObject({ code: 6, err: expect.stringContaining('DEPTH_ZERO_SELF_SIGNED_CERT') });
    for (const [name, value] of [['OS_CACERT', cert], ['OS_CACERT', 'cert.pem'], ['OS_INSECURE', 'true']] as const)
      expect(await cli(['list'], { ...environment(url), [name]: value })).toMatchObject({ code: 0 });
  });

  it('takes nothing for Keystone that is none, and follows it nowhere', async () => {
    const seen: (string | undefined)[] = [];
    const answers: [number, string, Record<string, string>][] = [
      [302, '', { Location: '/thief' }],
      [200, '<html>', {}],
      [201, '{"token": {}}', {}],
      [503, '', {}],
    ];
    for (const [status, body, headers] of answers) {
      const url = await serve((request, response) => {
        request.resume();
        seen.push(request.url);
        response.writeHead(status, { Connection: 'close', ...headers }).end(body);
      });
      expect(await cli(['list'], environment(url))).toMatchObject({ code: status === 503 ? 6 : 1, err: expect.stringMatching(/not as Keystone v3 does/) });
    }
    expect(new Set(seen)).toEqual(new Set(['/v3/auth/tokens']));
  });
});
