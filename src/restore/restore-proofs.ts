import { EntityManager } from 'typeorm';
import { TableDigest } from '../kernel';
import { StepContext } from '../jobs';
import { LoadProof } from './engine/portable-restore';
import { RestoreProofEntity } from './restore.entity';

/** Keeps what a step proved, within the transaction that ends it; a step that runs again replaces its proof. */
export async function saveProof(
  tx: EntityManager,
  step: StepContext,
  phase: 'load' | 'verify',
  digest: TableDigest,
  { skipped, read }: Partial<LoadProof> = {},
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
}

/** The sum of all proofs of one phase. Reads a page of rows (about 10 KiB each) at a time. */
export async function addUpProofs(manager: EntityManager, restoreId: string, phase: 'load' | 'verify'): Promise<LoadProof> {
  const sum = { loaded: new TableDigest(), skipped: new TableDigest() };
  let read: TableDigest | undefined;
  let after = '';
  for (;;) {
    const rows = await manager
      .createQueryBuilder(RestoreProofEntity, 'p')
      .where('p.restore_id = :restoreId AND p.phase = :phase AND p.step_id > :after', { restoreId, phase, after })
      .orderBy('p.step_id')
      .limit(200)
      .getMany();
    for (const row of rows) {
      sum.loaded.merge(digestOf(row.digest));
      if (row.skippedDigest !== null) sum.skipped.merge(digestOf(row.skippedDigest));
      if (row.readDigest !== null) (read ??= new TableDigest()).merge(digestOf(row.readDigest));
    }
    const last = rows.at(-1);
    if (last === undefined) return { ...sum, ...(read && { read }) };
    after = last.stepId;
  }
}

function textOf(digest: TableDigest): string {
  return JSON.stringify(digest.toJSON());
}

function digestOf(text: string): TableDigest {
  return TableDigest.fromJSON(JSON.parse(text));
}
