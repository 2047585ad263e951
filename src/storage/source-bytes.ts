import { DomainError, isDomainError } from '../kernel';
import type { ObjectSource } from './object-store';

/** The error of a source whose bytes are not as many as it said. */
export function wrongSize(): DomainError {
  return new DomainError('StorageError', 'an object has not the size that was announced');
}

/**
 * The source's bytes. The last piece comes only when the source has ended at the announced size: who sends on what it gets never sends the whole of
 * an object that is not whole.
 * @throws DomainError of the source as it is, `StorageError` for anything else that breaks it; the abort's reason
 */
export async function* sourceBytes(source: ObjectSource, signal: AbortSignal | undefined): AsyncGenerator<Buffer> {
  const stream = source.open();
  // A source that waits for something is not waited for.
  const stop = (): void => void stream.destroy(new Error('aborted'));
  signal?.addEventListener('abort', stop, { once: true });
  let total = 0;
  let held: Buffer | undefined;
  try {
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      signal?.throwIfAborted();
      total += chunk.length;
      if (total > source.size) throw wrongSize();
      if (held !== undefined) yield held;
      held = chunk;
    }
    signal?.throwIfAborted();
    if (total !== source.size) throw wrongSize();
    if (held !== undefined) yield held;
  } catch (error) {
    signal?.throwIfAborted();
    if (isDomainError(error)) throw error;
    throw new DomainError('StorageError', 'what was to be stored could not be read', { cause: error });
  } finally {
    signal?.removeEventListener('abort', stop);
    stream.destroy();
  }
}
