import { Item, itemWireSize } from '../../kernel';
import { atOnce } from './at-once';
import { isTooLarge } from './errors';
import { Layout } from './layout';
import { RowWrites } from './row-writes';

/** Rows of one lightweight transaction. */
const GROUP_ROWS = 32;
/** Bytes of items in it, their index rows counted: clusters refuse batches of 50 KiB unless told otherwise. */
const GROUP_BYTES = 24 * 1024;
/** Transactions on their way at once, each on another partition. */
const PARTITIONS_AT_ONCE = 32;

export interface IndexedPut {
  readonly item: Item;
  readonly expiresAt: number | null;
  /** As `RowWrites.keyOf` gives it. */
  readonly key: readonly unknown[];
}

/**
 * Puts of many items, of which no two have a key, into a table with index rows. Each needs a look at the row before, whose index rows have to go, and a write only if it is still so:
 * a lightweight transaction. One holds many rows of a partition; on one partition they go one after another, since the servers would only have them meet.
 * @param alone puts an item of a transaction that came to nothing: somebody had written one of its rows meanwhile, or it was too large
 */
export async function putIndexed(writes: RowWrites, layout: Layout, puts: readonly IndexedPut[], alone: (put: IndexedPut) => Promise<void>): Promise<void> {
  const copies = layout.indexes.length + 1;
  await atOnce(partitionsOf(puts), PARTITIONS_AT_ONCE, async (partition) => {
    for (const group of groupsOf(partition, copies)) {
      if (group.length > 1 && (await putTogether(writes, group))) continue;
      for (const put of group) await alone(put);
    }
  });
}

async function putTogether(writes: RowWrites, group: readonly IndexedPut[]): Promise<boolean> {
  const found = await Promise.all(group.map(async (put) => ({ ...put, found: await writes.find(put.item) })));
  try {
    return await writes.putAllIfUnchanged(found);
  } catch (error) {
    if (isTooLarge(error)) return false;
    throw error;
  }
}

function partitionsOf(puts: readonly IndexedPut[]): IndexedPut[][] {
  const partitions = new Map<string, IndexedPut[]>();
  for (const put of puts) {
    const hash = JSON.stringify(put.key[0]);
    const known = partitions.get(hash);
    if (known === undefined) partitions.set(hash, [put]);
    else known.push(put);
  }
  return [...partitions.values()];
}

function groupsOf(partition: readonly IndexedPut[], copies: number): IndexedPut[][] {
  const groups: IndexedPut[][] = [];
  let bytes = Infinity;
  for (const put of partition) {
    const added = itemWireSize(put.item) * copies;
    const group = groups.at(-1);
    if (group === undefined || group.length >= GROUP_ROWS || bytes + added > GROUP_BYTES) {
      groups.push([put]);
      bytes = added;
    } else {
      group.push(put);
      bytes += added;
    }
  }
  return groups;
}
