import { codeOf, describeTokenValidatorContract } from '../../../test/contract/token-validator.contract';
import { FakeKeystone, Outage } from '../../../test/fakes/fake-keystone';
import { DomainError, ManualClock } from '../../kernel';
import { KeystoneOptions } from './keystone-options';
import { KeystoneTokenValidator } from './keystone-token-validator';

const MEMBER = { userId: 'u1', projectId: 'demo', roles: ['member'] } as const;
const OTHER_ADMIN = { projectId: 'other', roles: ['admin', 'member'] } as const;

describeTokenValidatorContract('Keystone', async () => {
  const keystone = await FakeKeystone.start();
  return {
    validator: new KeystoneTokenValidator({ authUrl: keystone.url, ...FakeKeystone.SERVICE }),
    demoMember: { token: keystone.issue(MEMBER), projectId: 'demo', roles: ['member'] },
    otherAdmin: { token: keystone.issue({ userId: 'u2', ...OTHER_ADMIN }), ...OTHER_ADMIN },
    cleanup: () => keystone.stop(),
  };
});

describe('KeystoneTokenValidator', () => {
  let keystone: FakeKeystone;
  let clock: ManualClock;

  beforeEach(async () => {
    clock = new ManualClock(Date.UTC(2026, 0, 1));
    keystone = await FakeKeystone.start(clock);
  });
  afterEach(() => keystone.stop());

  function make(options: Partial<KeystoneOptions> = {}): KeystoneTokenValidator {
    return new KeystoneTokenValidator({ authUrl: `${keystone.url}/v3/`, ...FakeKeystone.SERVICE, ...options }, clock);
  }

  it('reads everything that is used of a token', async () => {
    const token = keystone.issue({ userId: 'u9', system: true, roles: ['admin', 'reader'], lifeMs: 5_000 });
    expect(await make().validate(token)).toEqual({
      userId: 'u9',
      projectId: undefined,
      roles: ['admin', 'reader'],
      systemScoped: true,
      expiresAt: clock.now() + 5_000,
    });
  });

  it('asks once for a token that many requests bring at once, and logs in once', async () => {
    const validator = make();
    const token = keystone.issue(MEMBER);
    await Promise.all(Array.from({ length: 50 }, () => validator.validate(token)));
    expect([keystone.logins, keystone.validations]).toEqual([1, 1]);
    const others = Array.from({ length: 10 }, () => keystone.issue(MEMBER));
    await Promise.all(others.map((other) => validator.validate(other)));
    expect([keystone.logins, keystone.validations]).toEqual([1, 11]);
  });

  it('asks again after the cache time, and then notices a revocation', async () => {
    const validator = make({ cacheSeconds: 60 });
    const token = keystone.issue(MEMBER);
    await validator.validate(token);
    keystone.revoke(token);
    clock.advance(59_999);
    await validator.validate(token);
    expect(keystone.validations).toBe(1);
    clock.advance(1);
    expect(await codeOf(validator.validate(token))).toBe('Unauthorized');
    expect(keystone.validations).toBe(2);
  });

  it('never believes a token beyond its own end, whatever the cache time', async () => {
    const validator = make({ cacheSeconds: 3600 });
    const token = keystone.issue({ ...MEMBER, lifeMs: 10_000 });
    await validator.validate(token);
    clock.advance(9_999);
    await validator.validate(token);
    clock.advance(1);
    expect(await codeOf(validator.validate(token))).toBe('Unauthorized');
  });

  it('caches nothing with a cache time of 0', async () => {
    const validator = make({ cacheSeconds: 0 });
    const token = keystone.issue(MEMBER);
    await validator.validate(token);
    await validator.validate(token);
    expect(keystone.validations).toBe(2);
  });

  it('remembers no more tokens than it may', async () => {
    const validator = make({ maxCachedTokens: 2 });
    const [first, second, third] = [keystone.issue(MEMBER), keystone.issue(MEMBER), keystone.issue(MEMBER)];
    for (const token of [first, second, third, third, second, first]) await validator.validate(token);
    expect(keystone.validations).toBe(4);
  });

  it('does not remember that a token was bad', async () => {
    const validator = make();
    await codeOf(validator.validate('unknown'));
    await codeOf(validator.validate('unknown'));
    expect(keystone.validations).toBe(2);
  });

  it('renews its own token before that ends', async () => {
    const validator = make({ cacheSeconds: 0 });
    const token = keystone.issue({ ...MEMBER, lifeMs: 10 * 3_600_000 });
    await validator.validate(token);
    clock.advance(3_600_000 - 60_001);
    await validator.validate(token);
    expect(keystone.logins).toBe(1);
    clock.advance(1);
    await validator.validate(token);
    expect(keystone.logins).toBe(2);
  });

  it('logs in anew, once for all, when its own token is refused', async () => {
    const validator = make({ cacheSeconds: 0 });
    const tokens = Array.from({ length: 10 }, () => keystone.issue(MEMBER));
    await Promise.all(tokens.map((token) => validator.validate(token)));
    keystone.revokeServiceTokens();
    await Promise.all(tokens.map((token) => validator.validate(token)));
    expect(keystone.logins).toBe(2);
  });

  it.each<[string, Parameters<FakeKeystone['issue']>[0]]>([
    ['without a scope', { userId: 'u1' }],
    ['for a domain', { userId: 'u1', domainId: 'default', roles: ['admin'] }],
  ])('refuses a token %s', async (_title, token) => {
    expect(await codeOf(make().validate(keystone.issue(token)))).toBe('Forbidden');
  });

  it.each<Outage>(['error', 'hang', 'redirect', 'garbage', 'html', 'huge', 'cut'])(
    'answers 503 while Keystone is away (%s), goes on with cached tokens, and recovers',
    async (outage) => {
      const validator = make({ timeoutMs: outage === 'hang' ? 100 : 5_000 });
      const [cached, fresh] = [keystone.issue(MEMBER), keystone.issue(MEMBER)];
      await validator.validate(cached);
      keystone.outage = outage;
      expect(await validator.validate(cached)).toMatchObject({ projectId: 'demo' });
      const error: unknown = await validator.validate(fresh).catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ code: 'ServiceUnavailable', transient: true, retryAfterSeconds: 5 });
      const { cause, message } = error as DomainError;
      expect(message).not.toContain('127.0.0.1');
      expect(`${message} ${cause instanceof Error ? cause.stack : ''}`).not.toContain(fresh.slice(0, 9));
      expect(keystone.redirected).toBe(0);
      expect(keystone.floodedBytes).toBeLessThan(32 * 1024 * 1024);
      keystone.outage = 'none';
      expect(await validator.validate(fresh)).toMatchObject({ projectId: 'demo' });
    },
  );

  it('asks once more when a connection is cut, as an idle one may be', async () => {
    const validator = make();
    keystone.outage = 'cut once';
    expect(await validator.validate(keystone.issue(MEMBER))).toMatchObject({ userId: 'u1' });
    keystone.outage = 'cut once';
    expect(await validator.validate(keystone.issue(MEMBER))).toMatchObject({ userId: 'u1' });
  });

  describe.each([-300_000, 300_000])('with a Keystone whose clock is %i ms ahead', (ahead) => {
    let own: ManualClock;
    beforeEach(() => {
      own = new ManualClock(clock.now() - ahead);
    });
    const makeApart = (cacheSeconds: number): KeystoneTokenValidator =>
      new KeystoneTokenValidator({ authUrl: keystone.url, ...FakeKeystone.SERVICE, cacheSeconds }, own);
    const advance = (millis: number): void => [own, clock].forEach((each) => each.advance(millis));

    it('believes a token until its end by Keystone’s clock, and not beyond', async () => {
      const validator = makeApart(3600);
      const token = keystone.issue({ ...MEMBER, lifeMs: 60_000 });
      const { expiresAt = 0 } = await validator.validate(token);
      expect(expiresAt).toBeLessThanOrEqual(own.now() + 60_000);
      advance(58_000);
      expect(await validator.validate(token)).toMatchObject({ userId: 'u1' });
      expect(keystone.validations).toBe(1);
      advance(2_000);
      expect(await codeOf(validator.validate(token))).toBe('Unauthorized');
    });

    it('renews its own token in time, and not for each request', async () => {
      keystone.serviceTokenLifeMs = 120_000;
      const validator = makeApart(0);
      const token = keystone.issue(MEMBER);
      await validator.validate(token);
      advance(60_000);
      await validator.validate(token);
      expect(keystone.logins).toBe(1);
      advance(59_000);
      await validator.validate(token);
      expect(keystone.logins).toBe(2);
    });
  });

  it('answers 503 when it cannot log in at first, and recovers', async () => {
    const validator = make();
    const token = keystone.issue(MEMBER);
    keystone.outage = 'error';
    expect(await codeOf(validator.validate(token))).toBe('ServiceUnavailable');
    keystone.outage = 'none';
    expect(await validator.validate(token)).toMatchObject({ userId: 'u1' });
  });

  it('answers 503 when nobody listens', async () => {
    const token = keystone.issue(MEMBER);
    const validator = make();
    await keystone.stop();
    expect(await codeOf(validator.validate(token))).toBe('ServiceUnavailable');
    keystone = await FakeKeystone.start(clock);
  });

  it('answers 503, never 401, when its own password is wrong: the caller’s token may be good', async () => {
    expect(await codeOf(make({ password: 'wrong' }).validate(keystone.issue(MEMBER)))).toBe('ServiceUnavailable');
  });

  const noName = { username: undefined, password: undefined, projectName: undefined };
  it.each<[string, { [Name in keyof KeystoneOptions]?: KeystoneOptions[Name] | undefined }]>([
    ['authUrl', { authUrl: 'keystone:5000' }],
    ['authUrl', { authUrl: 'http://user:SECRET@keystone:5000' }],
    ['authUrl', { authUrl: 'ftp://keystone' }],
    ['password', { password: '' }],
    ['username', { username: '' }],
    ['applicationCredential', { applicationCredential: { id: 'an-id', secret: 'SECRET' } }],
    ['applicationCredential.id', { ...noName, applicationCredential: { id: '', secret: 'SECRET' } }],
    ['applicationCredential.secret', { ...noName, applicationCredential: { id: 'SECRET', secret: '' } }],
    ['timeoutMs', { timeoutMs: 0 }],
    ['cacheSeconds', { cacheSeconds: NaN }],
    ['maxCachedTokens', { maxCachedTokens: 0 }],
  ])('refuses a wrong %s at the start, without repeating it', (name, options) => {
    expect(() => make(options as Partial<KeystoneOptions>)).toThrow(
      expect.objectContaining({ message: expect.stringMatching(new RegExp(`"${name}"(?!.*SECRET)`)) }),
    );
  });
});
