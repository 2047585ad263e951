import { Inject, Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { DataSource } from 'typeorm';
import { ArchiveManifest, readManifest } from '../archive';
import { BackupCatalogue, BackupEntity, checkName, emptyBackup, STRATEGY_CONFIG } from '../backup';
import { BACKUP_DATA_SOURCE } from '../database';
import { DomainError, validationError } from '../kernel';
import { BackupLocation, ObjectStoreRegistry, blaming } from '../storage';
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
   * One that is in this project's catalogue already is answered as it is there; if it failed there, and is whole now, it is CREATED from now on. What
   * other projects have is of no concern.
   * @throws DomainError `BackupNotExists`: nothing there; `ValidationError`: damaged, or unknown to this version; `Forbidden`
   */
  async import(projectId: string, request: ImportRequest): Promise<BackupEntity> {
    const secrets = parseRestoreStrategy(request.strategy, this.strategies);
    const source = sourceWith(parseSource(request.source), secrets);
    const location = await this.stores.locationOfSource(source, projectId);
    const read = readManifest(await this.stores.open(location));
    const manifest = await (location.type === 'internal' ? read : read.catch(blaming('source')));
    const row = importedRow(projectId, manifest, location);
    if (request.adopt) row.imported = !isOwn(row, manifest);
    if (request.adopt && row.imported)
      throw validationError('"adopt" is for a backup of this project in the deployment\'s own store.');
    await this.catalogue.insert(this.dataSource.manager, row);
    await this.mend(row);
    const kept = await this.catalogue.find(projectId, manifest.backup_id);
    // Inserted or found, and gone again: its deletion ended between the two statements.
    if (kept === null)
      throw new DomainError('ServiceUnavailable', 'The backup is just being deleted.', {
        transient: true,
        retryAfterSeconds: 1,
      });
    return kept;
  }

  /** What was there already: adopted now, or found whole where it was thought to have failed (its record is older than its end). */
  private async mend(row: BackupEntity): Promise<void> {
    const { projectId, id, internal, locationUrl, imported } = row;
    if (!imported) await this.dataSource.manager.update(BackupEntity, { projectId, id, internal, imported: true }, { imported });
    const { itemCount, sizeBytes, tableSizeBytes, formatVersion, finishedAt, status, restorable } = row;
    await this.dataSource.manager.update(
      BackupEntity,
      { projectId, id, status: 'CREATE_FAILED', ...(internal ? { internal } : { locationUrl }) },
      { itemCount, sizeBytes, tableSizeBytes, formatVersion, finishedAt, status, restorable, error: null },
    );
  }
}

/** Does it lie where this deployment put it for this project? */
function isOwn(row: BackupEntity, manifest: ArchiveManifest): boolean {
  return row.internal && manifest.project_id === row.projectId && row.locationUrl.endsWith(`/${row.id}`);
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
