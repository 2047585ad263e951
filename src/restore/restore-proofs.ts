import { EntityManager } from 'typeorm';
import { TableDigest } from '../kernel';
import { StepContext } from '../jobs';
import { PassingItems } from './engine/passing-items';
import { LoadProof } from './engine/portable-restore';
import { RestoreProofEntity } from './restore.entity';

/** A phase beside those of the steps. */
const PASSING = 'passing';

/** Keeps what a step proved, within the transaction that ends it; a step that runs again replaces its proof. */
export async function saveProof(
  tx: EntityManager,
  step: StepContext,
  phase: 'load' | 'verify',
  digest: TableDigest,
  { skipped, read, passing }: Partial<LoadProof> = {},
): Promise<void> {
  await tx.upsert(
    RestoreProofEntity,
    {
      restoreId: step.job.subjectId,
      phase,
      stepId: step.stepId,
      digest: textOf(digest),
      skippedDigest: skipped === undefined ? null : textOf(skipped),
      readDigest: read === undefined ? null : textOf(read),
    },
    ['restoreId', 'phase', 'stepId'],
  );
  if (!passing || passing.isEmpty) return;
  const row = { restoreId: step.job.subjectId, phase: PASSING, stepId: step.stepId, digest: passing.toText(), skippedDigest: null, readDigest: null };
  await tx.upsert(RestoreProofEntity, row, ['restoreId', 'phase', 'stepId']);
}

/** Of everything loaded: what may be gone when it is verified. @param begun the second that the restore began */
export async function addUpPassing(manager: EntityManager, restoreId: string, begun: number): Promise<PassingItems> {
  const sum = new PassingItems(begun);
  for await (const { digest } of proofsOf(manager, restoreId, PASSING)) sum.merge(PassingItems.fromText(begun, digest));
  return sum;
}

/** The sum of all proofs of one phase. */
export async function addUpProofs(manager: EntityManager, restoreId: string, phase: 'load' | 'verify'): Promise<LoadProof> {
  const sum = { loaded: new TableDigest(), skipped: new TableDigest() };
  let read: TableDigest | undefined;
  for await (const row of proofsOf(manager, restoreId, phase)) {
    sum.loaded.merge(digestOf(row.digest));
    if (row.skippedDigest !== null) sum.skipped.merge(digestOf(row.skippedDigest));
    if (row.readDigest !== null) (read ??= new TableDigest()).merge(digestOf(row.readDigest));
  }
  return { ...sum, ...(read && { read }) };
}

/** Reads a page of rows (about 10 KiB each) at a time. */
async function* proofsOf(manager: EntityManager, restoreId: string, phase: string): AsyncGenerator<RestoreProofEntity> {
  let after = '';
  for (;;) {
    const rows = await manager
      .createQueryBuilder(RestoreProofEntity, 'p')
      .where('p.restore_id = :restoreId AND p.phase = :phase AND p.step_id > :after', { restoreId, phase, after })
      .orderBy('p.step_id')
      .limit(200)
      .getMany();
    yield* rows;
    const last = rows.at(-1);
    if (last === undefined) return;
    after = last.stepId;
  }
}

function textOf(digest: TableDigest): string {
  return JSON.stringify(digest.toJSON());
}

function digestOf(text: string): TableDigest {
  return TableDigest.fromJSON(JSON.parse(text));
}
