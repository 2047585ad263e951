const rows = require('../rows');

const METRICS = 'test/e2e/metrics.e2e-spec.ts';
const TRACING = 'test/e2e/tracing.e2e-spec.ts';
const HEALTH = 'test/e2e/health.e2e-spec.ts';
const LOGS = 'test/e2e/logs.e2e-spec.ts';

module.exports = [
  ...rows('src/jobs/step-run.ts', METRICS, [
    ['progress-not-counted', 'items and bytes of jobs are counted', '    this.telemetry.progressed(this.job.kind, progress);\n', '', 'counts items and bytes'],
    ['ends-not-counted', 'jobs that end are counted', '      if (ended !== undefined) this.telemetry.jobEnded(this.job, ended.state, ended.startedAt, ended.error?.type);\n', '', 'times jobs and steps'],
    ['cleanups-not-counted', 'failed cleanups are counted', "      this.log.error(facts, 'cleanup of a job failed');\n      this.telemetry.cleanupFailed(this.job.kind);", "      this.log.error(facts, 'cleanup of a job failed');", 'counts failures'],
  ]),
  ...rows('src/telemetry/job-telemetry.ts', METRICS, [
    ['cancelled-as-failed', 'a cancelled job is no failure', "failure === 'Cancelled' ? 'cancelled' : state", 'state', 'cancelled from one that failed'],
    ['steps-not-timed', 'steps are timed by their outcome', 'this.metrics?.stepSeconds.observe({ kind: job.kind, stage, outcome }, seconds(performance.now() - began));', '', 'times jobs and steps'],
  ]),
  ...rows('src/telemetry/plugin-metrics.ts', METRICS, [
    ['first-failure-no-increase', 'a first failure is an increase', 'this.jobSeconds.zero({ kind, outcome });', 'this.jobKinds.includes(outcome);', 'before there is one'],
    ['old-gauges-shown', 'while the job database is away its gauges are absent', '        gauge.reset();\n', '', 'while that is away'],
    ['outage-not-said', 'an outage of the job database is said', '(await this.state.get()) === undefined ? 0 : 1', '1', 'while that is away'],
    ['old-locks-shown', 'while the backend is away nothing is said of locks', '      gauge.remove();\n      if (locked', '      if (locked', 'tables that are locked'],
  ]),
  ...rows('src/backup-restore.telemetry.ts', METRICS, [
    ['paused-as-waiting', 'a paused job does not wait', "state = 'queued' AND NOT paused", "state = 'queued'", 'waited and run'],
    ['dead-not-counted', 'dead notifications are counted', "WHERE state = 'abandoned'", "WHERE state = 'dead'", 'waited and run'],
    ['imported-as-stored', 'the age of the newest backup is known', "SELECT 'last_success', 'backup.create'", "SELECT 'last_success', 'backup'", 'what the catalogue holds'],
    ['stores-not-watched', 'requests to stores are timed', 'return instrumented(options.storage.decorate?.(store, location) ?? store, place, observer);', 'void place, observer, instrumented; return options.storage.decorate?.(store, location) ?? store;', 'every request to the object store'],
  ]),
  ...rows('src/backup-restore.core.ts', METRICS, [
    ['locks-not-timed', 'locks of tables are timed', '=> metrics?.lockSeconds.observe(milliseconds / 1000)', '=> void milliseconds', 'lock of a native backup'],
  ]),
  ...rows('src/storage/instrumented.ts', METRICS, [
    ['store-errors-as-fine', 'errors of stores are counted', "isDomainError(error, 'Cancelled') ? 'aborted' : 'error'", "isDomainError(error, 'Cancelled') ? 'aborted' : 'ok'", 'counts failures'],
  ]),
  ...rows('src/gateway/telemetry/metrics.controller.ts', METRICS, [
    ['metrics-for-everybody', 'metrics need a token unless they are opened', 'return this.options.open || ', 'return !this.options.open || ', 'whom the rule lets'],
  ]),
  ...rows('src/auth/policy/default-rules.ts', METRICS, [
    ['metrics-for-members', 'metrics are for those who watch the deployment', "'metrics:read': 'role:magnetodb_monitor", "'metrics:read': 'role:member or role:magnetodb_monitor", 'whom the rule lets'],
  ]),
  ...rows('src/gateway/telemetry/observe-requests.ts', METRICS, [
    ['paths-as-labels', 'no label grows with tables', "route: routeOptions.url ?? 'none'", "route: String(Reflect.get(arguments[0], 'url'))", 'no label that grows'],
    ['calls-not-timed', 'calls are timed by route', 'duration.observe({ ...labelsOf(request), status }, reply.elapsedTime / 1000);', '', 'by their route'],
  ]),
  ...rows('monitoring/alerts.yml', METRICS, [
    ['alert-on-nothing', 'alert rules ask for metrics that there are', 'max by (kind) (magnetodb_backup_queue_oldest_seconds)', 'max by (kind) (magnetodb_backup_queue_age_seconds)', 'alert rules'],
    ['alert-on-no-label', 'alert rules ask for labels that there are', 'magnetodb_backup_backups{status=', 'magnetodb_backup_backups{state=', 'alert rules'],
  ]),
  ...rows('monitoring/grafana-dashboard.json', METRICS, [
    ['panel-of-nothing', 'panels ask for metrics that there are', 'max(magnetodb_backup_locked_tables)', 'max(magnetodb_backup_tables_locked)', 'a dashboard'],
  ]),
  ...rows('docs/metrics.md', METRICS, [
    ['metric-not-documented', 'every metric is documented', '| `magnetodb_backup_stored_bytes` |', '| `magnetodb_backup_bytes_stored` |', 'docs/metrics.md'],
  ]),
  ...rows('src/jobs/postgres-job-queue.ts', TRACING, [
    ['trace-lost-in-the-queue', 'a job is in the trace of its request, on whatever process', 'currentTraceParent() ?? null', 'null', 'one trace from the request'],
  ]),
  ...rows('src/telemetry/job-telemetry.ts', TRACING, [
    ['stores-beside-their-step', 'requests to stores lie below their step', 'inSpan(span, () => withLogFields(fields, work))', 'withLogFields(fields, work)', 'below the steps that make them'],
  ]),
  ...rows('src/gateway/telemetry/observe-requests.ts', TRACING, [
    ['forged-trace-taken', 'a caller’s trace is gone on with behind a trusted proxy only', 'contextOf(trustProxy ? ', 'contextOf(true ? ', 'that the caller has made up'],
    ['proxy-trace-not-taken', 'the trace of a trusted proxy is gone on with', 'contextOf(trustProxy ? ', 'contextOf(false ? ', 'of a proxy that it trusts'],
  ]),
  ...rows('src/gateway/telemetry/tracing.ts', TRACING, [
    ['sdk-always-loaded', 'who does not trace does not load the SDK', "import type { Logger } from '../../index';", "import type { Logger } from '../../index';\nimport '@opentelemetry/sdk-trace';", 'loads nothing of the SDK'],
    ['collector-fails-the-end', 'a collector that is away makes the end no failure', 'provider.shutdown().catch(() => undefined)', 'provider.shutdown()', 'a collector that is away'],
    ['lost-spans-not-said', 'lost spans are said', 'if (result.code !== 0 && ', 'if (result.code > 9 && ', 'a collector that is away'],
  ]),
  ...rows('src/gateway/health/health.controller.ts', HEALTH, [
    ['health-asked-each-time', 'each part is asked once a second at most', 'const REMEMBER_MILLIS = 1000;', 'const REMEMBER_MILLIS = -1;', 'once a second at most'],
  ]),
  ...rows('src/storage/locations.ts', HEALTH, [
    ['probe-not-read-back', 'a store that gives back other bytes does not work', 'if (stored === undefined || (await text(stored)) !== name)', 'if (stored === undefined || (await text(stored)) === undefined)', 'not what was written'],
    ['probe-left-behind', 'the probe leaves nothing behind', '      await store.delete(name).catch(() => undefined);\n', '', 'leaves nothing behind'],
  ]),
  ...rows('src/notifications/poll-loop.ts', HEALTH, [
    ['failing-loop-healthy', 'a loop that fails is not healthy', '      this.failed = true;\n', '', 'no step can be claimed|outbox cannot be read'],
  ]),
  ...rows('src/backup-restore.health.ts', HEALTH, [
    ['database-not-asked', 'each part is named', "      { name: 'JobDatabase', check: () => dataSource.query('SELECT FROM magnetodb_backup.migrations LIMIT 1') },\n", '', 'names each part'],
  ]),
  ...rows('src/gateway/health/health-checks.ts', 'src/gateway/health/health-checks.spec.ts', [
    ['identity-never-down', 'who judges tokens can be down', "if (!isDomainError(error, 'Unauthorized')) throw error;", 'void isDomainError(error);', 'if nobody answers'],
  ]),
  ...rows('src/gateway/telemetry/observe-requests.ts', LOGS, [
    ['job-without-its-request', 'a job is found from its request in the log', 'withLogFields({ request_id: requestIdOf(request) }, done)', 'done()', 'ids of request and job'],
  ]),
  ...rows('src/backup-restore.core.ts', LOGS, [
    ['notifications-without-job', 'lines about notifications name their job', ', within: withLogFields,', ', within: (fields, work) => withLogFields({ ...fields, job_id: undefined }, work),', 'lines of its notifications'],
  ]),
  ...rows('src/telemetry/pino-logger.ts', 'src/telemetry/log-context.spec.ts', [
    ['ids-twice', 'no line says a thing twice', '!Object.hasOwn(bound, name)', "name !== ''", 'nothing twice'],
  ]),
  ...rows('src/telemetry/log-context.ts', 'src/telemetry/log-context.spec.ts', [
    ['ids-not-around', 'what is logged within a step has its ids', 'context.run({ ...context.getStore(), ...fields }, work)', 'work()', 'every line of the work'],
  ]),
  ...rows('src/backup-restore.telemetry.ts', 'test/e2e/plugin-telemetry.e2e-spec.ts', [
    ['host-registry-ignored', 'a host’s own registry has the metrics', 'metricsRegistry === undefined', 'metricsRegistry !== undefined', 'its own registry'],
  ]),
];
