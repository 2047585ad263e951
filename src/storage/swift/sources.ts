import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { DomainError } from '../../kernel';
import type { ObjectSource } from '../object-store';
import { sourceBytes } from '../source-bytes';

/** Reads a source once for its MD5 in hexadecimal digits: Swift's ETag. */
export async function digestOf(source: ObjectSource, signal: AbortSignal | undefined): Promise<string> {
  const hash = createHash('md5');
  for await (const chunk of sourceBytes(source, signal)) hash.update(chunk);
  return hash.digest('hex');
}

/** A source as the body of requests. */
export function bodyOf(source: ObjectSource, signal: AbortSignal | undefined): Readable {
  return Readable.from(sourceBytes(source, signal), { objectMode: false });
}

/** A body that is read once for both: it is digested as it is sent. */
export class DigestedBody {
  private md5: string | undefined;

  constructor(
    private readonly source: ObjectSource,
    private readonly signal: AbortSignal | undefined,
  ) {}

  open(): Readable {
    this.md5 = undefined;
    return Readable.from(this.read(), { objectMode: false });
  }

  /** The MD5 of what was sent last, to its end. */
  digest(): string {
    if (this.md5 === undefined) throw new DomainError('StorageError', 'an object was not sent to its end', { transient: true });
    return this.md5;
  }

  private async *read(): AsyncGenerator<Buffer> {
    const hash = createHash('md5');
    for await (const chunk of sourceBytes(this.source, this.signal)) {
      hash.update(chunk);
      yield chunk;
    }
    this.md5 = hash.digest('hex');
  }
}
