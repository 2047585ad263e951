import fc from 'fast-check';
import { inspect } from 'node:util';
import { isDomainError } from '../kernel';
import {
  BUILT_IN_STRATEGIES,
  StrategyCapabilities,
  StrategyConfig,
  limitStrategies,
  parseRestoreStrategy,
  parseSource,
  parseStrategyConfig,
  presentStrategy,
  resolveStrategy,
  sourceWith,
  strategyWithoutSecrets,
} from '.';

const EVERYTHING: StrategyCapabilities = { incremental: true, native: true, encryption: true };
const all = parseStrategyConfig(undefined, EVERYTHING);
/** What a deployment can do whose tables have no format of their own. */
const limited = limitStrategies(BUILT_IN_STRATEGIES, { native: false });
const UUID = '01890000-0000-7000-8000-000000000001';

/** The message of the ValidationError that the call throws. */
function refusal(call: () => unknown): string {
  try {
    call();
  } catch (error) {
    if (isDomainError(error, 'ValidationError')) return error.message;
    throw error;
  }
  throw new Error('it was accepted');
}

const defaults = { type: 'full', format: 'db-agnostic', location: { type: 'internal' }, compression: 'zstd' };

describe('resolveStrategy', () => {
  it.each([undefined, {}])('makes %j the defaults, without a name', (input) => {
    expect(presentStrategy(resolveStrategy(input))).toEqual(defaults);
  });

  it('makes {"name":"default"} the defaults, with the name as given', () => {
    expect(presentStrategy(resolveStrategy({ name: 'default' }))).toEqual({ name: 'default', ...defaults });
  });

  it('takes every choice of the contract', () => {
    const input = {
      type: 'incremental',
      format: 'native',
      location: {
        type: 'external',
        url: 's3://bucket/prefix',
        endpoint: 'https://host',
        credentials: { access_key: 'ak-hunter2', secret_key: 'hunter2' },
      },
      compression: 'gzip',
      encryption: { passphrase: 'hunter2 again' },
      base_backup_id: UUID.replaceAll('-', '').toUpperCase(),
    };
    const resolved = resolveStrategy(input, all);
    expect(resolved.baseBackupId).toBe(UUID);
    expect(presentStrategy(resolved)).toEqual({
      ...input,
      location: { ...input.location, credentials: { access_key: '***', secret_key: '***' } },
      encryption: { passphrase: '***' },
      base_backup_id: UUID,
    });
    expect(strategyWithoutSecrets(resolved)).toEqual({
      type: 'incremental',
      format: 'native',
      location: { type: 'external', url: 's3://bucket/prefix', endpoint: 'https://host' },
      compression: 'gzip',
      base_backup_id: UUID,
    });
    expect(resolved.location.type === 'external' && resolved.location.credentials?.get('secret_key')?.reveal()).toBe(
      'hunter2',
    );
    expect(resolved.encryption?.kind === 'passphrase' && resolved.encryption.passphrase.reveal()).toBe('hunter2 again');
  });

  it('shows a key id, which is no secret', () => {
    const resolved = resolveStrategy({ encryption: { key_id: 'team/key:1' } }, all);
    expect(presentStrategy(resolved).encryption).toEqual({ key_id: 'team/key:1' });
    expect(strategyWithoutSecrets(resolved).encryption).toEqual({ key_id: 'team/key:1' });
  });

  it.each([
    [null, 'strategy must be an object'],
    [[], 'strategy must be an object'],
    ['full', 'strategy must be an object'],
    [{ typ: 'full' }, 'strategy has an unknown key "typ"'],
    [{ rate_limit: null }, 'unknown key "rate_limit"'],
    [JSON.parse('{"__proto__": {"type": "full"}}'), 'unknown key "__proto__"'],
    [{ constructor: 1 }, 'unknown key "constructor"'],
    [{ ['x'.repeat(500)]: 1 }, `unknown key "${'x'.repeat(64)}…"`],
    [{ name: 'nightly' }, 'strategy.name: there is no strategy named "nightly"'],
    [{ name: 'constructor' }, 'no strategy named "constructor"'],
    [{ name: '' }, 'strategy.name must have 1 to 255'],
    [{ name: 7 }, 'strategy.name must be a string'],
    [{ type: 'partial' }, 'strategy.type must be one of "full", "incremental"'],
    [{ type: null }, 'strategy.type must be one of'],
    [{ type: 'Full' }, 'strategy.type must be one of'],
    [{ format: 'portable' }, 'strategy.format must be one of "db-agnostic", "native"'],
    [{ compression: 'lz4' }, 'strategy.compression must be one of "zstd", "gzip", "none"'],
    [{ compression: true }, 'strategy.compression must be one of'],
    [{ location: 'internal' }, 'strategy.location must be an object'],
    [{ location: {} }, 'strategy.location.type is missing'],
    [{ location: { type: 'outside' } }, 'strategy.location.type must be one of "internal", "external"'],
    [
      { location: { type: 'internal', url: 'file:///a' } },
      'strategy.location.url belongs only to an external location',
    ],
    [{ location: { type: 'internal', credentials: {} } }, 'strategy.location.credentials belongs only to an external'],
    [{ location: { type: 'external' } }, 'strategy.location.url is missing'],
    [{ location: { type: 'external', url: 5 } }, 'strategy.location.url must be a string'],
    [{ location: { type: 'external', uri: 'file:///a' } }, 'strategy.location has an unknown key "uri"'],
    [{ location: { type: 'external', url: 'ftp://host' } }, 'strategy.location.url must be an absolute URL'],
    [
      { location: { type: 'external', url: 'file:///a/../b' } },
      'strategy.location.url may have no empty or dotted part',
    ],
    [
      { location: { type: 'external', url: `s3://b/${'ä'.repeat(500)}` } },
      'strategy.location.url must have at most 2048',
    ],
    [{ location: { type: 'external', url: 'swift://c/p' } }, 'strategy.location.endpoint is missing'],
    [
      { location: { type: 'external', url: 'swift://c/p', endpoint: 1 } },
      'strategy.location.endpoint must be a string',
    ],
    [
      { location: { type: 'external', url: 's3://b', credentials: 'x' } },
      'strategy.location.credentials must be an object',
    ],
    [
      { location: { type: 'external', url: 's3://b', credentials: {} } },
      'strategy.location.credentials must have 1 to 16 keys',
    ],
    [
      { location: { type: 'external', url: 's3://b', credentials: { key: 1 } } },
      'strategy.location.credentials.key must be a string',
    ],
    [
      { location: { type: 'external', url: 's3://b', credentials: { 'a b': 'x' } } },
      'strategy.location.credentials must have keys',
    ],
    [
      { location: { type: 'external', url: 'file:///a', credentials: { key: 'x' } } },
      'strategy.location.credentials have no meaning',
    ],
    [{ encryption: {} }, 'strategy.encryption must have either'],
    [{ encryption: { key_id: 'a', passphrase: 'b' } }, 'strategy.encryption must have either'],
    [{ encryption: { passphrase: '' } }, 'strategy.encryption.passphrase must have 1 to 1024'],
    [{ encryption: { passphrase: '\ud800' } }, 'strategy.encryption.passphrase must be well-formed'],
    [{ encryption: { key_id: 'a b' } }, 'strategy.encryption.key_id must have'],
    [{ encryption: { password: 'b' } }, 'strategy.encryption has an unknown key "password"'],
    [{ base_backup_id: 'x' }, 'strategy.base_backup_id must be a UUID'],
    [{ base_backup_id: UUID }, 'strategy.base_backup_id belongs only to an incremental backup'],
  ])('refuses %j', (input: unknown, message) => {
    expect(refusal(() => resolveStrategy(input))).toContain(message);
  });

  it.each([
    [{ type: 'incremental' }, 'strategy.type: incremental backups are not available'],
    [{ type: 'incremental', base_backup_id: UUID }, 'strategy.type: incremental backups are not available'],
    [{ format: 'native' }, 'strategy.format: native backups are not available'],
    [{ encryption: { passphrase: 'x' } }, 'strategy.encryption: encryption is not available'],
    [{ encryption: { key_id: 'x' } }, 'strategy.encryption: encryption is not available'],
  ])('never falls back: %j says that it is not available', (input, message) => {
    expect(refusal(() => resolveStrategy(input, limited))).toContain(message);
    expect(resolveStrategy(input, all)).toBeDefined();
  });

  it('says what is malformed before what is not available', () => {
    expect(refusal(() => resolveStrategy({ type: 'incremental', compression: 'lz4' }))).toContain(
      'strategy.compression',
    );
  });
});

describe('named strategies', () => {
  const config: StrategyConfig = parseStrategyConfig(
    {
      default: { compression: 'gzip' },
      offsite: {
        location: { type: 'external', url: 's3://operators/backups', credentials: { secret_key: 'hunter2' } },
        encryption: { passphrase: 'hunter2' },
      },
      plain: { compression: 'none' },
    },
    EVERYTHING,
  );

  it('build upon the default, and requests override them key by key', () => {
    expect(presentStrategy(resolveStrategy(undefined, config))).toEqual({ ...defaults, compression: 'gzip' });
    expect(presentStrategy(resolveStrategy({ name: 'plain' }, config))).toEqual({
      name: 'plain',
      ...defaults,
      compression: 'none',
    });
    expect(resolveStrategy({ name: 'offsite', compression: 'zstd' }, config)).toMatchObject({
      name: 'offsite',
      compression: 'zstd',
    });
    expect(resolveStrategy({ name: 'offsite' }, config)).toMatchObject({
      compression: 'gzip',
      encryption: { kind: 'passphrase' },
    });
  });

  it('never lend their credentials to a URL of the request', () => {
    const { location } = resolveStrategy({ name: 'offsite', location: { type: 'external', url: 's3://mine' } }, config);
    expect(location).toMatchObject({ type: 'external', url: { href: 's3://mine' } });
    expect(location).not.toHaveProperty('credentials');
    expect(resolveStrategy({ name: 'offsite', location: { type: 'internal' } }, config).location).toEqual({
      type: 'internal',
    });
    expect(parseRestoreStrategy({ name: 'offsite' }, config)).toEqual({
      credentials: undefined,
      encryption: undefined,
    });
  });

  it('are read without their names leaking into objects', () => {
    expect(refusal(() => resolveStrategy({ name: 'toString' }, config))).toContain('no strategy named');
  });

  it.each([
    [[], 'strategies must be an object'],
    [{ nightly: 'gzip' }, 'strategies.nightly must be an object'],
    [{ nightly: { name: 'x' } }, 'strategies.nightly has an unknown key "name"'],
    [{ nightly: { base_backup_id: UUID } }, 'strategies.nightly has an unknown key "base_backup_id"'],
    [{ nightly: { compression: 'lz4' } }, 'strategies.nightly.compression must be one of'],
    [{ nightly: { type: 'incremental' } }, 'strategies.nightly.type: incremental backups are not available'],
    [{ 'a b': {} }, '"a b" is no name'],
    [JSON.parse('{"__proto__": {}}'), '"__proto__" is no name'],
  ])('that cannot be are refused at the start: %j', (input: unknown, message) => {
    expect(refusal(() => parseStrategyConfig(input))).toContain(message);
  });

  it('that the tables cannot have are refused at the start', () => {
    const config = parseStrategyConfig({ nightly: { format: 'native' } });
    expect(resolveStrategy({ name: 'nightly' }, limitStrategies(config, { native: true })).format).toBe('native');
    expect(refusal(() => limitStrategies(config, { native: false }))).toContain(
      'strategies.nightly.format: native backups are not available',
    );
  });

  it('never get more by a limit than they had', () => {
    const less = limitStrategies(limited, { native: true, incremental: true, encryption: true });
    expect(less.capabilities).toEqual({ incremental: false, native: false, encryption: false });
  });
});

describe('parseSource', () => {
  it('reads a URL, or an object with endpoint and credentials', () => {
    expect(parseSource('file:///a/b/').url.href).toBe('file:///a/b');
    const source = parseSource({ url: 's3://b/p', endpoint: 'https://h', credentials: { secret_key: 'hunter2' } });
    expect(source.url.href).toBe('s3://b/p?endpoint=https%3A%2F%2Fh');
    expect(source.credentials?.get('secret_key')?.reveal()).toBe('hunter2');
    expect(JSON.stringify(source)).not.toContain('hunter2');
  });

  it.each([
    [undefined, 'source must be a URL or an object'],
    [null, 'source must be a URL or an object'],
    [7, 'source must be a URL or an object'],
    [['file:///a'], 'source must be a URL or an object'],
    ['', 'source must be an absolute URL'],
    ['file:///a/..', 'source may have no empty or dotted part'],
    ['https://host/a?sig=hunter2', 'source is signed'],
    [{}, 'source.url is missing'],
    [{ url: 'file:///a', key: 'x' }, 'source has an unknown key "key"'],
    [{ url: 'https://u:hunter2@host/' }, 'source.url holds user information'],
    [{ url: 's3://b', endpoint: 'https://hunter2@host/' }, 'source.endpoint holds user information'],
    [{ url: 'file:///a', credentials: { key: 'hunter2' } }, 'source.credentials have no meaning'],
  ])('refuses %j', (input: unknown, message) => {
    const said = refusal(() => parseSource(input));
    expect(said).toContain(message);
    expect(said).not.toContain('hunter2');
  });
});

describe('parseRestoreStrategy', () => {
  const strategy = {
    location: { type: 'external', credentials: { key: 'hunter2' } },
    encryption: { passphrase: 'hunter2' },
  };

  it('reads the secrets that a restore needs', () => {
    expect(parseRestoreStrategy(undefined)).toEqual({ credentials: undefined, encryption: undefined });
    const restore = parseRestoreStrategy(strategy, all);
    expect(restore.credentials?.get('key')?.reveal()).toBe('hunter2');
    expect(restore.encryption?.kind === 'passphrase' && restore.encryption.passphrase.reveal()).toBe('hunter2');
    const source = sourceWith(parseSource('s3://b'), restore);
    expect(source.credentials).toBe(restore.credentials);
    expect(sourceWith(source, parseRestoreStrategy({}))).toBe(source);
  });

  it('refuses what a restore has no use for, and credentials twice or in vain', () => {
    expect(refusal(() => parseRestoreStrategy({ compression: 'zstd' }))).toContain(
      'strategy has an unknown key "compression"',
    );
    expect(refusal(() => parseRestoreStrategy({ location: { url: 's3://b' } }))).toContain(
      'strategy.location has an unknown key "url"',
    );
    expect(refusal(() => parseRestoreStrategy({ name: 'x' }))).toContain('no strategy named');
    expect(refusal(() => parseRestoreStrategy({ location: { type: 'internal', credentials: { a: 'b' } } }))).toContain(
      'strategy.location.credentials',
    );
    expect(refusal(() => parseRestoreStrategy(strategy))).toContain('encryption is not available');
    const restore = parseRestoreStrategy({ location: strategy.location });
    expect(refusal(() => sourceWith(parseSource('file:///a'), restore))).toContain('file://');
    expect(refusal(() => sourceWith(parseSource({ url: 's3://b', credentials: { a: 'b' } }), restore))).toContain(
      'only one',
    );
  });
});

describe('whatever comes', () => {
  const key = fc.oneof(
    fc.constantFrom(
      'name',
      'type',
      'format',
      'location',
      'compression',
      'encryption',
      'base_backup_id',
      'url',
      'endpoint',
      'credentials',
      '__proto__',
    ),
    fc.string(),
  );
  const text = fc.constantFrom(
    'default',
    'full',
    'native',
    'external',
    'internal',
    'zstd',
    UUID,
    'file:///a',
    's3://b/c',
    'swift://c',
    'https://h',
  );
  const { tree } = fc.letrec((tie) => ({
    tree: fc.oneof(
      { maxDepth: 4 },
      text,
      fc.jsonValue({ maxDepth: 1 }),
      fc.dictionary(key, tie('tree')),
      fc.array(tie('tree'), { maxLength: 2 }),
    ),
  }));

  it('the parsers throw nothing but ValidationErrors', () => {
    const calls: ((input: unknown) => unknown)[] = [
      (input) => resolveStrategy(input, all),
      (input) => parseStrategyConfig(input),
      (input) => parseRestoreStrategy(input, all),
      (input) => parseSource(input),
    ];
    fc.assert(
      fc.property(tree, fc.constantFrom(...calls), (input, call) => {
        try {
          call(input);
        } catch (error) {
          expect(isDomainError(error, 'ValidationError')).toBe(true);
        }
      }),
      { numRuns: 3000 },
    );
  });

  it('no secret is shown, stored or printed', () => {
    const secret = fc.string({ minLength: 1, unit: 'grapheme' }).map((random) => `hunter2${random}`);
    const strategy = fc.record({
      location: fc.record({
        type: fc.constant('external'),
        url: fc.constantFrom('s3://b/p', 'https://host/a', 'swift+https://h/v1/a/c'),
        credentials: fc.dictionary(fc.constantFrom('access_key', 'secret_key', 'token'), secret, { minKeys: 1 }),
      }),
      encryption: fc.record({ passphrase: secret }),
    });
    fc.assert(
      fc.property(strategy, (input) => {
        const resolved = resolveStrategy(input, all);
        const shown = [presentStrategy(resolved), strategyWithoutSecrets(resolved), resolved];
        for (const value of shown)
          expect(JSON.stringify(value) + inspect(value, { depth: 9, showHidden: true })).not.toContain('hunter2');
        expect(JSON.stringify(strategyWithoutSecrets(resolved))).not.toMatch(/credentials|passphrase|\*\*\*/);
        expect(resolveStrategy(input, all).encryption).toEqual(resolved.encryption);
      }),
    );
  });
});
