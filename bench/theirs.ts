import { rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Cluster } from './cluster';

/** The gateway's. */
export const SOURCE_DATABASE = 'bench';
const TARGET_DATABASE = 'bench_restored';

export interface ToolRun {
  readonly seconds: number;
  readonly bytes: number;
}

/** `pg_dump -Fc -t` of one physical table, and `pg_restore` of it with its primary key and indexes. */
export class PostgresTools {
  private readonly archive: string;

  constructor(
    private readonly cluster: Cluster,
    /** The physical table, with its schema. */
    private readonly table: string,
  ) {
    this.archive = join(cluster.folder, 'peer.dump');
  }

  async dump(options: readonly string[] = []): Promise<ToolRun> {
    rmSync(this.archive, { force: true });
    return this.timed(() => this.cluster.run('pg_dump', ['-Fc', ...options, '-t', this.table, '-f', this.archive, this.cluster.url(SOURCE_DATABASE)]));
  }

  /** Into a database of its own, empty but for the schema that `-t` leaves out. Making the database is not counted. */
  async restore(): Promise<ToolRun> {
    await this.cluster.recreate(TARGET_DATABASE);
    await this.cluster.query(TARGET_DATABASE, `CREATE SCHEMA ${this.table.split('.')[0]}`);
    const run = await this.timed(() => this.cluster.run('pg_restore', ['-e', '-d', this.cluster.url(TARGET_DATABASE), this.archive]));
    return run;
  }

  countRestored(): Promise<number> {
    return countRows(this.cluster, TARGET_DATABASE, this.table);
  }

  private async timed(work: () => Promise<void>): Promise<ToolRun> {
    const start = performance.now();
    await work();
    return { seconds: (performance.now() - start) / 1000, bytes: statSync(this.archive).size };
  }
}

/** The physical table of a MagnetoDB table, with its schema, as the registry knows it. */
export async function physicalTable(cluster: Cluster, name: string): Promise<string> {
  const [row] = await cluster.query(SOURCE_DATABASE, `SELECT content_id FROM magnetodb.table_info WHERE name = $1`, [name]);
  return `magnetodb_data.c_${String(row?.content_id).replaceAll('-', '')}`;
}

/** Counts, exactly, what a physical table holds. */
export async function countRows(cluster: Cluster, database: string, table: string): Promise<number> {
  const [row] = await cluster.query(database, `SELECT count(*)::integer AS rows FROM ${table}`);
  return Number(row?.rows);
}
