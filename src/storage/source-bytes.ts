import { DomainError, isDomainError } from '../kernel';
import type { ObjectSource } from './object-store';

/** The error of a source whose bytes are not as many as it said. */
export function wrongSize(): DomainError {
  return new DomainError('StorageError', 'an object has not the size that was announced');
}

/** Consecutive parts of a source, to be read each on its own. The last goes on to wherever the source ends: another size than announced is noticed there. */
export function partsOf(source: ObjectSource, partBytes: number): ObjectSource[] {
  return Array.from({ length: Math.ceil(source.size / partBytes) }, (_, index) => {
    const start = index * partBytes;
    const end = start + partBytes;
    return end < source.size ? { size: partBytes, open: () => source.open(start, end) } : { size: source.size - start, open: () => source.open(start) };
  });
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
