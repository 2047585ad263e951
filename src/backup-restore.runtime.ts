import { BeforeApplicationShutdown, Inject, Injectable, OnApplicationBootstrap } from '@nestjs/common';
import { BackupRestoreOptions, BACKUP_RESTORE_OPTIONS } from './backup-restore.options';
import { JobRunner } from './jobs';
import { OutboxDispatcher, PollLoop } from './notifications';
import { silentLogger } from './telemetry';

const DEFAULT_SWEEP_SECONDS = 60;

/** What runs beside the calls: the job runner, the outbox, the sweep of the tables. Starts and drains with the application. */
@Injectable()
export class BackupRestoreRuntime implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly sweeps: PollLoop | undefined;

  constructor(
    @Inject(BACKUP_RESTORE_OPTIONS) options: BackupRestoreOptions,
    private readonly runner: JobRunner,
    private readonly dispatcher: OutboxDispatcher,
  ) {
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
  }

  async onApplicationBootstrap(): Promise<void> {
    await this.runner.start();
    await this.dispatcher.start();
    this.sweeps?.start();
  }

  async beforeApplicationShutdown(): Promise<void> {
    await this.sweeps?.stop();
    await this.runner.stop();
    await this.dispatcher.stop();
  }
}
