import { execFile, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { steadyFetch } from './steady-fetch';

const SCRIPT = join(__dirname, '../services/openstack/keystone.sh');

/** Is there what Keystone and Swift need (Python, to make their environment)? With CI=true there must be; else it is said what is skipped. */
export function pythonIsThere(what: string): boolean {
  const installed = ['python3 -c "import venv, ensurepip"', 'curl --version', 'flock --version'].every(
    (command) => spawnSync('bash', ['-c', command], { stdio: 'ignore' }).status === 0,
  );
  if (!installed && process.env.CI === 'true') throw new Error('python3-venv or curl is not there, and with CI=true it must be');
  if (!installed) process.stderr.write(`SKIPPED: ${what} is not tried on a real Keystone, since there is no python3-venv or curl\n`);
  return installed;
}

/** The users of test/services/openstack/keystone-seed.json; the password of NAME is `NAME-secret`. */
export type SeededUser = 'admin' | 'boss' | 'member' | 'viewer' | 'operator' | 'monitor' | 'nobody' | 'stranger' | 'magnetodb' | 'swift';

/** What a token is for: a project's name, or something else. */
export type Scope = { readonly project: string } | 'system' | 'domain' | 'unscoped';

/** A user whom nobody else knows. */
export interface OwnUser {
  readonly name: string;
  readonly id: string;
  /** The project in which the user has the role. */
  readonly projectId: string;
  logIn(): Promise<string>;
  /** Disabling a user revokes what was issued, and ends the user's trusts. */
  setEnabled(enabled: boolean): Promise<void>;
}

interface Answer {
  readonly status: number;
  readonly token: string | undefined;
  readonly body: Record<string, unknown>;
}

/** A real Keystone. One of all tests of the run may be stopped by none of them. */
export class KeystoneService {
  private constructor(
    private readonly folder: string,
    /** Without `/v3`. */
    readonly url: string,
    /** By name. */
    readonly ids: Readonly<Record<'projects' | 'users' | 'roles', Readonly<Record<string, string>>>>,
  ) {}

  /** The one of the run. `endpoints`: URLs by service type, to be added to the catalogue. */
  static shared(endpoints: Record<string, string> = {}): Promise<KeystoneService> {
    return KeystoneService.in('keystone', endpoints);
  }

  /** One of the caller's own, which it may stop; the end of the run removes it. */
  static own(endpoints: Record<string, string> = {}): Promise<KeystoneService> {
    return KeystoneService.in(`keystone-${randomBytes(6).toString('hex')}`, endpoints);
  }

  private static async in(name: string, endpoints: Record<string, string>): Promise<KeystoneService> {
    const run = process.env.TEST_RUN_DIR;
    if (run === undefined) throw new Error('TEST_RUN_DIR is not set: run tests with jest');
    const folder = join(run, 'services', name);
    const url = await keystone('start', folder, endpoints);
    const ids = JSON.parse(await readFile(join(folder, 'keystone/ids.json'), 'utf8')) as KeystoneService['ids'];
    return new KeystoneService(folder, url, ids);
  }

  /** The service user of a gateway, as options of the plugin. */
  get serviceUser(): { authUrl: string; username: string; password: string; projectName: string } {
    return { authUrl: this.url, username: 'magnetodb', password: 'magnetodb-secret', projectName: 'service' };
  }

  /** Only of a Keystone of one's own. */
  async stop(): Promise<void> {
    await keystone('stop', this.folder);
  }

  /** Again, after `stop`: with the same URL, users and keys. Also adds endpoints to a running one's catalogue. */
  async start(endpoints: Record<string, string> = {}): Promise<void> {
    await keystone('start', this.folder, endpoints);
  }

  /** A new token of a user. */
  async logIn(user: SeededUser, scope: Scope = { project: 'demo' }): Promise<string> {
    const password = { user: { name: user, domain: { id: 'default' }, password: `${user}-secret` } };
    return this.newToken({ identity: { methods: ['password'], password }, scope: scopeOf(scope) });
  }

  /** A new token by an application credential. */
  async logInWith({ id, secret }: { id: string; secret: string }): Promise<string> {
    return this.newToken({ identity: { methods: ['application_credential'], application_credential: { id, secret } } });
  }

  /** A new application credential of the user; its tokens end when it does. */
  async applicationCredential(user: SeededUser, lifeMs?: number, project = 'demo'): Promise<{ id: string; secret: string; name: string }> {
    const name = randomBytes(6).toString('hex');
    // Keystone reads a time without zone.
    const expires = lifeMs === undefined ? {} : { expires_at: new Date(Date.now() + lifeMs).toISOString().replace('Z', '') };
    const path = `/users/${this.ids.users[user]}/application_credentials`;
    const { status, body } = await this.call('POST', path, await this.logIn(user, { project }), { application_credential: { name, ...expires } });
    if (status !== 201) throw new Error(`Keystone answered ${status} to a new application credential`);
    const { id, secret } = body['application_credential'] as { id: string; secret: string };
    return { id, secret, name };
  }

  /** A user of the caller's own, of whom nobody else loses anything: with a role in a project that is there, or in a new one. The password of NAME is `NAME-secret`. */
  async ownUser(role: string, project?: string): Promise<OwnUser> {
    const admin = await this.logIn('admin', { project: 'admin' });
    const name = `own-${randomBytes(4).toString('hex')}`;
    const make = async (kind: 'user' | 'project', attributes: Record<string, unknown>): Promise<string> => {
      const { status, body } = await this.call('POST', `/${kind}s`, admin, { [kind]: { name, domain_id: 'default', ...attributes } });
      if (status !== 201) throw new Error(`Keystone answered ${status} to a new ${kind}`);
      return (body[kind] as { id: string }).id;
    };
    const password = `${name}-secret`;
    const id = await make('user', { password });
    const projectId = project === undefined ? await make('project', {}) : (this.ids.projects[project] ?? '');
    const granted = await this.call('PUT', `/projects/${projectId}/users/${id}/roles/${this.ids.roles[role]}`, admin);
    if (granted.status !== 204) throw new Error(`Keystone answered ${granted.status} to a role`);
    return {
      name,
      id,
      projectId,
      logIn: () => this.newToken({ identity: { methods: ['password'], password: { user: { id, password } } }, scope: { project: { id: projectId } } }),
      setEnabled: async (enabled) => {
        const { status } = await this.call('PATCH', `/users/${id}`, await this.logIn('admin', { project: 'admin' }), { user: { enabled } });
        if (status !== 200) throw new Error(`Keystone answered ${status} to a change of a user`);
      },
    };
  }

  async revoke(token: string): Promise<void> {
    const { status } = await this.call('DELETE', '/auth/tokens', await this.logIn('admin', { project: 'admin' }), undefined, { 'X-Subject-Token': token });
    if (status !== 204) throw new Error(`Keystone answered ${status} to a revocation`);
  }

  async call(method: string, path: string, token?: string, body?: unknown, headers: Record<string, string> = {}): Promise<Answer> {
    const response = await steadyFetch(`${this.url}/v3${path}`, {
      method,
      headers: { 'Content-Type': 'application/json', ...(token === undefined ? {} : { 'X-Auth-Token': token }), ...headers },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return {
      status: response.status,
      token: response.headers.get('x-subject-token') ?? undefined,
      body: text === '' ? {} : (JSON.parse(text) as Record<string, unknown>),
    };
  }

  private async newToken(auth: Record<string, unknown>): Promise<string> {
    const { status, token } = await this.call('POST', '/auth/tokens?nocatalog', undefined, { auth });
    if (status !== 201 || token === undefined) throw new Error(`Keystone answered ${status} to a log-in`);
    return token;
  }
}

function scopeOf(scope: Scope): unknown {
  if (scope === 'unscoped') return 'unscoped';
  if (scope === 'system') return { system: { all: true } };
  if (scope === 'domain') return { domain: { id: 'default' } };
  return { project: { name: scope.project, domain: { id: 'default' } } };
}

/** Runs the script; resolves with the last line that it prints. */
async function keystone(action: 'start' | 'stop', folder: string, endpoints: Record<string, string> = {}): Promise<string> {
  const listed = Object.entries(endpoints).map(([type, url]) => `${type}=${url}`);
  const env = { ...process.env, SERVICES_DIR: folder, KEYSTONE_ENDPOINTS: listed.join(' ') };
  const { stdout } = await promisify(execFile)('bash', [SCRIPT, action], { env });
  return stdout.trim().split('\n').at(-1) ?? '';
}
