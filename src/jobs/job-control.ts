import type { Bell } from './bell';
import { Limiter } from './limiter';
import type { JobCondition } from './step-ledger';

/** What this process knows of a job whose steps run here: shared by those steps, kept up to date by the runner's watch. */
export class JobControl {
  paused = false;
  private readonly own: Limiter;
  private hasOwnLimit = false;

  /** @param shared the limit of a job that has none of its own */
  constructor(
    private readonly bell: Bell,
    private readonly shared?: Limiter,
  ) {
    this.own = new Limiter(() => bell.ring());
  }

  apply(condition: JobCondition, now: number): void {
    this.own.set(condition.rateLimit, condition.holders, now);
    this.hasOwnLimit = condition.rateLimit !== null;
    this.paused = condition.paused && condition.error === null;
    this.bell.ring();
  }

  /** What limits the job now. */
  get limiter(): Limiter {
    return this.hasOwnLimit ? this.own : (this.shared ?? this.own);
  }

  /** Begins a request, if its turn has come: what ends it. */
  beginRequest(): (() => void) | undefined {
    const { limiter } = this;
    if (!limiter.hasRoom) return undefined;
    // Its own limit counts what began under the shared one, too: it may hold in the next moment.
    const counting = new Set([this.own, limiter]);
    for (const each of counting) each.begin();
    return () => {
      for (const each of counting) each.end();
    };
  }

  /** Nothing of its own limit is still to be waited off. */
  isClear(now: number): boolean {
    return this.own.rate.delay(now) === 0;
  }

  /** Resolves after that time, or earlier if a job's condition was looked at, a request has ended or the signal aborts. */
  wait(millis: number, signal: AbortSignal): Promise<void> {
    return this.bell.wait(millis, signal);
  }
}
