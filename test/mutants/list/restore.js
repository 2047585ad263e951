const rows = require('../rows');

const TABLES = 'test/e2e/bad-days-tables.e2e-spec.ts';

module.exports = [
  ...rows('src/restore/restore.handler.ts', TABLES, [
    ['publish-unverified', 'a restored table is verified before it is published', "    if (params.format !== 'native') await this.checkBuilt(context, step, params, plan, build, moment ?? undefined);\n", '', 'between loading and publishing'],
    ['cancelled-build-left', 'a restore that ends early leaves nothing', 'const tableId = await this.deps.backend.dropBuild(job.projectId, job.subjectId);', 'const tableId = undefined;', 'that is cancelled leaves nothing'],
  ]),
  ...rows('src/restore/restore.handler.ts', 'test/e2e/security.e2e-spec.ts', [
    ['restore-end-unannounced', 'each operation has one start and one end', "await this.deps.notifier.enqueue(tx, restoreEvent(job.id, 'end', row));", '', 'is one start and one end'],
  ]),
  ...rows('src/restore/engine/portable-restore.ts', TABLES, [
    ['expired-items-restored', 'expired items are not restored', 'item.expiresAt !== undefined && item.expiresAt <= this.expiryCutoff', 'item.expiresAt === 0', 'outlives a restore'],
  ]),
  ...rows('src/restore/restore.service.ts', TABLES, [
    ['second-restore-unexplained', 'a second restore onto a table is a conflict', "if (isUniqueViolation(error, 'restores_one_running_per_table')) {", "if (row.id === '') {", 'however many ask at once'],
  ]),
  ...rows('src/tables/postgres/builds.ts', TABLES, [
    ['fill-over-items', 'a restore onto an empty table leaves the items alone that it gained meanwhile', 'if (found.count > 0) throw', 'if (found.count > 9) throw', 'gains items before publishing'],
    ['create-over-a-table', 'a restore onto no table leaves one alone that came meanwhile', '      if (table) throw conflict(`Table \'${name}\' exists.`);\n', '      if (table) return;\n', 'is made by somebody else'],
  ]),
  ...rows('src/tables/postgres/merges.ts', TABLES, [
    ['merge-over-newer-writes', 'newer writes and deletes win over a merge', 'where: `old.written_at < ${time}`', 'where: `old.written_at <> ${time}`', 'newer writes and deletes win'],
  ]),
];
