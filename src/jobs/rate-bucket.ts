import type { RateLimit } from './job-handler';

/**
 * A token bucket for bytes and items. It goes into debt: work passes while there is none, and whatever it took is waited
 * off by the next. So a single block may be larger than a second's worth. Times are monotonic milliseconds.
 */
export class RateBucket {
  private limit: RateLimit | null = null;
  private shares = 1;
  private debt = { bytes: 0, items: 0 };
  private paidAt: number | undefined;

  /** `shares`: how many processes work on the job; each takes an equal part. A changed limit forgives the debt of the old one. */
  set(limit: RateLimit | null, shares: number, now: number): void {
    this.pay(now);
    const same = limit?.bytesPerSecond === this.limit?.bytesPerSecond && limit?.itemsPerSecond === this.limit?.itemsPerSecond;
    if (!same) this.debt = { bytes: 0, items: 0 };
    this.limit = limit;
    this.shares = Math.max(1, shares);
  }

  /** Milliseconds until there is no debt. */
  delay(now: number): number {
    this.pay(now);
    const wait = (debt: number, perSecond: number | undefined): number =>
      perSecond === undefined ? 0 : (debt * this.shares * 1000) / perSecond;
    return Math.max(wait(this.debt.bytes, this.limit?.bytesPerSecond), wait(this.debt.items, this.limit?.itemsPerSecond));
  }

  take(amount: { bytes: number; items: number }, now: number): void {
    this.pay(now);
    if (this.limit?.bytesPerSecond !== undefined) this.debt.bytes += amount.bytes;
    if (this.limit?.itemsPerSecond !== undefined) this.debt.items += amount.items;
  }

  private pay(now: number): void {
    const seconds = (now - (this.paidAt ?? now)) / 1000 / this.shares;
    this.paidAt = now;
    const left = (debt: number, perSecond: number | undefined): number =>
      perSecond === undefined ? 0 : Math.max(0, debt - seconds * perSecond);
    this.debt = {
      bytes: left(this.debt.bytes, this.limit?.bytesPerSecond),
      items: left(this.debt.items, this.limit?.itemsPerSecond),
    };
  }
}
