const rows = require('../rows');

/** What verification, the job database's backup, import of everything and rolling upgrades promise. */
const VERIFY = 'test/e2e/verification.e2e-spec.ts';
const HANDLER = 'src/catalogue/backup-verify.handler.ts';
const SERVICE = 'src/catalogue/verification.service.ts';
const BACKUPS = 'src/backup/backup.service.ts';

module.exports = [
  ...rows(HANDLER, VERIFY, [
    ['verify-reads-nothing', 'a verification reads every chunk', 'done < payload.chunks.length;', 'done < 0 * payload.chunks.length;', 'names the damaged object: a chunk that is gone'],
    ['verify-damage-forgotten', 'a damaged backup is not restorable', 'damaged ? { restorable: false } : {}', '{}', 'names the damaged object: a bit'],
    ['verify-outage-is-damage', 'of a store that is away nothing is learnt', "const DAMAGE: readonly string[] = ['ArchiveDamaged', ", "const DAMAGE: readonly string[] = ['ArchiveDamaged', 'StorageError', ", 'learns nothing'],
    ['verify-missing-manifest', 'a manifest that is gone is damage', "['ArchiveDamaged', 'BackupNotExists']", "['ArchiveDamaged']", 'manifest that is gone'],
    ['verify-not-dated', 'a verification that passed is dated', '{ lastVerifiedAt: finishedAt, restorable: true }', '{ restorable: true }', 'whole, in the spec'],
    ['verify-never-restorable-again', 'a repaired backup is restorable again', '{ lastVerifiedAt: finishedAt, restorable: true }', '{ lastVerifiedAt: finishedAt }', 'names the damaged object: a bit'],
    ['verify-from-the-start-again', 'a verification goes on where it was', 'for (let done = cursor?.done ?? 0;', 'for (let done = 0;', 'lost the lease'],
    ['verify-proof-of-the-rest-alone', 'a verification that goes on adds up all that was read', 'cursor === null ? new TableDigest() : TableDigest.fromJSON(cursor.digest)', 'new TableDigest()', 'lost the lease'],
    ['verify-finds-all-whole', 'a verification says what it found', '{ ...result, startedAt }', "{ ...result, status: 'PASSED', startedAt }", 'manifest that is gone'],
    ['verify-sums-unproved', 'the items of all chunks are those that the manifest counts', 'checkBuckets(manifest, await', 'void (await', 'but not the items'],
    ['verify-proofs-left', 'proofs go with their job', 'await tx.delete(VerificationProofEntity, { jobId: job.id });', '', 'lost the lease'],
  ]),
  ...rows(SERVICE, VERIFY, [
    ['verify-of-any-status', 'only a CREATED backup is verified', "if (row.status !== 'CREATED')", "if (row.status === 'CREATING')", 'deleted meanwhile'],
    ['verify-twice', 'one verification runs at a time', 'if (runs || othersBegan) return row;', 'if (runs) return row;', 'runs once'],
    ['verify-stuck', 'a verification whose job has gone can be asked for again', "const runs = seen.progress?.state === 'queued' || seen.progress?.state === 'running';", "const runs = seen.backup.verification?.status === 'RUNNING';", 'gone without a word'],
  ]),
  ...rows('src/catalogue/verification.controller.ts', VERIFY, [
    ['verify-by-readers', 'a verification needs the rule backup:verify', "@Requires('backup:verify')", "@Requires('backup:list')", 'refused to readers'],
    ['verify-with-a-body', 'a body that says something is refused', "if (body !== undefined) readObject(body, 'The body', []);", 'if (body === null) readObject(body, "The body", []);', 'refused to readers'],
  ]),
  ...rows(BACKUPS, VERIFY, [
    ['verify-outlives-deletion', 'a deletion ends the verification', "if (row.verifyJobId !== null)\n      await this.queue.cancel", "if (row.verifyJobId === '')\n      await this.queue.cancel", 'deleted meanwhile'],
    ['verify-not-paused', 'a verification can be paused', "=== 'RUNNING' ? row.verifyJobId : null", "=== 'RUNNING' ? null : row.verifyJobId", 'can be paused'],
  ]),
  ...rows('src/cli/watching.ts', VERIFY, [
    ['verify-exit-code', 'exit code 1 tells of damage', "const unproved = isVerifying(last) && verification?.status !== 'PASSED';", "const unproved = isVerifying(last) && verification?.status === 'RUNNING';", 'asks the gateway by id'],
  ]),
];
