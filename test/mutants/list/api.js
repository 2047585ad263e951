const rows = require('../rows');

const BACKUPS = 'test/e2e/management-backups.e2e-spec.ts';
const RESTORES = 'test/e2e/management-restores.e2e-spec.ts';
const LISTS = 'test/e2e/management-lists.e2e-spec.ts';
const JOBS = 'test/e2e/management-jobs.e2e-spec.ts';
const TOKENS = 'test/e2e/management-idempotency.e2e-spec.ts';
const IMPORT = 'test/e2e/management-import.e2e-spec.ts';
const REQUESTS = 'src/backup/rest/backup-requests.spec.ts';
const PRESENTER = 'src/backup/rest/backup.presenter.spec.ts';
const FINGERPRINT = 'src/backup/rest/fingerprint.spec.ts';
const PLAN = 'src/restore/restore-plan.spec.ts';
const FILTER = 'src/http/error-filter.spec.ts';

module.exports = [
  ...rows('src/http/query.ts', 'src/http/query.spec.ts', [
    ['unknown-parameters', 'unknown query parameters are refused', 'if (unknown.length > 0) throw', 'if (unknown.length > 99) throw', 'names every unknown parameter'],
    ['parameter-twice', 'a parameter comes once', 'for (const name of allowed) queryText(query, name);', '', 'refuses a known parameter that comes twice'],
    ['limit-above-the-maximum', 'a limit has a maximum', 'limit < 1 || limit > max', 'limit < 1', 'parseLimit'],
    ['limit-of-zero', 'a limit is 1 or more', 'limit < 1 || limit > max', 'limit > max', 'parseLimit'],
    ['unknown-word', 'a status is one of those that there are', 'if (choice === undefined) throw', 'if (choice === null) throw', 'knows its words only'],
  ]),
  ...rows('src/kernel/ids.ts', 'src/http/query.spec.ts', [
    ['id-of-any-text', 'an id is a UUID', '/^[0-9a-f]{32}$/i', '/^[0-9a-z]*$/i', 'parseIdParam refuses'],
    ['id-by-case', 'an id is read in any spelling', 'const hex = text.toLowerCase();', 'const hex = text;', 'reads both spellings'],
  ]),
  ...rows('src/http/error-body.ts', FILTER, [
    ['internal-message-shown', 'what an internal error says stays inside', "type === 'InternalError' ? INTERNAL_MESSAGE : error.message", 'error.message', 'on Fastify answers'],
    ['no-retry-after', 'an answer says when to come back', "if (retryAfterSeconds !== undefined) headers['Retry-After']", "if (retryAfterSeconds === 0) headers['Retry-After']", 'says when to come back'],
    ['no-challenge', 'a 401 has its challenge', "if (status === 401) headers['WWW-Authenticate'] = CHALLENGE;", '', 'in the one shape'],
  ]),
  ...rows('src/http/error-filter.ts', FILTER, [
    ['stack-shown', 'nothing of an unforeseen error is shown', 'if (status === undefined) return internalAnswer();', "if (status === undefined) return errorAnswer('InternalError', String(error instanceof Error ? error.stack : error));", 'shows nothing of an unforeseen error'],
    ['body-quoted', 'no message quotes a body', 'validationMessages(error) ?? PLATFORM_MESSAGES[type] ??', "validationMessages(error) ?? (error instanceof Error ? error.message : undefined) ??", 'ErrorFilter'],
    ['no-405', 'a known path with another method is 405', 'if (methods.length === 0 || methods.includes(request.method))', 'if (request.method !== undefined)', 'answers an unknown path with 404'],
    ['half-an-answer', 'half an answer is broken off', '      breakOff(response);\n', '', 'breaks off an answer'],
  ]),
  ...rows('src/http/fastify-options.ts', FILTER, [
    ['body-of-any-size', 'bodies are bounded', '    bodyLimit,\n', '    bodyLimit: 2 ** 30,\n', 'answers a body over the limit'],
    ['proto-refused', '__proto__ is an attribute like any other', "onProtoPoisoning: 'ignore' as const", "onProtoPoisoning: 'error' as const", 'lets __proto__ pass'],
  ]),
  ...rows('src/http/base-url.ts', 'src/http/base-url.spec.ts', [
    ['any-host-header', 'no link is made of any Host header', 'if (!HOST.test(host))', "if (host === '')", 'refuses the Host header'],
    ['any-proxy', 'a proxy is believed only if told to', 'options.trustProxy === true ?', 'options.trustProxy !== undefined || true ?', 'believes a proxy only if told to'],
  ]),
  ...rows('src/backup/rest/json-body.ts', REQUESTS, [
    ['unknown-body-keys', 'unknown keys of a body are refused', 'if (unknown.length > 0)', 'if (unknown.length > 99)', 'names every unknown key'],
    ['control-characters-in-a-name', 'a backup’s name has no control characters', '/^[^\\p{Cc}\\p{Cs}]{1,255}$/u', '/^[^\\p{Cs}]{1,255}$/u', 'refuses the name'],
    ['name-of-256', 'a backup’s name has 255 characters at most', '/^[^\\p{Cc}\\p{Cs}]{1,255}$/u', '/^[^\\p{Cc}\\p{Cs}]{1,256}$/u', 'refuses the name'],
    ['token-of-65', 'a client_request_token has 64 characters at most', '/^[^\\p{C}\\p{Zl}\\p{Zp}]{1,64}$/u', '/^[^\\p{C}\\p{Zl}\\p{Zp}]{1,65}$/u', 'refuses the request token'],
    ['unprintable-token', 'a client_request_token is printable', '/^[^\\p{C}\\p{Zl}\\p{Zp}]{1,64}$/u', '/^.{1,64}$/su', 'refuses the request token'],
    ['rate-below-one', 'a rate limit is 1 or more', 'Number.isSafeInteger(value) && value >= min', 'Number.isSafeInteger(value) && value >= 0', 'parseJobChange refuses'],
  ]),
  ...rows('src/backup/rest/backup-requests.ts', REQUESTS, [
    ['empty-change', 'a PATCH changes something', 'if (paused === undefined && rateLimit === undefined)', "if (body === '')", 'parseJobChange refuses'],
    ['list-page-of-any-size', 'a page has 1000 entries at most', 'export const MAX_PAGE = 1000;', 'export const MAX_PAGE = 10_000;', 'refuses .*, naming it'],
    ['default-page', 'a page has 100 entries', 'export const DEFAULT_PAGE = 100;', 'export const DEFAULT_PAGE = 50;', 'has defaults'],
  ]),
  ...rows('src/backup/rest/dialect.ts', PRESENTER, [
    ['ids-with-dashes', 'the deployed dialect writes 32 hex digits', 'id: uuidHex,', 'id: (id) => id,', 'shows the deployed dialect'],
    ['key-of-the-other-dialect', 'each dialect has its own keys', "finishedAt: 'finish_date_time'", "finishedAt: 'finish_datetime'", 'presentBackup'],
    ['link-of-the-other-dialect', 'a link is of the call’s dialect', '`/v1/management/${encodeURIComponent(projectId)}/tables/', '`/v1/${encodeURIComponent(projectId)}/management/', 'shows the deployed dialect'],
  ]),
  ...rows('src/backup/rest/presenting.ts', PRESENTER, [
    ['last-id-always', 'a page that is not full says no last id', 'return full && last !== undefined', 'return last !== undefined', 'only if the page is full'],
    ['empty-keys-shown', 'a key is absent until it means something', 'value !== undefined && value !== null', 'value !== undefined', 'presentBackup'],
    ['progress-in-the-queue', 'a waiting job shows no progress', "if (job === undefined || job.state !== 'running' || job.startedAt === undefined) return undefined;", 'if (job === undefined) return undefined;', 'while the job waits'],
  ]),
  ...rows('src/backup/rest/backup.presenter.ts', PRESENTER, [
    ['progress-when-finished', 'a finished backup shows no progress', "if (backup.status === 'CREATING') return presentProgress", 'if (backup.id !== undefined) return presentProgress', 'and no progress'],
    ['location-in-the-spec-dialect', 'the spec dialect has no location key', 'location: deployed ? backup.locationUrl : undefined', 'location: backup.locationUrl', 'shows the spec dialect'],
  ]),
  ...rows('src/backup/rest/fingerprint.ts', FINGERPRINT, [
    ['fingerprint-by-key-order', 'the same body in another order is the same body', '.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))', '', 'keys in any order'],
    ['fingerprint-by-spelling', 'an id is the same in either spelling', 'isId(key) ? oneSpelling(member) : member', 'member', 'both spellings of an id'],
    ['fingerprint-without-token', 'what is kept of a body cannot be searched for', "createHmac('sha256', token)", "createHmac('sha256', '')", 'another token'],
  ]),
  ...rows('src/backup/request-tokens.ts', TOKENS, [
    ['token-for-any-body', 'a token is for one body', "if (row.fingerprint !== bodyFingerprint(use.token, use.body)) throw tokenConflict('another body');", '', 'refuses it for another body'],
    ['token-for-ever', 'a token is kept for 24 hours', '    if (row === null || row.createdAt <= this.horizon()) return undefined;', '    if (row === null) return undefined;', 'is kept for 24 hours'],
  ]),
  ...rows('src/backup/backup.service.ts', TOKENS, [
    ['token-claimed-twice', 'many requests at once make one backup', 'if (!(await replay.claim(tx, row.id))) return false;', 'await replay.claim(tx, row.id);', 'makes one backup of many requests'],
    ['token-for-any-table', 'a token is for one table', "if (!isOfTable(row, tableParam)) throw tokenConflict('another table');", '', 'another table'],
    ['token-of-a-deleted-backup', 'a token of a deleted backup is refused', "if (row === null || row.status === 'DELETING' || row.status === 'DELETE_FAILED')", 'if (row === null)', 'a backup deleted since'],
  ]),
  ...rows('src/restore/restore.service.ts', TOKENS, [
    ['tokens-counted-together', 'backups and restores count apart', "kind: 'restore', token", "kind: 'backup', token", 'counts backups and restores apart'],
  ]),
  ...rows('src/backup/backup-catalogue.ts', LISTS, [
    ['page-with-the-start', 'a page begins behind its start', "'backup.id > :after'", "'backup.id >= :after'", 'spec dialect pages backups'],
    ['newest-first', 'lists go by ids', ".orderBy('backup.id', 'ASC')", ".orderBy('backup.id', 'DESC')", 'spec dialect pages backups'],
    ['backups-of-all-projects', 'a project sees its own only', ".where('backup.projectId = :projectId', { projectId })", ".where(':projectId::text IS NOT NULL', { projectId })", 'spec dialect shows a project its own'],
    ['list-by-id-of-a-name', 'a list by id is of one table', "rows.andWhere('backup.tableId = :tableId', { tableId: scope.id })", "rows.andWhere(':tableId::text IS NOT NULL', { tableId: scope.id })", 'spec dialect lists by name'],
    ['status-filter', 'a list is filtered by status', "if (query.status !== undefined) rows.andWhere('backup.status = :status', { status: query.status });", '', 'spec dialect'],
    ['name-filter', 'a list is filtered by name', "if (query.name !== undefined) rows.andWhere('backup.name = :name', { name: query.name });", '', 'spec dialect'],
  ]),
  ...rows('src/restore/restore-catalogue.ts', LISTS, [
    ['restores-with-the-start', 'a page begins behind its start', "'restore.id > :after'", "'restore.id >= :after'", 'spec dialect pages restores'],
    ['restores-of-all-projects', 'a project sees its own only', ".where('restore.projectId = :projectId', { projectId })", ".where(':projectId::text IS NOT NULL', { projectId })", 'spec dialect pages restores'],
  ]),
  ...rows('src/backup/table-finder.ts', LISTS, [
    ['id-before-name', 'a table’s name is tried first', 'if (named !== undefined) return named;', 'if (named !== undefined && parseUuid(nameOrId) === undefined) return named;', 'spec dialect tries a name first'],
  ]),
  ...rows('src/backup/backup-catalogue.ts', LISTS, [
    ['another-projects-backup', 'another project’s backup is not there', 'findOneBy(BackupEntity, { projectId, id })', 'findOneBy(BackupEntity, { id })', 'spec dialect shows a project its own'],
  ]),
  ...rows('src/backup/backup.service.ts', BACKUPS, [
    ['backup-of-another-table', 'a backup is found below its own table', 'await this.catalogue.find(projectId, id);\n    if (row === null || !isOfTable(row, tableParam))', 'await this.catalogue.find(projectId, id);\n    if (row === null)', 'fastify in the spec dialect knows what is not there'],
    ['backup-without-a-table', 'a backup needs a table', "if (table === undefined) throw new DomainError('TableNotExistsException', 'There is no such table.');", "if (table === undefined) throw new DomainError('NotFound', 'There is no such table.');", 'fastify in the spec dialect knows what is not there'],
    ['secrets-stored', 'a strategy is kept without its secrets', 'strategy: presentStrategy(strategy),', "strategy: JSON.parse(JSON.stringify({ ...presentStrategy(strategy), type: 'other' })),", 'fastify in the spec dialect keeps strategies'],
  ]),
  ...rows('src/backup/backup.service.ts', RESTORES, [
    ['outside-without-a-rule', 'outside locations are a right of their own', "      this.policy.enforce('backup:location:external', caller);\n", '      void 0;\n', 'can take sources and outside locations away'],
  ]),
  ...rows('src/restore/restore.service.ts', RESTORES, [
    ['source-without-a-rule', 'sources are a right of their own', "if (source !== undefined) this.policy.enforce('restore:source', caller);", '', 'can take sources and outside locations away'],
    ['dry-run-that-runs', 'a dry run changes nothing', 'if (request.dryRun) return { plan };', '', 'spec dialect shows the plan'],
    ['conflict-ignored', 'a conflict is answered with 409', '      throw conflictError(plan.conflict);\n', '', 'spec dialect refuses a target with items'],
    ['finished-job-kept', 'a finished restore job is forgotten', "      await tx.delete(RestoreEntity, { projectId: address.projectId, id });\n", '', 'spec dialect forgets a finished job'],
  ]),
  ...rows('src/restore/restore-planner.ts', RESTORES, [
    ['maintenance-as-500', 'a target in MAINTENANCE is 423', "if (isDomainError(error, 'TableLocked'))", "if (isDomainError(error, 'InternalError'))", 'names it in a plan'],
  ]),
  ...rows('src/restore/restore-plan.ts', PLAN, [
    ['target-with-items', 'a target with items is a conflict', 'if (facts.targetHasItems) return', 'if (facts.targetHasItems && !sameAsBackup) return', 'finds one if'],
    ['target-of-another-structure', 'a target of another structure is a conflict', "return sameAsBackup ? undefined : conflict('The table has another structure than the backup.');", 'return undefined;', 'finds one if'],
    ['merge-of-another-structure', 'only the same structure is merged', '      return sameAsBackup\n', '      return sameAsBackup || true\n', 'finds one if'],
    ['replace-beside-others', '`replace` needs exclusive gateways', 'if (!facts.exclusiveGateways) {', 'if (!facts.backendReplaces) {', 'finds one if'],
    ['two-restores-onto-one-table', 'one restore at a time goes onto a table', "if (facts.otherRestoreRuns) return conflict('Another restore onto this table is running.');", '', 'finds one if'],
    ['silently-portable-restore', 'a native restore is never silently a portable one', "    if (asked === 'native')\n      throw validationError(\n        '\"format\": the backup is portable", "    if (asked === undefined)\n      throw validationError(\n        '\"format\": the backup is portable", 'never falls back from native'],
  ]),
  ...rows('src/restore/rest/restore-requests.ts', PLAN, [
    ['id-and-source', 'an id or a source, never both', 'if ((backupId === undefined) === (source === undefined)) {', 'if (backupId === undefined && source === undefined) {', 'parseCreateRestore refuses'],
    ['replace-by-default', 'a restore fails by default where there is a table', "?? 'fail';", "?? 'replace';", 'reads an id or a source'],
    ['unknown-restore-keys', 'unknown keys of a restore are refused', "    'client_request_token',\n  ]);", "    'client_request_token',\n    ...Object.keys(body ?? {}),\n  ]);", 'parseCreateRestore refuses'],
  ]),
  ...rows('src/backup/backup.service.ts', JOBS, [
    ['change-when-finished', 'a finished backup cannot be changed', "    if (!changed)\n      throw new DomainError(\n        'ConflictError',\n        'The backup is neither", "    if (row.id === '')\n      throw new DomainError(\n        'ConflictError',\n        'The backup is neither", 'spec dialect (pauses, limits|holds a paused)'],
  ]),
  ...rows('src/backup/backup-quota.ts', JOBS, [
    ['quota-of-one-more', 'a quota is a quota', 'if (count >= maxBackups)', 'if (count > maxBackups)', 'the quota of backups'],
  ]),
  ...rows('src/restore/restore-planner.ts', JOBS, [
    ['restore-of-an-unfinished-backup', 'only a CREATED backup is restored', "if (row.status !== 'CREATED' || row.restorable === false) {", 'if (row.restorable === false) {', 'spec dialect refuses a backup that is being made'],
  ]),
  ...rows('src/restore/restore.service.ts', LISTS, [
    ['restore-of-another-table', 'a restore job is found below its own table', "if (row === null || !isOntoTable(row, tableParam))", 'if (row === null)', 'spec dialect pages restores'],
  ]),
  ...rows('src/jobs/postgres-job-queue.ts', JOBS, [
    ['pause-not-kept', 'a job can be paused', 'SET paused = coalesce($2, paused)', 'SET paused = coalesce(paused, $2)', 'spec dialect holds a paused job'],
  ]),
  ...rows('src/restore/restore.service.ts', JOBS, [
    ['restore-not-cancelled', 'a restore can be cancelled', "      row.status === 'RESTORING' &&\n      (await inTransaction(this.dataSource, (tx) =>\n        this.queue.cancel", "      row.status === 'RESTORED' &&\n      (await inTransaction(this.dataSource, (tx) =>\n        this.queue.cancel", 'spec dialect cancels a restore'],
  ]),
  ...rows('src/backup/backup-removal.ts', IMPORT, [
    ['import-purged-by-default', 'a forgotten backup’s data stay', '!row.imported || query.purge', 'row.imported || !row.imported', 'spec dialect shares a backup'],
    ['purge-ignored', 'a purged backup’s data go', '!row.imported || query.purge', '!row.imported', 'spec dialect deletes the data'],
  ]),
  ...rows('src/catalogue/backup-delete.handler.ts', IMPORT, [
    ['ledger-of-another-project', 'an imported backup touches no other', 'return !row.imported;', "return row.id !== '';", 'touch nothing of that one'],
  ]),
  ...rows('src/catalogue/import.service.ts', IMPORT, [
    ['import-below-another-project', 'a source lies below the token’s project', 'await this.stores.locationOfSource(source, projectId)', "{ type: 'internal' as const, url: source.url.href }", 'spec dialect refuses what is no backup'],
  ]),
];
