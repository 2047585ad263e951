import { Readable } from 'node:stream';
import { DomainError } from '../kernel';

/** The value of a `Range` header for the bytes from `start` up to (not with) `end`; undefined: the whole object is asked for. */
export function rangeHeader(start: number, end: number | undefined): string | undefined {
  if (start === 0 && end === undefined) return undefined;
  return `bytes=${start}-${end === undefined ? '' : end - 1}`;
}

/** What was asked for, of an answer that may hold more: a server need not know of ranges (RFC 9110, section 14.2). */
export function rangeOf(body: Readable, contentRange: string | undefined, start: number, end: number | undefined): Readable {
  const [, first, last] = /^bytes (\d{1,15})-(\d{1,15})\//.exec(contentRange ?? '') ?? [];
  const from = contentRange === undefined ? 0 : Number(first);
  if (!(from <= start)) {
    body.destroy();
    throw new DomainError('StorageError', 'the storage host answered with another range than it was asked for', { transient: true });
  }
  if (from === start && (end === undefined || Number(last) < end)) return body;
  return cut(body, start - from, end === undefined ? Number.POSITIVE_INFINITY : end - start);
}

function cut(body: Readable, skip: number, take: number): Readable {
  let over = false;
  async function* pieces(): AsyncGenerator<Buffer> {
    let [before, left] = [skip, take];
    for await (const chunk of body as AsyncIterable<Buffer>) {
      const piece = chunk.subarray(before, before + left);
      before = Math.max(0, before - chunk.length);
      left -= piece.length;
      if (piece.length > 0) yield piece;
      over = left === 0;
      if (over) return;
    }
  }
  const output = Readable.from(pieces(), { objectMode: false });
  output.on('error', () => undefined);
  // A generator that was never started runs no `finally`, and one that waits hears of nothing.
  output.once('close', () => body.destroy());
  body.once('error', (error) => over || output.destroy(error));
  return output;
}
