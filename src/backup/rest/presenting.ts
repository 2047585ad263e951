import { isoTime, Uuid } from '../../kernel';
import { JobProgress } from '../../jobs';
import { Dialect } from './dialect';

/** The body of an answer. */
export type Answer = Record<string, unknown>;

/** The members that mean something: a key is absent until it does. */
export function present(members: Readonly<Record<string, unknown>>): Answer {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined && value !== null));
}

export function presentTime(millis: number | null): string | undefined {
  return millis === null ? undefined : isoTime(millis);
}

/**
 * How far a running job is; undefined while it waits in the queue.
 * @param itemsTotal estimate of all items, null if nobody knows
 * @param now milliseconds since the epoch
 */
export function presentProgress(
  job: JobProgress | undefined,
  itemsTotal: number | null,
  now: number,
): Answer | undefined {
  // Admitted, but no process has taken up its first step: it waits still.
  if (job === undefined || job.state !== 'running' || job.startedAt === undefined) return undefined;
  return present({
    phase: job.stage,
    items_done: job.itemsDone,
    items_total_estimate: itemsTotal === null ? undefined : Math.max(itemsTotal, job.itemsDone),
    bytes_done: job.bytesDone,
    ranges_done: job.stepsDone,
    ranges_total: job.stepsTotal,
    started_at: presentTime(job.startedAt),
    eta_seconds: etaSeconds(job, itemsTotal, now),
  });
}

/** What limits an unfinished job; absent if nothing does. */
export function presentRateLimit(job: JobProgress | undefined): Answer | undefined {
  const limit = job?.rateLimit;
  return limit
    ? present({
        bytes_per_second: limit.bytesPerSecond,
        items_per_second: limit.itemsPerSecond,
        requests_in_flight: limit.requestsInFlight,
        shared: limit.shared ? true : undefined,
      })
    : undefined;
}

/** True while somebody has paused the job; else absent. */
export function presentPaused(job: JobProgress | undefined): true | undefined {
  return job?.paused === true ? true : undefined;
}

/** Whole seconds to go at the mean speed so far; undefined where that would be a guess. */
function etaSeconds(job: JobProgress, itemsTotal: number | null, now: number): number | undefined {
  if (itemsTotal === null || job.startedAt === undefined || job.paused) return undefined;
  if (job.itemsDone < 1 || job.itemsDone > itemsTotal) return undefined;
  const elapsed = Math.max(0, now - job.startedAt);
  return Math.ceil(((elapsed / job.itemsDone) * (itemsTotal - job.itemsDone)) / 1000);
}

/** Where a list goes on; only a full page may have a next one. */
export function presentLastId(key: string, last: Uuid | undefined, full: boolean, dialect: Dialect): Answer {
  return full && last !== undefined ? { [key]: dialect.id(last) } : {};
}
