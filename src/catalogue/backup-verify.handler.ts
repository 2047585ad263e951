import { DataSource, EntityManager } from 'typeorm';
import { ChunkEntry, checkBuckets, chunkEntryFromJson, digestChunk, readChunkEntries } from '../archive';
import { BACKUP_VERIFY_JOB, BackupEntity, BackupVerifyParams, Verification } from '../backup';
import { Clock, DomainError, TableDigest, TableSchema, schemaFromJson, schemaToJson } from '../kernel';
import { JobError, JobHandler, JobView, Json, StepContext, StepOutcome, failPoint } from '../jobs';
import { readArchive } from '../restore';
import { ObjectStore, ObjectStoreRegistry } from '../storage';
import { VerificationProofEntity } from './verification-proof.entity';

/** Chunks of so many bytes of lines make up a step. */
const STEP_RAW_BYTES = 128 * 1024 * 1024;
const PROOFS_AT_ONCE = 200;
/** These say that the archive is not what it was; of all other errors nothing is learnt about it. */
const DAMAGE: readonly string[] = ['ArchiveDamaged', 'BackupNotExists'];

type VerifyPayload = {
  /** `schemaToJson` as text. */
  readonly schema: string;
  readonly chunks: readonly Json[];
};
/** Chunks of the step that were read, and the digest of their items. */
type VerifyCursor = { readonly done: number; readonly digest: readonly string[] };

export interface BackupVerifyDependencies {
  readonly dataSource: DataSource;
  readonly stores: ObjectStoreRegistry;
  readonly clock: Clock;
}

/** Reads a backup whole and recomputes every digest: plan → verify (a step some chunks) → finish (the sums). Changes nothing at its location. */
export class BackupVerifyHandler implements JobHandler {
  readonly kind = BACKUP_VERIFY_JOB;
  readonly stages = ['plan', 'verify', 'finish'] as const;
  readonly cleanupStage = 'cleanup';

  constructor(private readonly deps: BackupVerifyDependencies) {}

  async runStep(step: StepContext): Promise<StepOutcome> {
    if (step.stage === 'cleanup') return {};
    const params = step.job.params as BackupVerifyParams;
    const store = await this.deps.stores.openFor({ url: params.locationUrl, internal: params.internal }, step.job);
    switch (step.stage) {
      case 'plan':
        return this.plan(store, step);
      case 'verify':
        return this.verify(store, step);
      case 'finish':
        return this.finish(store, step);
      default:
        throw new DomainError('InternalError', `no such stage: ${step.stage}`);
    }
  }

  private async plan(store: ObjectStore, step: StepContext): Promise<StepOutcome> {
    const manifest = await readArchive(store, step.job.subjectId);
    const schema = JSON.stringify(schemaToJson(manifest.schema));
    const groups: ChunkEntry[][] = [];
    let bytes = STEP_RAW_BYTES;
    for await (const entry of readChunkEntries(store, manifest, step.signal)) {
      if (bytes >= STEP_RAW_BYTES) {
        groups.push([]);
        bytes = 0;
      }
      groups.at(-1)?.push(entry);
      bytes += entry.raw_bytes;
    }
    // An empty table has no chunk, and one step that has nothing to read.
    if (groups.length === 0) groups.push([]);
    return { nextSteps: groups.map((chunks) => ({ payload: { schema, chunks: chunks.map((entry) => ({ ...entry })) } })) };
  }

  private async verify(store: ObjectStore, step: StepContext): Promise<StepOutcome> {
    const payload = step.payload as VerifyPayload;
    const schema: TableSchema = schemaFromJson(JSON.parse(payload.schema));
    const cursor = step.cursor as VerifyCursor | null;
    const digest = cursor === null ? new TableDigest() : TableDigest.fromJSON(cursor.digest);
    for (let done = cursor?.done ?? 0; done < payload.chunks.length; done += 1) {
      const entry = chunkEntryFromJson(payload.chunks[done]);
      digest.merge(await digestChunk(store, entry, schema, { signal: step.signal, onBatch: (amount) => step.throttle(amount) }));
      await step.commit({ done: done + 1, digest: digest.toJSON() }, { items: entry.items, bytes: entry.raw_bytes });
      failPoint('verify.after-chunk');
    }
    const proof = { jobId: step.job.id, stepId: step.stepId, digest: JSON.stringify(digest.toJSON()) };
    return {
      inTransaction: async (tx) => {
        await tx.upsert(VerificationProofEntity, proof, ['jobId', 'stepId']);
      },
    };
  }

  private async finish(store: ObjectStore, step: StepContext): Promise<StepOutcome> {
    const manifest = await readArchive(store, step.job.subjectId);
    checkBuckets(manifest, await addUpProofs(this.deps.dataSource.manager, step.job.id));
    return {};
  }

  async started(): Promise<void> {
    // Nobody is told: only making, deleting and restoring are events.
  }

  async succeeded(job: JobView, tx: EntityManager): Promise<void> {
    const finishedAt = this.deps.clock.now();
    await this.end(job, tx, { status: 'PASSED', finishedAt }, { lastVerifiedAt: finishedAt, restorable: true });
  }

  async failed(job: JobView, error: JobError, tx: EntityManager): Promise<void> {
    const damaged = DAMAGE.includes(error.type);
    const result = { status: damaged ? ('DAMAGED' as const) : ('FAILED' as const), error, finishedAt: this.deps.clock.now() };
    await this.end(job, tx, result, damaged ? { restorable: false } : {});
  }

  private async end(
    job: JobView,
    tx: EntityManager,
    result: Omit<Verification, 'startedAt'>,
    change: Partial<Pick<BackupEntity, 'lastVerifiedAt' | 'restorable'>>,
  ): Promise<void> {
    await tx.delete(VerificationProofEntity, { jobId: job.id });
    const where = { projectId: job.projectId, id: job.subjectId };
    const row = await tx.findOne(BackupEntity, { where, lock: { mode: 'pessimistic_write' } });
    // Deleted meanwhile, or deleted and imported anew: what was found is about nothing any more.
    if (row?.status !== 'CREATED' || row.verifyJobId !== job.id) return;
    const startedAt = row.verification?.startedAt ?? job.createdAt;
    await tx.update(BackupEntity, where, {
      verification: { ...result, startedAt },
      ...change,
    });
  }
}

/** The sum of what all steps have read. */
async function addUpProofs(manager: EntityManager, jobId: string): Promise<TableDigest> {
  const sum = new TableDigest();
  let after = '';
  for (;;) {
    const rows = await manager
      .createQueryBuilder(VerificationProofEntity, 'p')
      .where('p.job_id = :jobId AND p.step_id > :after', { jobId, after })
      .orderBy('p.step_id')
      .limit(PROOFS_AT_ONCE)
      .getMany();
    for (const row of rows) sum.merge(TableDigest.fromJSON(JSON.parse(row.digest)));
    const last = rows.at(-1);
    if (last === undefined) return sum;
    after = last.stepId;
  }
}
