import { Readable } from 'node:stream';

/** Bytes to be stored, that can be read again: a retry opens it anew. */
export interface ObjectSource {
  readonly size: number;
  /** All bytes, or those from offset `start` to before offset `end`. Several may be read at the same time. */
  open(start?: number, end?: number): Readable;
}

export interface ObjectStoreCapabilities {
  readonly kind: string;
  /** Bytes of the largest object that `put` takes. */
  readonly maxObjectBytes: number;
  readonly writable: boolean;
}

export interface ObjectInfo {
  readonly size: number;
}

export interface GetOptions {
  /** Offset of the first byte. Default 0. */
  readonly start?: number;
  /** Offset behind the last byte. Default: the object's end. Reaching past it is no error. */
  readonly end?: number;
  readonly signal?: AbortSignal;
}

/**
 * A place for objects below one root (a folder, a container with a prefix). Names are relative and match
 * `[0-9a-z._/-]+` without `..`, empty or dotted parts (the key-safety wrapper sees to it).
 *
 * Rules for every adapter (test/contract/object-store.contract.ts shows each):
 * - `put` is atomic: before it resolves, and after a crash, the object is either whole or not there. Storing the
 *   same name again with the same bytes is no error. A size that does not agree with the bytes read is `StorageError`.
 * - A missing object: `get` and `head` give `undefined`; `delete` resolves.
 * - `list` is a hint: it may be late and incomplete; order is not defined.
 * - No room left is `StorageFull` (permanent). What may pass by itself is `StorageError` with `transient`.
 * - Adapters never retry; the retrying wrapper does. Errors never name a secret, an inner host or a path.
 */
export interface ObjectStore {
  readonly capabilities: ObjectStoreCapabilities;
  put(name: string, source: ObjectSource, signal?: AbortSignal): Promise<void>;
  get(name: string, options?: GetOptions): Promise<Readable | undefined>;
  head(name: string, signal?: AbortSignal): Promise<ObjectInfo | undefined>;
  delete(name: string, signal?: AbortSignal): Promise<void>;
  list(prefix: string, signal?: AbortSignal): AsyncIterable<string>;
  /** The absolute URL of an object (or of the root: ''), without secrets, good from anywhere. */
  url(name: string): string;
}

/** Bytes in memory as a source. */
export function bufferSource(body: Buffer): ObjectSource {
  return { size: body.length, open: (start, end) => Readable.from([body.subarray(start, end)], { objectMode: false }) };
}
