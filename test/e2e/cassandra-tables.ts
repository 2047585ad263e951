import { TableBackend } from '../../src/index';
import { Item, TableDigest, TableSchema } from '../../src/kernel';

const PROJECT = 'demo';
const SCHEMA: TableSchema = {
  attributes: new Map([
    ['forum', 'S'],
    ['subject', 'S'],
  ]),
  hashKey: 'forum',
  rangeKey: 'subject',
  indexes: [],
};
/** Of items that are put at once. */
const BATCH = 250;

/** A new table of so many threads, in project `demo`; partitions of seven. */
export async function fillTable(tables: TableBackend, name: string, items: number): Promise<void> {
  await tables.createTable({ projectId: PROJECT, name }, SCHEMA);
  for (let from = 0; from < items; from += BATCH) {
    const batch = Array.from({ length: Math.min(BATCH, items - from) }, (_each, index) => ({ item: thread(from + index), expiresAt: undefined }));
    await tables.putItems({ projectId: PROJECT, name }, batch);
  }
}

/** Of everything that is in a table now. */
export async function digestOf(tables: TableBackend, name: string): Promise<TableDigest> {
  const handle = await tables.openTable({ projectId: PROJECT, name });
  const digest = new TableDigest();
  for await (const block of tables.readRange(handle, { start: null, end: null, estimatedItems: 0 }, { digestOnly: true })) digest.merge(block.digest);
  return digest;
}

function thread(index: number): Item {
  return new Map([
    ['forum', { type: 'S', value: `forum ${Math.floor(index / 7)}` }],
    ['subject', { type: 'S', value: `subject ${index}` }],
    ['replies', { type: 'N', value: String(index) }],
    ['text', { type: 'S', value: 'x'.repeat(100 + (index % 60)) }],
  ]);
}
