import { EntityManager } from 'typeorm';
import { TableDigest } from '../kernel';
import { StepContext } from '../jobs';
import { LoadProof } from './engine/portable-restore';
import { RestoreProofEntity } from './restore.entity';

/** Keeps what a step proved, within the transaction that ends it; a step that runs again replaces its proof. */
export async function saveProof(tx: EntityManager, step: StepContext, phase: 'load' | 'verify', digest: TableDigest, skipped?: TableDigest): Promise<void> {
  await tx.upsert(
    RestoreProofEntity,
    {
      restoreId: step.job.subjectId,
      phase,
      stepId: step.stepId,
      digest: JSON.stringify(digest.toJSON()),
      skippedDigest: skipped === undefined ? null : JSON.stringify(skipped.toJSON()),
    },
    ['restoreId', 'phase', 'stepId'],
  );
}

/** The sum of all proofs of one phase. Reads a page of rows (about 10 KiB each) at a time. */
export async function addUpProofs(manager: EntityManager, restoreId: string, phase: 'load' | 'verify'): Promise<LoadProof> {
  const sum: LoadProof = { loaded: new TableDigest(), skipped: new TableDigest() };
  let after = '';
  for (;;) {
    const rows = await manager
      .createQueryBuilder(RestoreProofEntity, 'p')
      .where('p.restore_id = :restoreId AND p.phase = :phase AND p.step_id > :after', { restoreId, phase, after })
      .orderBy('p.step_id')
      .limit(200)
      .getMany();
    for (const row of rows) {
      sum.loaded.merge(TableDigest.fromJSON(JSON.parse(row.digest)));
      if (row.skippedDigest !== null) sum.skipped.merge(TableDigest.fromJSON(JSON.parse(row.skippedDigest)));
    }
    const last = rows.at(-1);
    if (last === undefined) return sum;
    after = last.stepId;
  }
}
