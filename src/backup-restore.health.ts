import { Inject, Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { DataSource } from 'typeorm';
import { BACKUP_DATA_SOURCE } from './database';
import { JobRunner } from './jobs';
import { DomainError } from './kernel';
import { OutboxDispatcher } from './notifications';
import { ObjectStoreRegistry } from './storage';

/** One part of the plugin that works or does not. */
export interface HealthPart {
  readonly name: string;
  /** Rejects if it does not work. Bounded by nothing: whoever asks sets a limit. */
  check(): Promise<unknown>;
}

/** The plugin's own parts, for a host's health call: `app.get(BackupRestoreHealth).parts`. Tables and tokens are the host's to ask. */
@Injectable()
export class BackupRestoreHealth {
  readonly parts: readonly HealthPart[];

  constructor(
    @InjectDataSource(BACKUP_DATA_SOURCE) dataSource: DataSource,
    @Inject(ObjectStoreRegistry) stores: ObjectStoreRegistry,
    @Inject(JobRunner) runner: JobRunner,
    @Inject(OutboxDispatcher) dispatcher: OutboxDispatcher,
  ) {
    this.parts = [
      { name: 'JobDatabase', check: () => dataSource.query('SELECT FROM magnetodb_backup.migrations LIMIT 1') },
      { name: 'ObjectStore', check: () => stores.probe() },
      { name: 'Jobs', check: () => works(runner.healthy, 'the job runner neither claims steps nor renews their leases') },
      { name: 'Messaging', check: () => works(dispatcher.healthy, 'the dispatcher of notifications does not look for work') },
    ];
  }
}

async function works(healthy: boolean, problem: string): Promise<void> {
  if (!healthy) throw new DomainError('ServiceUnavailable', problem);
}
