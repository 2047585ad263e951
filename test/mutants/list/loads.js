const rows = require('../rows');

/** Loading builds and reading them back. */
const CONTRACT = 'src/tables/postgres/postgres-table-backend.spec.ts';
const LOADS = 'src/tables/postgres/postgres-loads.spec.ts';
const KEYS = 'src/tables/postgres/key-layout.spec.ts';
const RESTORE = 'src/restore/engine/portable-restore.spec.ts';
const LINES = 'src/kernel/item-lines.spec.ts';

module.exports = [
  ...rows('src/tables/postgres/builds.ts', LOADS, [
    ['part-not-fenced', 'a load that stands still keeps nobody from loading its part', '      await drainHolders(this.services.db, partNumber(id, part));\n', '', 'stands still'],
    ['seal-not-fenced', 'a load that stands still keeps no build from being sealed', '    await drainHolders(this.services.db, buildNumber(id));\n    await this.services.db.transaction({ maintenance: true, prelude', '    await this.services.db.transaction({ maintenance: true, prelude', 'stands still'],
    ['drop-not-fenced', 'a load that stands still keeps no build from being dropped', '    await drainHolders(db, buildNumber(id));\n', '', 'stands still'],
    ['parts-not-apart', 'loads of other parts go on', 'prelude: lockPart(id, part)', "prelude: lockPart(id, '')", 'disturbs no load of another part'],
    ['stopped-load-hangs', 'a load ends when it is told to', '      batches.return?.().catch(() => undefined);', '      await batches.return?.();', 'told to stop'],
    ['deadlock-taken-for-done', 'items that a deadlock undid are loaded again', ', once: true }', ' }', 'lost a deadlock'],
  ]),
  ...rows('src/tables/postgres/database.ts', LOADS, [
    ['copy-not-stopped', 'a load ends when it is told to', 'Promise.race([pipeline(guarded(), this.client.query(copy)), stopped])', 'pipeline(guarded(), this.client.query(copy))', 'told to stop'],
    ['copy-failure-renamed', 'a load fails as the reading of its items did', '      throw failure.error;\n', '      throw error;\n', 'cannot be read'],
  ]),
  ...rows('src/tables/postgres/copy-in.ts', LOADS, [
    ['copy-gathers-everything', 'a load takes bounded memory', '      if (writer.holdsFull) yield* writer.takeFull();\n', '', 'asks for no more'],
  ]),
  ...rows('src/tables/postgres/builds.ts', CONTRACT, [
    ['repeated-load-fails', 'the same items again change nothing', 'if (sqlState(error) !== SQL_STATE.uniqueViolation) throw error;', 'throw error;', 'take the same items twice'],
  ]),
  ...rows('src/tables/postgres/build-reader.ts', CONTRACT, [
    ['build-ranges-overlap', 'each item of a build is in one range', 'end: index + 1 < ranges ? bound(index + 1) : null', 'end: null', 'are read back in ranges'],
    ['build-read-short', 'every item of a build is read back', 'next: until < end ?', 'next: until < 0 ?', 'are read back in ranges'],
    ['build-block-read-twice', 'reading a build goes on behind a block', 'parseBound(after ?? range.start', "parseBound(range.start ?? after", 'are read back in ranges'],
    ['build-expiry-ignored', 'a build is read by the second that is asked for', '${isLive(cutoff)}', '${isLive(0)}', 'keep items that expire meanwhile'],
  ]),
  ...rows('src/tables/postgres/build-reader.ts', LOADS, [
    ['blocks-of-a-live-table', 'rows that may move are not read by blocks', "if (state !== 'building') throw tableChanged();", '', 'mean nothing once'],
    ['block-bound-of-any-text', 'bounds are checked', "if (number === undefined) throw validationError('A bound of a build must be a block.');", '', 'refuse the bound'],
  ]),
  ...rows('src/tables/postgres/key-layout.ts', KEYS, [
    ['key-of-another-table', 'an item fits its table', '      checkItemFits(this.schema, decoded.defined);\n', '', 'of another table are refused'],
    ['key-of-other-places', 'keys are cut out of their own places', 'name, 2 * index]', 'name, 0]', 'are those of its values'],
  ]),
  ...rows('src/restore/engine/portable-restore.ts', RESTORE, [
    ['wait-within-a-transaction', 'no transaction is open while a restore waits', '    await control.throttle({ bytes: entry.raw_bytes, items: entry.items });\n', '', 'waits for its turn'],
    ['chunk-proved-twice', 'a chunk that is read again is proved once', '    const skipped = new TableDigest();\n    const picked', '    const { skipped } = this.proof;\n    const picked', 'proves a chunk once'],
  ]),
  ...rows('src/kernel/canonical-scan.ts', LINES, [
    ['value-cut-short', 'values are found where they stand', 'this.places[2 * attribute.index + 1] = end;', 'this.places[2 * attribute.index + 1] = end - 1;', 'reads what it reads'],
  ]),
];
