import { Item, ItemBlock, TableDigest, TableRef, decodeLine, itemDigest, newId } from '../../../src/kernel';
import { KeyRange, TableBackend, TableHandle } from '../../../src/tables';
import {
  INDEXED,
  MakeHarness,
  PLAIN,
  code,
  decoded,
  digestOf,
  expiryOf,
  freshTable,
  itemTexts,
  load,
  linesOf,
  n,
  plainItem,
  plainItems,
  put,
  readBlocks,
  s,
  text,
  useHarness,
  wholeRange,
} from './harness';

const SMALL_BLOCKS = { blockBytes: 4096 };

function merged(blocks: readonly ItemBlock[]): TableDigest {
  const digest = new TableDigest();
  for (const block of blocks) digest.merge(block.digest);
  return digest;
}

async function readRanges(
  backend: TableBackend,
  handle: TableHandle,
  ranges: readonly KeyRange[],
): Promise<string[][]> {
  const all: string[][] = [];
  for (const range of ranges) all.push(itemTexts(await readBlocks(backend, handle, range, SMALL_BLOCKS)));
  return all;
}

/** Begins to read, lets `meanwhile` happen behind the first block, and reads on. */
async function readAround(
  backend: TableBackend,
  handle: TableHandle,
  meanwhile: () => Promise<unknown>,
): Promise<void> {
  let first = true;
  for await (const block of backend.readRange(handle, wholeRange, SMALL_BLOCKS)) {
    if (first) await meanwhile();
    first = false;
    expect(block.itemCount).toBeGreaterThan(0);
  }
}

async function replaceTable(
  backend: TableBackend,
  ref: TableRef,
  items: readonly Item[],
  graceSeconds: number,
): Promise<void> {
  const { id } = await backend.describeTable(ref);
  const build = await backend.openBuild(ref.projectId, newId(), PLAIN);
  await load(
    backend,
    build,
    items.map((item) => decoded(PLAIN, item)),
  );
  await backend.sealBuild(build);
  await backend.publishBuild(build, ref.name, { mode: 'replace', tableId: id, graceSeconds });
}

export function describeBackups(make: MakeHarness): void {
  describe('ranges', () => {
    const harness = useHarness(make);

    it.each([
      ['many partitions', plainItems(3000, 300)],
      ['one huge partition', plainItems(3000, 1)],
      [
        'one huge partition among small ones',
        [...plainItems(2500, 1), ...Array.from({ length: 300 }, (_each, index) => plainItem(`z${index}`, index))],
      ],
    ])('are together the whole key space, each item in one of them (%s)', async (_what, items) => {
      const { backend } = harness();
      const ref = await freshTable(backend);
      await put(backend, ref, items);
      const handle = await backend.openTable(ref);
      const ranges = await backend.splitRanges(handle, { targetBytes: 20_000, maxRanges: 10 });
      if (backend.capabilities.splitsPartitions) expect(ranges.length).toBeGreaterThanOrEqual(6);
      expect(ranges.length).toBeLessThanOrEqual(10);
      const read = await readRanges(backend, handle, ranges);
      expect(read.flat().sort()).toEqual(items.map((item) => text(item) ?? '').sort());
      if (backend.capabilities.splitsPartitions)
        expect(Math.max(...read.map((each) => each.length))).toBeLessThan(items.length / 2);
      const estimated = ranges.reduce((sum, range) => sum + range.estimatedItems, 0);
      expect(estimated).toBeGreaterThan(items.length / 3);
      // New items, wherever they lie, are in one range too.
      const late = ['!', 'hash-0', 'hash-150x', 'zzz'].map((hash) => plainItem(hash, -1, { late: s('x') }));
      await put(backend, ref, late);
      expect((await readRanges(backend, handle, ranges)).flat()).toHaveLength(items.length + late.length);
    });

    it('are plain JSON, good in another process', async () => {
      const { backend, open } = harness();
      const ref = await freshTable(backend);
      await put(backend, ref, plainItems(500, 3));
      const handle = await backend.openTable(ref);
      const ranges = await backend.splitRanges(handle, { targetBytes: 10_000, maxRanges: 4 });
      const travelled = JSON.parse(JSON.stringify(ranges)) as KeyRange[];
      expect(travelled).toEqual(ranges);
      const read = await readRanges(await open(), { ...handle }, travelled);
      expect(read.flat()).toHaveLength(500);
    });

    it('of an empty table are one, and hold nothing', async () => {
      const { backend } = harness();
      const handle = await backend.openTable(await freshTable(backend));
      const ranges = await backend.splitRanges(handle, { targetBytes: 1, maxRanges: 100 });
      expect(ranges.length).toBeGreaterThanOrEqual(1);
      expect((await readRanges(backend, handle, ranges)).flat()).toEqual([]);
    });
  });

  describe('reading a range', () => {
    const harness = useHarness(make);

    it('gives archive lines, counts and digests that agree with the items', async () => {
      const { backend, now } = harness();
      const ref = await freshTable(backend, INDEXED);
      const items = [
        ...plainItems(300, 5),
        plainItem('nul \0 "quoted" \\ \n 🎉', 1, {
          i: n('1E40'),
          ['__proto__']: s('x'),
          m: { type: 'SSM', value: new Map([['__proto__', 'y']]) },
        }),
        new Map([...plainItem('proto', 1), ['__proto__', s('attribute')] as const]),
      ];
      const expiresAt = now() + 1000;
      await backend.putItems(
        ref,
        items.map((item, index) => ({ item, expiresAt: index % 3 === 0 ? expiresAt : undefined })),
      );
      const blocks = await readBlocks(backend, await backend.openTable(ref), wholeRange, SMALL_BLOCKS);
      expect(blocks.length).toBeGreaterThan(3);
      expect(blocks.reduce((sum, block) => sum + block.expiringCount, 0)).toBe(Math.ceil(items.length / 3));
      const seen: string[] = [];
      for (const block of blocks) {
        const lines = linesOf([block]).map((line) => decodeLine(INDEXED, Buffer.from(line)));
        expect(block.itemCount).toBe(lines.length);
        const expiring = lines.filter((line) => line.expiresAt !== undefined);
        expect(expiring.map((line) => line.expiresAt)).toEqual(expiring.map(() => expiryOf(harness(), expiresAt)));
        expect(block.expiringCount).toBe(expiring.length);
        const digest = new TableDigest();
        for (const line of lines) digest.add(line.bucket, itemDigest(line.canonical));
        expect(block.digest.equals(digest)).toBe(true);
        seen.push(...lines.map((line) => line.canonical.toString()));
      }
      expect(seen.sort()).toEqual(items.map((item) => text(item) ?? '').sort());
      expect(merged(blocks).equals(digestOf(INDEXED, items))).toBe(true);
    });

    it('gives digests alone if nothing else is wanted', async () => {
      const { backend } = harness();
      const ref = await freshTable(backend);
      await put(backend, ref, plainItems(100));
      const blocks = await readBlocks(backend, await backend.openTable(ref), wholeRange, { digestOnly: true });
      expect(blocks.every((block) => block.lines.length === 0)).toBe(true);
      expect(merged(blocks).equals(digestOf(PLAIN, plainItems(100)))).toBe(true);
    });

    it('goes on behind every block, in any process', async () => {
      const { backend, open } = harness();
      const other = await open();
      const ref = await freshTable(backend);
      await put(backend, ref, plainItems(400, 3));
      const handle = await backend.openTable(ref);
      const [, range = wholeRange] = await backend.splitRanges(handle, { targetBytes: 10_000, maxRanges: 3 });
      const blocks = await readBlocks(backend, handle, range, { blockBytes: 1500 });
      expect(blocks.length).toBeGreaterThan(2);
      for (const [index, block] of blocks.entries()) {
        const rest = await readBlocks(other, handle, range, { blockBytes: 900, after: block.cursor });
        expect(itemTexts(rest)).toEqual(itemTexts(blocks.slice(index + 1)));
      }
    });

    it('holds blocks to their size, whatever the items weigh', async () => {
      const { backend } = harness();
      const ref = await freshTable(backend);
      const weights = [100, 100, 100, 400_000, 100, 700_000, 700_000, 100, 100];
      await put(
        backend,
        ref,
        weights.map((weight, index) => plainItem('a', index, { v: s('x'.repeat(weight)) })),
      );
      const blocks = await readBlocks(backend, await backend.openTable(ref), wholeRange, { blockBytes: 500_000 });
      expect(blocks.reduce((sum, block) => sum + block.itemCount, 0)).toBe(weights.length);
      for (const block of blocks) expect(block.lines.length).toBeLessThan(500_000 + 750_000);
      expect(blocks.length).toBeGreaterThanOrEqual(3);
    });

    it('leaves out what has expired, by the second that is asked for', async () => {
      const { backend, now, pass } = harness();
      const ref = await freshTable(backend);
      const before = now();
      await backend.putItems(ref, [
        { item: plainItem('a', 1), expiresAt: before + 10 },
        { item: plainItem('a', 2), expiresAt: before + 20 },
        { item: plainItem('a', 3), expiresAt: undefined },
      ]);
      const handle = await backend.openTable(ref);
      const count = async (expiryCutoff?: number): Promise<number> =>
        itemTexts(await readBlocks(backend, handle, wholeRange, expiryCutoff === undefined ? {} : { expiryCutoff }))
          .length;
      expect(await count()).toBe(3);
      expect(await count(before + 10)).toBe(2);
      await pass(10);
      expect(await count()).toBe(2);
      if (backend.capabilities.expiredItemsReadable) expect(await count(before)).toBe(3);
      await pass(10);
      expect(await count()).toBe(1);
    });

    it('sees an item that is written over and over exactly once', async () => {
      const { backend } = harness();
      const ref = await freshTable(backend);
      const items = plainItems(600, 2);
      await put(backend, ref, items);
      const handle = await backend.openTable(ref);
      const seen: string[] = [];
      for await (const block of backend.readRange(handle, wholeRange, SMALL_BLOCKS)) {
        seen.push(...linesOf([block]).map((line) => decodeLine(PLAIN, Buffer.from(line)).canonicalKey.toString()));
        await put(
          backend,
          ref,
          items.map((item) => new Map([...item, ['again', n(seen.length)] as const])),
        );
      }
      expect(new Set(seen).size).toBe(600);
      expect(seen).toHaveLength(600);
    });

    it('ends when it is told to, before and in between', async () => {
      const { backend } = harness();
      const ref = await freshTable(backend);
      await put(backend, ref, plainItems(500));
      const handle = await backend.openTable(ref);
      const reason = new Error('enough');
      const before = AbortSignal.abort(reason);
      await expect(readBlocks(backend, handle, wholeRange, { signal: before })).rejects.toBe(reason);
      const control = new AbortController();
      const reading = async (): Promise<void> => {
        for await (const _block of backend.readRange(handle, wholeRange, { ...SMALL_BLOCKS, signal: control.signal }))
          control.abort(reason);
      };
      await expect(reading()).rejects.toBe(reason);
      // A reader that goes away early leaves nothing behind: everything works on.
      for (let round = 0; round < 15; round++) {
        for await (const _block of backend.readRange(handle, wholeRange, SMALL_BLOCKS)) break;
      }
      await backend.ping();
    });

    it('asks for each page in its turn, and hands out none before', async () => {
      const { backend } = harness();
      const ref = await freshTable(backend);
      await put(backend, ref, plainItems(400));
      const handle = await backend.openTable(ref);
      let pages = 0;
      const inTurn = async <T>(request: () => Promise<T>): Promise<T> => {
        const page = await request();
        pages++;
        return page;
      };
      let blocks = 0;
      for await (const _block of backend.readRange(handle, wholeRange, { ...SMALL_BLOCKS, pace: { requestBytes: undefined, countsRequests: true, inTurn } })) {
        expect(++blocks).toBeLessThanOrEqual(pages);
      }
      expect(blocks).toBeGreaterThan(3);
      for (const each of Object.values(backend.backupLimit() ?? {})) expect(each).toBeGreaterThan(0);
    });

    it('notices that the table was dropped, or replaced, and never mixes', async () => {
      const { backend } = harness();
      const changed = code('TableChanged');
      const dropped = await freshTable(backend);
      await put(backend, dropped, plainItems(500));
      const handle = await backend.openTable(dropped);
      await expect(readAround(backend, handle, () => backend.dropTable(dropped))).rejects.toEqual(changed);
      await backend.createTable(dropped, PLAIN);
      await expect(readBlocks(backend, handle)).rejects.toEqual(changed);
      await expect(backend.splitRanges(handle, { targetBytes: 100, maxRanges: 4 })).rejects.toEqual(changed);

      for (const graceSeconds of [0, 3600]) {
        const ref = await freshTable(backend);
        await put(backend, ref, plainItems(500));
        const old = await backend.openTable(ref);
        await expect(
          readAround(backend, old, () => replaceTable(backend, ref, plainItems(5), graceSeconds)),
        ).rejects.toEqual(changed);
        await backend.sweep();
        await expect(readBlocks(backend, old)).rejects.toEqual(changed);
        const fresh = await backend.openTable(ref);
        expect(fresh.tableId).toBe(old.tableId);
        expect(fresh.generation).not.toBe(old.generation);
        expect(itemTexts(await readBlocks(backend, fresh))).toHaveLength(5);
      }
      await expect(readBlocks(backend, { ...handle, generation: 'garbage' })).rejects.toEqual(changed);
    });
  });
}
