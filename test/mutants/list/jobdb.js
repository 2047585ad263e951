const rows = require('../rows');

/** What verification, the job database's backup, import of everything and rolling upgrades promise. */
const VERIFY = 'test/e2e/verification.e2e-spec.ts';
const ALL = 'test/e2e/import-all.e2e-spec.ts';
const JOBS = 'test/e2e/job-database.e2e-spec.ts';
const UPGRADE = 'test/e2e/upgrade.e2e-spec.ts';
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
    ['verify-with-a-body', 'a body that says something is refused', 'readStrategy(body)', 'undefined', 'refused to readers'],
  ]),
  ...rows(BACKUPS, VERIFY, [
    ['verify-outlives-deletion', 'a deletion ends the verification', "if (row.verifyJobId !== null)\n      await this.queue.cancel", "if (row.verifyJobId === '')\n      await this.queue.cancel", 'deleted meanwhile'],
    ['verify-not-paused', 'a verification can be paused', "=== 'RUNNING' ? row.verifyJobId : null", "=== 'RUNNING' ? null : row.verifyJobId", 'can be paused'],
  ]),
  ...rows('src/catalogue/import.service.ts', ALL, [
    ['import-all-not-adopted', 'what lies in the own store is the project’s own again', 'if (request.adopt) row.imported = !isOwn(row, manifest);', '', 'is there again'],
    ['import-adopts-anything', 'only what the deployment made for the project is adopted', 'if (request.adopt && row.imported)', 'if (request.adopt && row.imported && !row.internal)', 'adopts only'],
    ['import-leaves-failed', 'a whole backup is not a failed one', 'await this.mend(row);', '', 'takes for failed'],
  ]),
  ...rows('src/catalogue/find.service.ts', ALL, [
    ['find-all-for-anybody', 'only an admin of the deployment sees all projects', 'if (request.allProjects && !this.policy', 'if (request.limit === 0 && !this.policy', 'neither another'],
    ['find-shows-others', 'outside the own store a project sees its own', 'request.allProjects || backup.ownStore || backup.projectId === projectId', "request.allProjects || backup.ownStore || projectId !== ''", 'neither another'],
    ['find-trusts-the-folder', 'in the own store a manifest is of its folder', 'if (manifest.project_id !== projectId || manifest.backup_id !== lastPartOf(url))', "if (projectId === '')", 'imports the others'],
    ['find-one-page', 'what is found comes in pages', 'rest.length > asked.length ? asked.at(-1)?.location.url : undefined', 'undefined', 'page by page in the spec'],
    ['find-forgets-the-catalogue', 'what is in the catalogue is known', 'inCatalogue: known.has(', "inCatalogue: known.size < 0 && known.has(", 'is there again'],
  ]),
  ...rows('src/storage/found-places.ts', ALL, [
    ['find-in-another-project', 'a source in the own store is the project’s', 'wanted === undefined || (given !== undefined && place?.folder !== wanted)', 'wanted === undefined', 'neither another'],
    ['find-aside', 'a backup has one place in the own store', 'if (rest.length > 0 || parseUuid(backupId) !== backupId) return undefined;', 'if (rest.length > 0) return undefined;', 'imports the others'],
  ]),
  ...rows('src/cli/commands/import.ts', ALL, [
    ['import-all-exit-code', 'the exit code tells that something was passed over', 'return counts.skipped > 0 ? EXIT.failed : EXIT.ok;', 'return EXIT.ok;', 'imports the others'],
    ['import-all-into-one', 'each backup comes into its own project', 'await client.ofProject(project_id).importBackup(body);', 'await client.importBackup(body);', 'is there again'],
  ]),
  ...rows('src/catalogue/job-database/restore.ts', JOBS, [
    ['jobdb-restored-beside-gateways', 'nobody works while a dump is put back', 'if (busy.rows.length > 0)', 'if (busy.rows.length < 0)', 'only where nobody works'],
    ['jobdb-overwritten-unasked', 'nothing is overwritten unasked', 'if (replace) return;', 'if (replace !== undefined) return;', 'only where nobody works'],
    ['jobdb-numbers-again', 'new work is numbered behind the old', 'await moveSequences(client);', '', 'after the database was lost'],
    ['jobdb-backup-goes-on', 'a backup that ran at the dump does not go on', "SET status = 'CREATE_FAILED', restorable = false", "SET status = 'CREATING', restorable = false", 'go on blindly'],
    ['jobdb-restore-goes-on', 'a restore that ran at the dump is cancelled', "WHERE state IN ('queued', 'running') AND error IS NULL AND id IN (SELECT job_id", "WHERE state IN ('succeeded') AND error IS NULL AND id IN (SELECT job_id", 'go on blindly'],
    ['jobdb-waits-for-the-dead', 'leases of the dump hold up nobody', 'WHERE lease_token IS NOT NULL`', 'WHERE lease_token IS NULL`', 'go on blindly'],
  ]),
  ...rows('src/catalogue/job-database/dump-file.ts', JOBS, [
    ['jobdb-digest-unread', 'a damaged dump is refused', "throw damaged('is not whole: its SHA-256 differs');", 'return header;', 'damaged, cut short'],
  ]),
  ...rows('src/catalogue/job-database/dump.ts', JOBS, [
    ['jobdb-readable-by-all', 'a dump is its owner’s', 'mode: 0o600', 'mode: 0o644', 'after the database was lost'],
    ['jobdb-overwrites-files', 'an older dump is not overwritten', "flags: 'wx'", "flags: 'w'", 'what is wrong with the command'],
    ['jobdb-children-first', 'tables are filled behind those that they refer to', 'const ready = left.filter(({ needs }) => !left.some(({ table }) => needs.includes(table)));', 'const ready = left;', 'after the database was lost'],
  ]),
  ...rows('src/database/data-source.ts', JOBS, [
    ['jobdb-newer-taken', 'a dump of a newer version is refused', "if (unknown !== undefined) throw new DomainError('ArchiveUnsupported'", "if (unknown === '') throw new DomainError('ArchiveUnsupported'", 'damaged, cut short'],
    ['jobdb-left-old', 'an older dump is brought up to date', '      await now.runMigrations();\n', '', 'from a dump of an older'],
  ]),
  ...rows('migrations/jobs/1795400000070-verify-backups.ts', UPGRADE, [
    ['upgrade-needs-a-value', 'the previous version can go on writing rows', 'ADD COLUMN verify_job_id uuid,', "ADD COLUMN verify_job_id uuid NOT NULL DEFAULT gen_random_uuid(), ALTER COLUMN items_estimate TYPE numeric,", 'migrations only add'],
  ]),
  ...rows('src/jobs/step-ledger.ts', UPGRADE, [
    ['upgrade-claims-the-unknown', 'work of an unknown kind waits for who knows it', "WHERE j.state = 'running' AND j.kind = ANY($1) AND", "WHERE j.state = 'running' AND (j.kind = ANY($1) OR true) AND", 'leave work of a kind'],
  ]),
  ...rows('src/restore/restore.handler.ts', UPGRADE, [
    ['upgrade-unreadable-steps', 'a job of the previous version’s kind has steps that it can read', 'this.kind === FIRST_RESTORE_JOB ? [EVERYTHING]', "this.kind === 'restore.part' ? [EVERYTHING]", 'serve the same|share a job'],
  ]),
  ...rows('package.json', 'test/e2e/disaster-drill.e2e-spec.ts', [
    ['start-deaf-to-signals', '`npm start` hands signals to the gateway', '262144 exec node', '262144 node', 'word by word'],
  ]),
  ...rows('src/database/data-source.ts', 'src/kernel/connect-timeout.spec.ts', [
    ['connect-timeout-of-jobs', 'a URL’s connect_timeout decides how long to wait for the job database', 'connectTimeoutOf(options.url) ?? 10_000', '10_000', 'decides about'],
  ]),
  ...rows('src/tables/postgres/options.ts', 'src/kernel/connect-timeout.spec.ts', [
    ['connect-timeout-of-tables', 'a URL’s connect_timeout decides how long to wait for the tables', ' ?? connectTimeoutOf(options.connectionString) ?? 5_000', ' ?? 5_000', 'decides about'],
  ]),
  ...rows('README.md', 'test/e2e/readme.e2e-spec.ts', [
    ['readme-does-not-work', 'the quick start works as it is written', 'tables/threads_again/restores -d', 'tables/threads_again/restore -d', 'as it is written'],
  ]),
  ...rows('docs/guide.md', 'test/lint/documented-commands.spec.ts', [
    ['guide-does-not-work', 'every documented command is one', 'magnetodb-backup restore 0190a5b2-ac96-774b-bcce-b302099a8057 --to threads_then --wait', 'magnetodb-backup restore 0190a5b2-ac96-774b-bcce-b302099a8057 --as threads_then --wait', 'docs/guide.md: restore'],
  ]),
  ...rows('docs/operations.md', 'test/e2e/disaster-drill.e2e-spec.ts', [
    ['drill-does-not-work', 'the drill works as it is written', 'restore --source $BACKUP --to drill --wait', 'restore --sauce $BACKUP --to drill --wait', 'word by word'],
  ]),
  ...rows('src/cli/watching.ts', VERIFY, [
    ['verify-exit-code', 'exit code 1 tells of damage', "const unproved = isVerifying(last) && verification?.status !== 'PASSED';", "const unproved = isVerifying(last) && verification?.status === 'RUNNING';", 'asks the gateway by id'],
  ]),
];
