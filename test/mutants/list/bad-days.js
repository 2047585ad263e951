const rows = require('../rows');

const STORAGE = 'test/e2e/bad-days-storage.e2e-spec.ts';
const TABLES = 'test/e2e/bad-days-tables.e2e-spec.ts';
const OUTAGE = 'test/e2e/bad-days-outage.e2e-spec.ts';
const SECURITY = 'test/e2e/security.e2e-spec.ts';
const ARCHIVES = 'test/e2e/security-hostile-archives.e2e-spec.ts';
const FUZZ = 'test/fuzz/api.spec.ts';

module.exports = [
  ...rows('src/archive/deletion.ts', 'src/archive/deletion.spec.ts', [
    ['delete-needs-room', 'a backup can be deleted from a full disk', "if (!isDomainError(error, 'StorageFull')) throw error;", 'throw error;', 'needs no room on a full store'],
    ['manifest-gone-too-soon', 'a deletion on a full disk can go on after a crash', 'if (copied) await remove([MANIFEST_NAME]);', 'await remove([MANIFEST_NAME]);', 'needs no room on a full store'],
  ]),
  ...rows('src/backup/backup-create.handler.ts', STORAGE, [
    ['half-backup-left', 'a backup that fails leaves nothing', '        await abandonBackup(context, step.signal);\n', '', 'ends a backup with a clear error'],
    ['half-backup-restorable', 'half a backup is not listed as good', 'row.restorable = false;', 'row.restorable = true;', 'ends a backup with a clear error'],
  ]),
  ...rows('src/storage/retrying.ts', STORAGE, [
    ['puts-not-tried-again', 'a store that cuts connections does not fail a backup', 'retry(signal, () => inner.put(name, source, signal))', 'inner.put(name, source, signal)', 'is borne by backup'],
  ]),
  ...rows('src/backup/engine/portable-backup.ts', TABLES, [
    ['changed-table-unnoticed', 'a table made again during its backup is noticed', 'handle.tableId === target.tableId && handle.generation === target.generation', "handle.tableId !== ''", 'once all of it was read'],
    ['dropped-table-unexplained', 'a table dropped during its backup is TableChanged', "if (!isDomainError(error, 'TableNotExistsException')) throw error;", 'throw error;', 'once all of it was read'],
  ]),
  ...rows('src/jobs/step-run.ts', TABLES, [
    ['limits-of-jobs-ignored', 'a rate limit bounds a running backup', '    this.control.limiter.rate.take(amount, performance.now());\n', '', 'stores one chunk, and waits'],
  ]),
  ...rows('src/database/database-error.interceptor.ts', OUTAGE, [
    ['outage-as-a-defect', 'a database that is away is 503', 'throw unavailableError(error) ?? error;', 'throw error;', 'is told by 503'],
  ]),
  ...rows('src/jobs/job-runner.ts', OUTAGE, [
    ['steps-not-handed-over', 'SIGTERM hands running steps over', "    for (const run of this.runs.keys()) run.stop('draining', error);\n", '', 'hands a running step over'],
  ]),
  ...rows('src/gateway/drain.ts', 'src/gateway/drain.spec.ts', [
    ['drain-waits-for-ever', 'no client keeps the gateway from exiting', 'setTimeout(() => server.closeAllConnections(), drainMillis)', 'setTimeout(() => undefined, drainMillis)', 'cuts a call that does not end'],
  ]),
  ...rows('src/gateway/create-app.ts', SECURITY, [
    ['forms-read', 'a body is JSON', ', bodyParser: false', '', 'a form: 400'],
  ]),
  ...rows('src/http/fastify-options.ts', SECURITY, [
    ['bodies-of-any-size', 'bodies are bounded', '    bodyLimit,\n', '', 'over the limit: 413'],
  ]),
  ...rows('src/storage/locations.ts', SECURITY, [
    ['archives-of-others', 'a project’s archives are its own', 'folder !== folderOf(projectId) ||', '', 'keeps its archives to itself'],
  ]),
  ...rows('src/storage/locations.ts', ARCHIVES, [
    ['link-out-of-the-folder', 'no link of a user leads out of the allowed folder', 'if (!inside || ours) throw', 'if (ours) throw', 'by a link out of'],
  ]),
  ...rows('src/telemetry/pino-logger.ts', SECURITY, [
    ['queries-logged', 'what is in a query is not logged', "path: (originalUrl ?? url)?.split('?', 1)[0]", 'path: originalUrl ?? url', 'with tokens in them'],
  ]),
  ...rows('src/http/error-filter.ts', FUZZ, [
    ['another-error-body', 'every error has the one body', "if (error instanceof NotFoundException) return this.unknownPath(request);", "if (error instanceof NotFoundException) return { ...this.unknownPath(request), body: {} as ErrorAnswer['body'] };", 'answers whatever comes'],
  ]),
];
