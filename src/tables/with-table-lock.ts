import { setTimeout as delay } from 'node:timers/promises';
import { DomainError, TableRef, isDomainError } from '../kernel';
import { TableBackend } from './table-backend';

/** Hears of each lock when it is over, however it ended: for metrics. It must not throw. */
export type LockObserver = (lock: { readonly ref: TableRef; readonly milliseconds: number }) => void;

export interface Locked<T> {
  readonly result: T;
  /** From asking for the lock to its release, so with the time that writes on their way took to end. */
  readonly lockedMilliseconds: number;
}

const RETRY_MILLIS = 250;

/**
 * Does `work` while the table is in MAINTENANCE, and releases it whatever happens. Before `work` begins, the writes on their way have
 * ended. Its signal is aborted when `maxSeconds` are over; then nothing that `work` gives counts, nor if the backend itself does not
 * say that the lock held until its release.
 * @param owner who holds it, e.g. a job id
 * @throws DomainError TableLocked (another holds it), TableNotExistsException; ServiceUnavailable, transient, if writes did not end or the lock
 * ran out; whatever `work` throws
 */
export async function withTableLock<T>(
  backend: TableBackend,
  ref: TableRef,
  owner: string,
  maxSeconds: number,
  work: (signal: AbortSignal) => Promise<T>,
  observer?: LockObserver,
): Promise<Locked<T>> {
  const asked = performance.now();
  const deadline = asked + maxSeconds * 1000;
  const elapsed = (): number => Math.round(performance.now() - asked);
  await lock(backend, ref, owner, maxSeconds);
  const lease = new AbortController();
  const timer = setTimeout(() => lease.abort(ranOut(ref)), Math.max(0, deadline - performance.now()));
  const release = (): Promise<boolean> =>
    unlock(backend, ref, owner, deadline).finally(() => observer?.({ ref, milliseconds: elapsed() }));
  let result: T;
  try {
    result = await work(lease.signal);
  } catch (error) {
    await release().catch(() => undefined);
    throw error;
  } finally {
    clearTimeout(timer);
  }
  const held = await release();
  if (!held || lease.signal.aborted) throw ranOut(ref);
  return { result, lockedMilliseconds: elapsed() };
}

async function lock(backend: TableBackend, ref: TableRef, owner: string, seconds: number): Promise<void> {
  try {
    await backend.lock(ref, { owner, seconds });
  } catch (error) {
    // The lock may be there, and only its answer was lost.
    if (isDomainError(error, 'ServiceUnavailable')) await backend.unlock(ref, owner).catch(() => undefined);
    throw error;
  }
}

/** Again and again while the backend is away, as long as the lock lasts. */
async function unlock(backend: TableBackend, ref: TableRef, owner: string, deadline: number): Promise<boolean> {
  for (;;) {
    try {
      return await backend.unlock(ref, owner);
    } catch (error) {
      const again = isDomainError(error) && error.transient && performance.now() + RETRY_MILLIS < deadline;
      if (!again) throw error;
      await delay(RETRY_MILLIS);
    }
  }
}

function ranOut({ name }: TableRef): DomainError {
  return new DomainError('ServiceUnavailable', `The lock of table '${name.slice(0, 255)}' ran out before the work under it was done.`, {
    transient: true,
  });
}
