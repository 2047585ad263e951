import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { DeploymentState, StateName, StateRow } from './deployment-state';
import { Remembered } from './remembered';

/** How long what was read of the databases is good for: several scrapers, one question. */
const STATE_MILLIS = 1000;
/** Longest wait for them at a scrape: Prometheus gives up after ten seconds. */
const STATE_PATIENCE_MILLIS = 5000;

const JOB_SECONDS = [1, 5, 15, 60, 300, 900, 3600, 14_400, 86_400];
const STEP_SECONDS = [0.05, 0.25, 1, 5, 15, 60, 300, 1800];
const STORE_SECONDS = [0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10, 60];
const LOCK_SECONDS = [0.01, 0.05, 0.25, 1, 5, 30, 120, 600];
const JOB_STATES = ['queued', 'running', 'succeeded', 'failed'];

/** The label values that are shown although there is nothing to count. */
type Zeros = () => readonly Record<string, string>[];

export interface PluginMetricsOptions {
  readonly registry: Registry;
  readonly state: DeploymentState;
  /** Names of senders and statuses of backups that there are: each has its zero from the start. */
  readonly senders: readonly string[];
  readonly backupStatuses: readonly string[];
}

/**
 * Everything that the plugin measures (docs/metrics.md lists it). Counters and histograms are this process's; gauges are read from the
 * databases at a scrape and the same on every process. No label grows with tables, backups or projects.
 */
export class PluginMetrics {
  readonly jobSeconds: Histogram<'kind' | 'outcome'>;
  readonly stepSeconds: Histogram<'kind' | 'stage' | 'outcome'>;
  readonly items: Counter<'kind'>;
  readonly bytes: Counter<'kind'>;
  readonly cleanupFailures: Counter<'kind'>;
  readonly lockSeconds: Histogram;
  readonly storeSeconds: Histogram<'operation' | 'place' | 'outcome'>;
  readonly storedBytes: Counter<'place'>;
  private readonly registers: Registry[];
  private readonly jobKinds: string[] = [];
  private readonly state: Remembered<readonly StateRow[]>;
  private readonly locked: Remembered<number>;

  constructor(options: PluginMetricsOptions) {
    const { registry, state } = options;
    this.registers = [registry];
    this.state = new Remembered(() => state.read(), STATE_MILLIS, STATE_PATIENCE_MILLIS);
    this.locked = new Remembered(() => state.lockedTables(), STATE_MILLIS, STATE_PATIENCE_MILLIS);
    this.jobSeconds = this.histogram('job_duration_seconds', 'Time from the start of a job to its end, of jobs that ended in this process', ['kind', 'outcome'], JOB_SECONDS);
    this.stepSeconds = this.histogram('step_duration_seconds', 'Time that a step (a range, a chunk) was worked on in this process', ['kind', 'stage', 'outcome'], STEP_SECONDS);
    this.items = this.counter('items_total', 'Items that jobs have processed in this process', ['kind']);
    this.bytes = this.counter('bytes_total', 'Bytes of items, before compression, that jobs have processed in this process', ['kind']);
    this.cleanupFailures = this.counter('cleanup_failures_total', 'Failed tries of the cleanup of a failed job', ['kind']);
    this.lockSeconds = this.histogram('table_lock_seconds', 'Time that a table was in MAINTENANCE, locked by this process', [], LOCK_SECONDS);
    this.storeSeconds = this.histogram('object_store_request_duration_seconds', 'Requests to object stores, every try', ['operation', 'place', 'outcome'], STORE_SECONDS);
    this.storedBytes = this.counter('object_store_stored_bytes_total', 'Bytes put into object stores', ['place']);
    this.defineGauges(options);
  }

  /** Kinds of jobs that there are: each has its zeros from now on, so that a first failure is an increase. */
  expectJobs(kinds: readonly string[]): void {
    for (const kind of kinds) {
      this.jobKinds.push(kind);
      for (const outcome of ['succeeded', 'failed', 'cancelled']) this.jobSeconds.zero({ kind, outcome });
      for (const counter of [this.items, this.bytes, this.cleanupFailures]) counter.inc({ kind }, 0);
    }
  }

  private defineGauges({ senders, backupStatuses }: PluginMetricsOptions): void {
    const jobs: Zeros = () => this.jobKinds.flatMap((kind) => JOB_STATES.map((state) => ({ kind, state })));
    const kinds: Zeros = () => this.jobKinds.map((kind) => ({ kind }));
    const outbox: Zeros = () => senders.flatMap((sender) => ['pending', 'dead'].map((state) => ({ sender, state })));
    this.stateGauge('jobs', 'Jobs by kind and state; finished ones are kept for seven days', 'jobs', ['kind', 'state'], jobs);
    this.stateGauge('queue_oldest_seconds', 'Age of the oldest job that waits for its turn (paused ones do not)', 'queue_oldest_seconds', ['kind'], kinds);
    this.stateGauge('running_oldest_seconds', 'Time since the start of the job that has run for longest', 'running_oldest_seconds', ['kind'], kinds);
    this.stateGauge('backups', 'Backups in the catalogue, by status', 'backups', ['status'], () => backupStatuses.map((status) => ({ status })));
    this.stateGauge('stored_bytes', "Bytes of all finished backups in the deployment's own store", 'backup_bytes', [], () => [{}]);
    this.stateGauge('last_success_timestamp_seconds', 'When the newest backup or restore was finished, since the epoch', 'last_success', ['operation']);
    this.stateGauge('outbox', 'Notifications that are not delivered: pending or dead', 'deliveries', ['sender', 'state'], outbox);
    this.stateGauge('outbox_oldest_seconds', 'Age of the oldest pending notification', 'delivery_oldest_seconds', ['sender'], () => senders.map((sender) => ({ sender })));
    this.gauge('job_database_up', 'Did the job database answer this scrape?', async (gauge) => gauge.set((await this.state.get()) === undefined ? 0 : 1));
    this.gauge('locked_tables', 'Tables in MAINTENANCE', async (gauge) => {
      const locked = await this.locked.get();
      gauge.remove();
      if (locked !== undefined) gauge.set(locked);
    });
  }

  /** A gauge of rows of the state: absent while the database does not answer; `zeros` are shown although there is no row. */
  private stateGauge(name: string, help: string, what: StateName, labelNames: string[], zeros: Zeros = () => []): void {
    this.gauge(
      name,
      help,
      async (gauge) => {
        const rows = await this.state.get();
        gauge.reset();
        if (labelNames.length === 0) gauge.remove();
        if (rows === undefined) return;
        for (const zero of zeros()) gauge.set(zero, 0);
        for (const row of rows) if (row.what === what) gauge.set(labels(labelNames, row), row.value);
      },
      labelNames,
    );
  }

  private gauge(name: string, help: string, collect: (gauge: Gauge) => Promise<void>, labelNames: string[] = []): void {
    new Gauge({
      name: prefixed(name),
      help,
      labelNames,
      registers: this.registers,
      async collect() {
        await collect(this);
      },
    });
  }

  private histogram<T extends string>(name: string, help: string, labelNames: T[], buckets: number[]): Histogram<T> {
    return new Histogram({ name: prefixed(name), help, labelNames, buckets, registers: this.registers });
  }

  private counter<T extends string>(name: string, help: string, labelNames: T[]): Counter<T> {
    return new Counter({ name: prefixed(name), help, labelNames, registers: this.registers });
  }
}

function prefixed(name: string): string {
  return `magnetodb_backup_${name}`;
}

function labels(names: readonly string[], row: StateRow): Record<string, string> {
  const [first, second] = names;
  return { ...(first === undefined ? {} : { [first]: row.label }), ...(second === undefined ? {} : { [second]: row.label2 }) };
}
