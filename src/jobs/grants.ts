import { DataSource } from 'typeorm';

/** What was lent and never came into a job's hands (its process died over it) is given back after so long. */
const UNUSED_SECONDS = 60;
/** Of one pass. */
const MAX_GRANTS = 500;

/**
 * Knows what was lent for jobs, and what of it no job holds any more. It is written down as soon as it exists, so that a process that dies between that and
 * the job loses nothing.
 */
export class Grants {
  constructor(private readonly dataSource: DataSource) {}

  async remember(id: string): Promise<void> {
    await this.dataSource.query('INSERT INTO magnetodb_backup.grants (id) VALUES ($1) ON CONFLICT DO NOTHING', [id]);
  }

  /** Those that no unfinished job holds, the oldest first. */
  async idle(): Promise<string[]> {
    const rows = (await this.dataSource.query(
      `SELECT id FROM magnetodb_backup.grants AS lent
        WHERE (used OR created_at < clock_timestamp() - make_interval(secs => $1))
          AND NOT EXISTS (SELECT FROM magnetodb_backup.jobs WHERE jobs.sealed = lent.id)
        ORDER BY created_at LIMIT $2`,
      [UNUSED_SECONDS, MAX_GRANTS],
    )) as { id: string }[];
    return rows.map(({ id }) => id);
  }

  async forget(id: string): Promise<void> {
    await this.dataSource.query('DELETE FROM magnetodb_backup.grants WHERE id = $1', [id]);
  }
}
