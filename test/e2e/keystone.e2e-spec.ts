import { KeystoneTokenValidator } from '../../src/auth/keystone';
import { ManualClock } from '../../src/kernel';
import { codeOf, describeTokenValidatorContract } from '../contract/token-validator.contract';
import { KeystoneService, pythonIsThere, SeededUser } from '../setup/keystone-service';
import { until } from '../setup/until';
import { KeystoneGateway, startKeystoneGateway } from './keystone-gateway';

const describeIfThere = pythonIsThere('the guard') ? describe : describe.skip;
/** A Keystone may have to be installed first. */
const START_MILLIS = 300_000;

let keystone: KeystoneService;

describeIfThere('Tokens of a real Keystone', () => {
  beforeAll(async () => {
    keystone = await KeystoneService.shared();
  }, START_MILLIS);

  describeTokenValidatorContract('a real Keystone', async () => ({
    validator: new KeystoneTokenValidator(keystone.serviceUser),
    demoMember: { token: await keystone.logIn('member'), projectId: keystone.ids.projects['demo'] ?? '', roles: ['member', 'reader'] },
    otherAdmin: {
      token: await keystone.logIn('admin', { project: 'admin' }),
      projectId: keystone.ids.projects['admin'] ?? '',
      roles: ['admin', 'manager', 'member', 'reader'],
    },
    cleanup: () => Promise.resolve(),
  }));

  it('are described whole', async () => {
    const validator = new KeystoneTokenValidator(keystone.serviceUser);
    const system = await validator.validate(await keystone.logIn('admin', 'system'));
    expect(system).toMatchObject({ userId: keystone.ids.users['admin'], projectId: undefined, systemScoped: true });
    expect(system.roles).toContain('admin');
    const before = Date.now();
    const member = await validator.validate(await keystone.logIn('member'));
    expect(member).toMatchObject({ userId: keystone.ids.users['member'], projectId: keystone.ids.projects['demo'], systemScoped: false });
    expect(Math.abs((member.expiresAt ?? 0) - (before + 3_600_000))).toBeLessThan(60_000);
  });

  it.each(['unscoped', 'domain'] as const)('are refused if they are for no project: %s', async (scope) => {
    const user = scope === 'domain' ? 'admin' : 'member';
    if (scope === 'domain') await grantDomain();
    expect(await codeOf(new KeystoneTokenValidator(keystone.serviceUser).validate(await keystone.logIn(user, scope)))).toBe('Forbidden');
  });

  async function grantDomain(): Promise<void> {
    const token = await keystone.logIn('admin', { project: 'admin' });
    const { users, roles } = keystone.ids;
    const { status } = await keystone.call('PUT', `/domains/default/users/${users['admin']}/roles/${roles['admin']}`, token);
    expect(status).toBe(204);
  }

  it('are believed for the cache’s time after a revocation, and not longer', async () => {
    const clock = new ManualClock(Date.now());
    const validator = new KeystoneTokenValidator({ ...keystone.serviceUser, cacheSeconds: 60 }, clock);
    const token = await keystone.logIn('member');
    await validator.validate(token);
    await keystone.revoke(token);
    clock.advance(59_000);
    expect(await validator.validate(token)).toMatchObject({ userId: keystone.ids.users['member'] });
    clock.advance(1_001);
    expect(await codeOf(validator.validate(token))).toBe('Unauthorized');
  });

  it('made by an application credential are as good, and end with it', async () => {
    const validator = new KeystoneTokenValidator({ ...keystone.serviceUser, cacheSeconds: 3600 });
    const token = await keystone.logInWith(await keystone.applicationCredential('operator', 4_000));
    const { expiresAt = Infinity, ...identity } = await validator.validate(token);
    expect(identity).toEqual({
      userId: keystone.ids.users['operator'],
      projectId: keystone.ids.projects['demo'],
      roles: ['magnetodb_backup'],
      systemScoped: false,
    });
    expect(await until(() => codeOf(validator.validate(token)).catch(() => undefined))).toBe('Unauthorized');
    expect(Date.now()).toBeGreaterThanOrEqual(expiresAt);
  });

  it.each([-300_000, 300_000])('are judged alike by a machine whose clock is %i ms off', async (off) => {
    const clock = new ManualClock(Date.now() + off);
    const validator = new KeystoneTokenValidator({ ...keystone.serviceUser, cacheSeconds: 600 }, clock);
    // By the clock alone it would be over before it was asked for, or live five times as long.
    const token = await keystone.logInWith(await keystone.applicationCredential('member', 120_000));
    const { expiresAt = 0 } = await validator.validate(token);
    expect(expiresAt - clock.now()).toBeGreaterThan(0);
    expect(expiresAt - clock.now()).toBeLessThanOrEqual(120_000);
  });

  it('are judged again as soon as the service user’s own token, which was revoked, is renewed', async () => {
    // Of this test's own, since others would lose their tokens, too.
    const own = await keystone.ownUser('service', 'service');
    const validator = new KeystoneTokenValidator({ ...keystone.serviceUser, username: own.name, password: `${own.name}-secret`, cacheSeconds: 0 });
    const token = await keystone.logIn('member');
    await validator.validate(token);
    await own.setEnabled(false);
    await own.setEnabled(true);
    // A new one that was made in the second of the revocation is revoked with the old.
    expect(await until(() => validator.validate(token).catch(() => undefined))).toMatchObject({ projectId: keystone.ids.projects['demo'] });
  });
});

/** Who may call it. */
type Kind = 'everybody' | 'reading' | 'operating' | 'tables' | 'metrics' | 'deployment';

/** The contract's words on every call, by its method and path; both dialects, and no call twice. */
const CALLS: readonly (readonly [RegExp, Kind])[] = [
  [/^get \/healthcheck$/, 'everybody'],
  [/^get \/metrics$/, 'metrics'],
  [/^get \/v1\/monitoring\/projects$/, 'deployment'],
  [/^get \/v1\/monitoring\/projects\//, 'tables'],
  [/^\w+ \/v1\/(data\/\{project_id\}|\{project_id\}\/data)\//, 'tables'],
  [/^\w+ \/v1\/management\/notifications\//, 'deployment'],
  [/^get \/v1\/(management\/\{project_id\}|\{project_id\}\/management)\//, 'reading'],
  [/^(post|patch|delete) \/v1\/(management\/\{project_id\}|\{project_id\}\/management)\//, 'operating'],
];

interface Caller {
  readonly name: string;
  readonly user: SeededUser;
  readonly scope: 'demo' | 'other' | 'admin' | 'service' | 'system';
  /** What the roles allow, in a project that the token reaches. */
  readonly may: readonly Kind[];
  /** Does the token reach every project? */
  readonly everywhere?: boolean;
}
const CALLERS: readonly Caller[] = [
  { name: 'a system-scoped admin', user: 'admin', scope: 'system', may: ['reading', 'operating', 'tables', 'deployment', 'metrics'], everywhere: true },
  { name: 'an admin of the admin project', user: 'admin', scope: 'admin', may: ['reading', 'operating', 'tables', 'deployment'], everywhere: true },
  { name: 'an admin of the project', user: 'boss', scope: 'demo', may: ['reading', 'operating', 'tables'] },
  { name: 'a member', user: 'member', scope: 'demo', may: ['reading', 'operating', 'tables'] },
  { name: 'a reader', user: 'viewer', scope: 'demo', may: ['reading', 'tables'] },
  { name: 'a backup operator', user: 'operator', scope: 'demo', may: ['reading', 'operating', 'tables'] },
  { name: 'somebody with a role that no rule names', user: 'nobody', scope: 'demo', may: ['tables'] },
  { name: 'the monitoring', user: 'monitor', scope: 'demo', may: ['tables', 'metrics'] },
  { name: 'a stranger', user: 'stranger', scope: 'other', may: ['reading', 'operating', 'tables'] },
  { name: 'a service user', user: 'swift', scope: 'service', may: ['reading', 'operating', 'tables'] },
];
const TARGETS = ['demo', 'other'] as const;
const ABSENT = '00000000-0000-4000-8000-000000000000';

describeIfThere('Who may call what, with users of a real Keystone', () => {
  let gateway: KeystoneGateway;
  let operations: { readonly method: string; readonly path: string; readonly kind: Kind }[];
  beforeAll(async () => {
    keystone = await KeystoneService.shared();
    gateway = await startKeystoneGateway(keystone, { STEPS_PER_PROCESS: '0' });
    const document = (await (await fetch(`${gateway.url}/openapi.json`)).json()) as { paths: Record<string, Record<string, unknown>> };
    operations = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => {
        const kind = CALLS.find(([pattern]) => pattern.test(`${method} ${path}`))?.[1];
        if (kind === undefined) throw new Error(`nothing is said of who may ${method} ${path}`);
        return { method, path, kind };
      }),
    );
  }, START_MILLIS);
  afterAll(() => gateway?.stop());

  it('has a call of every kind, in both dialects', () => {
    expect(new Set(operations.map(({ kind }) => kind))).toEqual(new Set(CALLS.map(([, kind]) => kind)));
    const dialects = [/^\/v1\/\{project_id\}\/management/, /^\/v1\/management\/\{project_id\}/];
    const counts = dialects.map((dialect) => operations.filter(({ path }) => dialect.test(path)).length);
    expect(counts[0]).toBe(counts[1]);
    expect(counts[0]).toBeGreaterThan(15);
  });

  /** The statuses of all calls with this token, towards this project; those that ask for something that is not there. */
  async function statuses(headers: Record<string, string>, project: string): Promise<Record<string, number>> {
    const answers: [string, number][] = [];
    const left = [...operations];
    const worker = async (): Promise<void> => {
      for (let call = left.shift(); call !== undefined; call = left.shift()) {
        const { method, path } = call;
        const url = path.replace('{project_id}', project).replace('{table}', 'absent_table').replace(/\{\w+\}/g, ABSENT);
        const body = ['post', 'patch'].includes(method) ? { body: '{}' } : {};
        const init = { method: method.toUpperCase(), headers: { ...headers, ...(body.body ? { 'content-type': 'application/json' } : {}) }, ...body };
        const response = await fetch(gateway.url + url, init);
        // A watch goes on for ever.
        await response.body?.cancel();
        answers.push([`${method} ${path}`, response.status]);
      }
    };
    await Promise.all(Array.from({ length: 8 }, worker));
    return Object.fromEntries(answers);
  }

  const verdictOf = (status: number): string => (status === 401 ? 'who?' : status === 403 ? 'refused' : status < 500 ? 'let in' : `broke: ${status}`);
  const verdicts = (answers: Record<string, number>): Record<string, string> =>
    Object.fromEntries(Object.entries(answers).map(([call, status]) => [call, verdictOf(status)]));

  it.each(CALLERS.flatMap((caller) => TARGETS.map((target) => [caller.name, target, caller] as const)))(
    '%s, towards the project %s',
    async (_name, target, { user, scope, may, everywhere = false }) => {
      const token = await keystone.logIn(user, scope === 'system' ? 'system' : { project: scope });
      const reaches = everywhere || scope === target;
      const expected = operations.map(({ method, path, kind }) => {
        const bound = path.includes('{project_id}');
        const allowed = kind === 'everybody' || (may.includes(kind) && (reaches || !bound));
        return [`${method} ${path}`, allowed ? 'let in' : 'refused'];
      });
      const answers = await statuses({ 'X-Auth-Token': token }, keystone.ids.projects[target] ?? '');
      expect(verdicts(answers)).toEqual(Object.fromEntries(expected));
    },
  );

  it.each([
    ['nobody, with no token', {}],
    ['nobody, with a token that Keystone never gave', { 'X-Auth-Token': `gAAAAA${'x'.repeat(180)}` }],
  ] as [string, Record<string, string>][])('%s', async (_name, headers) => {
    const answers = await statuses(headers, keystone.ids.projects['demo'] ?? '');
    expect(verdicts(answers)).toEqual(
      Object.fromEntries(operations.map(({ method, path, kind }) => [`${method} ${path}`, kind === 'everybody' ? 'let in' : 'who?'])),
    );
  });

  it('somebody whose token was for the project, and is revoked', async () => {
    const token = await keystone.logIn('member');
    await keystone.revoke(token);
    const answers = await statuses({ Authorization: `Bearer ${token}` }, keystone.ids.projects['demo'] ?? '');
    expect(new Set(Object.values(verdicts(answers)))).toEqual(new Set(['let in', 'who?']));
    expect(Object.values(answers).filter((status) => status < 400).length).toBe(1);
  });
});
