import { TableDigest, TableSchema, bucketOf, canonicalItem, canonicalKey, digestHex, itemDigest, parseItem } from '../src/kernel';

/** What came back, beside what was loaded. */
export interface Comparison {
  /** That came back. */
  readonly items: number;
  /** That are not the same, missing, or too many. */
  readonly differing: number;
  /** Digests of all items, in hex. */
  readonly loaded: string;
  readonly restored: string;
}

/** Compares two tables' items, on the wire's JSON, item by item. */
export async function compareItems(schema: TableSchema, loadedItems: Iterable<unknown>, restoredItems: AsyncIterable<unknown>): Promise<Comparison> {
  const expected = new Map<string, string>();
  const loaded = new TableDigest();
  for (const item of loadedItems) {
    const { key, text } = canonical(schema, item, loaded);
    expected.set(key, text);
  }
  const restored = new TableDigest();
  let items = 0;
  let differing = 0;
  for await (const item of restoredItems) {
    items += 1;
    const { key, text } = canonical(schema, item, restored);
    if (expected.get(key) !== text) differing += 1;
    expected.delete(key);
  }
  return { items, differing: differing + expected.size, loaded: hexOf(loaded), restored: hexOf(restored) };
}

/** @param backedUp items that the backup says it has */
export function isEqual({ items, differing, loaded, restored }: Comparison, structures: readonly [string, string], backedUp: number | undefined): boolean {
  return structures[0] === structures[1] && differing === 0 && loaded === restored && items === backedUp;
}

/** What must come back of a table's description: everything but its times, sizes and links. */
export function structureOf(description: Record<string, unknown>): string {
  const { attribute_definitions, key_schema, local_secondary_indexes, table_name } = description;
  const indexes = (local_secondary_indexes as Record<string, unknown>[]).map(({ index_name, key_schema: keys, projection }) => ({ index_name, keys, projection }));
  const attributes = [...(attribute_definitions as { attribute_name: string }[])].sort((a, b) => (a.attribute_name < b.attribute_name ? -1 : 1));
  return JSON.stringify({ table_name, attributes, key_schema, indexes });
}

function canonical(schema: TableSchema, json: unknown, digest: TableDigest): { key: string; text: string } {
  const item = parseItem(json);
  const bytes = canonicalItem(item);
  const key = canonicalKey(schema, item);
  digest.add(bucketOf(key), itemDigest(bytes));
  return { key: key.toString(), text: bytes.toString() };
}

function hexOf(digest: TableDigest): string {
  return digestHex(digest.total().sum);
}
