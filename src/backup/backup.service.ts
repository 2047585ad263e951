import { Inject, Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { DataSource, EntityManager, Not } from 'typeorm';
import { Identity, Policy } from '../auth';
import { BACKUP_DATA_SOURCE } from '../database';
import { Clock, DomainError, TableDescription, Uuid, newId, parseUuid, tableLocked } from '../kernel';
import { JOB_QUEUE, JobQueue, outsideKind } from '../jobs';
import { BackupLocation, JobAccess, ObjectStoreRegistry } from '../storage';
import { ResolvedStrategy, StrategyConfig, parseRestoreStrategy, presentStrategy, resolveStrategy } from '../strategy';
import { TABLE_BACKEND, TableBackend } from '../tables';
import { BACKUP_CREATE_JOB, BACKUP_CREATE_NATIVE_JOB, BACKUP_DELETE_JOB, BackupCreateParams, BackupDeleteParams } from './backup-job.params';
import { BackupCatalogue, TableScope } from './backup-catalogue';
import { BackupEntity } from './backup.entity';
import { BACKUP_OPTIONS, BackupOptions } from './backup.options';
import { BackupQuota } from './backup-quota';
import { checkForgettable, removesObjects } from './backup-removal';
import { BACKUP_USERS, BackupUsers } from './backup-users';
import { CLOCK, STRATEGY_CONFIG } from './tokens';
import { Replay, RequestTokens, TokenUse, tokenConflict } from './request-tokens';
import { BackupChange, BackupListQuery, CreateBackupRequest, DeleteBackupQuery, JobChange } from './rest/backup-requests';
import { BackupView } from './rest/backup.presenter';
import { findTable, parseTableParam } from './table-finder';
import { inTransaction } from './transactions';

/** Of restores that stand in a deletion's way, so many are named. */
const SHOWN_RESTORES = 10;
/** Locks are short. */
const LOCKED_RETRY_SECONDS = 1;

/** A table of a project, as a URL names it. */
export interface TableAddress {
  readonly projectId: string;
  /** Name or id, not yet checked. */
  readonly table: string;
}

/** A backup that is not asked for yet. */
export interface PreparedBackup {
  readonly row: BackupEntity;
  /** Asks for it, in a transaction of the caller. The queue is to be woken afterwards. @throws DomainError BackupQuotaExceeded */
  readonly insert: (tx: EntityManager) => Promise<void>;
}

interface NewBackup {
  readonly row: BackupEntity;
  readonly table: TableDescription;
  readonly location: BackupLocation;
  readonly strategy: ResolvedStrategy;
  readonly kind: string;
  readonly access: JobAccess;
}

/** Everything that clients ask of backups, in no dialect. Callers have authorised the call itself. */
@Injectable()
export class BackupService {
  private readonly tokens: RequestTokens;

  constructor(
    @InjectDataSource(BACKUP_DATA_SOURCE) private readonly dataSource: DataSource,
    @Inject(TABLE_BACKEND) private readonly tables: TableBackend,
    @Inject(JOB_QUEUE) private readonly queue: JobQueue,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(BACKUP_OPTIONS) private readonly options: BackupOptions,
    @Inject(STRATEGY_CONFIG) private readonly strategies: StrategyConfig,
    @Inject(BACKUP_USERS) private readonly users: BackupUsers,
    private readonly stores: ObjectStoreRegistry,
    private readonly policy: Policy,
    private readonly catalogue: BackupCatalogue,
    private readonly quota: BackupQuota,
  ) {
    this.tokens = new RequestTokens(clock);
  }

  /**
   * Asks for a backup.
   * @throws DomainError `TableNotExistsException`; `ValidationError` of the strategy; `Forbidden` for a location; `ConflictError`;
   * `BackupQuotaExceeded`; `TableLocked` if it is native
   */
  async create(caller: Identity, address: TableAddress, request: CreateBackupRequest): Promise<BackupView> {
    const { projectId } = address;
    const tableParam = parseTableParam(address.table);
    const strategy = resolveStrategy(request.strategy, this.strategies);
    // A location that the operator put into a named strategy is the operator's own word.
    if (strategy.location.type === 'external' && namesLocation(request.strategy))
      this.policy.enforce('backup:location:external', caller);
    const replay = this.replayOf(projectId, tableParam, request);
    const earlier = await replay.earlier();
    if (earlier) return earlier;

    const table = await this.findUsableTable(projectId, tableParam);
    if (strategy.format === 'native') this.checkLockable(table);
    const { row, insert } = await this.prepare(table, request, strategy, strategy.format === 'native' ? BACKUP_CREATE_NATIVE_JOB : BACKUP_CREATE_JOB);
    const made = await inTransaction(this.dataSource, async (tx) => {
      if (!(await replay.claim(tx, row.id))) return false;
      await insert(tx);
      return true;
    });
    if (!made) return replay.winner();
    await this.queue.wake();
    return { backup: row, progress: undefined };
  }

  /** A full, portable backup by the deployment's default strategy, to be made by a job of another kind. */
  prepareFull(table: TableDescription, name: string, kind: string): Promise<PreparedBackup> {
    const strategy = resolveStrategy({ type: 'full', format: 'db-agnostic' }, this.strategies);
    return this.prepare(table, { name, deleteProtection: false }, strategy, kind);
  }

  private async prepare(
    table: TableDescription,
    facts: Pick<CreateBackupRequest, 'name' | 'deleteProtection'>,
    strategy: ResolvedStrategy,
    kind: string,
  ): Promise<PreparedBackup> {
    const id = newId();
    const location = await this.stores.locationOf(strategy.location, { projectId: table.projectId, backupId: id });
    const access = await this.stores.accessFor(location, table.projectId);
    if (location.type === 'external') await this.stores.probeOutside(location, 'write', 'strategy.location');
    const row = this.newRow(id, facts, table, strategy, location);
    const insert = async (tx: EntityManager): Promise<void> => {
      await this.quota.admit(tx, table);
      await this.catalogue.insert(tx, row);
      await this.enqueueCreate(tx, { row, table, location, strategy, kind, access });
    };
    return { row, insert };
  }

  /** A page of backups in ascending order of ids. `table` undefined: of every table that the project has or had. */
  async list(projectId: string, table: string | undefined, query: BackupListQuery): Promise<BackupView[]> {
    const scope = table === undefined ? undefined : await this.scopeOf(projectId, parseTableParam(table));
    return this.withProgress(await this.catalogue.list(projectId, scope, query));
  }

  /** @throws DomainError BackupNotExists */
  async describe(address: TableAddress, id: Uuid): Promise<BackupView> {
    return this.withProgressOf(await this.find(address, id));
  }

  /** The backup, locked until the transaction ends. @throws DomainError BackupNotExists */
  async lock(tx: EntityManager, address: TableAddress, id: Uuid): Promise<BackupEntity> {
    const tableParam = parseTableParam(address.table);
    const where = { projectId: address.projectId, id };
    const row = await tx.findOne(BackupEntity, { where, lock: { mode: 'pessimistic_write' } });
    if (row === null || !isOfTable(row, tableParam)) throw backupNotExists();
    return row;
  }

  /** Pauses, resumes or limits the making or the verification of a backup. @throws DomainError BackupNotExists; ConflictError if none runs */
  async change(address: TableAddress, id: Uuid, change: JobChange): Promise<BackupView> {
    const row = await this.find(address, id);
    const jobId = runningJobOf(row);
    const changed =
      jobId !== null && (await inTransaction(this.dataSource, (tx) => this.queue.adjust(tx, jobId, change)));
    if (!changed)
      throw new DomainError(
        'ConflictError',
        'The backup is neither being made nor verified: there is nothing to pause or to limit.',
      );
    await this.queue.wake();
    return this.withProgressOf(row);
  }

  /** Changes the backup itself and its running job. @throws DomainError as `change`; ConflictError if it is being deleted */
  async update(address: TableAddress, id: Uuid, { job, deleteProtection }: BackupChange): Promise<BackupView> {
    if (job !== undefined) await this.change(address, id, job);
    if (deleteProtection !== undefined) await this.protect(await this.find(address, id), deleteProtection);
    return this.describe(address, id);
  }

  private async protect({ projectId, id }: BackupEntity, deleteProtection: boolean): Promise<void> {
    const changed = await this.dataSource.manager.update(
      BackupEntity,
      { projectId, id, status: Not('DELETING') },
      { deleteProtection },
    );
    if (changed.affected !== 1) throw new DomainError('ConflictError', 'The backup is being deleted.');
  }

  /**
   * Deletes a backup, or cancels and removes one that is being made. Again: the same answer.
   * @param strategy as given: the credentials of an outside place. What is being made is removed with those that it is made with.
   * @throws DomainError BackupNotExists; ConflictError if it is protected, running restores read it, or it shall be forgotten while it is being made;
   *   ValidationError if the place refuses, or what shall be forgotten lies in the deployment's own store
   */
  async delete(address: TableAddress, id: Uuid, query: DeleteBackupQuery, strategy?: unknown): Promise<BackupView> {
    const seen = await this.find(address, id);
    const { location, access } = await this.reach(seen, strategy);
    const removes = (seen.status !== 'CREATING' && seen.status !== 'DELETING') && !seen.deleteProtection && removesObjects(seen, query);
    if (access.outside && removes) await this.stores.probeOutside(location, 'delete', 'strategy.location');
    const row = await inTransaction(this.dataSource, (tx) => this.deleteWithin(tx, address.projectId, id, query, access));
    await this.queue.wake();
    return { backup: row, progress: undefined };
  }

  /**
   * Where a backup lies, with the credentials that a later request gives for it.
   * @param strategy as given
   * @throws DomainError `ValidationError` for a strategy that cannot be, or credentials where none are of use
   */
  async reach(row: Pick<BackupEntity, 'internal' | 'locationUrl' | 'projectId'>, strategy: unknown): Promise<{ location: BackupLocation; access: JobAccess }> {
    const { credentials } = parseRestoreStrategy(strategy, this.strategies);
    const location: BackupLocation = row.internal
      ? { type: 'internal', url: row.locationUrl }
      : { type: 'external', url: row.locationUrl, ...(credentials === undefined ? {} : { credentials }) };
    return { location, access: await this.stores.accessFor(location, row.projectId) };
  }

  private async deleteWithin(
    tx: EntityManager,
    projectId: string,
    id: Uuid,
    query: DeleteBackupQuery,
    access: JobAccess,
  ): Promise<BackupEntity> {
    // The job first: it tells whether anybody will still end it.
    const seen = await tx.findOneBy(BackupEntity, { projectId, id });
    if (query.forget && seen !== null) checkForgettable(seen);
    const cancelled =
      seen?.status === 'CREATING' &&
      seen.createJobId !== null &&
      (await this.queue.cancel(tx, seen.createJobId, cancelledBy('The backup was deleted while it was being made.')));
    const row = await tx.findOne(BackupEntity, { where: { projectId, id }, lock: { mode: 'pessimistic_write' } });
    if (row === null) throw backupNotExists();
    if (row.status === 'DELETING') return row;
    if (row.deleteProtection)
      throw new DomainError('ConflictError', 'The backup is protected: set "delete_protection" to false before you delete it.');
    if (row.verifyJobId !== null)
      await this.queue.cancel(tx, row.verifyJobId, cancelledBy('The backup was deleted while it was being verified.'));
    const removeObjects = removesObjects(row, query);
    if (removeObjects) await this.checkUnused(tx, row);
    row.deleteJobId = newId();
    // The end of the cancelled job begins the deletion; it waits for the lock that is held here, and then sees DELETING.
    const jobWillDelete = cancelled && row.status === 'CREATING';
    if (!jobWillDelete) await this.enqueueDelete(tx, row, row.deleteJobId, removeObjects, access);
    row.status = 'DELETING';
    row.error = null;
    row.restorable = null;
    await tx.update(
      BackupEntity,
      { projectId, id },
      { status: row.status, deleteJobId: row.deleteJobId, error: null, restorable: null },
    );
    return row;
  }

  private async checkUnused(tx: EntityManager, row: BackupEntity): Promise<void> {
    const ids = await this.users.runningRestores(tx, row);
    if (ids.length === 0) return;
    throw new DomainError(
      'ConflictError',
      `The backup is being restored: wait for these restore jobs or cancel them: ${ids.slice(0, SHOWN_RESTORES).join(', ')}`,
    );
  }

  private async enqueueDelete(
    tx: EntityManager,
    row: BackupEntity,
    jobId: Uuid,
    removeObjects: boolean,
    access: JobAccess,
  ): Promise<void> {
    const params: BackupDeleteParams = { locationUrl: row.locationUrl, internal: row.internal, removeObjects };
    await this.queue.enqueue(tx, {
      id: jobId,
      kind: access.outside ? outsideKind(BACKUP_DELETE_JOB) : BACKUP_DELETE_JOB,
      projectId: row.projectId,
      subjectId: row.id,
      params,
      sealed: access.sealed,
    });
  }

  private async enqueueCreate(
    tx: EntityManager,
    { row, table, location, strategy, kind, access }: NewBackup,
  ): Promise<void> {
    if (row.createJobId === null) throw new DomainError('InternalError', 'a backup that is being made has a job');
    const params: BackupCreateParams = {
      tableName: table.name,
      tableId: table.id,
      generation: table.generation,
      locationUrl: location.url,
      internal: location.type === 'internal',
      compression: strategy.compression,
    };
    await this.queue.enqueue(tx, {
      id: row.createJobId,
      kind: access.outside ? outsideKind(kind) : kind,
      projectId: row.projectId,
      subjectId: row.id,
      params,
      sealed: access.sealed,
    });
  }

  private newRow(
    id: Uuid,
    { name, deleteProtection }: Pick<CreateBackupRequest, 'name' | 'deleteProtection'>,
    table: TableDescription,
    strategy: ResolvedStrategy,
    location: BackupLocation,
  ): BackupEntity {
    return Object.assign(emptyBackup(), {
      projectId: table.projectId,
      id,
      name,
      tableId: table.id,
      tableName: table.name,
      status: 'CREATING' as const,
      strategy: presentStrategy(strategy),
      locationUrl: location.url,
      internal: location.type === 'internal',
      imported: false,
      deleteProtection,
      createJobId: newId(),
      startedAt: this.clock.now(),
      itemsEstimate: Math.max(0, Math.round(table.itemCount)),
    });
  }

  private async findUsableTable(projectId: string, tableParam: string): Promise<TableDescription> {
    const table = await findTable(this.tables, projectId, tableParam);
    if (table === undefined) throw new DomainError('TableNotExistsException', 'There is no such table.');
    // Portable work waits while a table is in MAINTENANCE.
    if (table.status === 'ACTIVE' || table.status === 'MAINTENANCE') return table;
    throw new DomainError('ConflictError', `The table is in status ${table.status}: it cannot be backed up.`);
  }

  /** Portable work waits while a table is in MAINTENANCE; native work begins with a lock of its own. */
  private checkLockable(table: TableDescription): void {
    if (!(this.options.exclusiveGateways ?? this.tables.capabilities.exclusiveGatewaysByDefault)) {
      throw new DomainError(
        'ConflictError',
        'A native backup needs a deployment whose gateways all know of locks: the operator states so with exclusive_gateways.',
      );
    }
    if (table.status === 'MAINTENANCE') throw tableLocked(table.name, LOCKED_RETRY_SECONDS);
  }

  private replayOf(projectId: string, tableParam: string, request: CreateBackupRequest): Replay<BackupView> {
    return new Replay(this.tokens, this.dataSource.manager, tokenUse(projectId, request), async (id) => {
      const row = await this.catalogue.find(projectId, id);
      if (row === null || row.status === 'DELETING' || row.status === 'DELETE_FAILED')
        throw tokenConflict('a backup that was deleted since');
      if (!isOfTable(row, tableParam)) throw tokenConflict('another table');
      return this.withProgressOf(row);
    });
  }

  private async find({ projectId, table }: TableAddress, id: Uuid): Promise<BackupEntity> {
    const tableParam = parseTableParam(table);
    const row = await this.catalogue.find(projectId, id);
    if (row === null || !isOfTable(row, tableParam)) throw backupNotExists();
    return row;
  }

  /** A name is tried first: what merely looks like an id may be one. */
  private async scopeOf(projectId: string, tableParam: string): Promise<TableScope> {
    const id = parseUuid(tableParam);
    if (id === undefined || (await this.catalogue.knowsTableName(projectId, tableParam))) return { name: tableParam };
    const live = await findTable(this.tables, projectId, tableParam);
    return live?.name === tableParam ? { name: tableParam } : { id };
  }

  private async withProgressOf(row: BackupEntity): Promise<BackupView> {
    const [view] = await this.withProgress([row]);
    return view ?? { backup: row, progress: undefined };
  }

  /** The rows with what their running jobs say. */
  async withProgress(rows: readonly BackupEntity[]): Promise<BackupView[]> {
    const running = rows.map(runningJobOf).filter((id) => id !== null);
    const progress = running.length === 0 ? undefined : await this.queue.progress(running);
    return rows.map((backup) => ({ backup, progress: progress?.get(runningJobOf(backup) ?? '') }));
  }
}

/** A row in which nothing optional is known yet. */
export function emptyBackup(): BackupEntity {
  return Object.assign(new BackupEntity(), {
    deleteProtection: false,
    createJobId: null,
    deleteJobId: null,
    finishedAt: null,
    error: null,
    itemCount: null,
    sizeBytes: null,
    tableSizeBytes: null,
    itemsEstimate: null,
    formatVersion: null,
    baseBackupId: null,
    lastVerifiedAt: null,
    restorable: null,
    verifyJobId: null,
    verification: null,
    lockedMilliseconds: null,
  });
}

export function backupNotExists(): DomainError {
  return new DomainError('BackupNotExists', 'There is no such backup.');
}

/** The job whose progress a client sees, and may pause. */
function runningJobOf(row: BackupEntity): Uuid | null {
  if (row.status === 'CREATING') return row.createJobId;
  return row.status === 'CREATED' && row.verification?.status === 'RUNNING' ? row.verifyJobId : null;
}

function namesLocation(strategy: unknown): boolean {
  return typeof strategy === 'object' && strategy !== null && Object.hasOwn(strategy, 'location');
}

function cancelledBy(message: string): DomainError {
  return new DomainError('Cancelled', message);
}

function isOfTable(row: BackupEntity, tableParam: string): boolean {
  return row.tableName === tableParam || row.tableId === parseUuid(tableParam);
}

function tokenUse(
  projectId: string,
  { clientRequestToken, name, strategy, deleteProtection }: CreateBackupRequest,
): TokenUse | undefined {
  if (clientRequestToken === undefined) return undefined;
  return { projectId, kind: 'backup', token: clientRequestToken, body: { name, strategy: strategy ?? {}, ...(deleteProtection && { deleteProtection }) } };
}
