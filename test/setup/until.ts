import { setTimeout as delay } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';

/** On a machine with twenty others at work, what takes a second takes a minute. TEST_PATIENCE_MILLIS: for runs that mean to fail. */
const PATIENCE_MILLIS = Number(process.env['TEST_PATIENCE_MILLIS'] ?? 180_000);

/** Asks again and again until the answer is not undefined or false, and returns it; fails after `timeoutMillis`, but never before the patience of all tests. */
export async function until<T>(
  ask: () => Promise<T | undefined | false> | T | undefined | false,
  timeoutMillis = PATIENCE_MILLIS,
  what = 'what the test waits for did not happen',
): Promise<T> {
  const begun = Date.now();
  const deadline = begun + Math.max(timeoutMillis, PATIENCE_MILLIS);
  for (;;) {
    const answer = await ask();
    if (answer !== undefined && answer !== false) return answer;
    const now = Date.now();
    if (now > deadline) throw new Error(what);
    // A tenth of the time so far: asking all the time would slow down what is waited for, most on a busy machine.
    await delay(Math.min(Math.max((now - begun) / 10, 20), 250));
  }
}

/** Reads again and again until that is the value; fails with the value that was read last. */
export async function untilEqual<T>(read: () => Promise<T> | T, expected: T, timeoutMillis = PATIENCE_MILLIS): Promise<void> {
  let last: { readonly value: T } | undefined;
  const isEqual = async (): Promise<boolean> => isDeepStrictEqual((last = { value: await read() }).value, expected);
  await until(isEqual, timeoutMillis).catch((error: unknown) => {
    if (last === undefined) throw error;
    expect(last.value).toEqual(expected);
    throw error;
  });
}
