import { createHash } from 'node:crypto';
import { Clock, DomainError, systemClock } from '../../kernel';
import { Identity } from '../identity';
import { TokenValidator } from '../token-validator';
import { KeystoneClient } from './keystone-client';
import { KeystoneOptions, ResolvedKeystoneOptions, resolveKeystoneOptions } from './keystone-options';

interface CachedIdentity {
  readonly identity: Identity;
  /** Asked again from then on, in milliseconds since the epoch. */
  readonly until: number;
}

/** No token is longer: Keystone's are some hundred characters, and servers cut headers at 8 KiB. */
const TOKEN = /^[\x21-\x7e]{1,4096}$/;

/**
 * Keystone v3 as the judge of tokens. A valid one is remembered under its SHA-256 for a short time, and never beyond its own
 * end; so long a revoked one is still accepted, and so long Keystone may be away unnoticed. Tokens that are for neither a
 * project nor the system are refused with 403: they are good, and open nothing here.
 */
export class KeystoneTokenValidator implements TokenValidator {
  private readonly options: ResolvedKeystoneOptions;
  private readonly client: KeystoneClient;
  /** In order of insertion; the oldest leave first. */
  private readonly cache = new Map<string, CachedIdentity>();
  private readonly pending = new Map<string, Promise<Identity>>();

  /** @throws Error if an option is wrong. Nothing is asked before the first token comes. */
  constructor(
    options: KeystoneOptions,
    private readonly clock: Clock = systemClock,
  ) {
    this.options = resolveKeystoneOptions(options);
    this.client = new KeystoneClient(this.options, clock);
  }

  async validate(token: string): Promise<Identity> {
    if (!TOKEN.test(token)) throw invalid();
    const key = createHash('sha256').update(token).digest('base64');
    const cached = this.cache.get(key);
    if (cached !== undefined && this.clock.now() < cached.until) return cached.identity;
    this.cache.delete(key);
    const pending = this.pending.get(key);
    if (pending !== undefined) return pending;
    const asked = this.ask(key, token).finally(() => this.pending.delete(key));
    this.pending.set(key, asked);
    return asked;
  }

  private async ask(key: string, token: string): Promise<Identity> {
    const asked = this.clock.now();
    const described = await this.client.describe(token);
    if (described === undefined || described.expiresAt <= this.clock.now()) throw invalid();
    if (described.projectId === undefined && !described.systemScoped) {
      throw new DomainError('Forbidden', 'The token is not scoped: ask for one that is for a project.');
    }
    const identity = Object.freeze({ ...described, roles: Object.freeze(described.roles) });
    this.remember(key, { identity, until: Math.min(asked + this.options.cacheSeconds * 1000, described.expiresAt) });
    return identity;
  }

  private remember(key: string, entry: CachedIdentity): void {
    this.cache.set(key, entry);
    for (const oldest of this.cache.keys()) {
      if (this.cache.size <= this.options.maxCachedTokens) break;
      this.cache.delete(oldest);
    }
  }
}

function invalid(): DomainError {
  return new DomainError('Unauthorized', 'The token is not valid.');
}
