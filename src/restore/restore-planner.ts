import { Inject, Injectable } from '@nestjs/common';
import { ArchiveManifest, readManifest } from '../archive';
import { BACKUP_OPTIONS, BackupCatalogue, BackupOptions, backupNotExists, findTable } from '../backup';
import { BackupSource, Credentials, DomainError, TableDescription, Uuid, isDomainError } from '../kernel';
import { BackupLocation, JobAccess, ObjectStoreRegistry, blaming } from '../storage';
import { TABLE_BACKEND, TableBackend } from '../tables';
import { checkPartFits } from './engine/part';
import { CreateRestoreRequest } from './rest/restore-requests';
import { RestoreCatalogue } from './restore-catalogue';
import { RestoreConflict, RestorePlan, chooseFormat, findConflict } from './restore-plan';

/** A backup as it lies at its location. */
export interface Archive {
  readonly location: BackupLocation;
  readonly manifest: ArchiveManifest;
}

/** Finds what would be restored, and what stands in its way, before any job begins. */
@Injectable()
export class RestorePlanner {
  constructor(
    @Inject(TABLE_BACKEND) private readonly tables: TableBackend,
    @Inject(BACKUP_OPTIONS) private readonly options: BackupOptions,
    private readonly stores: ObjectStoreRegistry,
    private readonly backups: BackupCatalogue,
    private readonly restores: RestoreCatalogue,
  ) {}

  /**
   * The archive of a backup in the project's catalogue.
   * @param credentials for a place outside
   * @throws DomainError `BackupNotExists`; `ConflictError` if it is not CREATED; `ValidationError` if the archive is damaged or unknown, or its place refuses
   */
  async openBackup(projectId: string, backupId: Uuid | undefined, credentials: Credentials | undefined): Promise<Archive> {
    const row = backupId === undefined ? null : await this.backups.find(projectId, backupId);
    if (row === null) throw backupNotExists();
    if (row.status !== 'CREATED' || row.restorable === false) {
      throw new DomainError('ConflictError', `The backup is in status ${row.status}: it cannot be restored.`);
    }
    const location: BackupLocation = row.internal
      ? { type: 'internal', url: row.locationUrl }
      : { type: 'external', url: row.locationUrl, ...(credentials === undefined ? {} : { credentials }) };
    const archive = await openArchive(this.stores, location, 'strategy.location');
    if (archive.manifest.backup_id !== row.id)
      throw new DomainError('ArchiveDamaged', 'The manifest is another backup’s.');
    return archive;
  }

  /** The archive at a location. @throws DomainError as `openBackup`, and `Forbidden` for a place that is not allowed */
  async openSource(projectId: string, source: BackupSource): Promise<Archive> {
    return openArchive(this.stores, await this.stores.locationOfSource(source, projectId), 'source');
  }

  /** What a job needs to read the archive later. @throws DomainError `ValidationError` if there are credentials, and no key to seal them with */
  accessTo({ location }: Archive, projectId: string): Promise<JobAccess> {
    return this.stores.accessFor(location, projectId);
  }

  /** What the restore would do; `trusted`: may native files go into the tables as they are? A conflict is part of the answer; everything else that is wrong is thrown. */
  async plan(
    projectId: string,
    tableParam: string,
    archive: Archive,
    request: CreateRestoreRequest,
    trusted: boolean,
  ): Promise<RestorePlan> {
    const { manifest } = archive;
    if (request.part !== undefined) checkPartFits(request.part, manifest.schema);
    const target = await findTable(this.tables, projectId, tableParam);
    const chosen = chooseFormat({
      asked: request.format,
      backupFormat: manifest.native?.format,
      tablesFormat: this.tables.native?.format,
      trusted,
      itemByItem: itemByItem(request, target),
    });
    const tableName = target?.name ?? tableParam;
    return {
      projectId,
      tableName,
      schema: manifest.schema,
      itemCount: manifest.item_count,
      sizeBytes: manifest.size_bytes,
      tableSizeBytes: manifest.table_size_bytes,
      chain: [manifest.backup_id],
      ...chosen,
      onExisting: request.onExisting,
      part: request.part,
      target,
      conflict: await this.conflictWith(projectId, tableName, target, archive, request),
    };
  }

  private async conflictWith(
    projectId: string,
    tableName: string,
    target: TableDescription | undefined,
    { manifest }: Archive,
    { onExisting }: CreateRestoreRequest,
  ): Promise<RestoreConflict | undefined> {
    try {
      return findConflict({
        onExisting,
        schema: manifest.schema,
        target,
        targetHasItems: target !== undefined && (await this.hasItems(target)),
        otherRestoreRuns: await this.restores.isRunning(projectId, tableName),
        exclusiveGateways: this.options.exclusiveGateways ?? this.tables.capabilities.exclusiveGatewaysByDefault,
        backendReplaces: this.tables.capabilities.replace,
      });
    } catch (error) {
      if (isDomainError(error, 'TableLocked'))
        return { type: error.code, message: error.message, retryAfterSeconds: error.retryAfterSeconds };
      throw error;
    }
  }

  /** A page may be empty before the end: expired items are examined, too. */
  private async hasItems({ projectId, name, status }: TableDescription): Promise<boolean> {
    if (status !== 'ACTIVE' && status !== 'MAINTENANCE') return false;
    let start = {};
    for (;;) {
      const page = await this.tables.scan({ projectId, name }, { limit: 1, segment: 0, totalSegments: 1, ...start });
      if (page.items.length > 0) return true;
      if (page.lastEvaluatedKey === undefined) return false;
      start = { exclusiveStartKey: page.lastEvaluatedKey };
    }
  }
}

function itemByItem({ part, onExisting }: CreateRestoreRequest, target: TableDescription | undefined): string | undefined {
  if (part !== undefined) return 'a part of a backup is restored item by item';
  return onExisting === 'merge' && target !== undefined ? 'a merge goes item by item' : undefined;
}

/**
 * Reads the manifest at a location.
 * @param field what the request calls the place
 * @throws DomainError BackupNotExists if there is none; ValidationError if an outside place refuses
 */
async function openArchive(stores: ObjectStoreRegistry, location: BackupLocation, field: string): Promise<Archive> {
  const manifest = readManifest(await stores.open(location));
  return { location, manifest: await (location.type === 'internal' ? manifest : manifest.catch(blaming(field))) };
}
