import { setTimeout as delay } from 'node:timers/promises';

/** Asks again and again until the answer is not undefined or false, and returns it; fails after `timeoutMillis`. */
export async function until<T>(
  ask: () => Promise<T | undefined | false> | T | undefined | false,
  timeoutMillis = 45_000,
  what = 'what the test waits for did not happen',
): Promise<T> {
  const deadline = Date.now() + timeoutMillis;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined && answer !== false) return answer;
    if (Date.now() > deadline) throw new Error(what);
    await delay(20);
  }
}
