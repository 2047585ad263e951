import { ItemBlock, TableDigest, digest128Of } from '../../kernel';
import { gatherChunks } from './chunk-gatherer';

const MEBIBYTE = 1024 * 1024;

/** Blocks of these sizes, each filled with a letter of its own and standing for one item. */
async function* blocksOf(sizes: readonly number[]): AsyncGenerator<ItemBlock> {
  for (const [index, size] of sizes.entries()) {
    const digest = new TableDigest();
    digest.add(index, digest128Of(BigInt(index + 1)));
    yield { lines: Buffer.alloc(size, 97 + index), itemCount: 1, expiringCount: index % 2, digest, cursor: `after ${index}` };
  }
}

async function gather(sizes: readonly number[], targetBytes: number) {
  const chunks = [];
  for await (const { lines, itemCount, expiringCount, digest, cursor } of gatherChunks(blocksOf(sizes), targetBytes, () => Promise.resolve())) {
    chunks.push({ lines: Buffer.from(lines), itemCount, expiringCount, digest: digest.totalHex(), cursor });
  }
  return chunks;
}

describe('gatherChunks', () => {
  it('fills chunks to their target, in order, and hands over what is left', async () => {
    const chunks = await gather([4, 4, 4, 4, 4], 8);
    expect(chunks.map(({ lines }) => lines.toString())).toEqual(['aaaabbbb', 'ccccdddd', 'eeee']);
    expect(chunks.map(({ itemCount, expiringCount, cursor }) => [itemCount, expiringCount, cursor])).toEqual([
      [2, 1, 'after 1'],
      [2, 1, 'after 3'],
      [1, 0, 'after 4'],
    ]);
    expect(chunks.map(({ digest }) => BigInt(`0x${digest}`))).toEqual([3n, 7n, 5n]);
  });

  it('takes blocks larger than it made room for, and keeps what came before them', async () => {
    const sizes = [3, 5 * MEBIBYTE, 2, 7 * MEBIBYTE];
    const chunks = await gather(sizes, 4 * MEBIBYTE);
    const expected = Buffer.concat(sizes.map((size, index) => Buffer.alloc(size, 97 + index)));
    expect(Buffer.concat(chunks.map(({ lines }) => lines)).equals(expected)).toBe(true);
    expect(chunks.map(({ lines }) => lines.length)).toEqual([5 * MEBIBYTE + 3, 7 * MEBIBYTE + 2]);
  });

  it('uses the buffer of a range that is done again, and never that of another at work or of one that was given up', async () => {
    const begin = async () => {
      const chunks = gatherChunks(blocksOf([4, 4]), 4, () => Promise.resolve());
      return { chunks, memory: (await chunks.next()).value?.lines.buffer };
    };
    const [first, second] = [await begin(), await begin()];
    expect(second.memory).not.toBe(first.memory);
    while ((await first.chunks.next()).done !== true) continue;
    const third = await begin();
    expect(third.memory).toBe(first.memory);
    await third.chunks.return(undefined);
    const fourth = await begin();
    expect(fourth.memory).not.toBe(first.memory);
    await Promise.all([second, fourth].map(({ chunks }) => chunks.return(undefined)));
  });

  it('makes a buffer of its own where none on the shelf is large enough', async () => {
    await gather([4], 4);
    const sizes = [3 * MEBIBYTE, 3 * MEBIBYTE, 1];
    expect((await gather(sizes, 6 * MEBIBYTE)).map(({ lines }) => lines.length)).toEqual([6 * MEBIBYTE, 1]);
  });

  it('gives no chunk for a range without items', async () => {
    expect(await gather([], 8)).toEqual([]);
  });
});
