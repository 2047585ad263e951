import fc from 'fast-check';
import { Line, splitLines } from './split-lines';

async function* chunksOf(bytes: Buffer, sizes: readonly number[]): AsyncGenerator<Buffer> {
  let start = 0;
  for (let turn = 0; start < bytes.length; turn++) {
    const size = sizes[turn % sizes.length] ?? 1;
    yield bytes.subarray(start, start + size);
    start += size;
  }
}

async function split(text: string, maxBytes: number, sizes: readonly number[] = [7]): Promise<Line[]> {
  const lines: Line[] = [];
  for await (const line of splitLines(chunksOf(Buffer.from(text), sizes), maxBytes)) lines.push(line);
  return lines;
}

const textOf = (line: Line): string => line.bytes.toString('utf8');
const sizes = fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 5 });

it('finds the same lines whatever the chunks are', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.string({ unit: 'grapheme' })),
      sizes,
      fc.boolean(),
      async (texts, chunkSizes, ended) => {
        const lines = texts.map((text) => text.replaceAll('\n', ' '));
        // Without a line feed behind it, an empty last line is none.
        while (!ended && lines.at(-1) === '') lines.pop();
        const stream = lines.join('\n') + (ended && lines.length > 0 ? '\n' : '');
        expect((await split(stream, 1_000_000, chunkSizes)).map(textOf)).toEqual(lines);
      },
    ),
  );
});

it('cuts exactly the lines that are longer than the limit', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat({ max: 30 })), sizes, async (lengths, chunkSizes) => {
      const stream = lengths.map((length) => `${'x'.repeat(length)}\n`).join('');
      const lines = await split(stream, 16, chunkSizes);
      expect(lines.map((line) => line.cut)).toEqual(lengths.map((length) => length > 16));
      for (const [i, { bytes, cut }] of lines.entries()) expect(bytes.length).toBe(cut ? 17 : lengths[i]);
    }),
  );
});

it('keeps little of a line that never ends', async () => {
  const [line, ...rest] = await split('y'.repeat(1_000_000), 100_000, [4096]);
  expect(rest).toEqual([]);
  expect(line).toMatchObject({ cut: true });
  expect(line?.bytes.length).toBe(256);
});

it('reads no further than it is asked to', async () => {
  let read = 0;
  async function* source(): AsyncGenerator<Buffer> {
    for (;;) {
      read++;
      yield Buffer.from('line\n');
    }
  }
  const lines = splitLines(source(), 100);
  await lines.next();
  await lines.next();
  expect(read).toBe(2);
  await lines.return(undefined);
});
