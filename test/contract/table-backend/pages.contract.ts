import fc from 'fast-check';
import {
  AttributeCondition,
  AttributeValue,
  Item,
  TableRef,
  compareNumbers,
  matchesAttribute,
} from '../../../src/kernel';
import { Page, QueryRequest, TableBackend } from '../../../src/tables';
import {
  INDEXED,
  MakeHarness,
  b,
  code,
  freshTable,
  itemOf,
  n,
  plainItem,
  plainItems,
  put,
  s,
  schemaOf,
  text,
  texts,
  useHarness,
} from './harness';

async function pages(read: (start: Item | undefined) => Promise<Page>): Promise<Page[]> {
  const all: Page[] = [];
  for (let start: Item | undefined, first = true; first || start; first = false) {
    const page = await read(start);
    all.push(page);
    start = page.lastEvaluatedKey;
  }
  return all;
}

const queryAll = (backend: TableBackend, ref: TableRef, request: Omit<QueryRequest, 'consistent'>): Promise<Page[]> =>
  pages((start) =>
    backend.query(ref, { ...request, consistent: true, ...(start ? { exclusiveStartKey: start } : {}) }),
  );

const condition = (operator: AttributeCondition['operator'], ...values: AttributeValue[]): AttributeCondition => ({
  operator,
  values,
});

export function describePages(make: MakeHarness): void {
  describe('queries', () => {
    const harness = useHarness(make);

    it.each([
      ['S', [s(''), s('\0'), s('A'), s('a'), s('a\0'), s('aa'), s('ab'), s('b'), s('ä'), s('\uFFFF'), s('🎉')]],
      ['N', [n('-1E50'), n('-12.5'), n('-12'), n('0'), n('1E-50'), n('2'), n('10'), n('10.1'), n('1E999999999')]],
      ['B', [{ type: 'B', value: '' }, b(0), b(0, 0), b(1), b(127), b(128), b(255), b(255, 0), b(255, 255)]],
    ] as const)('order and compare range keys of type %s by value', async (type, ascending) => {
      const { backend } = harness();
      const ref = await freshTable(backend, schemaOf({ h: 'S', r: type }, 'h', 'r'));
      const items = ascending.map((r) => itemOf({ h: s('one'), r }));
      await put(backend, ref, [...items].reverse());
      await put(
        backend,
        ref,
        ascending.map((r) => itemOf({ h: s('other'), r })),
      );
      const values = ascending.map((value) => value);
      const operators = ['EQ', 'LT', 'LE', 'GT', 'GE', ...(type === 'N' ? [] : ['BEGINS_WITH' as const])] as const;
      const conditions = [
        undefined,
        ...operators.flatMap((operator) => values.map((value) => condition(operator, value))),
        ...values.slice(1).map((value, index) => condition('BETWEEN', values[Math.max(0, index - 2)] ?? value, value)),
      ];
      for (const rangeCondition of conditions) {
        const expected = items.filter((item) => !rangeCondition || matchesAttribute(item.get('r'), rangeCondition));
        for (const forward of [true, false]) {
          const request = {
            hashValue: itemOf({ h: s('one') }),
            forward,
            consistent: true,
            ...(rangeCondition ? { rangeCondition } : {}),
          };
          const page = await backend.query(ref, request);
          expect(texts(page.items)).toEqual(texts(forward ? expected : [...expected].reverse()));
          expect(page.lastEvaluatedKey).toBeUndefined();
        }
      }
    });

    it('page through exactly, both ways, whatever the limit', async () => {
      const { backend } = harness();
      const ref = await freshTable(backend);
      const items = Array.from({ length: 23 }, (_each, index) => plainItem('a', index));
      await put(backend, ref, [...items, plainItem('b', 1)]);
      for (const limit of [1, 5, 22, 23, 24]) {
        for (const forward of [true, false]) {
          const all = await queryAll(backend, ref, { hashValue: plainItem('a', 0), forward, limit });
          expect(all.flatMap((page) => texts(page.items))).toEqual(texts(forward ? items : [...items].reverse()));
          for (const page of all) expect(page.scannedCount).toBeLessThanOrEqual(limit);
          for (const page of all.slice(0, -1)) expect(page.scannedCount).toBe(limit);
        }
      }
    });

    it('read an index in its order, without the items that lack its attribute', async () => {
      const { backend } = harness();
      const ref = await freshTable(backend, INDEXED);
      const items = Array.from({ length: 40 }, (_each, index) =>
        plainItem('a', index, index % 4 === 0 ? {} : { i: n([-5, '1E40', 7][index % 3] ?? 0) }),
      );
      await put(backend, ref, [...items, plainItem('b', 1, { i: n(7) })]);
      const byIndex = items
        .filter((item) => item.has('i'))
        .sort(
          (x, y) =>
            compareNumbers(String(x.get('i')?.value), String(y.get('i')?.value)) ||
            Number(x.get('r')?.value) - Number(y.get('r')?.value),
        );
      for (const forward of [true, false]) {
        const all = await queryAll(backend, ref, {
          hashValue: plainItem('a', 0),
          indexName: 'by_i',
          forward,
          limit: 7,
        });
        expect(all.flatMap((page) => texts(page.items))).toEqual(texts(forward ? byIndex : [...byIndex].reverse()));
        expect([...(all[0]?.lastEvaluatedKey?.keys() ?? [])].sort()).toEqual(['h', 'i', 'r']);
      }
      const sevens = await backend.query(ref, {
        hashValue: plainItem('a', 0),
        indexName: 'by_i',
        rangeCondition: condition('BETWEEN', n(6), n('1E39')),
        forward: true,
        consistent: true,
      });
      expect(texts(sevens.items)).toEqual(texts(byIndex.filter((item) => item.get('i')?.value === '7')));
      await backend.updateItem(ref, plainItem('a', 2), new Map([['i', { action: 'DELETE' }]]), {});
      const left = await queryAll(backend, ref, { hashValue: plainItem('a', 0), indexName: 'by_i', forward: true });
      expect(left.flatMap((page) => page.items)).toHaveLength(byIndex.length - 1);
    });

    it('count what a filter leaves out', async () => {
      const { backend } = harness();
      const ref = await freshTable(backend);
      await put(
        backend,
        ref,
        Array.from({ length: 10 }, (_each, index) => plainItem('a', index, { even: n(index % 2) })),
      );
      const page = await backend.query(ref, {
        hashValue: plainItem('a', 0),
        filter: new Map([['even', condition('EQ', n(0))]]),
        limit: 5,
        forward: true,
        consistent: true,
      });
      expect(page).toMatchObject({ scannedCount: 5, lastEvaluatedKey: plainItem('a', 4) });
      expect(page.items).toHaveLength(3);
    });

    it('refuse what makes no sense', async () => {
      const { backend } = harness();
      const ref = await freshTable(backend, INDEXED);
      const base = { hashValue: plainItem('a', 0), forward: true, consistent: true };
      const wrong: QueryRequest[] = [
        { ...base, indexName: 'no_such' },
        { ...base, hashValue: itemOf({ h: n(1) }) },
        { ...base, hashValue: itemOf({}) },
        { ...base, rangeCondition: condition('EQ', s('text')) },
        { ...base, rangeCondition: condition('BEGINS_WITH', n(1)) },
        { ...base, rangeCondition: condition('NE', n(1)) },
        { ...base, rangeCondition: condition('BETWEEN', n(1)) },
        { ...base, exclusiveStartKey: plainItem('other', 1) },
        { ...base, exclusiveStartKey: itemOf({ h: s('a') }) },
        { ...base, indexName: 'by_i', exclusiveStartKey: plainItem('a', 1) },
      ];
      for (const request of wrong) await expect(backend.query(ref, request)).rejects.toEqual(code('ValidationError'));
    });
  });

  describe('scans', () => {
    const harness = useHarness(make);

    it('find every item once, whatever the pages, segments and keys', async () => {
      const { backend } = harness();
      const ref = await freshTable(backend);
      const items = plainItems(137, 19);
      await put(backend, ref, items);
      const wanted = texts(items).sort();
      await fc.assert(
        fc.asyncProperty(
          fc.integer({ min: 1, max: 9 }),
          fc.integer({ min: 1, max: 150 }),
          async (totalSegments, limit) => {
            const found: (string | undefined)[] = [];
            for (let segment = 0; segment < totalSegments; segment++) {
              const all = await pages((start) =>
                backend.scan(ref, { segment, totalSegments, limit, ...(start ? { exclusiveStartKey: start } : {}) }),
              );
              for (const page of all) expect(page.scannedCount).toBeLessThanOrEqual(limit);
              found.push(...all.flatMap((page) => texts(page.items)));
            }
            expect(found.sort()).toEqual(wanted);
          },
        ),
        { numRuns: 12 },
      );
    });

    it('spread items over segments', async () => {
      const { backend } = harness();
      const ref = await freshTable(backend);
      await put(backend, ref, plainItems(400, 400));
      for (let segment = 0; segment < 4; segment++) {
        const { scannedCount } = await backend.scan(ref, { segment, totalSegments: 4 });
        expect(scannedCount).toBeGreaterThan(40);
        expect(scannedCount).toBeLessThan(200);
      }
    });

    it('examine as many as the limit says and filter then', async () => {
      const { backend } = harness();
      const ref = await freshTable(backend);
      await put(backend, ref, plainItems(20, 1));
      const filter = new Map([['r', condition('GE', n(8))]]);
      const page = await backend.scan(ref, { filter, limit: 10, segment: 0, totalSegments: 1 });
      expect(page.scannedCount).toBe(10);
      expect(page.items).toHaveLength(2);
      expect(text(page.lastEvaluatedKey)).toBe(text(plainItem('hash-0', 9)));
    });

    it('end a page at about a megabyte, so that large items do not pile up', async () => {
      const { backend } = harness();
      const ref = await freshTable(backend);
      await put(
        backend,
        ref,
        Array.from({ length: 12 }, (_each, index) => plainItem('a', index, { v: s('x'.repeat(400_000)) })),
      );
      const scanned = await pages((start) =>
        backend.scan(ref, { segment: 0, totalSegments: 1, ...(start ? { exclusiveStartKey: start } : {}) }),
      );
      expect(scanned.length).toBeGreaterThanOrEqual(4);
      expect(scanned.flatMap((page) => page.items)).toHaveLength(12);
      const queried = await queryAll(backend, ref, { hashValue: plainItem('a', 0), forward: false });
      expect(queried.length).toBeGreaterThanOrEqual(4);
      expect(queried.flatMap((page) => page.items)).toHaveLength(12);
    });

    it('refuse segments that there are not', async () => {
      const { backend } = harness();
      const ref = await freshTable(backend);
      for (const [segment, totalSegments] of [
        [1, 1],
        [-1, 2],
        [0, 0],
        [0.5, 2],
      ] as const) {
        await expect(backend.scan(ref, { segment, totalSegments })).rejects.toEqual(code('ValidationError'));
      }
    });
  });
}
