import { Inject, Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { DataSource, EntityManager, QueryFailedError } from 'typeorm';
import { Identity, Policy } from '../auth';
import {
  CLOCK,
  JobChange,
  PageQuery,
  Replay,
  RequestTokens,
  STRATEGY_CONFIG,
  TableAddress,
  TableScope,
  TokenUse,
  findTable,
  inTransaction,
  parseTableParam,
  tokenConflict,
} from '../backup';
import { BACKUP_DATA_SOURCE } from '../database';
import { Clock, DomainError, Uuid, newId, parseUuid } from '../kernel';
import { JOB_QUEUE, JobQueue, outsideKind } from '../jobs';
import type { JobAccess } from '../storage';
import { StrategyConfig, parseRestoreStrategy, parseSource, sourceWith } from '../strategy';
import { TABLE_BACKEND, TableBackend } from '../tables';
import { CreateRestoreRequest } from './rest/restore-requests';
import { RestoreView } from './rest/restore.presenter';
import { RestoreCatalogue } from './restore-catalogue';
import { RESTORE_JOB, RESTORE_NATIVE_JOB, RESTORE_PART_JOB, RestoreParams } from './restore-job.params';
import { RestorePlan, conflictError } from './restore-plan';
import { Archive, RestorePlanner } from './restore-planner';
import { RestoreEntity, RestoreProofEntity, RestoreStatus } from './restore.entity';
import { holdBackup } from './running-restores';

/** What a POST to restores comes to. */
export type RestoreOutcome = { readonly plan: RestorePlan } | { readonly view: RestoreView };

/** Everything that clients ask of restores, in no dialect. Callers have authorised the call itself. */
@Injectable()
export class RestoreService {
  private readonly tokens: RequestTokens;

  constructor(
    @InjectDataSource(BACKUP_DATA_SOURCE) private readonly dataSource: DataSource,
    @Inject(TABLE_BACKEND) private readonly tables: TableBackend,
    @Inject(JOB_QUEUE) private readonly queue: JobQueue,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(STRATEGY_CONFIG) private readonly strategies: StrategyConfig,
    private readonly policy: Policy,
    private readonly catalogue: RestoreCatalogue,
    private readonly planner: RestorePlanner,
  ) {
    this.tokens = new RequestTokens(clock);
  }

  /**
   * Asks for a restore, or for the plan of one (`dryRun`, which changes nothing and takes no request token).
   * @throws DomainError `BackupNotExists`; `ValidationError`: damaged or unknown archive, format that is not there; `Forbidden`;
   * `ConflictError`: backup not CREATED, target; `TableLocked`
   */
  async create(caller: Identity, address: TableAddress, request: CreateRestoreRequest): Promise<RestoreOutcome> {
    const { projectId } = address;
    const tableParam = parseTableParam(address.table);
    const secrets = parseRestoreStrategy(request.strategy, this.strategies);
    const source = request.source === undefined ? undefined : sourceWith(parseSource(request.source), secrets);
    if (source !== undefined) this.policy.enforce('restore:source', caller);
    const replay = this.replayOf(projectId, tableParam, request);
    const earlier = await replay.earlier();
    if (earlier) return { view: earlier };

    const archive =
      source === undefined
        ? await this.planner.openBackup(projectId, request.backupId, secrets.credentials)
        : await this.planner.openSource(projectId, source);
    const trusted = archive.location.type === 'internal' || this.policy.allows('restore:native:external', caller);
    const plan = await this.planner.plan(projectId, tableParam, archive, request, trusted);
    if (request.dryRun) return { plan };
    if (plan.conflict !== undefined) {
      // What stands in the way may be the restore that the same request has begun a moment ago.
      const begun = await replay.earlier();
      if (begun) return { view: begun };
      throw conflictError(plan.conflict);
    }
    const row = this.newRow(plan, archive);
    const access = await this.planner.accessTo(archive, projectId);
    if (!(await this.insert(row, plan, archive, { access, replay }))) return { view: await replay.winner() };
    await this.queue.wake();
    return { view: { restore: row, progress: undefined } };
  }

  /** A page of restore jobs in ascending order of ids. `table` undefined: of every table that the project has or had. */
  async list(projectId: string, table: string | undefined, query: PageQuery<RestoreStatus>): Promise<RestoreView[]> {
    const scope = table === undefined ? undefined : await this.scopeOf(projectId, parseTableParam(table));
    return this.withProgress(await this.catalogue.list(projectId, scope, query));
  }

  /** @throws DomainError RestoreJobNotExists */
  async describe(address: TableAddress, id: Uuid): Promise<RestoreView> {
    return this.withProgressOf(await this.find(address, id));
  }

  /** Pauses, resumes or limits a running restore. @throws DomainError RestoreJobNotExists; ConflictError if it is finished */
  async change(address: TableAddress, id: Uuid, change: JobChange): Promise<RestoreView> {
    const row = await this.find(address, id);
    const changed =
      row.status === 'RESTORING' &&
      (await inTransaction(this.dataSource, (tx) => this.queue.adjust(tx, row.jobId, change)));
    if (!changed)
      throw new DomainError('ConflictError', 'The restore is finished: there is nothing to pause or to limit.');
    await this.queue.wake();
    return this.withProgressOf(row);
  }

  /** Cancels a running job, which then ends in RESTORE_FAILED; forgets a finished one. @throws DomainError RestoreJobNotExists */
  async delete(address: TableAddress, id: Uuid): Promise<RestoreView> {
    const row = await this.find(address, id);
    const cancelled =
      row.status === 'RESTORING' &&
      (await inTransaction(this.dataSource, (tx) =>
        this.queue.cancel(tx, row.jobId, new DomainError('Cancelled', 'The restore was cancelled.')),
      ));
    if (cancelled) {
      await this.queue.wake();
      return this.withProgressOf(row);
    }
    // The job is over, and so is what it says here: one that its handler could not end is still RESTORING, and is forgotten all the same.
    const finished = await this.find(address, id);
    await inTransaction(this.dataSource, async (tx) => {
      await tx.delete(RestoreProofEntity, { restoreId: id });
      await tx.delete(RestoreEntity, { projectId: address.projectId, id });
    });
    return { restore: finished, progress: undefined };
  }

  /** False: the same request made another job meanwhile. */
  private async insert(
    row: RestoreEntity,
    plan: RestorePlan,
    archive: Archive,
    { access, replay }: { access: JobAccess; replay: Replay<RestoreView> },
  ): Promise<boolean> {
    try {
      return await inTransaction(this.dataSource, async (tx) => {
        if (!(await replay.claim(tx, row.id))) return false;
        await holdBackup(tx, row);
        await tx.insert(RestoreEntity, { ...row });
        await this.enqueue(tx, row, plan, archive, access);
        return true;
      });
    } catch (error) {
      if (isUniqueViolation(error, 'restores_one_running_per_table')) {
        throw new DomainError('ConflictError', 'Another restore onto this table is running.');
      }
      throw error;
    }
  }

  private async enqueue(tx: EntityManager, row: RestoreEntity, plan: RestorePlan, archive: Archive, { outside, sealed }: JobAccess): Promise<void> {
    const params: RestoreParams = {
      tableName: plan.tableName,
      sourceUrl: archive.location.url,
      internal: archive.location.type === 'internal',
      backupId: archive.manifest.backup_id,
      onExisting: plan.onExisting,
      target: plan.target === undefined ? null : { tableId: plan.target.id, generation: plan.target.generation },
      ...(plan.part && { part: plan.part }),
      ...(archive.manifest.native && { format: plan.format }),
    };
    const kind = archive.manifest.native ? RESTORE_NATIVE_JOB : plan.part === undefined ? RESTORE_JOB : RESTORE_PART_JOB;
    await this.queue.enqueue(tx, {
      id: row.jobId,
      kind: outside ? outsideKind(kind) : kind,
      projectId: row.projectId,
      subjectId: row.id,
      params,
      sealed,
    });
  }

  private newRow(plan: RestorePlan, archive: Archive): RestoreEntity {
    return Object.assign(new RestoreEntity(), {
      id: newId(),
      projectId: plan.projectId,
      tableName: plan.tableName,
      tableId: null,
      targetTableId: plan.target?.id ?? null,
      backupId: archive.manifest.backup_id,
      status: 'RESTORING' as const,
      sourceUrl: archive.location.url,
      onExisting: plan.onExisting,
      format: plan.format,
      formatReason: plan.formatReason,
      jobId: newId(),
      startedAt: this.clock.now(),
      finishedAt: null,
      error: null,
      itemsTotal: plan.itemCount,
      part: plan.part ?? null,
      itemsRestored: null,
      itemsLeftOut: null,
    });
  }

  /** A dry run makes nothing that could be answered with again. */
  private replayOf(projectId: string, tableParam: string, request: CreateRestoreRequest): Replay<RestoreView> {
    const use = request.dryRun ? undefined : tokenUse(projectId, request);
    return new Replay(this.tokens, this.dataSource.manager, use, async (id) => {
      const row = await this.catalogue.find(projectId, id);
      if (row === null) throw tokenConflict('a restore job that was forgotten since');
      if (!isOntoTable(row, tableParam)) throw tokenConflict('another table');
      return this.withProgressOf(row);
    });
  }

  private async find({ projectId, table }: TableAddress, id: Uuid): Promise<RestoreEntity> {
    const tableParam = parseTableParam(table);
    const row = await this.catalogue.find(projectId, id);
    if (row === null || !isOntoTable(row, tableParam))
      throw new DomainError('RestoreJobNotExists', 'There is no such restore job.');
    return row;
  }

  /** A name is tried first: what merely looks like an id may be one. */
  private async scopeOf(projectId: string, tableParam: string): Promise<TableScope> {
    const id = parseUuid(tableParam);
    if (id === undefined || (await this.catalogue.knowsTableName(projectId, tableParam))) return { name: tableParam };
    const live = await findTable(this.tables, projectId, tableParam);
    return live?.name === tableParam ? { name: tableParam } : { id };
  }

  private async withProgressOf(row: RestoreEntity): Promise<RestoreView> {
    const [view] = await this.withProgress([row]);
    return view ?? { restore: row, progress: undefined };
  }

  /** The rows with what their running jobs say. */
  async withProgress(rows: readonly RestoreEntity[]): Promise<RestoreView[]> {
    const running = rows.filter((row) => row.status === 'RESTORING').map((row) => row.jobId);
    const progress = running.length === 0 ? undefined : await this.queue.progress(running);
    return rows.map((restore) => ({ restore, progress: progress?.get(restore.jobId) }));
  }
}

function isOntoTable(row: RestoreEntity, tableParam: string): boolean {
  const id = parseUuid(tableParam);
  return row.tableName === tableParam || (id !== undefined && (row.tableId === id || row.targetTableId === id));
}

function tokenUse(projectId: string, request: CreateRestoreRequest): TokenUse | undefined {
  const { clientRequestToken: token, dryRun: _dryRun, ...body } = request;
  if (token === undefined) return undefined;
  return { projectId, kind: 'restore', token, body: { ...body, strategy: body.strategy ?? {} } };
}

/** SQLSTATE 23505 is unique_violation (PostgreSQL documentation, appendix A). */
function isUniqueViolation(error: unknown, constraint: string): boolean {
  if (!(error instanceof QueryFailedError) || !('code' in error) || error.code !== '23505') return false;
  return 'constraint' in error && error.constraint === constraint;
}
