import { DomainError, ProjectQuota, Quotas } from '../kernel';
import { Identity } from './identity';
import { PolicyRule } from './policy';

interface Rate {
  readonly perSecond: number;
  readonly burst: number;
}

interface Bucket {
  readonly rate: Rate;
  tokens: number;
  /** When they were counted: monotonic milliseconds. */
  at: number;
}

/** Above so many buckets the full ones are forgotten: a bucket that was never used is full, too. */
const MANY_BUCKETS = 10_000;
/** Of a burst that nobody set. */
const BURST_SECONDS = 2;

/**
 * How often a project may call: a bucket of tokens for each, filled at its rate, in this process alone. The data API and everything
 * else are counted apart. A system-scoped token has no project: its user has a bucket.
 */
export class RequestRates {
  private readonly buckets = new Map<string, Bucket>();

  /** @param now monotonic milliseconds */
  constructor(
    private readonly quotas: Quotas,
    private readonly now: () => number = () => performance.now(),
  ) {}

  /**
   * Counts one call of the caller's project.
   * @throws DomainError RequestQuotaExceeded saying when to come back
   */
  take({ projectId, userId }: Identity, rule: PolicyRule | undefined): void {
    const scope = rule?.startsWith('mdb:') ? 'data' : 'management';
    const rate = rateOf(projectId === undefined ? this.quotas.of('') : this.quotas.of(projectId), scope);
    if (rate === undefined) return;
    const now = this.now();
    const bucket = this.bucketOf(`${scope} ${projectId === undefined ? 'user' : 'project'} ${projectId ?? userId}`, rate, now);
    if (bucket.tokens >= 1) {
      bucket.tokens -= 1;
      return;
    }
    const retryAfterSeconds = Math.max(1, Math.ceil((1 - bucket.tokens) / rate.perSecond));
    throw new DomainError(
      'RequestQuotaExceeded',
      `The project may make ${rate.perSecond} requests a second, ${rate.burst} at once.`,
      { retryAfterSeconds, transient: true },
    );
  }

  private bucketOf(key: string, rate: Rate, now: number): Bucket {
    const known = this.buckets.get(key);
    if (known !== undefined) return fill(known, now);
    if (this.buckets.size >= MANY_BUCKETS) this.forgetFull(now);
    const bucket = { rate, tokens: rate.burst, at: now };
    this.buckets.set(key, bucket);
    return bucket;
  }

  private forgetFull(now: number): void {
    for (const [key, bucket] of this.buckets) if (fill(bucket, now).tokens === bucket.rate.burst) this.buckets.delete(key);
  }
}

/** What has come in since the tokens were counted. */
function fill(bucket: Bucket, now: number): Bucket {
  bucket.tokens = Math.min(bucket.rate.burst, bucket.tokens + ((now - bucket.at) / 1000) * bucket.rate.perSecond);
  bucket.at = now;
  return bucket;
}

function rateOf(quota: ProjectQuota, scope: 'data' | 'management'): Rate | undefined {
  const [perSecond, burst] =
    scope === 'data' ? [quota.dataRequestsPerSecond, quota.dataRequestBurst] : [quota.requestsPerSecond, quota.requestBurst];
  return perSecond === undefined ? undefined : { perSecond, burst: burst ?? perSecond * BURST_SECONDS };
}
