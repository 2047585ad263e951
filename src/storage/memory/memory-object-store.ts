import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { DomainError } from '../../kernel';
import { GetOptions, ObjectInfo, ObjectSource, ObjectStore, ObjectStoreCapabilities } from '../object-store';
import { wrongSize } from '../source-bytes';

const PIECE_BYTES = 64 * 1024;

export interface MemoryOptions {
  /** Bytes of all objects together; more is `StorageFull`. Default: no bound. */
  readonly capacityBytes?: number;
  /** Bytes of the largest object. Default 1 GiB. */
  readonly maxObjectBytes?: number;
}

/** Objects in this process's memory: for tests and for trying things out. Nothing outlives the process. */
export class MemoryObjectStore implements ObjectStore {
  readonly capabilities: ObjectStoreCapabilities;
  private readonly objects = new Map<string, Buffer>();
  private readonly capacityBytes: number;

  constructor({ capacityBytes = Number.POSITIVE_INFINITY, maxObjectBytes = 2 ** 30 }: MemoryOptions = {}) {
    this.capacityBytes = capacityBytes;
    this.capabilities = { kind: 'memory', maxObjectBytes, writable: true };
  }

  async put(name: string, source: ObjectSource, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    const pieces: Buffer[] = [];
    let total = 0;
    try {
      await pipeline(
        source.open(),
        async (chunks: AsyncIterable<Uint8Array>) => {
          for await (const chunk of chunks) {
            total += chunk.length;
            if (total > source.size) throw wrongSize();
            pieces.push(Buffer.from(chunk));
          }
        },
        { signal },
      );
    } catch (error) {
      signal?.throwIfAborted();
      if (error instanceof DomainError) throw error;
      throw new DomainError('StorageError', 'object store: the object could not be stored', { cause: error });
    }
    if (total !== source.size) throw wrongSize();
    if (this.usedBytes(name) + total > this.capacityBytes)
      throw new DomainError('StorageFull', 'no room left in the object store');
    this.objects.set(name, Buffer.concat(pieces));
  }

  async get(name: string, { start = 0, end, signal }: GetOptions = {}): Promise<Readable | undefined> {
    signal?.throwIfAborted();
    const bytes = this.objects.get(name)?.subarray(start, end);
    return bytes && Readable.from(pieces(bytes), { objectMode: false, signal });
  }

  async head(name: string, signal?: AbortSignal): Promise<ObjectInfo | undefined> {
    signal?.throwIfAborted();
    const bytes = this.objects.get(name);
    return bytes && { size: bytes.length };
  }

  async delete(name: string, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    this.objects.delete(name);
  }

  async *list(prefix: string, signal?: AbortSignal): AsyncIterable<string> {
    for (const name of [...this.objects.keys()]) {
      signal?.throwIfAborted();
      if (name.startsWith(prefix)) yield name;
    }
  }

  url(name: string): string {
    return `memory:///${name}`;
  }

  private usedBytes(besides: string): number {
    let used = 0;
    for (const [name, bytes] of this.objects) if (name !== besides) used += bytes.length;
    return used;
  }
}

function* pieces(bytes: Buffer): Iterable<Buffer> {
  for (let offset = 0; offset < bytes.length; offset += PIECE_BYTES) yield bytes.subarray(offset, offset + PIECE_BYTES);
}
