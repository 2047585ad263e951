const rows = require('../rows');

/** MAINTENANCE: locks with an owner and a deadline, the drain, the interceptor. */
const CONTRACT = 'src/tables/postgres/postgres-table-backend.spec.ts';
const LOCKS = 'src/tables/postgres/postgres-locks.spec.ts';
const HOSTS = 'test/e2e/maintenance.e2e-spec.ts';
const PROCESSES = 'test/e2e/maintenance-processes.e2e-spec.ts';
const HELPER = 'src/tables/with-table-lock.spec.ts';

module.exports = [
  ...rows('src/tables/postgres/item-writer.ts', CONTRACT, [
    ['write-into-maintenance', 'a locked table takes no write', 'work(await this.services.registry.requireUnlocked(tx, ref), tx)', 'work(await this.services.registry.require(tx, ref), tx)', 'stop every data call on that table only'],
  ]),
  ...rows('src/tables/postgres/item-writer.ts', LOCKS, [
    ['write-unseen-by-locks', 'whoever locks a table waits for its writes', 'return this.services.db.transaction({ prelude: lockShared(ref) }', 'return this.services.db.transaction({}', 'waits for the writes on their way, and refuses'],
  ]),
  ...rows('src/tables/postgres/registry.ts', CONTRACT, [
    ['lock-for-ever', 'a lock ends with its deadline', 'return lockLeft !== null && lockLeft > 0;', 'return lockLeft !== null;', 'are void after their deadline'],
  ]),
  ...rows('src/tables/postgres/builds.ts', CONTRACT, [
    ['publish-into-maintenance', 'nothing is swapped into a locked table', '    requireNoLock(table);\n', '', 'keep builds from being published'],
  ]),
  ...rows('src/tables/postgres/merges.ts', CONTRACT, [
    ['merge-into-maintenance', 'nothing is merged into a locked table', '      requireNoLock(table);\n', '', 'keep builds from being published'],
  ]),
  ...rows('src/tables/postgres/table-locks.ts', CONTRACT, [
    ['lock-of-another-owner', 'a lock has one owner', 'lock_owner IS NULL OR lock_owner = $2 OR', 'lock_owner IS NULL OR $2 IS NOT NULL OR', 'have one owner'],
    ['lock-after-a-dead-one', 'a void lock is in nobody\'s way', 'OR lock_deadline <= ${SERVER_NOW})`', ')`', 'are void after their deadline'],
    ['unlock-by-anybody', 'a lock is its owner’s', 'AND lock_owner = $3 FOR UPDATE', 'AND $3::text IS NOT NULL FOR UPDATE', 'have one owner'],
    ['lock-that-ran-out-unsaid', 'a lock that ran out says so at its release', 'SELECT id, lock_deadline > ${SERVER_NOW} AS held', 'SELECT id, true AS held', 'say at their release'],
    ['void-locks-listed', 'only locks that hold are listed', ' AND lock_deadline > ${SERVER_NOW}`', '`', 'are listed, in every process'],
  ]),
  ...rows('src/tables/postgres/table-locks.ts', LOCKS, [
    ['lock-kept-after-failure', 'a lock that is given up leaves the table free', '      await this.unlock(ref, owner).catch(() => undefined);\n', '', 'is given up, and leaves the table free'],
  ]),
  ...rows('src/tables/postgres/lock-holders.ts', LOCKS, [
    ['lock-without-drain', 'a lock waits for the writes on their way', 'while (left.length > 0) {', 'while (left.length < 0) {', 'waits for the writes on their way'],
    ['drain-for-ever', 'a transaction that does not go on is ended', 'if (now - since >= PATIENCE_MILLIS) await end(db, halves, left);', '', 'ends a transaction that holds the table'],
  ]),
  ...rows('src/tables/postgres/sweep.ts', LOCKS, [
    ['void-locks-kept', 'locks that ran out are swept', '  await forgetVoidLocks(db);\n', '', 'forgets locks that ran out'],
    ['live-locks-swept', 'the sweep leaves locks that hold alone', 'AND lock_deadline <= ${SERVER_NOW}`', '`', 'forgets locks that ran out'],
  ]),
  ...rows('src/maintenance/maintenance.interceptor.ts', HOSTS, [
    ['locked-call-let-through', 'a foreign host refuses calls on locked tables before any work', '    if (refs.length === 0) return;\n', '    if (refs.length >= 0) return;\n', 'answers 423 with the contract'],
    ['locked-without-retry-after', 'a 423 says when to come back', 'this.adapterHost.httpAdapter.setHeader(response, name, value)', 'String([response, name, value])', 'answers 423 with the contract'],
  ]),
  ...rows('src/http/answer-exception.ts', HOSTS, [
    ['locked-in-the-hosts-words', 'a 423 has the contract’s body in any host', 'super({ ...answer.body },', "super('Locked',", 'answers 423 with the contract'],
  ]),
  ...rows('src/maintenance/lock-check.ts', HOSTS, [
    ['locks-of-other-projects', 'a lock concerns one project’s table', ' && ref.projectId === projectId', '', 'tells projects apart'],
  ]),
  ...rows('src/maintenance/lock-check.ts', 'src/maintenance/lock-check.spec.ts', [
    ['old-answer-believed', 'each call is judged by what is so when it comes', 'this.next ??= this.asking.then(\n      () => this.start(),', 'this.next ??= this.asking.then(\n      (old) => old,', 'never believes an answer'],
  ]),
  ...rows('src/gateway/data/resolve-tables.ts', PROCESSES, [
    ['half-a-batch', 'nothing of a batch is done that touches a locked table', 'return isObject(items) ? Object.keys(items) : [];', 'return isObject(items) ? [] : [];', 'write nothing while a table is locked'],
  ]),
  ...rows('src/gateway/data/bulk-load.ts', HOSTS, [
    ['bulk-load-past-the-lock', 'a bulk load that the lock overtakes says how many lines were written', '    this.failedWrite = true;\n    for (const', '    for (const', 'writes nothing after the lock'],
  ]),
  ...rows('src/jobs/step-run.ts', 'src/jobs/job-runner.spec.ts', [
    ['lock-burns-attempts', 'a job waits for a locked table', "if (reason === undefined && isDomainError(error, 'TableLocked')) {", "if (reason === undefined && isDomainError(error, 'Cancelled')) {", 'waits for a table in maintenance'],
  ]),
  ...rows('src/tables/with-table-lock.ts', HELPER, [
    ['lock-kept-by-failed-work', 'a lock is released whatever happens', '    await release().catch(() => undefined);\n', '', 'releases the table if the work fails'],
    ['late-work-counts', 'work counts only if the lock held', 'if (!held || lease.signal.aborted)', 'if (lease.signal.aborted)', 'believes the backend alone'],
    ['work-past-its-time-counts', 'work counts only if it was done in time', 'if (!held || lease.signal.aborted)', 'if (!held)', 'counts work only'],
    ['work-never-told', 'work is told when the lock runs out', 'setTimeout(() => lease.abort(ranOut(ref)), Math.max(0, deadline - performance.now()))', 'setTimeout(() => undefined, 0)', 'tells the work when its time is over'],
    ['release-once', 'a lock is released after an outage', 'if (!again) throw error;', 'throw error;', 'releases it after an outage'],
    ['lock-of-a-lost-answer', 'a lock whose answer was lost is released', "if (isDomainError(error, 'ServiceUnavailable')) await backend.unlock(ref, owner).catch(() => undefined);", '', 'only the answer to locking was lost'],
    ['locks-unheard', 'lock time is told to the observer', '.finally(() => observer?.({ ref, milliseconds: elapsed() }))', '', 'says for how long it was'],
  ]),
];
