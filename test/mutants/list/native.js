const rows = require('../rows');

const ARCHIVE = 'src/archive/native.spec.ts';
const TABLES = 'src/tables/postgres/native-tables.spec.ts';
const BACKUPS = 'test/e2e/native-backups.e2e-spec.ts';
const RESTORES = 'test/e2e/native-restores.e2e-spec.ts';
const PLAN = 'src/restore/restore-plan.spec.ts';
const STRATEGY = 'src/strategy/strategy.spec.ts';
const CRASH = 'test/crash/named-points.spec.ts';

module.exports = [
  ...rows('src/archive/native-rows.ts', ARCHIVE, [
    ['native-header', 'a native chunk is a binary copy', "    if (raw.compare(PGCOPY_HEADER, 0, PGCOPY_HEADER.length, 0, PGCOPY_HEADER.length) !== 0)\n      throw damaged(this.object, 'is damaged: it does not begin as a binary copy does');\n", '', 'is no binary copy|flags in its header'],
    ['native-columns', 'rows have the columns of the layout', 'if (columns !== this.columns) throw', 'if (columns < 4) throw', 'a column too'],
    ['native-end', 'nothing lies behind a chunk’s end', "if (this.at !== raw.length) throw damaged(this.object, 'is damaged: something lies behind its end');", '', 'something behind its end'],
    ['native-null-item', 'delete marks are no items', 'if (length === undefined) throw this.wrong(`has no ${what}`);', 'if (length === undefined) return 0;', 'has a delete mark|row without'],
    ['native-key-length', 'keys are bounded', 'if (length < 0 || length > maxBytes) throw', 'if (length < 0) throw', 'no index can hold|beyond all limits'],
    ['native-expiry', 'an expiry is a time', "if (!Number.isSafeInteger(seconds) || seconds < 0) throw this.wrong('has an invalid expiry');", '', 'expiry before the epoch|short expiry'],
  ]),
  ...rows('src/archive/manifest.ts', ARCHIVE, [
    ['native-not-required', 'readers of before refuse native backups', "requires: [...(draft.compression === 'none' ? [] : [draft.compression]), ...nativeFeature(draft)],", "requires: draft.compression === 'none' ? [] : [draft.compression],", 'what a reader must know'],
    ['native-requires-unread', 'a native backup says what a reader must know', "  if (!nativeFeature(manifest).every((feature) => requires.includes(feature)))\n    throw fields.wrong('requires', 'lacks the native format');\n", '', 'what a reader must know'],
  ]),
  ...rows('src/archive/reader.ts', ARCHIVE, [
    ['native-chunks-mixed', 'chunks are of the format that the manifest says', "if ((named.contents === 'pgcopy') !== (manifest.data_format === 'native')) {", "if (named.contents === undefined) {", 'chunks of the format'],
  ]),
  ...rows('src/archive/deletion.ts', ARCHIVE, [
    ['native-chunks-left', 'a native archive is deleted whole', String.raw`\.(?:jsonl|pgcopy)(?:`, String.raw`\.(?:jsonl)(?:`, 'is named and deleted whole'],
  ]),
  ...rows('src/tables/postgres/native-snapshot.ts', TABLES, [
    ['snapshot-of-now', 'a snapshot is the table when it was opened', 'BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY', 'BEGIN READ ONLY', 'is the table when it was opened'],
    ['snapshot-not-shared', 'all streams read one snapshot', "`SET TRANSACTION SNAPSHOT '${this.snapshotId}'`", "'SELECT 1'", 'is the table when it was opened'],
    ['snapshot-dropped', 'nobody drops what a snapshot reads', '`LOCK TABLE ${content.sqlName} IN ACCESS SHARE MODE`', "'SELECT 1'", 'after its table was dropped'],
    ['snapshot-parts-overlap', 'each row is in one part', "const behind = to === undefined ? '' : ` AND ctid < '(${to},0)'::tid`;", "const behind = '';", 'is the table when it was opened'],
    ['snapshot-with-expired', 'expired items and delete marks are left out', ' AND ${isLive(this.cutoff)}', '', 'neither expired items'],
    ['snapshot-takes-all', 'half of the connections are left to others', 'if (this.closed || this.counted.extra >= Math.floor(db.maxConnections / 2)) return undefined;', 'if (this.closed || this.counted.extra >= db.maxConnections - 1) return undefined;', 'leaves half of the connections'],
    ['snapshot-keeps-count', 'connections are given back', 'this.counted.extra -= this.held.length - 1;', '', 'leaves half of the connections'],
    ['snapshot-not-stopped', 'reading a snapshot stops when it is told to', '      if (builder.itemCount > 0) yield take(rows);\n      signal.throwIfAborted();', '      if (builder.itemCount > 0) yield take(rows);', 'stops when it is told to'],
  ]),
  ...rows('src/tables/postgres/builds.ts', TABLES, [
    ['native-part-twice', 'a part is added once', 'if (kept.count > 0) await copyRows', 'if (kept.count >= 0) await copyRows', 'of one part are added once'],
    ['native-no-key', 'a restored table has its primary key', '      await addKey(tx, id);\n', '', 'of one key are a collision'],
    ['native-expiry-late', 'an index that few rows go into is there before them', 'if (created && rows && rows.expiring * FEW <= rows.items) await createExpiryIndex(tx, ids.id);', 'void [created, createExpiryIndex];', 'before them, if few expire'],
    ['native-expiry-early', 'an index that many rows go into comes behind them', 'rows.expiring * FEW <= rows.items', 'rows.expiring <= rows.items', 'behind them, if many expire'],
    ['sealed-unknown', 'the planner knows a table that was just restored', '      await gatherStatistics(tx, row.content);\n', '      void gatherStatistics;\n', 'are known to the planner'],
    ['native-damage-passed-on', 'rows that do not fit are damage', "if (!['22', '23', '54'].includes(sqlState(error)?.slice(0, 2) ?? '')) throw error;", 'throw error;', 'does not take are damage'],
  ]),
  ...rows('src/tables/postgres/content.ts', TABLES, [
    ['sealed-item-sampled', 'statistics are of what is searched, and leave the rest to autovacuum', "ANALYZE ${sqlName} (${searched.join(', ')})", 'ANALYZE ${sqlName}', 'are known to the planner'],
    ['native-write-time', 'loaded rows are older than every write', 'written_at bigint NOT NULL DEFAULT 0', 'written_at bigint NOT NULL DEFAULT 9000000000000000', 'are older than every write'],
  ]),
  ...rows('src/strategy/resolve.ts', STRATEGY, [
    ['native-strategy-unchecked', 'a named strategy that cannot be had is refused at the start', 'checkAvailable(parts, capabilities, `strategies.${name}`);\n  return { strategies', 'void [name, parts];\n  return { strategies', 'tables cannot have'],
  ]),
  ...rows('src/restore/restore-plan.ts', PLAN, [
    ['native-elsewhere', 'native backups go into tables of the same kind', 'if (backupFormat !== tablesFormat)', 'if (tablesFormat === undefined)', 'of another kind|another layout'],
    ['native-untrusted', 'native files from outside need a right of their own', '  if (!trusted) {', '  if (!trusted && asked === undefined) {', 'from outside'],
    ['native-merge', 'a merge goes item by item', '  if (itemByItem !== undefined) {', "  if (itemByItem === '') {", 'a merge'],
  ]),
  ...rows('src/backup/backup.service.ts', BACKUPS, [
    ['native-in-maintenance', 'native work on a table in MAINTENANCE is 423', "if (table.status === 'MAINTENANCE') throw tableLocked(table.name, LOCKED_RETRY_SECONDS);", '', 'of a table in MAINTENANCE is refused'],
    ['native-beside-others', 'locking work needs exclusive gateways', "if (strategy.format === 'native') this.checkLockable(table);", '', 'because other gateways know nothing of it'],
  ]),
  ...rows('src/backup/native-backup.handler.ts', BACKUPS, [
    ['native-snapshots-mixed', 'a copy begun again mixes no snapshots', ', (tx) => new TypeormBackupLedger(tx, step.job.subjectId).takeBack());', ');', 'are never mixed'],
    ['native-progress-doubled', 'progress tells of the last try alone', 'await step.commit(null, { items: -items, bytes: -bytes }, (tx)', 'await step.commit(null, { items: 0 * items, bytes: 0 * bytes }, (tx)', 'are never mixed'],
    ['native-snapshot-kept', 'a snapshot goes with its try', '    } finally {\n      await snapshot.close();\n    }', '    } finally {\n      void snapshot;\n    }', 'lets its snapshot go'],
    ['native-locked-time-forgotten', 'the time that a table was locked is the sum of all tries', 'coalesce(locked_milliseconds, 0) + $3', '$3', 'lets its snapshot go'],
    ['native-without-a-lock', 'a native backup begins with a lock', 'const { result, lockedMilliseconds } = await withTableLock(backend, target.ref, step.job.subjectId, maxLockSeconds, open, onLocked);', 'const [result, lockedMilliseconds] = [await open(), 1];\n      void [withTableLock, maxLockSeconds, onLocked];', 'while it is written'],
  ]),
  ...rows('src/backup/native-backup.handler.ts', CRASH, [
    ['native-lock-left', 'a cancelled job leaves no lock', '    await this.deps.backend.unlock(targetOf(job, params).ref, job.subjectId);', '    void [job, params];', 'native backup, then cancelled'],
  ]),
  ...rows('src/restore/engine/native-restore.ts', RESTORES, [
    ['native-uncounted', 'a native restore counts its rows', 'if (rows === manifest.item_count) return;', 'if (rows >= 0) return;', 'a chunk that is listed twice'],
  ]),
  ...rows('src/archive/chunk.ts', RESTORES, [
    ['native-bytes-unproved', 'a native restore proves the files', "if (sha256Hex(body) !== entry.sha256) throw damaged(entry.name, 'is damaged: its SHA-256 differs');", '', 'in the deployment’s own store fails'],
  ]),
  ...rows('src/restore/restore.service.ts', RESTORES, [
    ['native-outside-trusted', 'native files from outside need a right of their own', "archive.location.type === 'internal' || this.policy.allows('restore:native:external', caller)", "archive.location.type === 'internal' || this.policy.allows('restore:source', caller)", 'item by item for members'],
  ]),
  ...rows('src/backup-restore.core.ts', RESTORES, [
    ['native-without-a-format', 'tables without a format of their own are not backed up natively', '{ native: tables.native !== undefined }', '{ native: true || tables }', 'are not backed up natively'],
  ]),
];
