import { Inject, Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { DataSource } from 'typeorm';
import { ArchiveManifest, readManifest } from '../archive';
import { BackupCatalogue, BackupEntity, checkName, emptyBackup, STRATEGY_CONFIG } from '../backup';
import { BACKUP_DATA_SOURCE } from '../database';
import { DomainError } from '../kernel';
import { BackupLocation, ObjectStoreRegistry } from '../storage';
import { parseRestoreStrategy, parseSource, sourceWith, StrategyConfig } from '../strategy';
import { ImportRequest } from './import-requests';

/** Puts backups that were found at a location into a project's catalogue. */
@Injectable()
export class ImportService {
  constructor(
    @InjectDataSource(BACKUP_DATA_SOURCE) private readonly dataSource: DataSource,
    @Inject(STRATEGY_CONFIG) private readonly strategies: StrategyConfig,
    private readonly stores: ObjectStoreRegistry,
    private readonly catalogue: BackupCatalogue,
  ) {}

  /**
   * One that is in this project's catalogue already is answered as it is there. What other projects have is of no concern.
   * @throws DomainError `BackupNotExists`: nothing there; `ValidationError`: damaged, or unknown to this version; `Forbidden`
   */
  async import(projectId: string, request: ImportRequest): Promise<BackupEntity> {
    const secrets = parseRestoreStrategy(request.strategy, this.strategies);
    const source = sourceWith(parseSource(request.source), secrets);
    const location = await this.stores.locationOfSource(source, projectId);
    const manifest = await readManifest(await this.stores.open(location));
    const row = importedRow(projectId, manifest, location);
    await this.catalogue.insert(this.dataSource.manager, row);
    const kept = await this.catalogue.find(projectId, manifest.backup_id);
    // Inserted or found, and gone again: its deletion ended between the two statements.
    if (kept === null)
      throw new DomainError('ServiceUnavailable', 'The backup is just being deleted.', {
        transient: true,
        retryAfterSeconds: 1,
      });
    return kept;
  }
}

function importedRow(projectId: string, manifest: ArchiveManifest, location: BackupLocation): BackupEntity {
  return Object.assign(emptyBackup(), {
    projectId,
    id: manifest.backup_id,
    name: checkName(manifest.backup_name, 'backup_name'),
    tableId: manifest.table_id,
    tableName: manifest.table_name,
    status: 'CREATED' as const,
    // Made from what was checked, not copied: the manifest's own is a stranger's text.
    strategy: {
      type: manifest.type,
      format: manifest.data_format,
      location: location.type === 'internal' ? { type: 'internal' } : { type: 'external', url: location.url },
      compression: manifest.compression,
    },
    locationUrl: location.url,
    internal: location.type === 'internal',
    imported: true,
    startedAt: manifest.started_at,
    finishedAt: manifest.finished_at,
    itemCount: manifest.item_count,
    sizeBytes: manifest.size_bytes,
    tableSizeBytes: manifest.table_size_bytes,
    formatVersion: manifest.format_version,
    baseBackupId: manifest.base_backup_id,
    restorable: true,
  });
}
