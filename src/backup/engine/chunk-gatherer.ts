import { ItemBlock, TableDigest } from '../../kernel';

/** The items of one chunk to be: lines in order, and what proves them. */
export interface GatheredChunk {
  readonly lines: readonly Buffer[];
  readonly rawBytes: number;
  readonly itemCount: number;
  readonly expiringCount: number;
  readonly digest: TableDigest;
  /** Reading `after` this goes on behind the chunk. */
  readonly cursor: string;
}

/**
 * Gathers blocks into chunks of at least `targetBytes` (the last one: whatever is left). Holds one chunk in memory, however
 * large the range. `onBlock` is awaited for every block: the place for throttling.
 */
export async function* gatherChunks(
  blocks: AsyncIterable<ItemBlock>,
  targetBytes: number,
  onBlock: (block: ItemBlock) => Promise<void>,
): AsyncGenerator<GatheredChunk> {
  let lines: Buffer[] = [];
  let rawBytes = 0;
  let expiringCount = 0;
  let digest = new TableDigest();
  let cursor: string | undefined;
  for await (const block of blocks) {
    await onBlock(block);
    lines.push(block.lines);
    rawBytes += block.lines.length;
    expiringCount += block.expiringCount;
    digest.merge(block.digest);
    cursor = block.cursor;
    if (rawBytes >= targetBytes) {
      yield { lines, rawBytes, itemCount: digest.itemCount, expiringCount, digest, cursor };
      lines = [];
      rawBytes = 0;
      expiringCount = 0;
      digest = new TableDigest();
      cursor = undefined;
    }
  }
  if (cursor !== undefined) yield { lines, rawBytes, itemCount: digest.itemCount, expiringCount, digest, cursor };
}
