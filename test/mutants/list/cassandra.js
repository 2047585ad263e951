const rows = require('../rows');

const CONTRACT = 'src/tables/cassandra/cassandra-table-backend.spec.ts';

module.exports = [
  ...rows('src/tables/cassandra/decimal.ts', 'src/tables/cassandra/decimal.spec.ts', [
    ['cassandra-scale', 'numbers have the bytes that MagnetoDB gives them', 'fraction.length - Number(exponent)', 'fraction.length', 'has the bytes'],
    ['cassandra-sign-bit', 'numbers keep their sign', 'Math.floor(bits / 8) + 1', 'Math.ceil(bits / 8) + 0', 'has the bytes'],
  ]),
  ...rows('src/tables/cassandra/schema-json.ts', 'src/tables/cassandra/schema-json.spec.ts', [
    ['cassandra-model-key', 'an attribute may be called as MagnetoDB calls its models', " || typeof value !== 'string'", '', 'own JSON'],
    ['cassandra-projection', 'projections are kept in the registry', 'projected_attributes: projectedAttributes(projection)', 'projected_attributes: null', 'own JSON'],
  ]),
  ...rows('src/tables/cassandra/positions.ts', 'src/tables/cassandra/positions.spec.ts', [
    ['cassandra-same-token', 'no partition is left out that shares its token with a bound', 'for (const hash of behind) yield', 'for (const hash of behind.slice(1)) yield', 'shares its token'],
    ['cassandra-index-rows-read', 'an item is read once, not once more for each index', '${layout.baseFilter}', '', 'read no rows of indexes'],
  ]),
  ...rows('src/tables/cassandra/row-writes.ts', CONTRACT, [
    ['cassandra-lost-update', 'no update is lost to a concurrent writer', 'return this.cellNames.map((name) => `${name} = ?`).join(\' AND \');', 'return this.cellNames.map((name) => `${name} != ?`).join(\' AND \');', 'are updated, and created by updates'],
    ['cassandra-index-rows-stay', 'an index forgets values that are gone', 'before !== after', 'before === after', 'read an index in its order'],
    ['cassandra-expiry-lost', 'mortal items stay mortal', 'return left > 0 ? left : undefined;', 'return 0;', 'keep their expiry through updates'],
  ]),
  ...rows('src/tables/cassandra/registry.ts', CONTRACT, [
    ['cassandra-lock-unseen', 'a locked table takes no data call', "if (status === 'ACTIVE') return;", "if (status === 'ACTIVE' || status === 'MAINTENANCE') return;", 'stop every data call'],
  ]),
  ...rows('src/tables/cassandra/write-gate.ts', 'src/tables/cassandra/write-gate.spec.ts', [
    ['cassandra-no-drain', 'a lock waits for the writes on their way', 'await Promise.allSettled([...(this.writes.get(keyOf(ref)) ?? [])]);', '', 'says that none is on its way'],
    ['cassandra-unsure', 'a lock waits for writes whose end nobody knows', 'const clean = performance.now() > this.unsureUntil;', 'const clean = true;', 'does not know the end'],
    ['cassandra-no-lease', 'no write outlasts the lease of its process', 'if (!this.mayWrite()) throw unavailable();', '', 'could outlast the lease'],
  ]),
  ...rows('src/tables/cassandra/table-locks.ts', 'src/tables/cassandra/table-locks.spec.ts', [
    ['cassandra-no-wait', 'a lock waits for other processes', 'const waitedFor = await this.processes();', 'const waitedFor: string[] = [];', 'ends when every process'],
    ['cassandra-late-writes', 'a lock waits for what a dead process had sent', 'unsure ||= waiting.some((process) => !alive.has(process));', '', 'not before what it had sent'],
    ['cassandra-lock-for-hope', 'there is no lock while a writer may be at work', 'if (waiting.length > 0 && performance.now() >= until) throw unavailable();', 'if (waiting.length > 0 && performance.now() >= until) break;', 'rather than lock'],
  ]),
  ...rows('src/tables/cassandra/merges.ts', CONTRACT, [
    ['cassandra-merge-later', 'what was written since a merge began wins', 'Math.max((row.now + 1) * 1000,', 'Math.max((row.now + 60_000) * 1000,', 'counts an owner once'],
    ['cassandra-merge-index', 'a merge takes index rows of what it replaces away', '[removal, ...stale, base]', '[removal, base]', 'keeps indexes right'],
  ]),
  ...rows('src/tables/cassandra/contents.ts', CONTRACT, [
    ['cassandra-retired-read', 'a dropped content is not read', "if (row?.state !== 'publishing') throw tableChanged();", "if (row === undefined) throw tableChanged();", 'notices that the table was dropped'],
  ]),
  ...rows('src/tables/cassandra/codec.ts', CONTRACT, [
    ['cassandra-extras-lost', 'attributes that the table does not define are kept', 'if (extraTypes instanceof Map && extraData instanceof Map) addExtras', 'if (extraTypes === extraData) addExtras', 'come back with every type'],
  ]),
  ...rows('src/gateway/tables.ts', 'test/e2e/cassandra.e2e-spec.ts', [
    ['cassandra-not-chosen', 'the setting chooses what keeps the tables', "if (settings.tablesBackend === 'postgresql') return naming(", "if (settings.port >= 0) return naming(", 'restore on each other, item by item: from PostgreSQL on Cassandra'],
  ]),
  ...rows('src/tables/cassandra/indexed-puts.ts', CONTRACT, [
    ['cassandra-puts-given-up', 'many puts together lose none to somebody else’s', 'if (group.length > 1 && (await putTogether(writes, group))) continue;', 'if (group.length > 1 && ((await putTogether(writes, group)) || true)) continue;', 'lose no other'],
    ['cassandra-puts-unlooked', 'an index row goes with the item that it was of', 'found: await writes.find(put.item)', 'found: { ...(await writes.find(put.item)), item: undefined }', 'lose no other'],
  ]),
];
