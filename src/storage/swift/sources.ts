import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { DomainError } from '../../kernel';
import type { ObjectSource } from '../object-store';
import { sourceBytes, wrongSize } from '../source-bytes';

/** Some bytes as Swift names them. */
export interface Digested {
  readonly bytes: number;
  /** MD5 in hexadecimal digits: Swift's ETag. */
  readonly md5: string;
}

/** Reads a source once for its digest. */
export async function digestOf(source: ObjectSource, signal: AbortSignal | undefined): Promise<Digested> {
  const hash = createHash('md5');
  for await (const chunk of sourceBytes(source, signal)) hash.update(chunk);
  return { bytes: source.size, md5: hash.digest('hex') };
}

/** Cuts a stream of bytes into consecutive parts, each a stream of its own; to be read one after the other. Holds one chunk at a time. */
export class PartReader {
  private readonly chunks: AsyncIterator<Buffer>;
  private rest: Buffer = Buffer.alloc(0);

  constructor(bytes: AsyncGenerator<Buffer>) {
    this.chunks = bytes;
  }

  /** The next `size` bytes. `digest` is there once the part was read to its end. */
  next(size: number): { body: Readable; digest: () => Digested } {
    const hash = createHash('md5');
    let done: Digested | undefined;
    const read = async function* (this: PartReader): AsyncGenerator<Buffer> {
      for (let left = size; left > 0; ) {
        const chunk = await this.take(left);
        left -= chunk.length;
        hash.update(chunk);
        yield chunk;
      }
      done = { bytes: size, md5: hash.digest('hex') };
    };
    const digest = (): Digested => {
      if (done === undefined) throw new DomainError('StorageError', 'an object was not sent to its end', { transient: true });
      return done;
    };
    return { body: Readable.from(read.call(this), { objectMode: false }), digest };
  }

  /** Reads on behind the last part: only there it turns out that the source has another size than announced. */
  async end(): Promise<void> {
    await this.chunks.next();
  }

  /** Lets go of the source. */
  async close(): Promise<void> {
    await this.chunks.return?.();
  }

  private async take(most: number): Promise<Buffer> {
    if (this.rest.length === 0) {
      const next = await this.chunks.next();
      if (next.done === true) throw wrongSize();
      this.rest = next.value;
    }
    const taken = this.rest.subarray(0, most);
    this.rest = this.rest.subarray(taken.length);
    return taken;
  }
}
