const rows = require('../rows');

const PART = 'test/e2e/guard-part.e2e-spec.ts';
const PROTECTION = 'test/e2e/guard-protection.e2e-spec.ts';
const QUOTAS = 'test/e2e/guard-quotas.e2e-spec.ts';
const DROPS = 'test/e2e/guard-drops.e2e-spec.ts';
const CLI = 'test/e2e/guard-cli.e2e-spec.ts';

module.exports = [
  // A part of a backup
  ...rows('src/restore/engine/part.ts', 'src/restore/engine/part.spec.ts', [
    ['part-all-keys', 'only items of the listed hash keys are restored', 'if (this.hashKeys !== undefined && !this.hashKeys.has(hash)) return undefined;', '', 'of the listed hash keys'],
    ['part-prefix-anywhere', 'a prefix is at the beginning', 'return (value) => value.startsWith(text);', 'return (value) => value.includes(text);', 'of the listed hash keys'],
    ['part-excluded-restored', 'excluded attributes are left out', 'this.excluded.size === 0 ? item : withoutAttributes(item, this.excluded)', 'item', 'without the excluded attributes'],
    ['part-key-excluded', 'keys of the table and its indexes are never left out', 'if (kept.length > 0)', 'if (kept.length > 9)', 'must fit the table'],
    ['part-wrong-type', 'values must be of the hash key’s type', 'Object.keys(value)[0] !== type', 'type === undefined', 'must fit the table'],
    ['part-unbounded', 'what every step is handed is bounded', 'JSON.stringify(json).length > MAX_PART_CHARACTERS', 'JSON.stringify(json).length < 0', 'is bounded'],
  ]),
  ...rows('src/restore/engine/portable-restore.ts', PART, [
    ['part-unproven', 'the whole archive is proven also where a part is restored', '{ loaded: picked, skipped, read }', '{ loaded: picked, skipped }', 'list of hash keys'],
  ]),
  ...rows('src/restore/restore.handler.ts', PART, [
    ['part-uncounted', 'a part says how many items it has and how many were left out', 'if (params.part) await keepPartCounts(tx, step.job, proofs);', '', 'list of hash keys'],
  ]),
  ...rows('src/restore/rest/restore-requests.ts', PART, [
    ['part-merge-takes-attributes', 'a merge never takes attributes away', "part?.excludeAttributes !== undefined && onExisting === 'merge'", "part?.excludeAttributes !== undefined && onExisting === 'fail!'", 'attributes of merged items'],
  ]),
  ...rows('src/restore/rest/restore.presenter.ts', PART, [
    ['part-plan-silent', 'a dry run says that it is partial', '{ partial: true, ...presentPart(plan.part) }', '{}', 'dry run'],
  ]),
  // Protection
  ...rows('src/backup/backup.service.ts', PROTECTION, [
    ['protection-ignored', 'a protected backup is not deleted', 'if (row.deleteProtection)', 'if (row.deleteProtection && query.cascade && query.purge)', 'stay until the protection is taken away'],
    ['protection-of-a-deletion', 'a backup that is being deleted cannot be protected', "{ projectId, id, status: Not('DELETING') }", '{ projectId, id }', 'once they are being deleted'],
    ['protection-forgotten-in-token', 'the same request with another protection is another request', ', ...(deleteProtection && { deleteProtection })', '', 'want true or false'],
  ]),
  // Quotas
  ...rows('src/backup/backup-quota.ts', QUOTAS, [
    ['quota-bytes-unasked', 'a project whose bytes are used up makes no more backups', 'if (used >= maxBackupBytes)', 'if (used > maxBackupBytes)', '413 what begins above it'],
    ['quota-growth-unchecked', 'a backup that grows beyond the quota ends', 'if (used > maxBackupBytes)', 'if (used > maxBackupBytes * 9)', 'when it is used up'],
    ['quota-imported-counted', 'imported backups do not count with their bytes', ' AND NOT imported', '', 'does not count imported'],
    ['quota-of-another-project', 'each project has its own quota', 'const { maxBackups, maxBackupBytes } = this.quotas.of(projectId);', "const { maxBackups, maxBackupBytes } = this.quotas.of('');", 'does not count imported'],
  ]),
  ...rows('src/backup/backup-quota.ts', 'test/e2e/management-jobs.e2e-spec.ts', [
    ['quota-raced', 'requests at once cannot slip past a quota', "    await waitForOthers(tx, projectId);\n    if (maxBackups !== undefined) {", '    if (maxBackups !== undefined) {', 'holds against many requests at once'],
  ]),
  ...rows('src/auth/request-rates.ts', 'src/auth/request-rates.spec.ts', [
    ['rate-shared', 'one project’s flood does not touch another’s', '${projectId ?? userId}', '', 'counts every project for itself'],
    ['rate-data-with-management', 'data calls are counted apart', "rule?.startsWith('mdb:') ? 'data' : 'management'", "'management'", 'counts every project for itself'],
    ['rate-saved-up', 'nobody saves up more than a burst', 'Math.min(bucket.rate.burst, bucket.tokens + ((now - bucket.at) / 1000) * bucket.rate.perSecond)', 'bucket.tokens + ((now - bucket.at) / 1000) * bucket.rate.perSecond', 'lets a burst through'],
    ['rate-remembers-all', 'projects that have not called in a while take no memory', 'this.buckets.delete(key);', 'this.buckets.clear();', 'forgets the projects'],
  ]),
  ...rows('src/auth/keystone-auth.guard.ts', QUOTAS, [
    ['rate-unlimited', 'a project that calls too often is answered 429', '    this.rates.take(identity, rule);\n', '', '429 with Retry-After'],
    ['rate-behind-the-project', 'every call with a valid token counts', "    this.rates.take(identity, rule);\n    this.checkProject(request.params?.['project_id'], identity, context);\n", "    this.checkProject(request.params?.['project_id'], identity, context);\n    this.rates.take({ ...identity, projectId: String(request.params?.['project_id']) }, rule);\n", 'counts an admin to the admin'],
  ]),
  // Drops
  ...rows('src/tables/postgres/registry.ts', 'src/tables/postgres/postgres-table-backend.spec.ts', [
    ['drop-writes-go-on', 'a table in DELETING refuses every data call', 'if (table.dropOwner !== null) throw', 'if (table.dropOwner === undefined) throw', 'begin by refusing every data call'],
  ]),
  ...rows('src/tables/postgres/table-drops.ts', 'src/tables/postgres/postgres-table-backend.spec.ts', [
    ['drop-of-another', 'only the owner of a drop ends it', 'if (row?.dropOwner !== owner) return undefined;', 'if (row === undefined) return undefined;', 'end with the table gone'],
  ]),
  ...rows('src/tables/postgres/table-drops.ts', 'src/tables/postgres/postgres-locks.spec.ts', [
    ['drop-undrained', 'no write that was let in before lands in a table in DELETING', 'await drainHolders(db, tableNumber(ref));', '', 'first half of a drop'],
  ]),
  ...rows('src/protection/table-drops.ts', DROPS, [
    ['drop-at-once', 'a table whose settings say so is backed up before it is dropped', '!(await this.settings.backsUpBeforeDrop(table))', '(await this.settings.backsUpBeforeDrop(table))', 'is made as the settings say'],
    ['drop-stuck', 'no table stays DELETING because its job is over', '    await this.releaseStuck();\n', '', 'nobody works on any more'],
    ['drop-forgotten', 'no table stays DELETING because the job database was lost', '    await this.releaseUnknown();\n', '', 'does not know of any more'],
    ['drop-unmarked', 'data calls are refused as soon as delete_table has answered', 'return await this.tables.beginDrop(ref, drop.id);', "return { ...table, status: 'DELETING' };", 'lets nobody read or write meanwhile'],
  ]),
  ...rows('src/protection/backup-before-drop.handler.ts', DROPS, [
    ['drop-without-backup', 'a table whose backup failed is kept', "    await enqueueRelease(tx, this.deps.queue, drop, { type: error.type, message });", '    await enqueueDrop(tx, this.deps.queue, drop);', 'that fails leaves the table'],
  ]),
  ...rows('src/protection/backup-before-drop.handler.ts', 'test/crash/named-points.spec.ts', [
    ['drop-mark-left-to-the-call', 'a drop whose process died before it marked the table goes on', 'await this.deps.backend.beginDrop(targetOf(job, job.params as BackupCreateParams).ref, drop.id);', '', 'drop after a backup: '],
  ]),
  ...rows('src/protection/table-drop.handler.ts', DROPS, [
    ['drop-unannounced', 'a drop has one start and one end', "    await this.deps.notifier.enqueue(tx, dropEvent('end', drop));\n", '', 'is made as the settings say'],
    ['drop-settings-left', 'a table’s settings go with it', '    await tx.delete(TableSettingsEntity, { projectId: drop.projectId, tableId: drop.tableId });\n', '    throw new Error(drop.id);\n', 'is made as the settings say'],
  ]),
  ...rows('src/progress/job-watches.ts', DROPS, [
    ['drop-watched-as-a-deletion', 'a drop is not told as the deletion of a backup that never was', "return !kind.startsWith('table.');", "return kind !== '';", 'all that watchers are told'],
  ]),
  ...rows('src/protection/settings.service.ts', DROPS, [
    ['settings-not-inherited', 'a project’s settings hold for tables that say nothing', 'return { ...(await this.ofProject(projectId)), inherited: true };', 'return { backupBeforeDrop: false, inherited: true };', 'hold for tables that say nothing else'],
  ]),
  // The command line
  ...rows('src/cli/commands/restore.ts', CLI, [
    ['cli-part-forgotten', 'the command line restores parts', '        select: selectOf(call),\n', '', 'by hash key or prefix'],
  ]),
  ...rows('src/cli/commands/protect.ts', CLI, [
    ['cli-unprotect-protects', 'unprotect takes the protection away', '{ delete_protection: deleteProtection }', '{ delete_protection: true }', 'protects backups'],
  ]),
];
