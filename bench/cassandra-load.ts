import { Client, types } from 'cassandra-driver';
import { BenchTable } from './tables';

/** Of four rows of a partition each; they lie on the same node. */
const ROWS_IN_A_BATCH = 40;
const BATCHES_ON_THEIR_WAY = 32;

/**
 * Fills a table with rows that differ in their keys alone, which are those of `table`; all else is taken from the few rows that are there already. So
 * millions are there in minutes: nobody reads JSON, and nothing goes through a gateway.
 */
export async function fillFast(contactPoint: string, physical: { keyspace: string; table: string }, table: BenchTable): Promise<void> {
  const client = new Client({
    contactPoints: [contactPoint],
    localDataCenter: 'datacenter1',
    encoding: { map: Map, set: Set },
    socketOptions: { readTimeout: 120_000 },
  });
  try {
    const cqlName = `"${physical.keyspace}"."${physical.table}"`;
    const { rows: patterns, columns } = await client.execute(`SELECT * FROM ${cqlName} LIMIT 1000`, [], { prepare: true });
    const names = columns.map(({ name }) => name);
    const insert = `INSERT INTO ${cqlName} (${names.map((name) => `"${name}"`).join(', ')}) VALUES (${names.map(() => '?').join(', ')})`;
    const [device, seq] = [names.indexOf('u_device'), names.indexOf('u_seq')];
    const values = patterns.map((row) => (row.values() as unknown[]).map((value) => value ?? types.unset));
    let next = 0;
    const loader = async (): Promise<void> => {
      while (next < table.items) {
        const batch: { query: string; params: unknown[] }[] = [];
        for (; batch.length < ROWS_IN_A_BATCH && next < table.items; next++) {
          const key = table.keyOf(next);
          const params: unknown[] = [...(values[next % values.length] ?? [])];
          params[device] = key['device']?.['S'];
          params[seq] = types.BigDecimal.fromString(String(key['seq']?.['N']));
          batch.push({ query: insert, params });
        }
        await client.batch(batch, { prepare: true, logged: false, isIdempotent: true });
      }
    };
    await Promise.all(Array.from({ length: BATCHES_ON_THEIR_WAY }, loader));
  } finally {
    await client.shutdown();
  }
}
