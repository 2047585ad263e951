import { backOff } from './back-off';
import { domainError, unavailable } from './errors';

/** Writes on their way at once: at first, at least while the servers only are slow, and at most. */
const FIRST = 8;
const LEAST_WHEN_SLOW = 4;
const MOST = 128;
/** Mean time of a write, in milliseconds, up to which there may be more of them, and from which on there must be fewer. */
const GOOD_MILLIS = 50;
const SLOW_MILLIS = 500;
/** What one write counts in that mean. */
const WEIGHT = 0.1;

export interface WindowOptions {
  /** For so long a write is tried again, since it first failed. Milliseconds. */
  readonly patienceMillis: number;
  /** Pause before the second try, doubled for each further one up to the second number; half of it by chance. Milliseconds. */
  readonly backoffMillis: readonly [number, number];
  /** Monotonic milliseconds. */
  readonly now: () => number;
}

const DEFAULTS: WindowOptions = { patienceMillis: 300_000, backoffMillis: [50, 5_000], now: () => performance.now() };

/**
 * How many bulk writes are on their way at once, of all loads of this process: a few more as long as the servers answer soon, half as many when they are
 * overloaded, time out or go away. Writes that failed for that reason are tried again: they must be idempotent.
 */
export class WriteWindow {
  private limit = FIRST;
  private held = 0;
  private active = 0;
  private meanMillis = 0;
  private cutAt = -Infinity;
  private readonly newcomers: (() => void)[] = [];
  private readonly returning: (() => void)[] = [];
  private readonly options: WindowOptions;

  constructor(options: Partial<WindowOptions> = {}) {
    this.options = { ...DEFAULTS, ...options };
  }

  /** So many may be on their way. */
  get size(): number {
    return Math.floor(this.limit);
  }

  /** Waits until there may be one write more; `run` must follow. Rejects when the signal is aborted. */
  async enter(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.held >= this.size) await turn(this.newcomers, signal);
    else this.held++;
  }

  /**
   * Makes a write that has entered, again until it works, unless it may be made only once.
   * @throws DomainError ServiceUnavailable: it did not in all that time; or what the write threw, if that will not pass
   */
  async run(write: () => Promise<void>, signal: AbortSignal, again = true): Promise<void> {
    try {
      if (!again) await this.attempt(write);
      else await this.insist(() => this.attempt(write), signal, () => this.room(signal));
    } finally {
      this.held--;
      this.wake();
    }
  }

  /**
   * Makes a call again until it works; `ready` before each further try.
   * @throws as `run`
   */
  async insist<T>(call: () => Promise<T>, signal: AbortSignal, ready?: () => Promise<void>): Promise<T> {
    let failedAt: number | undefined;
    for (let failures = 0; ; failures++) {
      try {
        return await call();
      } catch (error) {
        if (!domainError(error).transient) throw error;
        failedAt ??= this.options.now();
        if (this.options.now() - failedAt >= this.options.patienceMillis) throw unavailable(error);
      }
      await backOff(failures, this.options.backoffMillis, signal);
      await ready?.();
    }
  }

  private async room(signal: AbortSignal): Promise<void> {
    while (this.active >= this.size) await turn(this.returning, signal);
  }

  private async attempt(write: () => Promise<void>): Promise<void> {
    const sentAt = this.options.now();
    this.active++;
    try {
      await write();
      this.grow(this.options.now() - sentAt);
    } catch (error) {
      // What was on its way at a cut tells nothing new.
      if (sentAt > this.cutAt && domainError(error).transient) this.cut();
      throw error;
    } finally {
      this.active--;
      this.wake();
    }
  }

  private grow(millis: number): void {
    this.meanMillis += (millis - this.meanMillis) * WEIGHT;
    const isUsed = this.held >= this.size;
    const mayGrow = this.meanMillis <= GOOD_MILLIS || this.limit < LEAST_WHEN_SLOW;
    if (mayGrow && isUsed) this.limit = Math.min(MOST, this.limit + 1 / this.limit);
    else if (this.meanMillis >= SLOW_MILLIS && !mayGrow) this.limit = Math.max(LEAST_WHEN_SLOW, this.limit - 1 / this.limit);
  }

  private cut(): void {
    this.limit = Math.max(1, this.limit / 2);
    this.cutAt = this.options.now();
  }

  private wake(): void {
    if (this.active < this.size) this.returning.shift()?.();
    if (this.held >= this.size) return;
    const next = this.newcomers.shift();
    if (!next) return;
    this.held++;
    next();
  }
}

/** Waits in the queue until it is called. */
function turn(queue: (() => void)[], signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const called = (): void => {
      signal.removeEventListener('abort', aborted);
      resolve();
    };
    const aborted = (): void => {
      queue.splice(queue.indexOf(called), 1);
      reject(signal.reason instanceof Error ? signal.reason : new Error('aborted'));
    };
    queue.push(called);
    signal.addEventListener('abort', aborted, { once: true });
  });
}
