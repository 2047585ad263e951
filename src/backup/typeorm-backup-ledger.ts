import { EntityManager } from 'typeorm';
import { ChunkEntry, chunkEntryFromJson } from '../archive';
import { DomainError, TableDigest } from '../kernel';
import { BackupObjectEntity } from './backup.entity';
import { BackupLedger, CommittedChunk } from './engine/backup-ledger';

/** How many chunk rows (about 10 KiB each) are held in memory at once. */
const PAGE_ROWS = 200;

/** The ledger in the `backup_objects` table. */
export class TypeormBackupLedger implements BackupLedger {
  constructor(
    private readonly manager: EntityManager,
    private readonly backupId: string,
  ) {}

  async intend(name: string): Promise<void> {
    await this.manager.createQueryBuilder().insert().into(BackupObjectEntity).values({ backupId: this.backupId, name }).orIgnore().execute();
  }

  async forget(name: string): Promise<void> {
    await this.manager.delete(BackupObjectEntity, { backupId: this.backupId, name });
  }

  async names(): Promise<string[]> {
    const rows = await this.manager.find(BackupObjectEntity, { select: { name: true }, where: { backupId: this.backupId }, order: { name: 'ASC' } });
    return rows.map((row) => row.name);
  }

  /** Within the transaction that moves the step's cursor. */
  static async commitChunk(tx: EntityManager, backupId: string, chunk: CommittedChunk): Promise<void> {
    const result = await tx.update(
      BackupObjectEntity,
      { backupId, name: chunk.entry.name },
      { entry: { ...chunk.entry }, rangeIndex: chunk.rangeIndex, digest: JSON.stringify(chunk.digest.toJSON()) },
    );
    if (result.affected !== 1) throw new DomainError('InternalError', `chunk ${chunk.entry.name} was never intended`);
  }

  /** What the committed chunks added to the job's progress. */
  async committed(): Promise<{ items: number; bytes: number }> {
    const [sum]: { items: string; bytes: string }[] = await this.manager.query(
      `SELECT coalesce(sum((entry->>'items')::bigint), 0) AS items, coalesce(sum((entry->>'raw_bytes')::bigint), 0) AS bytes
         FROM magnetodb_backup.backup_objects WHERE backup_id = $1 AND range_index IS NOT NULL`,
      [this.backupId],
    );
    return { items: Number(sum?.items), bytes: Number(sum?.bytes) };
  }

  /** Takes back every commit: chunks are merely intended again. */
  async takeBack(): Promise<void> {
    await this.manager.update(BackupObjectEntity, { backupId: this.backupId }, { entry: null, rangeIndex: null, digest: null });
  }

  async *chunks(): AsyncGenerator<CommittedChunk> {
    let after: { rangeIndex: number; name: string } = { rangeIndex: -1, name: '' };
    for (;;) {
      const rows = await this.manager
        .createQueryBuilder(BackupObjectEntity, 'o')
        .where('o.backup_id = :id AND o.range_index IS NOT NULL', { id: this.backupId })
        .andWhere('(o.range_index, o.name) > (:rangeIndex, :name)', after)
        .orderBy('o.range_index')
        .addOrderBy('o.name')
        .limit(PAGE_ROWS)
        .getMany();
      for (const row of rows) yield toChunk(row);
      const last = rows.at(-1);
      if (last === undefined || rows.length < PAGE_ROWS) return;
      after = { rangeIndex: last.rangeIndex ?? 0, name: last.name };
    }
  }

  async clear(): Promise<void> {
    await this.manager.delete(BackupObjectEntity, { backupId: this.backupId });
  }
}

function toChunk(row: BackupObjectEntity): CommittedChunk {
  if (row.entry === null || row.digest === null || row.rangeIndex === null) {
    throw new DomainError('InternalError', `the ledger's row of ${row.name} is not a committed chunk`);
  }
  const entry: ChunkEntry = chunkEntryFromJson(row.entry);
  return { entry, rangeIndex: row.rangeIndex, digest: TableDigest.fromJSON(JSON.parse(row.digest)) };
}
