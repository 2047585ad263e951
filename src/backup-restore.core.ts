import { DynamicModule, FactoryProvider, Global, Module, ModuleMetadata, Provider } from '@nestjs/common';
import { APP_INTERCEPTOR } from '@nestjs/core';
import { EventEmitterModule } from '@nestjs/event-emitter';
import { getDataSourceToken } from '@nestjs/typeorm';
import { DataSource } from 'typeorm';
import { CHUNK_RAW_BYTES } from './archive';
import { AuthModule } from './auth';
import { BACKUP_OPTIONS, BackupCreateHandler, BackupOptions, BACKUP_USERS, BackupQuota, CLOCK, NativeBackupHandler, STRATEGY_CONFIG } from './backup';
import { CallerTokenInterceptor, GrantReturn } from './backup-restore.grants';
import { BackupRestoreHealth } from './backup-restore.health';
import { backupLimit } from './backup-restore.limits';
import { BACKUP_RESTORE_OPTIONS, BackupRestoreOptions } from './backup-restore.options';
import { BackupRestoreRuntime, DEFAULT_SWEEP_SECONDS } from './backup-restore.runtime';
import { PLUGIN_METRICS, metricsProvider, watchedStores } from './backup-restore.telemetry';
import { BackupDeleteHandler, BackupVerifyHandler } from './catalogue';
import { BACKUP_DATA_SOURCE, DatabaseModule } from './database';
import { PLUGIN_ENTITIES } from './entities';
import { Grants, JOB_QUEUE, JobHandler, JobRunner, OutsideJobs, PostgresJobQueue, isOutsideKind } from './jobs';
import { Clock, Quotas, systemClock } from './kernel';
import { MAINTENANCE_OPTIONS, MaintenanceOptions } from './maintenance';
import { DeadLetters, InProcessSender, LogSender, NotificationSender, Notifier, OutboxDispatcher, dispatcherOptions } from './notifications';
import { BackupBeforeDropHandler, DROP_RECOVERY_OPTIONS, DropRecoveryOptions, TableDropHandler } from './protection';
import { RESTORE_KINDS, RestoreHandler, RunningRestores } from './restore';
import { ObjectStoreRegistry } from './storage';
import { BUILT_IN_STRATEGIES, limitStrategies } from './strategy';
import { LockObserver, TABLE_BACKEND } from './tables';
import { JobTelemetry, PluginMetrics, silentLogger, withLogFields } from './telemetry';

const DEFAULTS = {
  maxJobs: 8,
  maxJobsPerProject: 2,
  stepsPerProcess: 2,
  leaseSeconds: 15,
  maxAttempts: 8,
  rangeBytes: 16 * 1024 * 1024,
  maxRanges: 4096,
  chunkBytes: CHUNK_RAW_BYTES,
};
const DEFAULT_GRACE_SECONDS = 86_400;
const DEFAULT_MAX_LOCK_SECONDS = 60;
const SENDERS = Symbol('NotificationSenders');
const DATA_SOURCE = getDataSourceToken(BACKUP_DATA_SOURCE);

/** How the host gives its options: like every `forRootAsync` of Nest. */
export interface BackupRestoreAsyncOptions {
  readonly imports?: ModuleMetadata['imports'];
  readonly inject?: FactoryProvider['inject'];
  readonly useFactory: (...dependencies: never[]) => BackupRestoreOptions | Promise<BackupRestoreOptions>;
}

@Global()
@Module({})
class OptionsModule {
  static forRootAsync({ imports, inject, useFactory }: BackupRestoreAsyncOptions): DynamicModule {
    return {
      module: OptionsModule,
      imports: imports ?? [],
      providers: [{ provide: BACKUP_RESTORE_OPTIONS, inject: inject ?? [], useFactory }],
      exports: [BACKUP_RESTORE_OPTIONS],
    };
  }
}

/** A provider that is made of the options alone. */
function fromOptions<T>(provide: FactoryProvider['provide'], make: (options: BackupRestoreOptions) => T): FactoryProvider<T> {
  return { provide, inject: [BACKUP_RESTORE_OPTIONS], useFactory: make };
}

function backupQuota({ quotas }: BackupRestoreOptions): BackupQuota {
  return new BackupQuota(new Quotas(quotas));
}

const PORTS: Provider[] = [
  fromOptions(TABLE_BACKEND, (options) => options.tables),
  fromOptions<Clock>(CLOCK, (options) => options.clock ?? systemClock),
  fromOptions(BackupQuota, backupQuota),
  fromOptions<DropRecoveryOptions>(DROP_RECOVERY_OPTIONS, ({ sweepSeconds, logger }) => ({
    everyMillis: (sweepSeconds ?? DEFAULT_SWEEP_SECONDS) * 1000,
    onError: (err) => (logger ?? silentLogger).warn({ err }, 'unfinished drops could not be looked for; it will be tried again'),
  })),
  { provide: BACKUP_USERS, useClass: RunningRestores },
  fromOptions(STRATEGY_CONFIG, ({ strategies, tables }) => limitStrategies(strategies ?? BUILT_IN_STRATEGIES, { native: tables.native !== undefined })),
  metricsProvider(SENDERS),
  {
    provide: ObjectStoreRegistry,
    inject: [BACKUP_RESTORE_OPTIONS, PLUGIN_METRICS, DATA_SOURCE],
    useFactory: (options: BackupRestoreOptions, metrics: PluginMetrics | undefined, dataSource: DataSource) =>
      new ObjectStoreRegistry(options.storage, {
        ...options.storage,
        decorate: watchedStores(options, metrics),
        onGrant: (sealed) => new Grants(dataSource).remember(sealed),
      }),
  },
  fromOptions<BackupOptions>(BACKUP_OPTIONS, (options) => ({
    ...(options.exclusiveGateways === undefined ? {} : { exclusiveGateways: options.exclusiveGateways }),
    ...(options.publicUrl === undefined ? {} : { publicUrl: options.publicUrl }),
    trustProxy: options.trustProxy ?? false,
  })),
  fromOptions<MaintenanceOptions>(MAINTENANCE_OPTIONS, ({ resolveTables }) => (resolveTables === undefined ? {} : { resolveTables })),
  InProcessSender,
  {
    provide: SENDERS,
    inject: [BACKUP_RESTORE_OPTIONS, InProcessSender],
    useFactory: (options: BackupRestoreOptions, inProcess: InProcessSender): NotificationSender[] => [
      new LogSender(options.logger ?? silentLogger),
      inProcess,
      ...(options.notificationSenders ?? []),
    ],
  },
  {
    provide: Notifier,
    inject: [SENDERS, CLOCK],
    useFactory: (senders: readonly NotificationSender[], clock: Clock) => new Notifier({ clock, senders }),
  },
  {
    provide: DeadLetters,
    inject: [DATA_SOURCE, SENDERS],
    useFactory: (dataSource: DataSource, senders: readonly NotificationSender[]) => new DeadLetters(dataSource, senders.map(({ name }) => name)),
  },
  {
    provide: JOB_QUEUE,
    inject: [DATA_SOURCE, BACKUP_RESTORE_OPTIONS],
    useFactory: (dataSource: DataSource, options: BackupRestoreOptions) => new PostgresJobQueue(dataSource, options.logger ?? silentLogger, backupLimit(options)),
  },
];

const WORKERS: Provider[] = [
  {
    provide: OutboxDispatcher,
    inject: [DATA_SOURCE, SENDERS, BACKUP_RESTORE_OPTIONS],
    useFactory: (dataSource: DataSource, senders: readonly NotificationSender[], { logger, notifications }: BackupRestoreOptions) =>
      new OutboxDispatcher({ dataSource, senders, log: logger ?? silentLogger, within: withLogFields, ...dispatcherOptions(notifications ?? {}) }),
  },
  {
    provide: JobRunner,
    inject: [DATA_SOURCE, BACKUP_RESTORE_OPTIONS, ObjectStoreRegistry, Notifier, JOB_QUEUE, CLOCK, PLUGIN_METRICS],
    useFactory: makeRunner,
  },
  GrantReturn,
  { provide: APP_INTERCEPTOR, useClass: CallerTokenInterceptor },
  BackupRestoreRuntime,
  BackupRestoreHealth,
];

/** The runner with every kind of job that the plugin knows. */
function makeRunner(
  dataSource: DataSource,
  options: BackupRestoreOptions,
  stores: ObjectStoreRegistry,
  notifier: Notifier,
  queue: PostgresJobQueue,
  clock: Clock,
  metrics: PluginMetrics | undefined,
): JobRunner {
  const jobs = { ...DEFAULTS, ...options.jobs };
  const runner = new JobRunner({
    dataSource,
    log: options.logger ?? silentLogger,
    telemetry: new JobTelemetry(metrics),
    sharedLimit: backupLimit(options),
    settings: {
      stepsPerProcess: jobs.stepsPerProcess,
      jobsPerProject: jobs.maxJobsPerProject,
      jobsInAll: jobs.maxJobs,
      leaseMillis: jobs.leaseSeconds * 1000,
      maxAttempts: jobs.maxAttempts,
    },
  });
  const split = { targetBytes: jobs.rangeBytes, maxRanges: jobs.maxRanges };
  const common = { dataSource, backend: options.tables, stores, notifier, clock, split };
  const backups = { ...common, queue, quota: backupQuota(options), chunkBytes: jobs.chunkBytes };
  // What may work at an outside place, does so in jobs of a kind of their own.
  const register = (handler: JobHandler): void => {
    runner.register(handler);
    runner.register(new OutsideJobs(handler));
  };
  register(new BackupCreateHandler(backups));
  const maxLockSeconds = options.maxLockSeconds ?? DEFAULT_MAX_LOCK_SECONDS;
  const onLocked: LockObserver = ({ milliseconds }) => metrics?.lockSeconds.observe(milliseconds / 1000);
  if (options.tables.native) register(new NativeBackupHandler({ ...backups, maxLockSeconds, streams: jobs.stepsPerProcess, onLocked }));
  register(new BackupBeforeDropHandler(backups));
  runner.register(new TableDropHandler(common));
  register(new BackupDeleteHandler(common));
  register(new BackupVerifyHandler(common));
  const restores = { ...common, graceSeconds: options.replaceGraceSeconds ?? DEFAULT_GRACE_SECONDS };
  for (const kind of RESTORE_KINDS) register(new RestoreHandler(restores, kind));
  metrics?.expectJobs(runner.kinds.filter((kind) => !isOutsideKind(kind)));
  return runner;
}

/** What all modules of the plugin share: options, ports, database, guard, and what runs beside the calls. */
@Global()
@Module({})
export class BackupRestoreCoreModule {
  static forRootAsync(options: BackupRestoreAsyncOptions): DynamicModule {
    return {
      module: BackupRestoreCoreModule,
      imports: [
        OptionsModule.forRootAsync(options),
        // Not global: a host may have an emitter of its own. Its @OnEvent methods hear both.
        EventEmitterModule.forRoot({ wildcard: true, global: false }),
        AuthModule.forRootAsync({ inject: [BACKUP_RESTORE_OPTIONS], useFactory: ({ auth, quotas }: BackupRestoreOptions) => ({ ...auth, quotas: new Quotas(quotas) }) }),
        DatabaseModule.forRootAsync({
          inject: [BACKUP_RESTORE_OPTIONS],
          useFactory: ({ database, logger }: BackupRestoreOptions) => ({
            ...database,
            entities: [...PLUGIN_ENTITIES],
            onConnectionError: (err: unknown) => (logger ?? silentLogger).warn({ err }, 'a connection to the job database was lost'),
          }),
        }),
      ],
      providers: [...PORTS, ...WORKERS],
      exports: [...PORTS, DatabaseModule, BackupRestoreHealth],
    };
  }
}
