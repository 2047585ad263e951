import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { unavailable } from './errors';
import { ResolvedOptions } from './options';
import { Session } from './session';

/** A holder that dies holds the lock for so long. A change, agreement included, must be over by then. */
const LOCK_SECONDS = 120;
const LOOK_MILLIS = 50;
const MAX_WAIT_MILLIS = 150_000;

/** What stands beside MagnetoDB's own columns of `table_info`. */
const OUR_COLUMNS = {
  br_lock_owner: 'text',
  br_lock_deadline: 'bigint',
  br_lock_epoch: 'text',
  br_drop_owner: 'text',
  br_merges: 'frozen<map<text, bigint>>',
  br_created_at: 'bigint',
};

const TABLES: Readonly<Record<string, string>> = {
  br_schema_lock: `id int PRIMARY KEY, owner text`,
  table_info: `tenant text, name text, id uuid, exists int, "schema" text, status text, internal_name text,
    last_update_date_time timestamp, creation_date_time timestamp, PRIMARY KEY (tenant, name)`,
  br_contents: `project text, kind text, key text, content text, table_id uuid, "schema" text, state text, build_id text, name text,
    since bigint, created_at bigint, drop_at bigint, PRIMARY KEY (project, kind, key)`,
  br_locks: `bucket int, tenant text, name text, epoch text, PRIMARY KEY (bucket, tenant, name, epoch)`,
  br_processes: `bucket int, id text, beat bigint, PRIMARY KEY (bucket, id)`,
  br_acks: `epoch text, process text, clean boolean, PRIMARY KEY (epoch, process)`,
};

/** Changes of the schema: one at a time in the whole database. */
export class SchemaChanges {
  private last: Promise<unknown> = Promise.resolve();
  private readonly owner = randomUUID();

  constructor(
    private readonly session: Session,
    private readonly options: Pick<ResolvedOptions, 'replication'>,
  ) {}

  /** Runs after every earlier change of this process, while no other process changes anything. */
  run<T>(work: (change: (cql: string) => Promise<void>) => Promise<T>): Promise<T> {
    const turn = this.last.then(async () => {
      await this.lock();
      try {
        return await work((cql) => this.session.changeSchema(cql));
      } finally {
        await this.unlock().catch(() => undefined);
      }
    });
    this.last = turn.catch(() => undefined);
    return turn;
  }

  /** Makes the registry, or adds what is missing. */
  async prepareRegistry(): Promise<void> {
    if (await this.isComplete()) return;
    await this.session.changeSchema(`CREATE KEYSPACE IF NOT EXISTS magnetodb WITH replication = ${this.replication()}`);
    await this.session.changeSchema(`CREATE TABLE IF NOT EXISTS magnetodb.br_schema_lock (${TABLES['br_schema_lock'] ?? ''})`);
    await this.run(async (change) => {
      for (const [name, columns] of Object.entries(TABLES)) {
        await change(`CREATE TABLE IF NOT EXISTS magnetodb.${name} (${columns})`);
      }
      for (const [name, type] of Object.entries(OUR_COLUMNS)) {
        await change(`ALTER TABLE magnetodb.table_info ADD IF NOT EXISTS ${name} ${type}`);
      }
    });
  }

  /** CQL's map for keyspaces that are made. */
  replication(): string {
    const pairs = Object.entries(this.options.replication);
    return `{${pairs.map(([name, value]) => `${quoted(name)}: ${quoted(String(value))}`).join(', ')}}`;
  }

  private async isComplete(): Promise<boolean> {
    const tables = await this.session.read(`SELECT table_name FROM system_schema.tables WHERE keyspace_name = 'magnetodb'`);
    const columns = await this.session.read(
      `SELECT column_name FROM system_schema.columns WHERE keyspace_name = 'magnetodb' AND table_name = 'table_info'`,
    );
    const there = new Set([...tables.map((row) => String(row['table_name'])), ...columns.map((row) => String(row['column_name']))]);
    return [...Object.keys(TABLES), ...Object.keys(OUR_COLUMNS)].every((name) => there.has(name));
  }

  private async lock(): Promise<void> {
    const since = performance.now();
    const query = `INSERT INTO magnetodb.br_schema_lock (id, owner) VALUES (0, ?) IF NOT EXISTS USING TTL ${LOCK_SECONDS}`;
    while (!(await this.session.swap({ query, params: [this.owner] })).applied) {
      if (performance.now() - since > MAX_WAIT_MILLIS) throw unavailable();
      await delay(LOOK_MILLIS * (1 + Math.random()));
    }
  }

  private async unlock(): Promise<void> {
    await this.session.swap({ query: `DELETE FROM magnetodb.br_schema_lock WHERE id = 0 IF owner = ?`, params: [this.owner] });
  }
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
