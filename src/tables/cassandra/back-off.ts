import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Waits before another try: `first` milliseconds after the first failure, twice as long after each further one, `most` at most; by up to a half less, so that
 * those who failed together do not come back together.
 * @param failures before the last one
 * @throws the signal's reason once it is aborted
 */
export async function backOff(failures: number, [first, most]: readonly [number, number], signal: AbortSignal | undefined): Promise<void> {
  const millis = Math.min(most, first * 2 ** Math.min(failures, 30)) * (0.5 + Math.random() / 2);
  await sleep(millis, undefined, signal ? { signal } : {}).catch(() => signal?.throwIfAborted());
}
