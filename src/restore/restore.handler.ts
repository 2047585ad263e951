import { DataSource, EntityManager } from 'typeorm';
import { ArchiveManifest, ChunkEntry, chunkEntryFromJson } from '../archive';
import { Clock, DomainError, TableDigest, TableSchema, isDomainError, schemaFromJson, schemaToJson } from '../kernel';
import { JobError, JobHandler, JobView, Json, StepContext, StepOutcome, failPoint } from '../jobs';
import { Notifier } from '../notifications';
import { ObjectStoreRegistry } from '../storage';
import { BuildHandle, KeyRange, PublishMode, TableBackend, keyCollision } from '../tables';
import { checkCounted, checkSameFormat, loadNativeChunk, openNativeBuild } from './engine/native-restore';
import { findCollision } from './engine/collisions';
import { PartSelection } from './engine/part';
import { Moment, isPast } from './engine/passing-items';
import { LoadProof, LoadTarget, RestoreContext, checkBuiltWhole, checkReadWhole, chunksOf, digestRange, loadChunk, readArchive, readOf } from './engine/portable-restore';
import { restoreEvent } from './restore-events';
import { FIRST_RESTORE_JOB, RESTORE_JOB, RestoreKind, RestoreParams } from './restore-job.params';
import { RestoreEntity, RestoreProofEntity } from './restore.entity';
import { addUpPassing, addUpProofs, saveProof } from './restore-proofs';

/** What every later step needs of the manifest, so that none has to read it again. */
type Plan = {
  /** `schemaToJson` as text. */
  readonly schema: string;
  /** Items with an expiry at or before this second are not restored. */
  readonly expiryCutoff: number;
  /** Merging: the write time of every item. */
  readonly writeTimeMicros: number | null;
};
type LoadPayload = { readonly plan: Plan; readonly entry: Json; readonly index: number };
type PlanPayload = { readonly plan: Plan };
type VerifyPayload = { readonly plan: Plan; readonly range: KeyRange | null; readonly index: number; readonly moment?: StoredMoment | null };
/** What lives longer than it is proved; null: everything is. */
type StoredMoment = { readonly index: number; readonly second: number };
type PublishPayload = PlanPayload & { readonly moment?: StoredMoment | null };

/** One range, as any version of a backend reads it. */
const EVERYTHING: KeyRange = { start: null, end: null, estimatedItems: 0 };

export interface RestoreDependencies {
  readonly dataSource: DataSource;
  readonly backend: TableBackend;
  readonly stores: ObjectStoreRegistry;
  readonly notifier: Notifier;
  readonly clock: Clock;
  /** How long a replaced content is kept, in seconds. */
  readonly graceSeconds: number;
  readonly split: { readonly targetBytes: number; readonly maxRanges: number };
}

/**
 * Restores a backup: plan → load (a step a chunk) → seal → verify (a step a range) → publish. Of a native one in its own lane, rows are loaded
 * as they are, and verified by their number.
 */
export class RestoreHandler implements JobHandler {
  readonly stages = ['plan', 'load', 'seal', 'verify', 'publish'] as const;
  readonly cleanupStage = 'cleanup';

  constructor(
    private readonly deps: RestoreDependencies,
    readonly kind: RestoreKind = RESTORE_JOB,
  ) {}

  async runStep(step: StepContext): Promise<StepOutcome> {
    const params = step.job.params as RestoreParams;
    // The source may be what failed: nothing of what a restore leaves behind lies there.
    if (step.stage === 'cleanup') return this.cleanup(step.job, params);
    const store = await this.deps.stores.openFor({ url: params.sourceUrl, internal: params.internal }, step.job);
    const context: RestoreContext = { backend: this.deps.backend, store, failPoint };
    switch (step.stage) {
      case 'plan':
        return this.plan(context, step, params);
      case 'load':
        return this.load(context, step, params);
      case 'seal':
        return this.seal(context, step, params);
      case 'verify':
        return this.verify(context, step, params);
      case 'publish':
        return this.publish(context, step, params);
      default:
        throw new DomainError('InternalError', `no such stage: ${step.stage}`);
    }
  }

  private async plan(context: RestoreContext, step: StepContext, params: RestoreParams): Promise<StepOutcome> {
    const manifest = await readArchive(context.store, params.backupId);
    if (params.format === 'native') checkSameFormat(context, manifest);
    const chunks = await chunksOf(context.store, manifest);
    let writeTimeMicros: number | null = null;
    if (params.onExisting === 'merge' && params.target !== null) {
      const ref = { projectId: step.job.projectId, name: params.tableName };
      writeTimeMicros = (await context.backend.beginMerge(ref, step.job.subjectId)).writeTimeMicros;
    } else if (params.format === 'native') {
      await openNativeBuild(context, step.job.projectId, step.job.subjectId, manifest);
    } else {
      await context.backend.openBuild(step.job.projectId, step.job.subjectId, manifest.schema);
    }
    failPoint('restore.plan.after-open');
    const plan: Plan = { schema: JSON.stringify(schemaToJson(manifest.schema)), expiryCutoff: Math.floor(this.deps.clock.now() / 1000), writeTimeMicros };
    const nextSteps = chunks.map((entry, index) => ({ payload: { plan, entry: { ...entry } as Json, index } }));
    return {
      // An empty table has no chunk: its one load step only hands the plan on.
      nextSteps: nextSteps.length > 0 ? nextSteps : [{ payload: { plan, entry: null, index: 0 } }],
      inTransaction: (tx) => keepManifestFacts(tx, step.job, manifest),
    };
  }

  private async load(context: RestoreContext, step: StepContext, params: RestoreParams): Promise<StepOutcome> {
    const { plan, entry, index } = step.payload as LoadPayload;
    // A stage's steps are all that the stage before returned: the first chunk alone asks for the one seal step.
    const next = index === 0 ? { nextSteps: [{ payload: { plan } }] } : {};
    if (entry === null) return next;
    const chunk: ChunkEntry = chunkEntryFromJson(entry);
    if (params.format === 'native') {
      await loadNativeChunk(context, chunk, await this.buildOf(step.job, plan), step);
      return { ...next, progress: { items: chunk.items, bytes: chunk.raw_bytes } };
    }
    const target = await this.targetOf(step, params, plan);
    const schema = schemaOf(plan);
    const proof = await loadChunk({ ...context, ...selectionOf(params, schema) }, schema, chunk, target, plan.expiryCutoff, step);
    failPoint('restore.load.after-chunk');
    return {
      ...next,
      progress: { items: chunk.items, bytes: chunk.raw_bytes },
      inTransaction: (tx) => saveProof(tx, step, 'load', proof.loaded, proof),
    };
  }

  /** All that was read must be all that was written down; then the build gets its indexes. */
  private async seal(context: RestoreContext, step: StepContext, params: RestoreParams): Promise<StepOutcome> {
    const { plan } = step.payload as PlanPayload;
    if (params.format === 'native') return this.sealNative(context, step, plan);
    const manifest = await readArchive(context.store, params.backupId);
    const proofs = await addUpProofs(this.deps.dataSource.manager, step.job.subjectId, 'load');
    checkReadWhole(manifest, proofs);
    const inTransaction = async (tx: EntityManager): Promise<void> => {
      if (params.part) await keepPartCounts(tx, step.job, proofs);
    };
    if (plan.writeTimeMicros !== null) return { nextSteps: [{ payload: { plan, range: null, index: 0 } }], inTransaction };
    const build = await this.buildOf(step.job, plan);
    await context.backend.sealBuild(build);
    failPoint('restore.seal.after-build');
    const ranges = this.kind === FIRST_RESTORE_JOB ? [EVERYTHING] : await context.backend.splitRanges(build, this.deps.split);
    const passing = await addUpPassing(this.deps.dataSource.manager, step.job.subjectId, plan.expiryCutoff);
    const moment = passing.isEmpty ? null : { ...passing.momentAfter(this.deps.clock.now() / 1000) };
    return { nextSteps: ranges.map((range, index) => ({ payload: { plan, range: { ...range }, index, moment } })), inTransaction };
  }

  /** Every row was proved before it was loaded; what is left to prove is that none is missing and none there twice. */
  private async sealNative(context: RestoreContext, step: StepContext, plan: Plan): Promise<StepOutcome> {
    await context.backend.sealBuild(await this.buildOf(step.job, plan));
    failPoint('restore.seal.after-build');
    return { nextSteps: [{ payload: { plan, range: null, index: 0 } }] };
  }

  private async verify(context: RestoreContext, step: StepContext, params: RestoreParams): Promise<StepOutcome> {
    const { plan, range, index, moment } = step.payload as VerifyPayload;
    const next = index === 0 ? { nextSteps: [{ payload: { plan, moment: moment ?? null } }] } : {};
    if (params.format === 'native') {
      await checkCounted(context, await readArchive(context.store, params.backupId), await this.buildOf(step.job, plan));
      return next;
    }
    if (range === null) return next;
    const build = await this.buildOf(step.job, plan);
    const found = await digestRange(context, build, range, moment?.second ?? plan.expiryCutoff, step);
    return { ...next, inTransaction: (tx) => saveProof(tx, step, 'verify', found) };
  }

  private async publish(context: RestoreContext, step: StepContext, params: RestoreParams): Promise<StepOutcome> {
    const { plan, moment } = step.payload as PublishPayload;
    const ref = { projectId: step.job.projectId, name: params.tableName };
    if (plan.writeTimeMicros !== null) {
      await context.backend.endMerge(ref, step.job.subjectId);
      return { inTransaction: (tx) => keepTableId(tx, step.job, params.target?.tableId ?? null) };
    }
    const build = await this.buildOf(step.job, plan);
    if (params.format !== 'native') await this.checkBuilt(context, step, params, plan, build, moment ?? undefined);
    failPoint('restore.publish.before');
    const table = await context.backend.publishBuild(build, params.tableName, this.publishMode(params));
    failPoint('restore.publish.after');
    return { inTransaction: (tx) => keepTableId(tx, step.job, table.id) };
  }

  /** @throws DomainError VerificationFailed, or KeyCollision if that is why */
  private async checkBuilt(context: RestoreContext, step: StepContext, params: RestoreParams, plan: Plan, build: BuildHandle, first?: Moment): Promise<void> {
    const { manager } = this.deps.dataSource;
    const [loadId, begun] = [step.job.subjectId, plan.expiryCutoff];
    const { loaded } = await addUpProofs(manager, loadId, 'load');
    let { loaded: found } = await addUpProofs(manager, loadId, 'verify');
    const passing = first && { items: await addUpPassing(manager, loadId, begun), moment: first };
    for (let moment = first; ; ) {
      try {
        checkBuiltWhole(loaded, found, passing && moment && { ...passing, moment });
        return;
      } catch (error) {
        const now = this.deps.clock.now() / 1000;
        if (!passing || !moment || !isPast(moment, now)) {
          throw (await this.collision(context, step, params, plan, { loaded, found })) ?? error;
        }
        // The verification took too long, or was paused.
        moment = passing.items.momentAfter(now, moment.index);
        found = await digestRange(context, build, EVERYTHING, moment.second, step);
      }
    }
  }

  /** Backends that do not look for two items of one key have made one of them. */
  private async collision(context: RestoreContext, step: StepContext, params: RestoreParams, plan: Plan, sets: { loaded: TableDigest; found: TableDigest }): Promise<DomainError | undefined> {
    if (context.backend.capabilities.findsCollisions) return undefined;
    const chunks = await chunksOf(context.store, await readArchive(context.store, params.backupId));
    const schema = schemaOf(plan);
    const item = await findCollision({ ...context, ...selectionOf(params, schema) }, { schema, chunks, expiryCutoff: plan.expiryCutoff }, sets, step);
    return item && keyCollision(item);
  }

  /** Leaves nothing behind. A build that was published already is the table: then the restore ended well after all. */
  private async cleanup(job: JobView, params: RestoreParams): Promise<StepOutcome> {
    if (params.onExisting === 'merge' && params.target !== null) {
      await this.deps.backend.endMerge({ projectId: job.projectId, name: params.tableName }, job.subjectId);
    }
    const tableId = await this.deps.backend.dropBuild(job.projectId, job.subjectId);
    failPoint('restore.cleanup.after-drop');
    return tableId === undefined ? {} : { succeeded: true, inTransaction: (tx) => keepTableId(tx, job, tableId) };
  }

  private publishMode(params: RestoreParams): PublishMode {
    if (params.target === null) return { mode: 'create' };
    const { tableId, generation } = params.target;
    if (params.onExisting === 'replace') return { mode: 'replace', tableId, graceSeconds: this.deps.graceSeconds };
    return { mode: 'fill', tableId, generation };
  }

  private buildOf(job: JobView, plan: Plan): Promise<BuildHandle> {
    return this.deps.backend.openBuild(job.projectId, job.subjectId, schemaOf(plan));
  }

  private async targetOf({ job, stepId }: StepContext, params: RestoreParams, plan: Plan): Promise<LoadTarget> {
    if (plan.writeTimeMicros === null) return { mode: 'build', build: await this.buildOf(job, plan), part: stepId };
    const ref = { projectId: job.projectId, name: params.tableName };
    const handle = await this.deps.backend.openTable(ref).catch((error: unknown) => {
      if (isDomainError(error, 'TableNotExistsException')) return undefined;
      throw error;
    });
    if (handle === undefined || handle.generation !== params.target?.generation) {
      throw new DomainError('TableChanged', `table '${params.tableName}' was dropped or replaced during the restore`);
    }
    return { mode: 'merge', ref, handle, writeTimeMicros: plan.writeTimeMicros };
  }

  async started(job: JobView, tx: EntityManager): Promise<void> {
    await this.deps.notifier.enqueue(tx, restoreEvent(job.id, 'start', await findRestore(tx, job)));
  }

  async succeeded(job: JobView, tx: EntityManager): Promise<void> {
    const row = await findRestore(tx, job);
    row.status = 'RESTORED';
    row.finishedAt = this.deps.clock.now();
    await tx.save(row);
    await tx.delete(RestoreProofEntity, { restoreId: row.id });
    await this.deps.notifier.enqueue(tx, restoreEvent(job.id, 'end', row));
  }

  async failed(job: JobView, error: JobError, tx: EntityManager): Promise<void> {
    const row = await findRestore(tx, job);
    row.status = 'RESTORE_FAILED';
    row.finishedAt = this.deps.clock.now();
    row.error = error;
    await tx.save(row);
    await tx.delete(RestoreProofEntity, { restoreId: row.id });
    await this.deps.notifier.enqueue(tx, restoreEvent(job.id, 'error', row));
  }
}

function selectionOf({ part }: RestoreParams, schema: TableSchema): Pick<RestoreContext, 'selection'> {
  return part ? { selection: new PartSelection(part, schema.hashKey) } : {};
}

function schemaOf(plan: Plan): TableSchema {
  return schemaFromJson(JSON.parse(plan.schema));
}

async function findRestore(manager: EntityManager, job: JobView): Promise<RestoreEntity> {
  const row = await manager.findOneBy(RestoreEntity, { id: job.subjectId });
  if (row === null) throw new DomainError('InternalError', `restore job ${job.subjectId} has no row`);
  return row;
}

async function keepManifestFacts(tx: EntityManager, job: JobView, manifest: ArchiveManifest): Promise<void> {
  await tx.update(RestoreEntity, { id: job.subjectId }, { backupId: manifest.backup_id, itemsTotal: manifest.item_count });
}

async function keepPartCounts(tx: EntityManager, job: JobView, proofs: LoadProof): Promise<void> {
  const itemsRestored = proofs.loaded.itemCount;
  await tx.update(RestoreEntity, { id: job.subjectId }, { itemsRestored, itemsLeftOut: readOf(proofs).itemCount - itemsRestored });
}

async function keepTableId(tx: EntityManager, job: JobView, tableId: string | null): Promise<void> {
  await tx.update(RestoreEntity, { id: job.subjectId }, { tableId });
}
