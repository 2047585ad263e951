import { FactoryProvider } from '@nestjs/common';
import { getDataSourceToken } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import { BACKUP_STATUSES } from './backup';
import { BACKUP_RESTORE_OPTIONS, BackupRestoreOptions } from './backup-restore.options';
import { BACKUP_DATA_SOURCE } from './database';
import { ObjectStore, StoreRequest, instrumented } from './storage';
import type { TableBackend } from './tables';
import { DeploymentState, PluginMetrics, StateRow, StoreTelemetry } from './telemetry';

/** Injection token of the metrics; undefined where the host gives no registry. */
export const PLUGIN_METRICS = Symbol('PluginMetrics');

export function metricsProvider(senders: symbol): FactoryProvider<PluginMetrics | undefined> {
  return {
    provide: PLUGIN_METRICS,
    inject: [getDataSourceToken(BACKUP_DATA_SOURCE), BACKUP_RESTORE_OPTIONS, senders],
    useFactory: (dataSource: DataSource, { metricsRegistry, tables }: BackupRestoreOptions, all: readonly { readonly name: string }[]) =>
      metricsRegistry === undefined
        ? undefined
        : new PluginMetrics({
            registry: metricsRegistry,
            state: new DatabaseState(dataSource, tables),
            senders: all.map(({ name }) => name),
            backupStatuses: BACKUP_STATUSES,
          }),
  };
}

/** The host's decoration around every store, and our watch around that. */
export function watchedStores(options: BackupRestoreOptions, metrics: PluginMetrics | undefined): NonNullable<BackupRestoreOptions['storage']['decorate']> {
  const observer = new StoreTelemetry(metrics);
  return (store, location): ObjectStore => {
    const place: StoreRequest['place'] = location.type;
    return instrumented(options.storage.decorate?.(store, location) ?? store, place, observer);
  };
}

/**
 * One question for everything: each part reads an index or a table of as many rows as there are backups or restores. Finished jobs are
 * those of the last seven days.
 */
const STATE = `
  SELECT 'jobs' AS what, kind AS label, state AS label2, count(*)::float8 AS value FROM magnetodb_backup.jobs GROUP BY kind, state
  UNION ALL
  SELECT 'queue_oldest_seconds', kind, '', extract(epoch FROM clock_timestamp() - min(created_at))::float8
    FROM magnetodb_backup.jobs WHERE state = 'queued' AND NOT paused GROUP BY kind
  UNION ALL
  SELECT 'running_oldest_seconds', kind, '', extract(epoch FROM clock_timestamp() - min(coalesce(started_at, created_at)))::float8
    FROM magnetodb_backup.jobs WHERE state = 'running' AND (error IS NOT NULL OR NOT paused) GROUP BY kind
  UNION ALL
  SELECT 'backups', status, '', count(*)::float8 FROM magnetodb_backup.backups GROUP BY status
  UNION ALL
  SELECT 'backup_bytes', '', '', coalesce(sum(size_bytes), 0)::float8 FROM magnetodb_backup.backups
   WHERE status = 'CREATED' AND internal AND NOT imported
  UNION ALL
  SELECT 'last_success', 'backup.create', '', max(finished_at) / 1000.0::float8 FROM magnetodb_backup.backups
   WHERE status = 'CREATED' AND NOT imported HAVING max(finished_at) IS NOT NULL
  UNION ALL
  SELECT 'last_success', 'restore', '', max(finished_at) / 1000.0::float8 FROM magnetodb_backup.restores
   WHERE status = 'RESTORED' HAVING max(finished_at) IS NOT NULL
  UNION ALL
  SELECT 'deliveries', sender, 'pending', count(*)::float8 FROM magnetodb_backup.event_deliveries WHERE state = 'pending' GROUP BY sender
  UNION ALL
  SELECT 'deliveries', sender, 'dead', count(*)::float8 FROM magnetodb_backup.event_deliveries WHERE state = 'abandoned' GROUP BY sender
  UNION ALL
  SELECT 'delivery_oldest_seconds', d.sender, '', extract(epoch FROM clock_timestamp() - min(e.created_at))::float8
    FROM magnetodb_backup.event_deliveries d JOIN magnetodb_backup.events e ON e.seq = d.event_seq
   WHERE d.state = 'pending' GROUP BY d.sender`;

class DatabaseState implements DeploymentState {
  constructor(
    private readonly dataSource: DataSource,
    private readonly tables: TableBackend,
  ) {}

  read(): Promise<readonly StateRow[]> {
    return this.dataSource.query(STATE);
  }

  async lockedTables(): Promise<number> {
    return (await this.tables.lockedTables()).length;
  }
}
