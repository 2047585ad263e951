import { Client } from 'cassandra-driver';
import { PLAIN, freshTable, itemTexts, plainItem, put, readBlocks, text } from '../../../test/contract/table-backend/harness';
import { cassandraIsThere, startCassandra } from '../../../test/setup/cassandra-service';
import { TableBackend } from '../table-backend';
import { createCassandraTableBackend } from './cassandra-table-backend';

const STARTED = 300_000;
const describeOnCassandra = cassandraIsThere('reading what is hard to read') ? describe : describe.skip;
/** A node refuses to read more than 100,000 tombstones at once. */
const DEAD_ROWS = 18;
const DEAD_CELLS = 6_000;

describeOnCassandra('reading a range of a real node', () => {
  let backend: TableBackend;
  let server: Client;

  beforeAll(async () => {
    const { contactPoint, dataCenter } = await startCassandra();
    backend = await createCassandraTableBackend({ contactPoints: [contactPoint], dataCenter, replication: { class: 'SimpleStrategy', replication_factor: 1 } });
    server = new Client({ contactPoints: [contactPoint], localDataCenter: dataCenter, socketOptions: { readTimeout: 60_000 } });
  }, STARTED);
  afterAll(async () => {
    await backend?.close();
    await server?.shutdown();
  });

  /** Lays rows of nothing but tombstones in a partition, and tells its token. */
  async function bury(table: string, hash: string, ranges: readonly number[]): Promise<bigint> {
    const dead = Array.from({ length: DEAD_CELLS }, (_each, index) => `'${index}'`).join(',');
    for (const range of ranges) await server.execute(`UPDATE ${table} SET dyn_attr_typ = dyn_attr_typ - {${dead}} WHERE "u_h" = '${hash}' AND "u_r" = ${range}`);
    const { rows } = await server.execute(`SELECT token("u_h") AS place FROM ${table} WHERE "u_h" = '${hash}' AND "u_r" > ${ranges.at(-1) ?? 0} LIMIT 1`);
    return BigInt(String(rows[0]?.get('place')));
  }

  it('comes through more tombstones than a node reads at once, in one partition', async () => {
    const ref = await freshTable(backend, PLAIN);
    const items = [plainItem('heavy', 100)];
    await put(backend, ref, [...items, plainItem('other', 1)]);
    const handle = await backend.openTable(ref);
    const table = handle.generation.slice(0, handle.generation.indexOf('@')).replace(/^(.*)\.(.*)$/, '"$1"."$2"');
    const buried = Array.from({ length: DEAD_ROWS }, (_each, index) => index + 1);
    const token = await bury(table, 'heavy', buried);
    await expect(server.execute(`SELECT * FROM ${table}`)).rejects.toThrow(/tombstone|failure/i);
    const range = { start: `t${token - 2n}`, end: `t${token + 1n}`, estimatedItems: 1 };
    expect(itemTexts(await readBlocks(backend, handle, range))).toEqual(items.map(text));
  }, STARTED);
});
