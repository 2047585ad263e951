import { Readable } from 'node:stream';
import { DomainError } from '../kernel';

/** Bytes to be stored, that can be read again. */
export interface ArchiveSource {
  readonly size: number;
  /** All bytes, or those from offset `start` to before offset `end`. */
  open(start?: number, end?: number): Readable;
}

/**
 * Where an archive lies, rooted at the backup's own root: what this room needs of an object store. A missing object: `get` gives
 * undefined, `delete` resolves. `list` is a hint, asked only when objects are deleted.
 */
export interface ArchiveStore {
  put(name: string, source: ArchiveSource, signal?: AbortSignal): Promise<void>;
  get(name: string, options?: { readonly signal?: AbortSignal }): Promise<Readable | undefined>;
  delete(name: string, signal?: AbortSignal): Promise<void>;
  list(prefix: string, signal?: AbortSignal): AsyncIterable<string>;
}

export async function putBytes(store: ArchiveStore, name: string, body: Buffer, signal?: AbortSignal): Promise<void> {
  await store.put(name, { size: body.length, open: (start, end) => Readable.from([body.subarray(start, end)], { objectMode: false }) }, signal);
}

/**
 * A whole object of at most `maxBytes`; undefined if it is missing.
 * @throws DomainError ArchiveDamaged if it is longer
 */
export async function readObject(
  store: ArchiveStore,
  name: string,
  maxBytes: number,
  signal?: AbortSignal,
): Promise<Buffer | undefined> {
  const stream = await store.get(name, signal === undefined ? {} : { signal });
  if (stream === undefined) return undefined;
  const parts: Buffer[] = [];
  let size = 0;
  // Leaving the loop early destroys the stream.
  for await (const part of stream as AsyncIterable<Buffer>) {
    size += part.length;
    if (size > maxBytes) throw damaged(name, 'is longer than it may be');
    parts.push(part);
  }
  return Buffer.concat(parts, size);
}

/** The error of whatever is not as the format says; names the object. */
export function damaged(name: string, what: string): DomainError {
  return new DomainError('ArchiveDamaged', `${name} ${what}`);
}
