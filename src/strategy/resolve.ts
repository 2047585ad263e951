import { validationError } from '../kernel';
import { JsonReader, quoted } from './json-reader';
import { PART_KEYS, StrategyParts, checkAvailable, readParts } from './parts';
import { CURRENT_CAPABILITIES, ResolvedStrategy, StrategyCapabilities } from './strategy';

/** The name that always exists. */
export const DEFAULT_STRATEGY = 'default';

/** The operator's named strategies, read and checked once at the start. */
export interface StrategyConfig {
  readonly strategies: ReadonlyMap<string, StrategyParts>;
  readonly capabilities: StrategyCapabilities;
}

const NO_CHOICES: StrategyParts = {
  type: undefined,
  format: undefined,
  location: undefined,
  compression: undefined,
  encryption: undefined,
  baseBackupId: undefined,
};

/** The configuration of a fresh install: the built-in default only. */
export const BUILT_IN_STRATEGIES: StrategyConfig = parseStrategyConfig(undefined);

/**
 * Reads the operator's named strategies: `{"nightly": {"compression": "gzip"}, …}`, each as in a request, without `name` and
 * `base_backup_id`. One named `default` changes what a request without a strategy gets, and what the others build upon.
 * @throws DomainError `ValidationError` that names the strategy and key: to be thrown at the start, not at the first backup.
 */
export function parseStrategyConfig(
  input: unknown,
  capabilities: StrategyCapabilities = CURRENT_CAPABILITIES,
): StrategyConfig {
  const strategies = new Map<string, StrategyParts>([[DEFAULT_STRATEGY, NO_CHOICES]]);
  if (input !== undefined) {
    const all = JsonReader.open(input, 'strategies', undefined);
    for (const name of all.keys()) {
      if (!/^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/.test(name)) {
        throw validationError(`strategies: ${quoted(name)} is no name: letters, digits and _ . - only, 64 at most`);
      }
      const path = all.at(name);
      const keys = PART_KEYS.filter((key) => key !== 'base_backup_id');
      const parts = readParts(JsonReader.open(all.raw(name), path, keys));
      checkAvailable(parts, capabilities, path);
      strategies.set(name, parts);
    }
  }
  return { strategies, capabilities };
}

/**
 * The same strategies where less can be done: a backend without a format of its own, say.
 * @throws DomainError `ValidationError` naming the strategy that asks for what cannot be had: to be thrown at the start.
 */
export function limitStrategies(config: StrategyConfig, available: Partial<StrategyCapabilities>): StrategyConfig {
  const both = (key: keyof StrategyCapabilities): boolean => config.capabilities[key] && (available[key] ?? true);
  const capabilities = { incremental: both('incremental'), native: both('native'), encryption: both('encryption') };
  for (const [name, parts] of config.strategies) checkAvailable(parts, capabilities, `strategies.${name}`);
  return { strategies: config.strategies, capabilities };
}

/**
 * Makes every choice of a backup's strategy: what the request says, over the named strategy, over `default`, over the built-in defaults. A
 * location or an encryption is replaced as a whole: credentials of a named strategy are never used for a URL that a request gives.
 * @param input the request's `strategy`, undefined if it has none.
 * @throws DomainError `ValidationError` that names the key by its path: unknown, of the wrong type, or not available here.
 */
export function resolveStrategy(input: unknown, config: StrategyConfig = BUILT_IN_STRATEGIES): ResolvedStrategy {
  const reader = JsonReader.open(input === undefined ? {} : input, 'strategy', ['name', ...PART_KEYS]);
  const name = readName(reader, config);
  const asked = readParts(reader);
  const named = choices(config, name ?? DEFAULT_STRATEGY);
  const standard = choices(config, DEFAULT_STRATEGY);
  const parts = {
    type: asked.type ?? named.type ?? standard.type ?? 'full',
    format: asked.format ?? named.format ?? standard.format ?? 'db-agnostic',
    location: asked.location ?? named.location ?? standard.location ?? { type: 'internal' as const },
    compression: asked.compression ?? named.compression ?? standard.compression ?? 'zstd',
    encryption: asked.encryption ?? named.encryption ?? standard.encryption,
    baseBackupId: asked.baseBackupId,
  };
  if (parts.baseBackupId !== undefined && parts.type !== 'incremental') {
    throw reader.wrong('base_backup_id', 'belongs only to an incremental backup');
  }
  checkAvailable(parts, config.capabilities, 'strategy');
  return { name, ...parts };
}

/** The name that a request gives, if any; one that nobody configured is refused. */
export function readName(reader: JsonReader, config: StrategyConfig): string | undefined {
  const name = reader.text('name', 255);
  if (name !== undefined && !config.strategies.has(name))
    throw validationError(`${reader.at('name')}: there is no strategy named ${quoted(name)}`);
  return name;
}

function choices(config: StrategyConfig, name: string): StrategyParts {
  return config.strategies.get(name) ?? NO_CHOICES;
}
