import { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { DomainError, isDomainError } from '../kernel';
import { GetOptions, ObjectStore } from './object-store';

export interface RetryOptions {
  /** Tries of one call in all, 1 or more. Default 5. */
  readonly attempts?: number;
  /** Upper bound of the first wait in milliseconds; each later one is twice as long. Default 100. */
  readonly baseDelayMillis?: number;
  /** Upper bound of any wait in milliseconds. Default 5000. */
  readonly maxDelayMillis?: number;
  /** The same where the store itself says how long to stay away. Default 60,000. */
  readonly maxRetryAfterMillis?: number;
  /** Waits, or rejects once the signal is aborted. Default: a timer. */
  readonly sleep?: (millis: number, signal?: AbortSignal) => Promise<void>;
  /** 0 ≤ n < 1, for jitter. Default `Math.random`. */
  readonly random?: () => number;
}

type Backoff = (failures: number, error: unknown, signal: AbortSignal | undefined) => Promise<void>;

async function timer(millis: number, signal?: AbortSignal): Promise<void> {
  await delay(millis, undefined, signal && { signal });
}

/** Resolves after the wait if the call may be tried again; otherwise rethrows the error, or the abort's reason. */
function backoffOf(options: RetryOptions): Backoff {
  const { attempts = 5, baseDelayMillis = 100, maxDelayMillis = 5000, sleep = timer, random = Math.random } = options;
  const maxRetryAfterMillis = options.maxRetryAfterMillis ?? 60_000;
  return async (failures, error, signal) => {
    signal?.throwIfAborted();
    if (!isDomainError(error) || !error.transient || failures >= attempts) throw error;
    // Full jitter: callers that failed together do not come back together.
    const bound = Math.min(maxDelayMillis, baseDelayMillis * 2 ** (failures - 1));
    try {
      const asked = Math.min(maxRetryAfterMillis, (error.retryAfterSeconds ?? 0) * 1000);
      await sleep(asked + Math.floor(random() * bound), signal);
    } catch (interrupted) {
      signal?.throwIfAborted();
      throw interrupted;
    }
  };
}

/**
 * Tries calls again that failed with a `transient` error, after exponentially growing waits with full jitter, and no sooner than the store asks. A put opens its source
 * anew; a stream from `get` that breaks goes on behind its last byte. Wrap a store once only: two levels would multiply the tries.
 */
export function retrying(inner: ObjectStore, options: RetryOptions = {}): ObjectStore {
  const backoff = backoffOf(options);
  const retry = async <T>(signal: AbortSignal | undefined, call: () => Promise<T>): Promise<T> => {
    for (let failures = 0; ;) {
      try {
        signal?.throwIfAborted();
        return await call();
      } catch (error) {
        await backoff(++failures, error, signal);
      }
    }
  };
  return {
    capabilities: inner.capabilities,
    put: (name, source, signal) => retry(signal, () => inner.put(name, source, signal)),
    get: async (name, range = {}) => {
      const first = await retry(range.signal, () => inner.get(name, range));
      return first && resuming(inner, name, range, first, backoff);
    },
    head: (name, signal) => retry(signal, () => inner.head(name, signal)),
    delete: (name, signal) => retry(signal, () => inner.delete(name, signal)),
    list: (prefix, signal) => relist(inner, prefix, signal, backoff),
    url: (name) => inner.url(name),
  };
}

function resuming(inner: ObjectStore, name: string, range: GetOptions, first: Readable, backoff: Backoff): Readable {
  let current: Readable | undefined;
  async function* bytes(): AsyncGenerator<Buffer> {
    let position = range.start ?? 0;
    for (let failures = 0; ;) {
      try {
        const stream = current ?? use(await inner.get(name, { ...range, start: position }));
        for await (const chunk of stream as AsyncIterable<Buffer>) {
          position += chunk.length;
          yield chunk;
        }
        return;
      } catch (error) {
        current = undefined;
        await backoff(++failures, error, range.signal);
      }
    }
  }
  const output = Readable.from(bytes(), { objectMode: false });
  const use = (stream: Readable | undefined): Readable => {
    if (!stream) throw new DomainError('StorageError', 'an object vanished while it was read');
    // An error before somebody listens is not lost: whoever reads the stream later finds it there.
    stream.on('error', () => undefined);
    if (output.destroyed) stream.destroy();
    current = stream;
    return stream;
  };
  use(first);
  // A generator that was never started runs no `finally`: the stream below is let go of here.
  output.once('close', () => current?.destroy());
  return output;
}

/** A broken listing starts again from the beginning: it is a hint, so naming an object twice does less harm than leaving one out. */
async function* relist(
  inner: ObjectStore,
  prefix: string,
  signal: AbortSignal | undefined,
  backoff: Backoff,
): AsyncIterable<string> {
  for (let failures = 0; ;) {
    try {
      for await (const name of inner.list(prefix, signal)) yield name;
      return;
    } catch (error) {
      await backoff(++failures, error, signal);
    }
  }
}
