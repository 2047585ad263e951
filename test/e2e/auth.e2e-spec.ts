import { Body, Controller, Get, INestApplication, LoggerService, Module, Post } from '@nestjs/common';
import { APP_FILTER, APP_GUARD } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import { request as httpRequest } from 'node:http';
import {
  AuthModule,
  CurrentIdentity,
  DEFAULT_RULES,
  EveryProject,
  Identity,
  KeystoneAuthGuard,
  PolicyRule,
  Public,
  Requires,
  TokenAuthority,
  TokenValidator,
} from '../../src/auth';
import { ErrorFilter, fastifyServerOptions, HttpModule } from '../../src/http';
import { DomainError } from '../../src/kernel';
import { FakeKeystone } from '../fakes/fake-keystone';

const RULES = Object.keys(DEFAULT_RULES) as PolicyRule[];
const ADMIN_PROJECT = 'operations';

@Controller()
class CallsController {
  @Get('healthcheck')
  @Public()
  health(): string {
    return 'ok';
  }
  @Get('v1/:project_id/whoami')
  @Requires('backup:list')
  whoAmI(@CurrentIdentity() identity: Identity): Identity {
    return identity;
  }
  @Post('v1/:project_id/echo')
  @Requires('backup:create')
  echo(@Body() body: unknown): unknown {
    return body;
  }
  @Get('v1/:project_id/forgotten')
  forgotten(): string {
    return 'no rule says who may';
  }
  @Get('v1/projects')
  @Requires('mdb:monitor')
  @EveryProject()
  projects(): string {
    return 'all';
  }
}

/** One call a rule. */
@Controller('v1/:project_id/rules')
class RulesController {}
RULES.forEach((rule, index) => {
  const name = `rule${index}`;
  const handler = (): string => rule;
  Object.defineProperty(RulesController.prototype, name, { value: handler, writable: true });
  const descriptor: PropertyDescriptor = { value: handler };
  Get(String(index))(RulesController.prototype, name, descriptor);
  Requires(rule)(RulesController.prototype, name, descriptor);
});

function appModule(authority: TokenAuthority): object {
  @Module({
    imports: [HttpModule, AuthModule.forRoot({ authority, adminProjectId: ADMIN_PROJECT })],
    controllers: [CallsController, RulesController],
    providers: [
      { provide: APP_FILTER, useExisting: ErrorFilter },
      { provide: APP_GUARD, useExisting: KeystoneAuthGuard },
    ],
  })
  class AppModule {}
  return AppModule;
}

type Platform = 'Fastify' | 'Express';

async function start(
  platform: Platform,
  authority: TokenAuthority,
  logger: LoggerService | false = false,
): Promise<{ app: INestApplication; base: string }> {
  const module = await Test.createTestingModule({ imports: [appModule(authority) as never] })
    .setLogger(logger || { log: () => undefined, error: () => undefined, warn: () => undefined })
    .compile();
  const app =
    platform === 'Fastify'
      ? module.createNestApplication(new FastifyAdapter(fastifyServerOptions(65_536)))
      : module.createNestApplication();
  await app.listen(0, '127.0.0.1');
  return { app, base: await app.getUrl() };
}

/** A host's own validator: the token is what it says, `project/role,role` or `system/role`. */
const readableTokens: TokenValidator = {
  validate(token: string): Promise<Identity> {
    const [project, roles] = token.split('/');
    if (project === undefined || roles === undefined)
      return Promise.reject(new DomainError('Unauthorized', 'The token is not valid.'));
    const systemScoped = project === 'system';
    return Promise.resolve({
      userId: 'user',
      projectId: systemScoped ? undefined : project,
      roles: roles === '' ? [] : roles.split(','),
      systemScoped,
      expiresAt: undefined,
    });
  },
};

/** The contract's "Who may", said once more without the policy's language. */
function mayByContract(rule: PolicyRule, roles: readonly string[], scope: string): boolean {
  if (rule === 'metrics:read') return roles.includes('magnetodb_monitor') || (scope === 'system' && roles.includes('admin'));
  if (rule.startsWith('notification:') || rule === 'restore:native:external') return roles.includes('admin');
  if (rule.startsWith('mdb:')) return true;
  const readers = ['backup:list', 'backup:describe', 'restore:list', 'restore:describe', 'settings:describe'].includes(rule)
    ? ['reader']
    : [];
  return roles.some((role) => [...readers, 'member', 'magnetodb_backup', 'admin'].includes(role));
}

const ROLE_SETS = [
  [],
  ['reader'],
  ['member'],
  ['magnetodb_backup'],
  ['admin'],
  ['service'],
  ['_member_'],
  ['reader', 'member'],
  ['reader', 'service'],
  ['magnetodb_monitor'],
];
const CALLERS: {
  readonly scope: string;
  readonly target: string;
  readonly reaches: (roles: readonly string[]) => boolean;
}[] = [
  { scope: 'demo', target: 'demo', reaches: () => true },
  { scope: 'other', target: 'demo', reaches: () => false },
  { scope: 'demo', target: 'DEMO', reaches: () => false },
  { scope: 'demo', target: 'demo2', reaches: () => false },
  { scope: ADMIN_PROJECT, target: ADMIN_PROJECT, reaches: () => true },
  { scope: ADMIN_PROJECT, target: 'demo', reaches: (roles) => roles.includes('admin') },
  { scope: 'system', target: 'demo', reaches: (roles) => roles.includes('admin') },
  { scope: 'system', target: 'system', reaches: (roles) => roles.includes('admin') },
];

describe.each<Platform>(['Fastify', 'Express'])('KeystoneAuthGuard on %s', (platform) => {
  let app: INestApplication;
  let base: string;
  beforeAll(async () => {
    ({ app, base } = await start(platform, { kind: 'validator', validator: readableTokens }));
  });
  afterAll(() => app.close());

  const get = (path: string, headers: Record<string, string> = {}): Promise<Response> =>
    fetch(`${base}${path}`, { headers });

  describe.each(CALLERS)('a token for $scope, calling $target', ({ scope, target, reaches }) => {
    it.each(ROLE_SETS.map((roles) => [roles.join(' and ') || 'no role', roles] as const))(
      'with %s: every rule',
      async (_title, roles) => {
        for (const [index, rule] of RULES.entries()) {
          const answer = await get(`/v1/${target}/rules/${index}`, { 'x-auth-token': `${scope}/${roles.join(',')}` });
          const expected = reaches(roles) && mayByContract(rule, roles, scope) ? 200 : 403;
          expect({ rule, status: answer.status }).toEqual({ rule, status: expected });
          const body = await answer.text();
          if (expected === 200) expect(body).toBe(rule);
          else expect(JSON.parse(body)).toMatchObject({ code: 403, title: 'Forbidden', error: { type: 'Forbidden' } });
        }
      },
    );
  });

  const GOOD = 'demo/member';
  it.each<[string, Record<string, string>, number]>([
    ['X-Auth-Token', { 'X-Auth-Token': GOOD }, 200],
    ['Authorization: Bearer', { Authorization: `Bearer ${GOOD}` }, 200],
    ['the scheme in any case', { Authorization: `bEARER ${GOOD}` }, 200],
    ['both alike', { 'X-Auth-Token': GOOD, Authorization: `Bearer ${GOOD}` }, 200],
    ['another scheme beside X-Auth-Token', { 'X-Auth-Token': GOOD, Authorization: 'Basic dTpw' }, 200],
    ['both different', { 'X-Auth-Token': GOOD, Authorization: 'Bearer demo/admin' }, 401],
    ['both different, one unknown', { 'X-Auth-Token': 'unknown', Authorization: `Bearer ${GOOD}` }, 401],
    ['none', {}, 401],
    ['an empty one', { 'X-Auth-Token': '' }, 401],
    ['an unknown one', { 'X-Auth-Token': 'unknown' }, 401],
    ['another scheme alone', { Authorization: 'Basic dTpw' }, 401],
    ['a scheme without token', { Authorization: 'Bearer' }, 401],
    ['a malformed bearer beside a good token', { 'X-Auth-Token': GOOD, Authorization: 'Bearer a b' }, 401],
    ['a token with a space', { 'X-Auth-Token': `${GOOD} ${GOOD}` }, 401],
    ['a token beyond ASCII', { 'X-Auth-Token': `${GOOD}\u00e9` }, 401],
  ])('headers: %s', async (_title, headers, status) => {
    const answer = await get('/v1/demo/whoami', headers);
    expect(answer.status).toBe(status);
    const body: unknown = await answer.json();
    if (status === 200) {
      expect(body).toMatchObject({ userId: 'user', projectId: 'demo', roles: ['member'] });
    } else {
      expect(body).toMatchObject({ code: 401, title: 'Unauthorized', error: { type: 'Unauthorized' } });
      expect(answer.headers.get('www-authenticate')).toBe('Bearer realm="magnetodb"');
    }
  });

  it.each<[string, string[], number]>([
    ['two X-Auth-Token alike', ['X-Auth-Token', GOOD, 'X-Auth-Token', GOOD], 200],
    ['two X-Auth-Token that differ', ['X-Auth-Token', GOOD, 'X-Auth-Token', 'demo/admin'], 401],
    ['two Authorization that differ', ['Authorization', `Bearer ${GOOD}`, 'authorization', 'Bearer demo/admin'], 401],
  ])('repeated headers: %s', async (_title, headers, status) => {
    expect(await statusWithRawHeaders(base, '/v1/demo/whoami', headers)).toBe(status);
  });

  it.each(['access_token=demo/member', 'access_token=', 'access_token=demo%2Fmember&access_token=x'])(
    'refuses a token in the query (%s), even beside a good one',
    async (query) => {
      expect((await get(`/v1/demo/whoami?${query}`)).status).toBe(401);
      expect((await get(`/v1/demo/whoami?${query}`, { 'X-Auth-Token': GOOD })).status).toBe(401);
    },
  );

  it('refuses a token in the body, JSON or form', async () => {
    const bodies = [
      ['application/json', '{"access_token":"demo/member"}'],
      ['application/x-www-form-urlencoded', 'access_token=demo%2Fmember'],
    ] as const;
    for (const [type, body] of bodies) {
      for (const headers of [{}, { 'X-Auth-Token': GOOD }] as Record<string, string>[]) {
        const answer = await fetch(`${base}/v1/demo/echo`, {
          method: 'POST',
          headers: { 'content-type': type, ...headers },
          body,
        });
        expect(answer.status).toBe(401);
      }
    }
  });

  it('lets a body that only mentions one deeper down pass', async () => {
    const body = '{"item":{"access_token":{"S":"an attribute"}}}';
    const answer = await fetch(`${base}/v1/demo/echo`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'X-Auth-Token': GOOD },
      body,
    });
    expect(await answer.text()).toBe(body);
  });

  it('asks no token of a public call, and looks at none', async () => {
    expect((await get('/healthcheck')).status).toBe(200);
    expect((await get('/healthcheck', { 'X-Auth-Token': 'unknown' })).status).toBe(200);
  });

  it('refuses a call whose rule was forgotten, to everybody', async () => {
    for (const token of ['demo/member', 'demo/admin', 'system/admin']) {
      const answer = await get('/v1/demo/forgotten', { 'X-Auth-Token': token });
      expect(await answer.json()).toMatchObject({ code: 403, error: { message: 'No policy rule opens this call.' } });
    }
  });

  it.each<[string, number]>([
    ['demo/member', 403],
    ['demo/admin', 403],
    [`${ADMIN_PROJECT}/member`, 403],
    ['system/reader', 403],
    [`${ADMIN_PROJECT}/admin`, 200],
    ['system/admin', 200],
  ])('shows all projects only to admins of the deployment: %s', async (token, status) => {
    expect((await get('/v1/projects', { 'X-Auth-Token': token })).status).toBe(status);
  });

  it.each(['..%2fother', '%2e%2e', 'a%20b', 'a%00', 'x'.repeat(65), '%F0%9F%92%A3'])(
    'lets nobody pass with the project %s',
    async (project) => {
      expect((await get(`/v1/${project}/whoami`, { 'X-Auth-Token': GOOD })).status).not.toBe(200);
      expect([400, 404]).toContain((await get(`/v1/${project}/whoami`, { 'X-Auth-Token': 'system/admin' })).status);
    },
  );
});

describe.each<Platform>(['Fastify', 'Express'])('Keystone behind the guard, on %s', (platform) => {
  it('validates, notices ends and outages, and never prints a token', async () => {
    const printed: string[] = [];
    const keep = (...parts: unknown[]): void => void printed.push(parts.map(String).join(' '));
    const spies = [process.stdout, process.stderr].map((stream) =>
      jest.spyOn(stream, 'write').mockImplementation((chunk) => {
        printed.push(String(chunk));
        return true;
      }),
    );
    const keystone = await FakeKeystone.start();
    const authority = {
      kind: 'keystone',
      keystone: { authUrl: keystone.url, ...FakeKeystone.SERVICE, cacheSeconds: 0 },
    } as const;
    let app: INestApplication | undefined;
    try {
      const started = await start(platform, authority, {
        log: keep,
        error: keep,
        warn: keep,
        debug: keep,
        verbose: keep,
      });
      app = started.app;
      const token = keystone.issue({ userId: 'u1', projectId: 'demo', roles: ['reader', 'member'] });
      const unscoped = keystone.issue({ userId: 'u1' });
      const call = (subject: string): Promise<Response> =>
        fetch(`${started.base}/v1/demo/whoami`, { headers: { 'X-Auth-Token': subject } });
      expect((await call(token)).status).toBe(200);
      expect((await call(unscoped)).status).toBe(403);
      expect((await fetch(`${started.base}/v1/demo/whoami?access_token=${token}`)).status).toBe(401);
      for (const outage of ['error', 'garbage', 'html', 'redirect'] as const) {
        keystone.outage = outage;
        const answer = await call(token);
        expect(answer.status).toBe(503);
        expect(answer.headers.get('retry-after')).toBe('5');
        expect(await answer.text()).not.toContain('127.0.0.1');
      }
      keystone.outage = 'none';
      keystone.revoke(token);
      expect((await call(token)).status).toBe(401);
      const log = printed.join('\n');
      expect(log).toContain('answered 503');
      for (const secret of [token, unscoped, FakeKeystone.SERVICE.password])
        expect(log).not.toContain(secret.slice(0, 16));
    } finally {
      await app?.close();
      await keystone.stop();
      spies.forEach((spy) => spy.mockRestore());
    }
  });

  it('keeps two applications in one process apart', async () => {
    const first = await start(platform, { kind: 'static', tokens: 'one=demo:member' });
    const second = await start(platform, { kind: 'static', tokens: 'two=demo:member' });
    try {
      const status = async (base: string, token: string): Promise<number> =>
        (await fetch(`${base}/v1/demo/whoami`, { headers: { 'X-Auth-Token': token } })).status;
      expect([await status(first.base, 'one'), await status(first.base, 'two')]).toEqual([200, 401]);
      expect([await status(second.base, 'one'), await status(second.base, 'two')]).toEqual([401, 200]);
    } finally {
      await first.app.close();
      await second.app.close();
    }
  });
});

/** A GET with headers exactly as listed, repeated ones included. */
function statusWithRawHeaders(base: string, path: string, headers: string[]): Promise<number> {
  const { hostname, port, host } = new URL(base);
  return new Promise((resolve, reject) => {
    const request = httpRequest(
      { hostname, port, path, agent: false, headers: ['Host', host, ...headers] as never },
      (response) => {
        response.resume();
        response.on('end', () => resolve(response.statusCode ?? 0));
      },
    );
    request.on('error', reject);
    request.end();
  });
}
