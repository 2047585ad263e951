import { Expected, Item } from '../../../src/kernel';
import { StoredItem } from '../../../src/tables';
import { INDEXED, MakeHarness, code, freshTable, n, plainItem, s, scanAll, useHarness } from './harness';

export function describeConcurrency(make: MakeHarness): void {
  describe('writers at the same time', () => {
    const harness = useHarness(make);

    it.each(['never there', 'expired', 'deleted during a merge'])(
      'one of a hundred conditional puts wins (item: %s)',
      async (before) => {
        const { backend, open, now, pass } = harness();
        const other = await open();
        const ref = await freshTable(backend);
        if (before === 'expired') {
          await backend.putItem(ref, plainItem('a', 1), { expiresAt: now() + 1 });
          await pass(1);
        }
        if (before === 'deleted during a merge') {
          await backend.beginMerge(ref, 'job');
          await backend.deleteItem(ref, plainItem('a', 1), {});
        }
        const expected: Expected = new Map([['h', { kind: 'absent' }]]);
        const writes = Array.from({ length: 100 }, (_each, index) =>
          (index % 2 ? backend : other).putItem(ref, plainItem('a', 1, { by: n(index) }), { expected }).then(
            () => index,
            (error: unknown) => {
              expect(error).toEqual(code('ConditionalCheckFailedException'));
              return undefined;
            },
          ),
        );
        const winners = (await Promise.all(writes)).filter((winner) => winner !== undefined);
        expect(winners).toHaveLength(1);
        expect(await scanAll(backend, ref)).toEqual([plainItem('a', 1, { by: n(winners[0] ?? -1) })]);
      },
    );

    it('additions are lost by nobody, and each sees another total', async () => {
      const { backend, open } = harness();
      const other = await open();
      const ref = await freshTable(backend, INDEXED);
      const add = new Map([['i', { action: 'ADD' as const, value: n(1) }]]);
      const results = await Promise.all(
        Array.from({ length: 100 }, (_each, index) =>
          (index % 2 ? backend : other).updateItem(ref, plainItem('a', 1), add, {}),
        ),
      );
      const totals = results.map(({ after }) => Number(after?.get('i')?.value)).sort((x, y) => x - y);
      expect(totals).toEqual(Array.from({ length: 100 }, (_each, index) => index + 1));
      const page = await backend.query(ref, {
        hashValue: plainItem('a', 1),
        indexName: 'by_i',
        forward: true,
        consistent: true,
      });
      expect(page.items).toEqual([plainItem('a', 1, { i: n(100) })]);
    });

    it('puts and deletes of one key leave the item or none', async () => {
      const { backend } = harness();
      const ref = await freshTable(backend);
      const item = plainItem('a', 1, { v: s('whole') });
      await Promise.all(
        Array.from({ length: 60 }, (_each, index) =>
          index % 2 ? backend.putItem(ref, item, {}) : backend.deleteItem(ref, item, {}),
        ),
      );
      const left = await scanAll(backend, ref);
      expect(left.length === 0 || (left.length === 1 && left[0]?.get('v')?.value === 'whole')).toBe(true);
    });

    it('batches that meet in one item lose no other, and leave indexes that say so', async () => {
      const { backend, open } = harness();
      const other = await open();
      const ref = await freshTable(backend, INDEXED);
      const batch = (place: number, by = place): StoredItem[] =>
        [0, ...Array.from({ length: 20 }, (_each, index) => 1 + place * 20 + index)].map((r) => ({ item: plainItem('a', r, { i: n(by * 1000 + r), by: n(by) }), expiresAt: undefined }));
      await Promise.all(Array.from({ length: 6 }, (_each, by) => (by % 2 ? backend : other).putItems(ref, batch(by))));
      await backend.putItems(ref, batch(2, 7));
      const items = await scanAll(backend, ref);
      expect(items).toHaveLength(1 + 6 * 20);
      for (const item of items) expect(Number(item.get('i')?.value)).toBe(Number(item.get('by')?.value) * 1000 + Number(item.get('r')?.value));
      const indexed = await backend.query(ref, { hashValue: plainItem('a', 0), indexName: 'by_i', forward: true, limit: 1000, consistent: true });
      const values = (list: readonly Item[]): string[] => list.map((item) => String(item.get('i')?.value)).sort();
      expect(values(indexed.items)).toEqual(values(items));
    });

    it('overlapping batches do not get in each other’s way', async () => {
      const { backend, open } = harness();
      const other = await open();
      const ref = await freshTable(backend);
      const batch = (by: number): StoredItem[] =>
        Array.from({ length: 300 }, (_each, index) => ({
          item: plainItem('a', (index * (by + 1)) % 307, { by: n(by) }),
          expiresAt: undefined,
        }));
      await Promise.all(Array.from({ length: 8 }, (_each, by) => (by % 2 ? backend : other).putItems(ref, batch(by))));
      expect((await scanAll(backend, ref)).length).toBeGreaterThanOrEqual(300);
    });
  });
}
