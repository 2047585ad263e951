import { BeforeApplicationShutdown, Inject, Injectable, OnApplicationBootstrap } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { DataSource } from 'typeorm';
import { GrantReturn } from './backup-restore.grants';
import { BackupRestoreOptions, BACKUP_RESTORE_OPTIONS } from './backup-restore.options';
import { BACKUP_DATA_SOURCE, NotificationListener } from './database';
import { JobRunner } from './jobs';
import { systemClock } from './kernel';
import { EVENTS_CHANNEL, OutboxDispatcher, PollLoop } from './notifications';
import { AbandonedBuilds } from './restore';
import { silentLogger } from './telemetry';

export const DEFAULT_SWEEP_SECONDS = 60;
const COLLECT_SECONDS = 300;

/** What runs beside the calls: the job runner, the outbox, the sweep of the tables, the collection of abandoned builds. Starts and drains with the application. */
@Injectable()
export class BackupRestoreRuntime implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly sweeps: PollLoop | undefined;
  private readonly collection: PollLoop;
  /** Only where jobs hold what users have lent. */
  private readonly grants: PollLoop | undefined;
  private readonly events: NotificationListener;

  constructor(
    @Inject(BACKUP_RESTORE_OPTIONS) options: BackupRestoreOptions,
    @InjectDataSource(BACKUP_DATA_SOURCE) dataSource: DataSource,
    private readonly runner: JobRunner,
    private readonly dispatcher: OutboxDispatcher,
    grants: GrantReturn,
  ) {
    this.events = new NotificationListener(dataSource, EVENTS_CHANNEL, () => dispatcher.wake());
    const log = options.logger ?? silentLogger;
    const seconds = options.sweepSeconds ?? DEFAULT_SWEEP_SECONDS;
    this.sweeps =
      seconds === 0
        ? undefined
        : new PollLoop(
            () => options.tables.sweep(),
            seconds * 1000,
            (err) => log.warn({ err }, 'the sweep of the tables failed; it will be tried again'),
          );
    this.grants = options.storage.internalSwift?.access !== 'trust' ? undefined : new PollLoop(
      () => grants.giveBack(),
      (seconds === 0 ? DEFAULT_SWEEP_SECONDS : seconds) * 1000,
      (err) => log.warn({ err }, 'what users have lent for jobs could not be looked through; it will be tried again'),
    );
    const builds = new AbandonedBuilds({ dataSource, backend: options.tables, clock: options.clock ?? systemClock, log });
    this.collection = new PollLoop(
      () => builds.collect(),
      COLLECT_SECONDS * 1000,
      (err) => log.warn({ err }, 'the collection of abandoned builds failed; it will be tried again'),
    );
  }

  async onApplicationBootstrap(): Promise<void> {
    await this.runner.start();
    await this.dispatcher.start();
    await this.events.start();
    this.sweeps?.start();
    this.collection.start();
    this.grants?.start();
  }

  async beforeApplicationShutdown(): Promise<void> {
    await Promise.all([this.sweeps?.stop(), this.collection.stop(), this.grants?.stop()]);
    await this.runner.stop();
    await this.events.stop();
    await this.dispatcher.stop();
  }
}
