import { Readable, finished } from 'node:stream';
import { isDomainError } from '../kernel';
import type { ObjectStore } from './object-store';

/** `get` ends when the first bytes may be read, `read` with the last one: it includes the reader's own pace. */
export type StoreOperation = 'put' | 'get' | 'read' | 'head' | 'delete' | 'list';
/** `aborted`: the caller wanted no more; nothing is said about the store. */
export type StoreOutcome = 'ok' | 'missing' | 'error' | 'aborted';

/** One request to a store. */
export interface StoreRequest {
  readonly operation: StoreOperation;
  /** The deployment's own store, or a place that a user named. */
  readonly place: 'internal' | 'external';
  /** Name of the object below the store's root, or the prefix of a list. */
  readonly name: string;
  /** Bytes to be stored. */
  readonly bytes?: number;
}

/** Hears of every request that is made of a store: for metrics and traces. It neither throws nor takes time. */
export interface StoreObserver {
  /** Called as the request begins; what it returns is called once, as it ends. */
  began(request: StoreRequest): (outcome: StoreOutcome) => void;
}

/** Tells the observer of each request. It belongs right around an adapter, below the retries: every try is a request. */
export function instrumented(inner: ObjectStore, place: StoreRequest['place'], observer: StoreObserver): ObjectStore {
  const watch = async <T>(request: Omit<StoreRequest, 'place'>, signal: AbortSignal | undefined, call: () => Promise<T>): Promise<T> => {
    const ended = observer.began({ ...request, place });
    try {
      const answer = await call();
      ended(answer === undefined && request.operation !== 'put' && request.operation !== 'delete' ? 'missing' : 'ok');
      return answer;
    } catch (error) {
      ended(outcomeOf(error, signal));
      throw error;
    }
  };
  return {
    capabilities: inner.capabilities,
    put: (name, source, signal) => watch({ operation: 'put', name, bytes: source.size }, signal, () => inner.put(name, source, signal)),
    get: async (name, options) => {
      const stream = await watch({ operation: 'get', name }, options?.signal, () => inner.get(name, options));
      if (stream !== undefined) watchReading(stream, observer.began({ operation: 'read', place, name }), options?.signal);
      return stream;
    },
    head: (name, signal) => watch({ operation: 'head', name }, signal, () => inner.head(name, signal)),
    delete: (name, signal) => watch({ operation: 'delete', name }, signal, () => inner.delete(name, signal)),
    async *list(prefix, signal) {
      const ended = observer.began({ operation: 'list', place, name: prefix });
      // Whoever breaks off a listing has seen enough.
      let outcome: StoreOutcome = 'aborted';
      try {
        yield* inner.list(prefix, signal);
        outcome = 'ok';
      } catch (error) {
        outcome = outcomeOf(error, signal);
        throw error;
      } finally {
        ended(outcome);
      }
    },
    url: (name) => inner.url(name),
  };
}

function watchReading(stream: Readable, ended: (outcome: StoreOutcome) => void, signal: AbortSignal | undefined): void {
  finished(stream, { writable: false }, (error) => {
    if (!error) ended('ok');
    // A reader that has what it wanted closes the stream before its end.
    else ended('code' in error && error.code === 'ERR_STREAM_PREMATURE_CLOSE' ? 'aborted' : outcomeOf(error, signal));
  });
}

function outcomeOf(error: unknown, signal: AbortSignal | undefined): StoreOutcome {
  if (signal?.aborted === true) return 'aborted';
  return isDomainError(error, 'Cancelled') ? 'aborted' : 'error';
}
