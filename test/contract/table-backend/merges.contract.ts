import { Item, newId } from '../../../src/kernel';
import {
  INDEXED,
  MakeHarness,
  PLAIN,
  code,
  decoded,
  expiryOf,
  freshTable,
  itemTexts,
  n,
  plainItem,
  readBlocks,
  s,
  scanAll,
  text,
  texts,
  useHarness,
} from './harness';

const fromBackup = (range: number): Item => plainItem('a', range, { from: s('backup') });
const live = (range: number): Item => plainItem('a', range, { from: s('live') });

export function describeMerges(make: MakeHarness): void {
  describe('merging', () => {
    const harness = useHarness(make);

    it('overwrites what was there before it began; later writes and deletes win', async () => {
      const { backend, open } = harness();
      const other = await open();
      const ref = await freshTable(backend);
      await backend.putItem(ref, live(1), {});
      await backend.putItem(ref, live(2), {});
      await backend.putItem(ref, live(9), {});
      const { handle, writeTimeMicros } = await backend.beginMerge(ref, 'job');
      await other.putItem(ref, live(3), {});
      await other.putItem(ref, live(1), {});
      await other.deleteItem(ref, live(2), {});
      await other.deleteItem(ref, live(4), {});
      await other.updateItem(ref, live(5), new Map([['from', { action: 'PUT', value: s('live') }]]), {});
      await other.putItems(ref, [{ item: live(6), expiresAt: undefined }]);
      const items = [1, 2, 3, 4, 5, 6, 7, 8, 9].map((range) => decoded(PLAIN, fromBackup(range)));
      const expected = [live(1), live(3), live(5), live(6), fromBackup(7), fromBackup(8), fromBackup(9)];
      for (const instance of [backend, other]) {
        await instance.mergeItems(ref, handle, items, writeTimeMicros);
        expect(await scanAll(instance, ref)).toEqual(expected);
      }
      expect(itemTexts(await readBlocks(backend, handle))).toEqual(texts(expected));
      expect((await backend.describeTable(ref)).itemCount).toBe(expected.length);
      await backend.deleteItem(ref, live(7), {});
      await backend.sweep();
      await backend.mergeItems(ref, handle, items, writeTimeMicros);
      expect(await backend.getItem(ref, live(7), { consistent: true })).toBeUndefined();
      await backend.endMerge(ref, 'job');
      await backend.endMerge(ref, 'job');
      await backend.sweep();
      expect(await scanAll(backend, ref)).toEqual(expected.filter((item) => text(item) !== text(fromBackup(7))));
      await expect(backend.mergeItems(ref, handle, items, writeTimeMicros)).rejects.toEqual(code('TableChanged'));
    });

    it('judges each of many items of a partition by itself', async () => {
      const { backend } = harness();
      const ref = await freshTable(backend);
      const ranges = Array.from({ length: 80 }, (_each, index) => index - 40);
      const hundred = plainItem('b', 100, { from: s('live') });
      await backend.putItems(ref, [0, 1, 2].map((range) => ({ item: live(range), expiresAt: undefined })));
      const { handle, writeTimeMicros } = await backend.beginMerge(ref, 'job');
      for (const newer of [live(-40), live(7), live(39), hundred]) await backend.putItem(ref, newer, {});
      await backend.deleteItem(ref, live(3), {});
      const items = [...ranges.map(fromBackup), plainItem('b', 100, { from: s('backup') }), plainItem('b', 101)];
      await backend.mergeItems(ref, handle, items.map((item) => decoded(PLAIN, item)), writeTimeMicros);
      const expected = ranges.filter((range) => range !== 3).map((range) => ([-40, 7, 39].includes(range) ? live(range) : fromBackup(range)));
      expect(texts(await scanAll(backend, ref)).sort()).toEqual(texts([...expected, hundred, plainItem('b', 101)]).sort());
      const other = decoded(PLAIN, plainItem('a', 30, { from: s('another') }));
      await expect(backend.mergeItems(ref, handle, [decoded(PLAIN, fromBackup(29)), other], writeTimeMicros)).rejects.toEqual(code('KeyCollision'));
    });

    it('counts an owner once, and goes on for as long as anyone does', async () => {
      const { backend } = harness();
      const ref = await freshTable(backend);
      const first = await backend.beginMerge(ref, 'one');
      expect(await backend.beginMerge(ref, 'one')).toEqual(first);
      await backend.beginMerge(ref, 'two');
      await backend.endMerge(ref, 'two');
      await backend.endMerge(ref, 'nobody');
      await backend.deleteItem(ref, live(1), {});
      await backend.mergeItems(ref, first.handle, [decoded(PLAIN, fromBackup(1))], first.writeTimeMicros);
      expect(await scanAll(backend, ref)).toEqual([]);
    });

    it('of two the later beginning wins, in whatever order they write', async () => {
      const { backend } = harness();
      const ref = await freshTable(backend);
      const early = await backend.beginMerge(ref, 'early');
      const late = await backend.beginMerge(ref, 'late');
      expect(late.writeTimeMicros).toBeGreaterThan(early.writeTimeMicros);
      const item = (by: string, range: number): Item => plainItem('a', range, { by: s(by) });
      await backend.mergeItems(ref, late.handle, [decoded(PLAIN, item('late', 1))], late.writeTimeMicros);
      await backend.mergeItems(
        ref,
        early.handle,
        [decoded(PLAIN, item('early', 1)), decoded(PLAIN, item('early', 2))],
        early.writeTimeMicros,
      );
      await backend.mergeItems(ref, late.handle, [decoded(PLAIN, item('late', 2))], late.writeTimeMicros);
      expect(await scanAll(backend, ref)).toEqual([item('late', 1), item('late', 2)]);
    });

    it('brings expiries, but nothing that has expired', async () => {
      const { backend, now } = harness();
      const ref = await freshTable(backend);
      await backend.putItem(ref, live(1), {});
      const { handle, writeTimeMicros } = await backend.beginMerge(ref, 'job');
      const later = now() + 500;
      await backend.mergeItems(
        ref,
        handle,
        [
          decoded(PLAIN, fromBackup(1), now()),
          decoded(PLAIN, fromBackup(2), now() - 1),
          decoded(PLAIN, fromBackup(3), later),
        ],
        writeTimeMicros,
      );
      expect(await scanAll(backend, ref)).toEqual([live(1), fromBackup(3)]);
      expect(await backend.getItem(ref, live(3), { consistent: true })).toMatchObject({ expiresAt: expiryOf(harness(), later) });
    });

    it('does not bring back what was written since, and has expired since', async () => {
      const { backend, now, pass } = harness();
      const ref = await freshTable(backend);
      const { handle, writeTimeMicros } = await backend.beginMerge(ref, 'job');
      await backend.putItem(ref, live(1), { expiresAt: now() + 1 });
      await pass(1);
      await backend.sweep();
      await backend.mergeItems(ref, handle, [decoded(PLAIN, fromBackup(1))], writeTimeMicros);
      expect(await scanAll(backend, ref)).toEqual([]);
    });

    it('keeps indexes right', async () => {
      const { backend } = harness();
      const ref = await freshTable(backend, INDEXED);
      await backend.putItem(ref, plainItem('a', 1, { i: n(1) }), {});
      const { handle, writeTimeMicros } = await backend.beginMerge(ref, 'job');
      await backend.putItem(ref, plainItem('a', 3, { i: n(3) }), {});
      await backend.deleteItem(ref, plainItem('a', 3), {});
      await backend.mergeItems(
        ref,
        handle,
        [decoded(INDEXED, plainItem('a', 1, { i: n(9) })), decoded(INDEXED, plainItem('a', 2, { i: n(5) }))],
        writeTimeMicros,
      );
      const page = await backend.query(ref, {
        hashValue: plainItem('a', 0),
        indexName: 'by_i',
        forward: true,
        consistent: true,
      });
      expect(texts(page.items)).toEqual(texts([plainItem('a', 2, { i: n(5) }), plainItem('a', 1, { i: n(9) })]));
    });

    it('refuses two different items of one key, and a table that is another by now', async () => {
      const { backend } = harness();
      const ref = await freshTable(backend);
      const { handle, writeTimeMicros } = await backend.beginMerge(ref, 'job');
      const collision = code('KeyCollision');
      await expect(
        backend.mergeItems(ref, handle, [decoded(PLAIN, fromBackup(1)), decoded(PLAIN, live(1))], writeTimeMicros),
      ).rejects.toEqual(collision);
      await backend.mergeItems(ref, handle, [decoded(PLAIN, fromBackup(1))], writeTimeMicros);
      await expect(backend.mergeItems(ref, handle, [decoded(PLAIN, live(1))], writeTimeMicros)).rejects.toEqual(
        collision,
      );
      await backend.dropTable(ref);
      await backend.createTable(ref, PLAIN);
      await backend.beginMerge(ref, 'job');
      await expect(backend.mergeItems(ref, handle, [decoded(PLAIN, fromBackup(1))], writeTimeMicros)).rejects.toEqual(
        code('TableChanged'),
      );
      const replaced = await backend.beginMerge(ref, 'another job');
      const { tableId } = replaced.handle;
      const build = await backend.openBuild(ref.projectId, newId(), PLAIN);
      await backend.sealBuild(build);
      await backend.publishBuild(build, ref.name, { mode: 'replace', tableId, graceSeconds: 0 });
      await backend.beginMerge(ref, 'another job');
      await expect(
        backend.mergeItems(ref, replaced.handle, [decoded(PLAIN, fromBackup(1))], replaced.writeTimeMicros),
      ).rejects.toEqual(code('TableChanged'));
    });
  });
}
