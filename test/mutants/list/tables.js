const rows = require('../rows');

/** The contract that every adapter keeps, as PostgreSQL's keeps it. */
const CONTRACT = 'src/tables/postgres/postgres-table-backend.spec.ts';
const LOCKS = 'src/tables/postgres/postgres-locks.spec.ts';
const SPECIFICS = 'src/tables/postgres/postgres-specifics.spec.ts';

module.exports = [
  ...rows('src/gateway/data/tables.service.ts', 'src/gateway/data/tables.service.spec.ts', [
    ['item-calls-count', 'no call for an item counts the items of its table', 'await this.backend.tableStructure(ref)', 'await this.backend.describeTable(ref)', 'without counting anything'],
  ]),
  ...rows('src/tables/postgres/builds.ts', CONTRACT, [
    ['fill-a-table-with-items', 'only an empty table is filled', 'if (found.count > 0) throw conflict', 'if (found.count < 0) throw conflict', 'fills only the very table'],
    ['fill-another-content', 'only the table that was meant is filled', "if (table.content.id !== generation) throw conflict(`Table '${name}' was replaced meanwhile.`);", '', 'fills only the very table'],
    ['fill-another-structure', 'only a table of the same structure is filled', 'if (!sameStructure(table.content.schema, content.schema)) throw', "if (name === '') throw", 'fills only the very table'],
    ['fill-another-table', 'only the table that was meant is published into', 'if (!table || table.id !== mode.tableId)', 'if (!table)', 'fills only the very table|replaces any content'],
    ['publish-over-a-table', 'a table is created only where there is none', "if (table) throw conflict(`Table '${name}' exists.`);", '', 'creates only where there is no table'],
    ['published-build-dropped', 'a published build is the table', "if (row?.state === 'building') await retireContent(tx, id, now);", 'if (row) await retireContent(tx, id, now);', 'unless published'],
    ['key-collision-in-a-build', 'two items of one key are never one', "const different = await batch.findDifferent(tx, content, 'true');", 'const different = undefined;', 'builds refuse two different items|refuse two different items of one key, in one batch'],
    ['build-of-another-structure', 'a build keeps its structure', 'if (!sameStructure(row.content.schema, schema)) {', 'if (row.content.schema === undefined) {', 'are found again by their id'],
    [
      'replace-in-two-steps',
      'each call sees the old table or the new one',
      '    await tx.query(`UPDATE magnetodb.table_info SET content_id = $2 WHERE id = $1`, [table.id, content.id]);',
      "    await tx.query(`DELETE FROM ${table.content.sqlName}`);\n    await tx.query('COMMIT; SELECT pg_sleep(0.3); BEGIN');\n    await tx.query(`UPDATE magnetodb.table_info SET content_id = $2 WHERE id = $1`, [table.id, content.id]);",
      'lets each call see the old table or the new one',
    ],
  ]),
  ...rows('src/tables/postgres/builds.ts', LOCKS, [
    ['replace-under-writes', 'a replacement waits for the writes on their way', 'const prelude = `${lockExclusive(ref)}; ${lockBuildExclusive(id)}`;', 'const prelude = lockBuildExclusive(id);', 'on their way \\(replace\\)'],
  ]),
  ...rows('src/tables/postgres/merges.ts', CONTRACT, [
    ['merge-overwrites-newer', 'a merge loses to newer writes', 'where: `old.written_at < ${time}`', "where: 'true'", 'later writes and deletes win'],
    ['merge-of-expired-items', 'a merge brings nothing that has expired', 'if (decoded.expiresAt !== undefined && decoded.expiresAt <= cutoff) continue;', '', 'brings expiries, but nothing that has expired'],
    ['merge-into-another-content', 'a merge stays in the table that it began with', 'table.content.id !== handle.generation || ', '', 'a table that is another by now'],
    ['merge-key-collision', 'two items of one key are never merged', 'if (different) throw keyCollision', 'if (different === null) throw keyCollision', 'merging refuses two different items of one key'],
  ]),
  ...rows('src/tables/postgres/merges.ts', LOCKS, [
    ['merge-begins-under-writes', 'a merge begins when the writes on their way are over', 'return this.services.db.transaction({ prelude: lockExclusive(ref) }', 'return this.services.db.transaction({ prelude: lockShared(ref) }', 'on their way \\(merge\\)'],
  ]),
  ...rows('src/tables/postgres/item-writer.ts', CONTRACT, [
    ['merge-resurrects-deletes', 'a merge brings back nothing that was deleted since', 'const marked = mergeTime !== null;', 'const marked = mergeTime === 0;', 'later writes and deletes win'],
    ['update-without-a-lock', 'no addition is lost', 'AND range_key = $2 FOR UPDATE`', 'AND range_key = $2`', 'additions are lost by nobody'],
    ['write-without-a-condition', 'a write is made only if what is expected holds', 'if (options.expected && !meetsExpected(found.item, options.expected)) {', 'if (options.expected && found === undefined) {', 'are written only if what is expected holds'],
    ['expired-item-there', 'an expired item is not there', 'const expired = expiresAt !== null && expiresAt <= expiryCutoff(this.services);', 'const expired = expiresAt !== null && expiresAt < 0;', 'do not exist from their second on|can be made anew'],
    ['expiry-lost-by-an-update', 'an update keeps the expiry', 'options.expiresAt === undefined ? found.expiresAt : options.expiresAt', 'options.expiresAt ?? null', 'keep their expiry through updates'],
    ['expiry-lost-by-a-put', 'a put sets the expiry', 'item: canonicalItem(item), expiresAt: options.expiresAt ?? null };', 'item: canonicalItem(item), expiresAt: null };', 'keep their expiry through updates'],
  ]),
  ...rows('src/tables/postgres/content.ts', CONTRACT, [
    ['expired-items-read', 'an expired item is not read', 'item IS NOT NULL AND (expires_at IS NULL OR expires_at > ${cutoff})', 'item IS NOT NULL AND ${cutoff} > 0', 'do not exist from their second on'],
    ['expiry-a-second-late', 'an item ends with its second', 'expires_at > ${cutoff}', 'expires_at >= ${cutoff}', 'do not exist from their second on'],
    ['delete-marks-read', 'a delete mark is no item', 'item IS NOT NULL AND (expires_at', '(expires_at', 'later writes and deletes win'],
  ]),
  ...rows('src/tables/postgres/item-reader.ts', CONTRACT, [
    ['page-with-the-last-item', 'a page begins behind the last one', "${forward ? '>' : '<'} (${behind", "${forward ? '>=' : '<='} (${behind", 'page through exactly'],
    ['pages-forward-only', 'queries read backwards, too', "`${column} ${forward ? 'ASC' : 'DESC'}`", '`${column} ASC`', 'page through exactly'],
    ['index-with-every-item', 'an index holds the items with its attribute', 'if (index) conditions.push(`${index.column} IS NOT NULL`);', '', 'read an index in its order'],
    ['index-in-key-order', 'an index is read in its order', "const columns = ['hash_key', ...(index ? [index.column] : []), 'range_key'];", "const columns = ['hash_key', 'range_key'];", 'read an index in its order'],
    ['segments-overlap', 'each item is in one segment', '% $1 = $2', '% $1 <= $2', 'find every item once'],
    ['limit-of-found-items', 'a limit counts what was examined', 'scannedCount += rows.length;', 'scannedCount += items.length;', 'examine as many as the limit says'],
    ['scan-page-of-any-size', 'a page ends at about a megabyte', 'const PAGE_BYTES = 1024 * 1024;', 'const PAGE_BYTES = 1024 ** 3;', 'end a page at about a megabyte'],
    ['prefix-of-255', 'BEGINS_WITH takes any bytes', 'while (length > 0 && prefix[length - 1] === 0xff) length--;', '', 'range keys of type B'],
    ['between-without-end', 'BETWEEN ends', "[['>=', first], ...(second === undefined ? [] : [['<=', second] as [string, Buffer]])]", "[['>=', first], ...(second === undefined ? [] : [['<', second] as [string, Buffer]])]", 'range keys of type'],
  ]),
  ...rows('src/tables/postgres/range-reader.ts', CONTRACT, [
    ['ranges-overlap', 'each item is in one range', '(hash_key, range_key) < ${positionSql(read.end)}', '(hash_key, range_key) <= ${positionSql(read.end)}', 'are together the whole key space'],
    ['block-read-twice', 'reading goes on behind a block', 'return { ...parsePosition(options.after), inclusive: false };', 'return { ...parsePosition(options.after), inclusive: true };', 'goes on behind every block'],
    ['block-of-any-size', 'blocks keep to their size', 'sized WHERE before < ${read.blockBytes}', 'sized WHERE before < 1000000000', 'holds blocks to their size'],
    ['own-expiry-cutoff', 'expired items are left out by the second that was asked for', 'options.expiryCutoff ?? expiryCutoff(this.services)', 'expiryCutoff(this.services)', 'by the second that is asked for'],
    ['expiry-lost-by-a-range', 'a range brings expiries', 'expiresAt ? readBigint(expiresAt) : undefined', 'undefined', 'gives archive lines, counts|by the second that is asked for'],
  ]),
  ...rows('src/tables/postgres/range-reader.ts', LOCKS, [
    ['swap-during-a-page', 'a swap during a page is noticed', '        await this.services.registry.requireReadable(tx, read.generation);\n        const last', '        const last', 'is noticed by a page that was being read'],
  ]),
  ...rows('src/tables/postgres/registry.ts', CONTRACT, [
    ['replaced-content-read', 'a replaced table is noticed', "if (!found || found.state === 'retired') throw tableChanged();", 'if (!found) throw tableChanged();', 'notices that the table was dropped, or replaced'],
    ['tables-of-all-projects', 'projects are apart', '`SELECT ${TABLE_COLUMNS} WHERE t.project_id = $1 AND t.name = $2`', "`SELECT ${TABLE_COLUMNS} WHERE $1 <> '' AND t.name = $2`", 'have one name a project'],
  ]),
  ...rows('src/tables/postgres/table-admin.ts', CONTRACT, [
    ['name-taken-twice', 'a name is taken once, and said to be', 'if (await this.services.registry.find(tx, ref)) throw tableAlreadyExists(ref.name);', '', 'have one name a project'],
    ['tables-listed-twice', 'a page of names begins behind the last one', 'AND name > $2 ORDER', 'AND name >= $2 ORDER', 'are listed by the bytes'],
  ]),
  ...rows('src/tables/postgres/sweep.ts', CONTRACT, [
    ['sweep-of-everything', 'the sweep takes what has expired', 'WHERE expires_at <= $1 LIMIT', 'WHERE $1 > 0 LIMIT', 'are swept away, and others are not'],
    ['sweep-during-a-merge', 'the sweep leaves a merging table alone', 'table.mergeTime !== null || ', '', 'does not bring back what was written since'],
  ]),
  ...rows('src/tables/postgres/sweep.ts', SPECIFICS, [
    ['contents-kept', 'contents that nobody needs are dropped', '  for (const { id } of due.rows) await dropRetired(db, id, now);\n', '', 'gone when nobody needs them|dropped later'],
  ]),
  ...rows('src/tables/postgres/builds.ts', SPECIFICS, [
    ['no-grace', 'a replaced content is kept for its grace', "mode.mode === 'replace' ? mode.graceSeconds * 1000 : 0", '0', 'are all registered, and gone'],
  ]),
  ...rows('src/tables/postgres/errors.ts', SPECIFICS, [
    ['server-words-shown', 'errors do not show the server’s words', "new DomainError('InternalError', 'The tables database refused a call.', { cause: error })", "new DomainError('InternalError', String(error), { cause: error })", 'without the server’s words'],
  ]),
];
