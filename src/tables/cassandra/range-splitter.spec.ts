import { schemaOf } from '../../../test/contract/table-backend/harness';
import { Layout } from './layout';
import { MAX_TOKEN, MIN_TOKEN, tokenAt } from './positions';
import { RangeRow } from './range-reader';
import { TokenWeight } from './ring';
import { RangeSplitter } from './range-splitter';
import { Services } from './services';

const layout = new Layout(schemaOf({ h: 'S', r: 'N' }, 'h', 'r'), '"u_demo"."u_1"', false);

/** A table of so many partitions, spread evenly along the ring, with so many rows each, and what its nodes say of it. */
function splitterOf(partitions: number, rowsEach: number, estimates: readonly TokenWeight[] = []): RangeSplitter {
  const reader = {
    pages: async function* (): AsyncGenerator<RangeRow[]> {
      for (let partition = 0; partition < partitions; partition++) {
        const token = tokenAt(partition + 1, partitions + 1);
        yield Array.from({ length: rowsEach }, () => ({ item: new Map(), expiresAt: undefined, token, bytes: 100, position: { token } }));
      }
    },
  };
  const contents = { requireReadable: async () => ({ layout }) };
  const session = { ring: { ends: () => [], estimates: async () => estimates } };
  return new RangeSplitter({ contents, session } as unknown as Services, reader);
}

const handle = { tableId: 'id', generation: 'g', schema: layout.schema };

describe('cutting a table into ranges', () => {
  it('looks at the first rows of a large table and works out the rest by the ring', async () => {
    const ranges = await splitterOf(100_000, 2).split(handle, { targetBytes: 1_000_000, maxRanges: 1000 });
    expect(ranges.length).toBeGreaterThanOrEqual(18);
    expect(ranges.length).toBeLessThanOrEqual(22);
    expect(ranges.reduce((sum, { estimatedItems }) => sum + estimatedItems, 0)).toBeGreaterThan(180_000);
    expect(new Set(ranges.flatMap(({ start, end }) => [start, end])).size).toBe(ranges.length);
  });

  it.each([
    ['close to what is seen are believed', 0.5, 10],
    ['a hundred times too low are not', 0.01, 20],
    ['a hundred times too high are not', 100, 20],
    ['of nothing are not', 0, 20],
  ])('asks the nodes for their estimates: those that are %s', async (_which, wrong, ranges) => {
    const estimates = [{ after: MIN_TOKEN, upTo: MAX_TOKEN, bytes: 20_000_000 * wrong }];
    const cut = await splitterOf(100_000, 2, estimates).split(handle, { targetBytes: 1_000_000, maxRanges: 1000 });
    expect(Math.abs(cut.length - ranges)).toBeLessThanOrEqual(2);
  });

  it('believes the nodes where a look sees too few partitions to tell', async () => {
    const estimates = [{ after: MIN_TOKEN, upTo: MAX_TOKEN, bytes: 60_000_000 }];
    expect(await splitterOf(2, 500_000, estimates).split(handle, { targetBytes: 1_000_000, maxRanges: 1000 })).toHaveLength(60);
  });

  it('does not take one huge partition for many', async () => {
    const ranges = await splitterOf(2, 500_000).split(handle, { targetBytes: 1_000_000, maxRanges: 1000 });
    expect(ranges.length).toBeLessThanOrEqual(50);
  });
});
