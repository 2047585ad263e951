/** One line of a stream, without its line break. */
export interface Line {
  readonly bytes: Buffer;
  /** It was longer than the limit: `bytes` is only its beginning. */
  readonly cut: boolean;
}

/** How much of a line that is too long is kept, to name it by. */
const KEPT_BYTES = 256;

const LINE_FEED = 0x0a;

/**
 * The lines of a stream, separated by line feeds; the last one needs none. Holds at most one line of `maxBytes`, whatever
 * the chunks are, and reads no further than it is asked to.
 */
export async function* splitLines(source: AsyncIterable<Buffer>, maxBytes: number): AsyncGenerator<Line> {
  let parts: Buffer[] = [];
  let length = 0;
  const add = (part: Buffer): void => {
    if (part.length === 0) return;
    // One byte beyond the limit is enough to know that it was passed.
    const room = Math.max(0, maxBytes + 1 - length);
    if (room > 0) parts.push(part.subarray(0, room));
    length += part.length;
  };
  const take = (): Line => {
    const cut = length > maxBytes;
    const bytes = Buffer.concat(parts);
    parts = [];
    length = 0;
    return { bytes: cut ? Buffer.from(bytes.subarray(0, KEPT_BYTES)) : bytes, cut };
  };
  for await (const chunk of source) {
    let start = 0;
    for (let end = chunk.indexOf(LINE_FEED); end >= 0; end = chunk.indexOf(LINE_FEED, start)) {
      add(chunk.subarray(start, end));
      start = end + 1;
      yield take();
    }
    add(chunk.subarray(start));
  }
  if (length > 0) yield take();
}
