import { Client, types } from 'cassandra-driver';
import { itemOf, itemTexts, n, readBlocks, s, text } from '../../../test/contract/table-backend/harness';
import { cassandraIsThere, startCassandra } from '../../../test/setup/cassandra-service';
import { Item, TableRef, newId, uuidHex } from '../../kernel';
import { TableBackend } from '../table-backend';
import { createCassandraTableBackend } from './cassandra-table-backend';

const STARTED = 300_000;
const describeOnCassandra = cassandraIsThere('what MagnetoDB wrote') ? describe : describe.skip;
const LONG_NAME = `long.name-${'x'.repeat(245)}`;

/** As MagnetoDB's model writes it, spaces and order included. */
const SCHEMA = `{"__model__": "TableSchema", "attribute_type_map": {"${LONG_NAME}": {"__model__": "AttributeType", "type": "SS"}, "h": {"__model__": "AttributeType", "type": "S"},
 "i": {"__model__": "AttributeType", "type": "S"}, "m": {"__model__": "AttributeType", "type": "SNM"}, "r": {"__model__": "AttributeType", "type": "N"}},
 "index_def_map": {"by_i": {"__model__": "IndexDefinition", "alt_hash_key_attr": "h", "alt_range_key_attr": "i", "projected_attributes": null}}, "key_attributes": ["h", "r"]}`;

const DYNAMIC = [
  `{'text': textAsBlob('"a \\u2603 \\"b\\""'), 'number': textAsBlob('"10.50"'), 'bytes': textAsBlob('"AAE="'), 'set': textAsBlob('["b", "a"]'), 'map': textAsBlob('{"k": "1E+2"}'), 'none': textAsBlob('[]')}`,
  `{'text': 'S', 'number': 'N', 'bytes': 'B', 'set': 'SS', 'map': 'SNM', 'none': 'NS'}`,
];

/** What the rows below say. */
const ITEMS: readonly Item[] = [
  itemOf({
    h: s('a'),
    r: n('1.5'),
    i: s('z'),
    m: { type: 'SNM', value: new Map([['k', '1']]) },
    [LONG_NAME]: { type: 'SS', value: ['x', 'y'] },
    text: s('a ☃ "b"'),
    number: n('10.5'),
    bytes: { type: 'B', value: 'AAE=' },
    set: { type: 'SS', value: ['a', 'b'] },
    map: { type: 'SNM', value: new Map([['k', '100']]) },
    none: { type: 'NS', value: [] },
  }),
  itemOf({ h: s('a'), r: n(2), i: s('') }),
  itemOf({ h: s('a'), r: n(3) }),
  itemOf({ h: s('mortal'), r: n(0), i: s('y') }),
];

describeOnCassandra('tables that MagnetoDB laid out', () => {
  let backend: TableBackend;
  let server: Client;

  beforeAll(async () => {
    const { contactPoint, dataCenter } = await startCassandra();
    backend = await createCassandraTableBackend({ contactPoints: [contactPoint], dataCenter, replication: { class: 'SimpleStrategy', replication_factor: 1 } });
    server = new Client({ contactPoints: [contactPoint], localDataCenter: dataCenter });
    await server.execute(`CREATE KEYSPACE IF NOT EXISTS u_wrote WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}`);
  }, STARTED);
  afterAll(async () => {
    await backend?.close();
    await server?.shutdown();
  });

  /** A table in the registry and by itself, as MagnetoDB makes it; in the older layout each row stands once more for its index. */
  async function lay(older: boolean): Promise<TableRef> {
    const ref = { projectId: 'wrote', name: `t-${newId()}` };
    const id = newId();
    const table = `"u_wrote"."u_${uuidHex(id)}"`;
    const [columns, key] = older ? ['iname text, ival_str text, ival_num decimal, ival_blb blob,', 'iname, ival_str, ival_num, ival_blb, '] : ['q_params text,', ''];
    await server.execute(
      `CREATE TABLE ${table} (${columns} "u_h" text, "u_r" decimal, "u_i" text, "u_m" map<text, decimal>, "u_${LONG_NAME}" set<text>,
        dyn_attr_dat map<text, blob>, dyn_attr_typ map<text, text>, attr_exist map<text, int>, PRIMARY KEY ("u_h", ${key}"u_r"))`,
    );
    const insert = async (values: string, indexed: string | undefined, options = ''): Promise<void> => {
      const names = `"u_h", "u_r", "u_i", "u_m", "u_${LONG_NAME}", dyn_attr_dat, dyn_attr_typ, attr_exist`;
      const rows = !older ? [''] : [`, '', '', 0, 0x`, ...(indexed === undefined ? [] : [`, 'by_i', '${indexed}', 0, 0x`])];
      for (const row of rows) await server.execute(`INSERT INTO ${table} (${names}${older ? `, ${key.slice(0, -2)}` : ''}) VALUES (${values}${row}) ${options}`);
    };
    await insert(`'a', 1.50, 'z', {'k': 1.0}, {'y', 'x'}, ${DYNAMIC.join(', ')}, {'h': 1, 'r': 1, 'i': 1}`, 'z');
    await insert(`'a', 2, '', null, {}, {}, {}, {'h': 1, 'r': 1}`, '');
    // What `attr_exist` says is not to be relied on.
    await insert(`'a', 3, null, null, null, null, null, {'i': 1}`, undefined);
    await insert(`'mortal', 0, 'y', null, null, null, null, {'h': 1, 'r': 1, 'i': 1}`, 'y', 'USING TTL 5000');
    await server.execute(
      `INSERT INTO magnetodb.table_info (exists, tenant, name, id, "schema", status, internal_name, last_update_date_time, creation_date_time)
        VALUES (1, ?, ?, ?, ?, 'ACTIVE', ?, toTimestamp(now()), toTimestamp(now())) IF NOT EXISTS`,
      [ref.projectId, ref.name, types.Uuid.fromString(id), SCHEMA, table],
      { prepare: true },
    );
    return ref;
  }

  it.each([
    ['older', true],
    ['newer', false],
  ])('are backed up with each item once, of the %s layout of indexes', async (_layout, older) => {
    const ref = await lay(older);
    expect(await backend.describeTable(ref)).toMatchObject({ status: 'ACTIVE', itemCount: ITEMS.length });
    const handle = await backend.openTable(ref);
    const read: string[] = [];
    let expiring = 0;
    for (const range of await backend.splitRanges(handle, { targetBytes: 100, maxRanges: 4 })) {
      const blocks = await readBlocks(backend, handle, range);
      read.push(...itemTexts(blocks));
      expiring += blocks.reduce((sum, block) => sum + block.expiringCount, 0);
    }
    expect(read.sort()).toEqual(ITEMS.map((item) => text(item) ?? '').sort());
    expect(expiring).toBe(1);
    const mortal = await backend.getItem(ref, itemOf({ h: s('mortal'), r: n(0) }), { consistent: true });
    expect(Math.abs((mortal?.expiresAt ?? 0) - Date.now() / 1000 - 5_000)).toBeLessThan(300);
  });

  it('are queried by indexes of the older layout, and written', async () => {
    const ref = await lay(true);
    const query = { hashValue: itemOf({ h: s('a') }), indexName: 'by_i', forward: true, consistent: true };
    expect((await backend.query(ref, query)).items.map(text)).toEqual([ITEMS[1], ITEMS[0]].map(text));
    await backend.putItem(ref, itemOf({ h: s('a'), r: n(2), i: s('zz') }), {});
    await backend.deleteItem(ref, itemOf({ h: s('mortal'), r: n(0) }), {});
    expect((await backend.query(ref, query)).items.map((item) => item.get('i')?.value)).toEqual(['z', 'zz']);
    expect((await backend.describeTable(ref)).itemCount).toBe(3);
  });
});
