import { ItemBlock, TableDigest } from '../../kernel';
import { BufferShelf } from './buffer-shelf';

/** The items of one chunk to be: lines in order, and what proves them. */
export interface GatheredChunk {
  /** Good until the next chunk is asked for, or no more are. */
  readonly lines: Buffer;
  readonly itemCount: number;
  readonly expiringCount: number;
  readonly digest: TableDigest;
  /** Reading `after` this goes on behind the chunk. */
  readonly cursor: string;
}

/** Beside the target: the last block of a chunk, as large as the tables port makes them by default. */
const ROOM_BYTES = 1024 * 1024 + 256 * 1024;

/** Each range needs a buffer, few at a time. */
const shelf = new BufferShelf();

/**
 * Gathers blocks into chunks of at least `targetBytes` (the last one: whatever is left). Holds one chunk in memory, however
 * large the range, in one buffer that is used again, by later ranges, too. `onBlock` is awaited for every block: the place for throttling.
 */
export async function* gatherChunks(
  blocks: AsyncIterable<ItemBlock>,
  targetBytes: number,
  onBlock: (block: ItemBlock) => Promise<void>,
): AsyncGenerator<GatheredChunk> {
  let buffer = shelf.take(targetBytes + ROOM_BYTES);
  let used = 0;
  let expiringCount = 0;
  let digest = new TableDigest();
  let cursor: string | undefined;
  for await (const block of blocks) {
    await onBlock(block);
    if (used + block.lines.length > buffer.length) {
      buffer = Buffer.concat([buffer.subarray(0, used)], used + Math.max(block.lines.length, ROOM_BYTES));
    }
    buffer.set(block.lines, used);
    used += block.lines.length;
    expiringCount += block.expiringCount;
    digest.merge(block.digest);
    cursor = block.cursor;
    if (used >= targetBytes) {
      yield { lines: buffer.subarray(0, used), itemCount: digest.itemCount, expiringCount, digest, cursor };
      used = 0;
      expiringCount = 0;
      digest = new TableDigest();
      cursor = undefined;
    }
  }
  if (cursor !== undefined) yield { lines: buffer.subarray(0, used), itemCount: digest.itemCount, expiringCount, digest, cursor };
  // Of a range that failed, somebody may be storing the last chunk still: its buffer is left to the garbage collector.
  shelf.giveBack(buffer);
}
