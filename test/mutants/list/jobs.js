const rows = require('../rows');

const RUNNER = 'src/jobs/job-runner.spec.ts';
const RECOVERY = 'src/jobs/job-recovery.spec.ts';
const OUTBOX = 'src/notifications/notifications.spec.ts';

module.exports = [
  ...rows('src/jobs/job-runner.ts', RECOVERY, [
    ['lease-not-renewed', 'a running step keeps its lease', '    this.renewals.start();\n', '', 'renews the lease of a step'],
  ]),
  ...rows('src/jobs/step-ledger.ts', RECOVERY, [
    ['unfenced-commit', 'a process that lost its lease commits nothing', 'lease_token = $3 AND lease_expires_at > clock_timestamp()`', '$3::uuid IS NOT NULL`', 'fences what comes'],
    ['dead-step-kept', 'a dead process’s step goes to another', 'coalesce(s.lease_expires_at <= clock_timestamp(), true)', 's.lease_expires_at IS NULL', 'takes over the step of a dead process'],
  ]),
  ...rows('src/jobs/step-run.ts', RECOVERY, [
    ['no-limit-of-attempts', 'a step that kills its process is not tried for ever', 'if (this.step.attempts > maxAttempts && !this.step.cleanup) {', 'if (maxAttempts < 0) {', 'AttemptsExhausted'],
    ['no-limit-of-cleanups', 'a cleanup that never works ends', 'if (this.step.cleanup && this.step.attempts > maxAttempts) {', 'if (maxAttempts < 0) {', 'whose cleanup never works'],
    ['handler-asked-for-ever', 'a handler that cannot end its job does not keep it running', 'if (this.attempts > 2 * this.settings.maxAttempts) {', 'if (this.attempts < 0) {', 'whose handler cannot even begin'],
    ['hung-step-waited-for', 'a step that hangs keeps neither place nor lease', 'Promise.race([this.handler.runStep(this), this.abandoned()])', 'this.handler.runStep(this)', 'takes the place and the lease of a step that hangs'],
    ['work-without-a-lease', 'work ceases before a lease ends', "if (now > this.deadline - this.settings.leaseMillis / 6) this.stop('lease-lost', new LeaseLost());", '', 'aborts steps whose leases cannot be renewed'],
  ]),
  ...rows('src/jobs/step-run.ts', RUNNER, [
    ['transient-for-ever', 'transient errors end a job after its attempts', '!transient || this.attempts >= this.settings.maxAttempts', '!transient', 'fails with that error when the attempts are over'],
    ['permanent-tried-again', 'a permanent error ends a job at once', '!transient || this.attempts', 'this.attempts', 'fails at once on a permanent error'],
    ['unknown-error-shown', 'what an unknown error says stays inside', "message: 'an internal error, which the log of the service explains'", 'message: String(error)', 'hides what an unknown error says'],
    ['pause-ignored', 'a paused job pauses', 'const paused = this.control.paused && !this.step.cleanup;', 'const paused = false;', 'pauses at the next throttle'],
    ['rate-ignored', 'a rate limit is kept', '    this.control.limiter.rate.take(amount, performance.now());\n', '', 'keeps to the rate limit'],
    ['drain-counts-an-attempt', 'draining is no failure', "if (reason === 'failing' || reason === 'draining' ||", "if (reason === 'failing' ||", 'drains: gives its steps back'],
  ]),
  ...rows('src/jobs/step-ledger.ts', RUNNER, [
    ['one-job-more-a-project', 'N jobs of a project run', 'WHERE nth <= $1 ORDER BY seq', 'WHERE nth <= $1 + 1 ORDER BY seq', 'admits jobs in order'],
    ['one-job-more-in-all', 'M jobs in all run', 'greatest(0, $2 - (', 'greatest(0, $2 + 1 - (', 'admits jobs in order'],
    ['last-come-first', 'queued jobs wait in order', 'ORDER BY q.seq) AS nth', 'ORDER BY q.seq DESC) AS nth', 'admits jobs in order'],
    ['long-job-first', 'places are shared fairly', "ORDER BY (SELECT count(*) FROM magnetodb_backup.job_steps s WHERE s.job_id = j.id AND ${LEASED}), j.seq", 'ORDER BY j.seq', 'shares its places fairly'],
    ['cleanup-beside-steps', 'cleanup waits for the steps', 'if (busy.length > 0) return undefined;', '', 'starts cleanup only when no step'],
    ['cursor-not-kept', 'a step goes on behind its last commit', 'cursor = $4::text::json, attempts', 'attempts', 'goes on from the cursor after a transient error'],
    ['stage-not-waited-for', 'a stage begins when the one before is done', 'if (await stageHasOpenSteps(tx, job)) return undefined;', '', 'runs the stages in order'],
    ['cancelled-at-the-end', 'a job whose last step has ended succeeds', "if (last) return this.end(tx, handler, job, 'succeeded');", "if (last && job.error === null) return this.end(tx, handler, job, 'succeeded');", 'whose very last step ended'],
  ]),
  ...rows('src/jobs/job-rows.ts', RUNNER, [
    ['queued-job-not-cancelled', 'a queued job can be cancelled', "state IN ('queued', 'running') AND error IS NULL", "state = 'running' AND error IS NULL", 'cancels a queued job at once'],
  ]),
  ...rows('src/jobs/rate-bucket.ts', 'src/jobs/rate-bucket.spec.ts', [
    ['items-not-counted', 'items are limited, too', 'this.debt.items += amount.items;', 'this.debt.items += 0;', 'whichever of both limits'],
    ['bytes-not-counted', 'bytes are limited', 'this.debt.bytes += amount.bytes;', 'this.debt.bytes += 0;', 'lets a block pass'],
    ['rate-for-each-process', 'a rate is the job’s, not a process’s', '(debt * this.shares * 1000) / perSecond', '(debt * 1000) / perSecond', 'takes its part of the limit'],
    ['old-debt', 'a changed limit forgives the debt', 'if (!same) this.debt = { bytes: 0, items: 0 };', '', 'forgives the debt'],
  ]),
  ...rows('src/jobs/step-ledger.ts', 'test/e2e/jobs-crash.e2e-spec.ts', [
    ['event-outside-the-transaction', 'a job’s end and its event commit together', "if (state === 'succeeded') await handler.succeeded(viewOf(job), tx);", "if (state === 'succeeded') await handler.succeeded(viewOf(job), this.dataSource.manager);", 'SIGKILL at job.before-terminal=kill@1$'],
  ]),
  ...rows('migrations/jobs/1795300000004-create-events.ts', OUTBOX, [
    ['two-terminal-events', 'a job has one start and one terminal event', 'CREATE UNIQUE INDEX events_one_of_each', 'CREATE INDEX events_one_of_each', 'takes one start and one terminal event'],
  ]),
  ...rows('src/notifications/notifier.ts', OUTBOX, [
    ['event-of-a-rolled-back-change', 'an event is announced only with its change', "await tx.query('SELECT pg_notify($1, $2)', [EVENTS_CHANNEL, '']);", "await tx.query('COMMIT');\n    await tx.query('BEGIN');", 'nothing that was rolled back'],
  ]),
  ...rows('src/database/data-source.ts', 'src/database/database.spec.ts', [
    ['migrations-at-once', 'many processes migrate once', "runner.query('SELECT pg_try_advisory_lock($1) AS locked', [MIGRATION_LOCK])", "runner.query('SELECT true AS locked WHERE $1 > 0', [MIGRATION_LOCK])", 'is migrated once by many processes'],
  ]),
  ...rows('src/database/notification-listener.ts', 'src/database/database.spec.ts', [
    ['listener-lost', 'whoever listens listens again', "      client.on('error', lost);\n      client.on('end', lost);\n", "      client.on('error', () => undefined);\n", 'hears notifications'],
  ]),
];
