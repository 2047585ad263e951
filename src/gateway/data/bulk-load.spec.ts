import fc from 'fast-check';
import { DomainError, Item, TableSchema } from '../../kernel';
import { BulkLoad } from './bulk-load';

const schema: TableSchema = { attributes: new Map([['k', 'S']]), hashKey: 'k', indexes: [] };
const keyOf = (item: Item): string => String(item.get('k')?.value);

async function* stream(text: string): AsyncGenerator<Buffer> {
  for (let start = 0; start < text.length; start += 1000) yield Buffer.from(text.slice(start, start + 1000));
}

it('stores a prefix of the items, in order, and counts every line once', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.nat({ max: 1800 }),
      fc.option(fc.nat({ max: 1800 }), { nil: undefined }),
      fc.option(fc.nat({ max: 1800 }), { nil: undefined }),
      async (count, badLine, refusedByBackend) => {
        const stored: string[] = [];
        const load = new BulkLoad(schema, 1000, async (items) => {
          if (items.some((item) => keyOf(item) === `${refusedByBackend}`))
            throw new DomainError('ValidationError', 'Refused');
          stored.push(...items.map(keyOf));
        });
        const lines = Array.from({ length: count }, (_, i) => (i === badLine ? 'no JSON' : `{"k":{"S":"${i}"}}`));
        const answer = await load.run(stream(lines.join('\n')));
        const failures = [badLine, refusedByBackend].filter((each) => each !== undefined && each < count) as number[];
        const first = Math.min(count, ...failures);
        expect(stored).toEqual(Array.from({ length: first }, (_, i) => `${i}`));
        expect(answer).toMatchObject({ read: count, processed: first });
        expect(Number(answer['processed']) + Number(answer['unprocessed']) + Number(answer['failed'])).toBe(count);
        expect(Number(answer['failed']) > 0).toBe(failures.length > 0);
      },
    ),
    { numRuns: 60 },
  );
});

it('passes on a defect of the backend, and of the stream, once no write is under way', async () => {
  let writing = 0;
  const slowly = async (): Promise<void> => {
    writing++;
    await new Promise((resolve) => setImmediate(resolve));
    writing--;
  };
  async function* broken(): AsyncGenerator<Buffer> {
    for (let i = 0; i < 600; i++) yield Buffer.from(`{"k":{"S":"${i}"}}\n`);
    throw new Error('torn');
  }
  await expect(new BulkLoad(schema, 1000, slowly).run(broken())).rejects.toThrow('torn');
  expect(writing).toBe(0);
  const defect = new BulkLoad(schema, 1000, () => Promise.reject(new TypeError('defect')));
  await expect(defect.run(stream('{"k":{"S":"1"}}\n'))).rejects.toThrow('defect');
});
