const rows = require('../rows');

const BACKUP = 'src/backup/engine/portable-backup.spec.ts';
const RESTORE = 'src/restore/engine/portable-restore.spec.ts';

module.exports = [
  ...rows('src/restore/engine/portable-restore.ts', RESTORE, [
    ['read-whole', 'all that the manifest says was read', "  checkEqual(TableDigest.fromJSON(manifest.buckets), readOf(proofs), 'the chunks that were read');\n", '', 'reads every chunk, once'],
    ['built-whole', 'all that was loaded is in the build', '    checkEqual(loaded, found, BUILT);\n', '', 'finds in the build'],
    ['expired-items-loaded', 'what has expired is not restored', '      else alive.push(passing ? passing.take(item) : item);', '      alive.push(passing ? passing.take(item) : item);', 'leaves out what had expired'],
    ['expired-items-unproved', 'what was left out is proved, too', 'if (expired) skipped.add(item.bucket, item.digest);', 'if (expired) continue;', 'leaves out what had expired'],
    ['another-backup-restored', 'the backup that was named is restored', 'if (expectedBackupId !== null && manifest.backup_id !== expectedBackupId) {', "if (expectedBackupId === '') {", 'refuses another backup'],
  ]),
  ...rows('src/archive/chunk.ts', RESTORE, [
    ['items-before-proof', 'the bytes of a chunk are checked before its items are written', "if (sha256Hex(body) !== entry.sha256) throw damaged(entry.name, 'is damaged: its SHA-256 differs');", 'if (body.length < 0) throw damaged(entry.name, entry.sha256);', 'checks the bytes of a chunk'],
  ]),
  ...rows('src/backup/engine/recording-store.ts', BACKUP, [
    ['intents-not-recorded', 'every name is kept before its first byte goes out', '      await ledger.intend(name);\n', '', 'writes every name down'],
    ['intents-recorded-late', 'every name is kept before its first byte goes out', '      await ledger.intend(name);\n      await store.put(name, source, signal);\n', '      await store.put(name, source, signal);\n      await ledger.intend(name);\n', 'writes every name down'],
  ]),
  ...rows('src/backup/engine/portable-backup.ts', BACKUP, [
    ['strays-left', 'what was never committed is taken away', '  await removeStrays(context, signal);\n', '', 'takes away what was stored'],
    ['manifest-written-twice', 'a manifest that is there is kept', 'if (there !== undefined) return there;', '', 'keeps the manifest'],
    ['another-content-backed-up', 'a replaced table is noticed', ' && handle.generation === target.generation', '', 'is of one content'],
    ['sealed-though-changed', 'a table that changed is not sealed', '  await openSameContent(context.backend, target);\n  await removeStrays', '  await removeStrays', 'is of one content'],
    ['abandoned-objects-left', 'a backup that is given up leaves nothing', 'const names = await context.ledger.names();', 'const names: string[] = [];', 'given up'],
    ['commit-before-data', 'a chunk counts once it is stored', '    await store.put(encoded.name, bufferSource(encoded.body), progress.signal);\n', '', 'writes every name down|given up'],
  ]),
];
