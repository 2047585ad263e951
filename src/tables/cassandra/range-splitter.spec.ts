import { schemaOf } from '../../../test/contract/table-backend/harness';
import { Layout } from './layout';
import { tokenAt } from './positions';
import { RangeRow } from './range-reader';
import { RangeSplitter } from './range-splitter';
import { Services } from './services';

const layout = new Layout(schemaOf({ h: 'S', r: 'N' }, 'h', 'r'), '"u_demo"."u_1"', false);

/** A table of so many partitions, spread evenly along the ring, with so many rows each. */
function splitterOf(partitions: number, rowsEach: number): RangeSplitter {
  const reader = {
    pages: async function* (): AsyncGenerator<RangeRow[]> {
      for (let partition = 0; partition < partitions; partition++) {
        const token = tokenAt(partition + 1, partitions + 1);
        yield Array.from({ length: rowsEach }, () => ({ item: new Map(), expiresAt: undefined, token, bytes: 100, position: { token } }));
      }
    },
  };
  const contents = { requireReadable: async () => ({ layout }) };
  return new RangeSplitter({ contents } as unknown as Services, reader);
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

  it('does not take one huge partition for many', async () => {
    const ranges = await splitterOf(2, 500_000).split(handle, { targetBytes: 1_000_000, maxRanges: 1000 });
    expect(ranges.length).toBeLessThanOrEqual(50);
  });
});
