import { Item, TableDigest, TableRef, newId } from '../../../src/kernel';
import { BuildHandle, KeyRange, OpenBuild, PublishMode, TableBackend } from '../../../src/tables';
import {
  INDEXED,
  MakeHarness,
  PLAIN,
  code,
  decoded,
  digestOf,
  expiryOf,
  freshRef,
  freshTable,
  itemTexts,
  load,
  n,
  plainItem,
  plainItems,
  put,
  readBlocks,
  s,
  scanAll,
  text,
  texts,
  useHarness,
  wholeRange,
} from './harness';

async function buildOf(backend: TableBackend, items: readonly Item[], schema = PLAIN): Promise<BuildHandle> {
  const build = await backend.openBuild('demo', newId(), schema);
  await load(
    backend,
    build,
    items.map((item) => decoded(schema, item)),
  );
  await backend.sealBuild(build);
  return build;
}

async function fillMode(backend: TableBackend, ref: TableRef): Promise<PublishMode> {
  const { id, generation } = await backend.describeTable(ref);
  return { mode: 'fill', tableId: id, generation };
}

export function describeBuilds(make: MakeHarness): void {
  describe('builds', () => {
    const harness = useHarness(make);

    it('are seen by nobody until they are published, then whole', async () => {
      const { backend } = harness();
      const items = Array.from({ length: 200 }, (_each, index) => plainItem(`h${index % 3}`, index, { i: n(-index) }));
      const before = await backend.listUsage('demo');
      const build = await buildOf(backend, items, INDEXED);
      expect(await backend.listUsage('demo')).toHaveLength(before.length);
      expect(await backend.findTableById('demo', build.tableId)).toBeUndefined();
      expect(itemTexts(await readBlocks(backend, build))).toHaveLength(200);
      const ref = freshRef();
      const published = await backend.publishBuild(build, ref.name, { mode: 'create' });
      expect(published).toMatchObject({
        ...ref,
        id: build.tableId,
        generation: build.generation,
        itemCount: 200,
        schema: INDEXED,
        status: 'ACTIVE',
      });
      expect(await backend.describeTable(ref)).toEqual(published);
      expect(texts(await scanAll(backend, ref)).sort()).toEqual(texts(items).sort());
      const page = await backend.query(ref, {
        hashValue: plainItem('h0', 0),
        indexName: 'by_i',
        forward: true,
        consistent: true,
        limit: 1,
      });
      expect(texts(page.items)).toEqual([text(plainItem('h0', 198, { i: n(-198) }))]);
      await backend.putItem(ref, plainItem('new', 1), {});
      expect(await scanAll(backend, ref)).toHaveLength(201);
    });

    it('are found again by their id, go on, and take the same items twice', async () => {
      const { backend, open, now } = harness();
      const buildId = newId();
      const items = plainItems(500);
      const expiresAt = now() + 100_000_000;
      const loads = items.map((item) => decoded(PLAIN, item, item.get('r')?.value === '3' ? expiresAt : undefined));
      const first = await backend.openBuild('demo', buildId, PLAIN);
      await load(backend, first, loads.slice(0, 300));
      const other = await open();
      const again = await other.openBuild('demo', buildId, PLAIN);
      expect(again).toEqual(first);
      await load(other, again, loads.slice(200));
      await load(other, again, loads);
      await load(other, again, []);
      expect(itemTexts(await readBlocks(backend, first)).sort()).toEqual(items.map((item) => text(item)).sort());
      await other.sealBuild(again);
      await backend.sealBuild(first);
      const ref = freshRef();
      expect((await other.publishBuild(again, ref.name, { mode: 'create' })).itemCount).toBe(500);
      expect(await backend.getItem(ref, plainItem('hash-3', 3), { consistent: true })).toMatchObject({
        expiresAt: expiryOf(harness(), expiresAt),
      });
      await expect(backend.openBuild('demo', buildId, INDEXED)).rejects.toEqual(code('ConflictError'));
    });

    it('are loaded by many at a time', async () => {
      const { backend, open } = harness();
      const other = await open();
      const build = await backend.openBuild('demo', newId(), INDEXED);
      const items = plainItems(2000).map((item) => decoded(INDEXED, item));
      await Promise.all(
        Array.from({ length: 8 }, (_each, part) =>
          load(part % 2 ? backend : other, build, items.slice(part * 200, part * 200 + 600)),
        ),
      );
      expect(itemTexts(await readBlocks(backend, build))).toHaveLength(2000);
      await backend.dropBuild('demo', build.buildId);
    });

    it('that do not find two different items of one key hold one item less than was loaded', async () => {
      const { backend } = harness();
      if (backend.capabilities.findsCollisions) return;
      const [one, two] = ['one', 'two'].map((v) => decoded(PLAIN, plainItem('twice', 7, { v: s(v) })));
      const mortal = decoded(PLAIN, plainItem('twice', 7, { v: s('one') }), 2_000_000_000);
      for (const other of [two, mortal]) {
        if (!one || !other) continue;
        const build = await backend.openBuild('demo', newId(), PLAIN);
        await load(backend, build, [one, decoded(PLAIN, plainItem('a', 1))]);
        await load(backend, build, [decoded(PLAIN, plainItem('b', 1)), other]);
        await load(backend, build, [one, other]);
        expect(itemTexts(await readBlocks(backend, build))).toHaveLength(3);
      }
    });

    it('refuse two different items of one key, in one batch or in two, naming the key', async () => {
      const { backend } = harness();
      if (!backend.capabilities.findsCollisions) return;
      const collision = expect.objectContaining({
        code: 'KeyCollision',
        message: expect.stringContaining('{"h":{"S":"twice"},"r":{"N":"7"}}') as string,
      });
      const one = decoded(PLAIN, plainItem('twice', 7, { v: s('one') }));
      const two = decoded(PLAIN, plainItem('twice', 7, { v: s('two') }));
      const mortal = decoded(PLAIN, plainItem('twice', 7, { v: s('one') }), 4_000_000_000);
      for (const [first, second] of [
        [one, two],
        [one, mortal],
      ] as const) {
        const together = await backend.openBuild('demo', newId(), PLAIN);
        await expect(load(backend, together, [first, second])).rejects.toEqual(collision);
        expect(itemTexts(await readBlocks(backend, together))).toEqual([]);
        const apart = await backend.openBuild('demo', newId(), PLAIN);
        await load(backend, apart, [first, decoded(PLAIN, plainItem('a', 1))]);
        await expect(load(backend, apart, [decoded(PLAIN, plainItem('b', 1)), second])).rejects.toEqual(collision);
      }
    });

    it('are listed, in every process, until they are published or dropped', async () => {
      const { backend, open, now } = harness();
      const other = await open();
      const [dropped, published] = [await buildOf(backend, []), await buildOf(backend, [])];
      const listed = async (): Promise<OpenBuild[]> =>
        (await other.listBuilds()).filter(({ buildId }) => [dropped.buildId, published.buildId].includes(buildId));
      expect((await listed()).map(({ buildId }) => buildId).sort()).toEqual([dropped.buildId, published.buildId].sort());
      for (const { projectId, createdAt } of await listed()) {
        expect(projectId).toBe('demo');
        expect(Math.abs(createdAt / 1000 - now())).toBeLessThan(10);
      }
      await backend.dropBuild('demo', dropped.buildId);
      await backend.publishBuild(published, freshRef().name, { mode: 'create' });
      expect(await listed()).toEqual([]);
    });

    it('are dropped with all that they hold, unless published', async () => {
      const { backend } = harness();
      const build = await buildOf(backend, plainItems(10));
      await backend.dropBuild('other', build.buildId);
      expect(itemTexts(await readBlocks(backend, build))).toHaveLength(10);
      expect(await backend.dropBuild('demo', build.buildId)).toBeUndefined();
      expect(await backend.dropBuild('demo', build.buildId)).toBeUndefined();
      expect(await backend.dropBuild('demo', 'unknown')).toBeUndefined();
      const changed = code('TableChanged');
      await expect(readBlocks(backend, build)).rejects.toEqual(changed);
      await expect(load(backend, build, [decoded(PLAIN, plainItem('a', 1))])).rejects.toEqual(changed);
      await expect(backend.sealBuild(build)).rejects.toEqual(changed);
      await expect(backend.publishBuild(build, freshRef().name, { mode: 'create' })).rejects.toEqual(changed);
      expect(itemTexts(await readBlocks(backend, await backend.openBuild('demo', build.buildId, PLAIN)))).toEqual([]);

      const kept = await buildOf(backend, plainItems(10));
      const ref = freshRef();
      await backend.publishBuild(kept, ref.name, { mode: 'create' });
      expect(await backend.dropBuild('demo', kept.buildId)).toBe((await backend.describeTable(ref)).id);
      await backend.sweep();
      expect(await scanAll(backend, ref)).toHaveLength(10);
      await expect(load(backend, kept, [decoded(PLAIN, plainItem('late', 1))])).rejects.toEqual(changed);
      await backend.sealBuild(kept);
    });

    it('are read back in ranges, each item in one of them, in any process, going on behind any block', async () => {
      const { backend, open } = harness();
      const other = await open();
      const heavy = [3, 700, 2999].map((index) => plainItem('heavy', index, { v: s(`${'x'.repeat(20_000)}${index}`) }));
      const items = [...plainItems(6000), ...heavy];
      const build = await buildOf(backend, items);
      const ranges = await backend.splitRanges(build, { targetBytes: 200_000, maxRanges: 8 });
      expect(ranges.length).toBeGreaterThan(2);
      expect(ranges.length).toBeLessThanOrEqual(8);
      const digest = new TableDigest();
      const seen: string[] = [];
      let most = 0;
      for (const range of JSON.parse(JSON.stringify(ranges)) as KeyRange[]) {
        const blocks = await readBlocks(other, build, range, { blockBytes: 10_000 });
        most = Math.max(most, blocks.length);
        seen.push(...itemTexts(blocks));
        for (const [index, block] of blocks.entries()) {
          const rest = await readBlocks(backend, build, range, { after: block.cursor });
          expect(itemTexts(rest).sort()).toEqual(itemTexts(blocks.slice(index + 1)).sort());
        }
        for (const block of await readBlocks(backend, build, range, { digestOnly: true })) {
          expect(block.lines).toHaveLength(0);
          digest.merge(block.digest);
        }
      }
      expect(most).toBeGreaterThan(2);
      expect(seen.sort()).toEqual(items.map((item) => text(item)).sort());
      expect(digest.equals(digestOf(PLAIN, items))).toBe(true);
      await backend.dropBuild('demo', build.buildId);
      await expect(readBlocks(backend, build, ranges[0])).rejects.toEqual(code('TableChanged'));
    });

    it('keep items that expire meanwhile, for verification only', async () => {
      const { backend, now, pass } = harness();
      if (!backend.capabilities.expiredItemsReadable) return;
      const build = await backend.openBuild('demo', newId(), PLAIN);
      const cutoff = now();
      await load(backend, build, [decoded(PLAIN, plainItem('a', 1), cutoff + 5), decoded(PLAIN, plainItem('a', 2))]);
      await pass(5);
      await backend.sweep();
      expect(itemTexts(await readBlocks(backend, build, wholeRange, { expiryCutoff: cutoff }))).toHaveLength(2);
      await backend.sealBuild(build);
      const [range] = await backend.splitRanges(build, { targetBytes: 1_000_000, maxRanges: 1 });
      expect(itemTexts(await readBlocks(backend, build, range, { expiryCutoff: cutoff }))).toHaveLength(2);
      expect(itemTexts(await readBlocks(backend, build, range, { expiryCutoff: cutoff + 5 }))).toHaveLength(1);
      const ref = freshRef();
      await backend.publishBuild(build, ref.name, { mode: 'create' });
      expect(await scanAll(backend, ref)).toEqual([plainItem('a', 2)]);
    });
  });

  describe('publishing', () => {
    const harness = useHarness(make);
    const conflict = code('ConflictError');

    it('creates only where there is no table, and answers the same again', async () => {
      const { backend, open } = harness();
      const ref = await freshTable(backend);
      const build = await buildOf(backend, plainItems(10));
      await expect(backend.publishBuild(build, ref.name, { mode: 'create' })).rejects.toEqual(conflict);
      const free = freshRef();
      const published = await backend.publishBuild(build, free.name, { mode: 'create' });
      const other = await open();
      expect(await other.publishBuild(build, free.name, { mode: 'create' })).toEqual(published);
      await backend.dropTable(free);
      await expect(backend.publishBuild(build, free.name, { mode: 'create' })).rejects.toEqual(code('TableChanged'));
      expect(await scanAll(backend, ref)).toEqual([]);
    });

    it('fills only the very table that it was meant for, while it is empty', async () => {
      const { backend, now, pass } = harness();
      const ref = await freshTable(backend);
      const build = await buildOf(backend, plainItems(10));
      const mode = await fillMode(backend, ref);
      await backend.putItem(ref, plainItem('gained', 1), {});
      await expect(backend.publishBuild(build, ref.name, mode)).rejects.toEqual(conflict);
      expect(await scanAll(backend, ref)).toEqual([plainItem('gained', 1)]);
      await backend.putItem(ref, plainItem('gained', 1), { expiresAt: now() + 1 });
      await pass(1);
      const before = await backend.describeTable(ref);
      const filled = await backend.publishBuild(build, ref.name, mode);
      expect(filled).toMatchObject({
        id: before.id,
        createdAt: before.createdAt,
        generation: build.generation,
        itemCount: 10,
      });
      expect(await backend.publishBuild(build, ref.name, mode)).toEqual(filled);

      const second = await buildOf(backend, plainItems(3));
      await expect(backend.publishBuild(second, ref.name, mode)).rejects.toEqual(conflict);
      const indexed = await freshTable(backend, INDEXED);
      await expect(backend.publishBuild(second, indexed.name, await fillMode(backend, indexed))).rejects.toEqual(
        conflict,
      );
      const again = await freshTable(backend);
      const old = await fillMode(backend, again);
      await backend.dropTable(again);
      await expect(backend.publishBuild(second, again.name, old)).rejects.toEqual(conflict);
      await backend.createTable(again, PLAIN);
      await expect(backend.publishBuild(second, again.name, old)).rejects.toEqual(conflict);
      expect((await backend.publishBuild(second, again.name, await fillMode(backend, again))).itemCount).toBe(3);
      const replaced = await freshTable(backend);
      const stale = await fillMode(backend, replaced);
      const { id: tableId } = await backend.describeTable(replaced);
      await backend.publishBuild(await buildOf(backend, []), replaced.name, {
        mode: 'replace',
        tableId,
        graceSeconds: 0,
      });
      await expect(backend.publishBuild(await buildOf(backend, plainItems(2)), replaced.name, stale)).rejects.toEqual(
        conflict,
      );
    });

    it('replaces any content, keeping the table’s id, with the structure of the build', async () => {
      const { backend, pass } = harness();
      const ref = await freshTable(backend);
      await put(backend, ref, plainItems(50));
      const before = await backend.describeTable(ref);
      const build = await buildOf(backend, [plainItem('new', 1, { i: n(1) })], INDEXED);
      const mode: PublishMode = { mode: 'replace', tableId: before.id, graceSeconds: 60 };
      const after = await backend.publishBuild(build, ref.name, mode);
      expect(after).toMatchObject({ id: before.id, createdAt: before.createdAt, schema: INDEXED, itemCount: 1 });
      expect(after.generation).not.toBe(before.generation);
      expect(await backend.findTableById(ref.projectId, before.id)).toEqual(after);
      expect(await scanAll(backend, ref)).toEqual([plainItem('new', 1, { i: n(1) })]);
      expect(await backend.publishBuild(build, ref.name, mode)).toEqual(after);
      await pass(61);
      await Promise.all([backend.sweep(), backend.sweep()]);
      expect(await scanAll(backend, ref)).toHaveLength(1);
      const other = await buildOf(backend, plainItems(2));
      await expect(backend.publishBuild(other, ref.name, { ...mode, tableId: newId() })).rejects.toEqual(conflict);
      await expect(backend.publishBuild(other, freshRef().name, mode)).rejects.toEqual(conflict);
    });

    it('lets each call see the old table or the new one, and loses no write that was taken afterwards', async () => {
      const { backend, open } = harness();
      const other = await open();
      const ref = await freshTable(backend);
      const version = (name: string): Item[] =>
        Array.from({ length: 60 }, (_each, index) => plainItem('a', index, { version: s(name) }));
      await put(backend, ref, version('0'));
      const { id } = await backend.describeTable(ref);
      let published = 0;
      let running = true;
      let reads = 0;
      const taken: { key: Item; generation: string }[] = [];
      const reader = async (): Promise<void> => {
        while (running) {
          const least = published;
          const page = await other.query(ref, { hashValue: plainItem('a', 0), forward: true, consistent: true });
          const versions = new Set(page.items.map((item) => item.get('version')?.value));
          expect(page.items).toHaveLength(60);
          expect(versions.size).toBe(1);
          expect(Number([...versions][0])).toBeGreaterThanOrEqual(least);
          reads++;
        }
      };
      const writer = async (instance: TableBackend, name: string): Promise<void> => {
        for (let index = 0; running; index++) {
          const key = plainItem(`writer-${name}`, index);
          const { generation } = await instance.openTable(ref);
          await instance.putItem(ref, key, {});
          if ((await instance.openTable(ref)).generation === generation) taken.push({ key, generation });
        }
      };
      const others = [reader(), writer(backend, 'x'), writer(other, 'y'), writer(other, 'z')];
      for (let round = 1; round <= 5; round++) {
        const build = await buildOf(backend, version(String(round)));
        await backend.publishBuild(build, ref.name, { mode: 'replace', tableId: id, graceSeconds: 0 });
        published = round;
        await backend.sweep();
        const enough = taken.length + 20;
        while (taken.length < enough) await backend.ping();
      }
      running = false;
      await Promise.all(others);
      expect(reads).toBeGreaterThan(5);
      const { generation } = await backend.openTable(ref);
      const mustBeThere = taken.filter((write) => write.generation === generation);
      expect(mustBeThere.length).toBeGreaterThanOrEqual(15);
      const there = new Set(texts(await scanAll(backend, ref)));
      for (const { key } of mustBeThere) expect(there.has(text(key))).toBe(true);
    });

    it('of two builds at once lets one create', async () => {
      const { backend, open } = harness();
      const other = await open();
      const ref = freshRef();
      const builds = [await buildOf(backend, plainItems(1)), await buildOf(backend, plainItems(2))] as const;
      const done = await Promise.allSettled([
        backend.publishBuild(builds[0], ref.name, { mode: 'create' }),
        other.publishBuild(builds[1], ref.name, { mode: 'create' }),
      ]);
      expect(done.map((each) => each.status).sort()).toEqual(['fulfilled', 'rejected']);
    });
  });
}
