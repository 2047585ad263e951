import { RateBucket } from './rate-bucket';
import type { JobCondition } from './step-ledger';

/** What this process knows of a job whose steps run here: shared by those steps, kept up to date by the runner's watch. */
export class JobControl {
  paused = false;
  readonly rate = new RateBucket();
  private waiting = new Set<() => void>();

  apply(condition: JobCondition, now: number): void {
    this.rate.set(condition.rateLimit, condition.holders, now);
    this.paused = condition.paused && condition.error === null;
    for (const wake of [...this.waiting]) wake();
  }

  /** Resolves after that time, or earlier if the job's condition was looked at or the signal aborts. */
  wait(millis: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', done);
        this.waiting.delete(done);
        resolve();
      };
      const timer = setTimeout(done, millis);
      this.waiting.add(done);
      signal.addEventListener('abort', done);
      if (signal.aborted) done();
    });
  }
}
