import {
  AttributeType,
  AttributeValue,
  DecodedItem,
  Item,
  ItemBlock,
  LocalSecondaryIndex,
  TableDigest,
  TableRef,
  TableSchema,
  canonicalItem,
  decodeLine,
  encodeLine,
  newId,
} from '../../../src/kernel';
import { BuildHandle, KeyRange, ReadRangeOptions, TableBackend, TableHandle } from '../../../src/tables';

export interface TableBackendHarness {
  readonly backend: TableBackend;
  /** Another instance on the same data, as another process would have it. Closed with the harness. */
  open(): Promise<TableBackend>;
  /** Seconds since the epoch, by the adapter's clock. */
  now(): number;
  /** Lets so much time pass for the adapter. */
  pass(seconds: number): Promise<void>;
  /** How far an expiry that is read back may be off, in seconds. Default 0. */
  readonly expiryTolerance?: number;
  /** May a hash key be empty? Default true. */
  readonly emptyHashKeys?: boolean;
  cleanup(): Promise<void>;
}

/** Several batches, so that batches follow one another. */
const LOADED_AT_ONCE = 400;

export type MakeHarness = () => Promise<TableBackendHarness>;

/** One harness for all tests of a part; each test makes tables of its own. */
export function useHarness(make: MakeHarness): () => TableBackendHarness {
  let harness: TableBackendHarness | undefined;
  beforeAll(async () => {
    harness = await make();
  });
  afterAll(() => harness?.cleanup());
  return () => {
    if (!harness) throw new Error('the harness is not made yet');
    return harness;
  };
}

export const s = (value: string): AttributeValue => ({ type: 'S', value });
export const n = (value: string | number): AttributeValue => ({ type: 'N', value: String(value) });
export const b = (...bytes: number[]): AttributeValue => ({ type: 'B', value: Buffer.from(bytes).toString('base64') });
export const itemOf = (attributes: Record<string, AttributeValue>): Item => new Map(Object.entries(attributes));

/** Compares by canonical form, so that differences are readable. */
export const text = (item: Item | undefined): string | undefined => item && canonicalItem(item).toString();
export const texts = (items: readonly Item[]): (string | undefined)[] => items.map(text);

export function schemaOf(
  attributes: Record<string, AttributeType>,
  hashKey: string,
  rangeKey?: string,
  indexes: readonly LocalSecondaryIndex[] = [],
): TableSchema {
  return {
    attributes: new Map(Object.entries(attributes)),
    hashKey,
    ...(rangeKey === undefined ? {} : { rangeKey }),
    indexes,
  };
}

/** Hash key `h` (S), range key `r` (N). */
export const PLAIN = schemaOf({ h: 'S', r: 'N' }, 'h', 'r');
/** The same with an index on `i` (N). */
export const INDEXED = schemaOf({ h: 'S', r: 'N', i: 'N' }, 'h', 'r', [
  { name: 'by_i', rangeAttribute: 'i', projection: { type: 'ALL' } },
]);

export function freshRef(projectId = 'demo'): TableRef {
  return { projectId, name: `t-${newId()}` };
}

export async function freshTable(backend: TableBackend, schema: TableSchema = PLAIN): Promise<TableRef> {
  const ref = freshRef();
  await backend.createTable(ref, schema);
  return ref;
}

export const plainItem = (hash: string, range: number, more: Record<string, AttributeValue> = {}): Item =>
  itemOf({ h: s(hash), r: n(range), ...more });

/** `count` items over so many hash keys. */
export function plainItems(count: number, hashes = 7): Item[] {
  return Array.from({ length: count }, (_each, index) =>
    plainItem(`hash-${index % hashes}`, index, { v: s(`value ${index}`) }),
  );
}

export async function put(backend: TableBackend, ref: TableRef, items: readonly Item[]): Promise<void> {
  await backend.putItems(
    ref,
    items.map((item) => ({ item, expiresAt: undefined })),
  );
}

export function decoded(schema: TableSchema, item: Item, expiresAt?: number): DecodedItem {
  const line = encodeLine(canonicalItem(item), expiresAt);
  return decodeLine(schema, line.subarray(0, line.length - 1));
}

/** Loads items into a build as one part, in batches. */
export function load(
  backend: TableBackend,
  build: BuildHandle,
  items: readonly DecodedItem[],
  part: string = newId(),
): Promise<void> {
  return backend.loadItems(build, part, async function* () {
    for (let start = 0; start < items.length; start += LOADED_AT_ONCE) yield items.slice(start, start + LOADED_AT_ONCE);
  });
}

export const wholeRange: KeyRange = { start: null, end: null, estimatedItems: 0 };

export async function readBlocks(
  backend: TableBackend,
  handle: TableHandle,
  range: KeyRange = wholeRange,
  options: ReadRangeOptions = {},
): Promise<ItemBlock[]> {
  const blocks: ItemBlock[] = [];
  for await (const block of backend.readRange(handle, range, options)) blocks.push(block);
  return blocks;
}

export function linesOf(blocks: readonly ItemBlock[]): string[] {
  return blocks.flatMap((block) => block.lines.toString().split('\n').slice(0, -1));
}

/** The items of blocks, in the order in which they were read, as their canonical texts. */
export function itemTexts(blocks: readonly ItemBlock[]): string[] {
  return linesOf(blocks).map((line) => JSON.stringify((JSON.parse(line) as { Item: unknown }).Item));
}

export function digestOf(schema: TableSchema, items: readonly Item[]): TableDigest {
  const digest = new TableDigest();
  for (const item of items) {
    const { bucket, digest: itemDigest } = decoded(schema, item);
    digest.add(bucket, itemDigest);
  }
  return digest;
}

/** Matches an expiry as the adapter gives it back. */
export function expiryOf({ expiryTolerance = 0 }: TableBackendHarness, at: number): number {
  const matcher = { asymmetricMatch: (value: unknown) => typeof value === 'number' && Math.abs(value - at) <= expiryTolerance };
  return (expiryTolerance === 0 ? at : matcher) as number;
}

/** All items of a table by scanning. */
export async function scanAll(backend: TableBackend, ref: TableRef): Promise<Item[]> {
  const items: Item[] = [];
  let exclusiveStartKey: Item | undefined;
  do {
    const page = await backend.scan(ref, {
      segment: 0,
      totalSegments: 1,
      ...(exclusiveStartKey ? { exclusiveStartKey } : {}),
    });
    items.push(...page.items);
    exclusiveStartKey = page.lastEvaluatedKey;
  } while (exclusiveStartKey);
  return items;
}

export const code = (value: string): object => expect.objectContaining({ code: value }) as object;

/**
 * Two instances write to a table while `refuse` begins to have writes refused, with that code: what was there when it resolved is all
 * that was taken, and nothing comes afterwards.
 */
export async function noWriteLandsAfter(
  { backend, open }: TableBackendHarness,
  refusal: string,
  refuse: (backend: TableBackend, ref: TableRef) => Promise<unknown>,
): Promise<void> {
  const other = await open();
  const ref = await freshTable(backend);
  const handle = await backend.openTable(ref);
  const writes = Array.from({ length: 200 }, (_each, index) =>
    (index % 2 ? backend : other).putItem(ref, plainItem('a', index), {}).then(
      () => true,
      (error: unknown) => {
        expect(error).toEqual(code(refusal));
        return false;
      },
    ),
  );
  await refuse(backend, ref);
  const then = itemTexts(await readBlocks(other, handle));
  const taken = (await Promise.all(writes)).filter(Boolean).length;
  expect(itemTexts(await readBlocks(other, handle))).toEqual(then);
  expect(then).toHaveLength(taken);
}
