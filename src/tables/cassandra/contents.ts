import { types } from 'cassandra-driver';
import { tableChanged, unavailable } from './errors';
import { Content, Registry, contentKey, parseGeneration } from './registry';
import { Session, toNumber } from './session';

/**
 * `building`: seen by nobody; `publishing`: about to be a table's content, or that already; `published`: it was made one; `retired`: to be dropped
 * once its time has come.
 */
export type ContentState = 'building' | 'publishing' | 'published' | 'retired';

/** A content that is not simply the one that its table was made with. */
export interface ContentRow {
  readonly projectId: string;
  readonly generation: string;
  readonly state: ContentState;
  readonly tableId: string;
  readonly schemaText: string;
  readonly buildId: string | null;
  /** The table that it is published as. */
  readonly name: string | null;
  /** When the state began, milliseconds by the server's clock. */
  readonly since: number;
  readonly createdAt: number;
  /** Milliseconds since the epoch, by the adapter's clock. */
  readonly dropAt: number | null;
}

const COLUMNS = 'project, kind, key, content, table_id, "schema", state, build_id, name, since, created_at, drop_at';

/** Builds, and contents that are to be dropped: `br_contents`, a partition a project, with a row for each content and each build's id. */
export class Contents {
  constructor(
    private readonly session: Session,
    private readonly registry: Registry,
  ) {}

  async find(generation: string): Promise<ContentRow | undefined> {
    const parsed = parseGeneration(generation);
    return parsed && this.read(parsed.projectId, contentKey(generation));
  }

  async findBuild(projectId: string, buildId: string): Promise<ContentRow | undefined> {
    const rows = await this.session.read(`SELECT content FROM magnetodb.br_contents WHERE project = ? AND kind = 'build' AND key = ?`, [
      projectId,
      buildId,
    ]);
    const key: unknown = rows[0]?.['content'];
    return typeof key === 'string' ? this.read(projectId, key) : undefined;
  }

  /** Every one, of all projects. */
  async list(): Promise<ContentRow[]> {
    const found: ContentRow[] = [];
    let pageState: string | undefined;
    do {
      const page = await this.session.page(`SELECT ${COLUMNS} FROM magnetodb.br_contents`, [], {
        fetchSize: 1000,
        ...(pageState === undefined ? {} : { pageState }),
      });
      for (const row of page.rows) if (row['kind'] === 'content' && row['state'] !== null) found.push(contentRow(row));
      pageState = page.pageState;
    } while (pageState !== undefined);
    return found;
  }

  /** Names a build and its content. @returns false: a build of that id is there already */
  async insertBuild(build: { projectId: string; buildId: string; generation: string; tableId: string; schema: string; now: number }): Promise<boolean> {
    const key = contentKey(build.generation);
    const now = types.Long.fromNumber(build.now);
    const { applied } = await this.session.swap(
      {
        query: `INSERT INTO magnetodb.br_contents (project, kind, key, content) VALUES (?, 'build', ?, ?) IF NOT EXISTS`,
        params: [build.projectId, build.buildId, key],
      },
      {
        query: `INSERT INTO magnetodb.br_contents (project, kind, key, table_id, "schema", state, build_id, since, created_at)
          VALUES (?, 'content', ?, ?, ?, 'building', ?, ?, ?) IF NOT EXISTS`,
        params: [build.projectId, key, types.Uuid.fromString(build.tableId), build.schema, build.buildId, now, now],
      },
    );
    return applied;
  }

  /** @returns was it in that state? */
  async move(row: ContentRow, to: ContentState, changes: Readonly<Record<string, unknown>> = {}): Promise<boolean> {
    const all = { state: to, since: types.Long.fromNumber(await this.session.now()), ...changes };
    const { applied } = await this.session.swap({
      query: `UPDATE magnetodb.br_contents SET ${Object.keys(all).map((name) => `${name} = ?`).join(', ')}
        WHERE project = ? AND kind = 'content' AND key = ? IF state = ? AND since = ?`,
      params: [...Object.values(all), row.projectId, contentKey(row.generation), row.state, types.Long.fromNumber(row.since)],
    });
    return applied;
  }

  /** A content that may stop being its table's: to be dropped at that time, unless it is still a table's then. */
  async retire(content: Pick<Content, 'generation' | 'projectId'>, name: string, dropAt: number): Promise<void> {
    const values = [types.Long.fromNumber(await this.session.now()), name, types.Long.fromNumber(Math.ceil(dropAt))];
    await this.session.swap({
      query: `UPDATE magnetodb.br_contents SET state = 'retired', since = ?, name = ?, drop_at = ? WHERE project = ? AND kind = 'content' AND key = ?
        IF state != 'building'`,
      params: [...values, content.projectId, contentKey(content.generation)],
    });
  }

  /** A build that is not to be published any more: its id is free, and its content to be dropped. @throws DomainError ServiceUnavailable: it has changed */
  async abandon(row: ContentRow, dropAt: number): Promise<void> {
    if (!(await this.move(row, 'retired', { drop_at: types.Long.fromNumber(Math.ceil(dropAt)) }))) throw unavailable();
    await this.forgetBuild(row);
  }

  /** Forgets a content, and the build that it was. */
  async forget(row: ContentRow): Promise<void> {
    await this.session.swap({
      query: `DELETE FROM magnetodb.br_contents WHERE project = ? AND kind = 'content' AND key = ? IF EXISTS`,
      params: [row.projectId, contentKey(row.generation)],
    });
    await this.forgetBuild(row);
  }

  /** Its id may name another content by now, which stays. */
  private async forgetBuild({ projectId, buildId, generation }: ContentRow): Promise<void> {
    if (buildId === null) return;
    await this.session.swap({
      query: `DELETE FROM magnetodb.br_contents WHERE project = ? AND kind = 'build' AND key = ? IF content = ?`,
      params: [projectId, buildId, contentKey(generation)],
    });
  }

  /**
   * The content of a handle, if it can still be read: it is a table's present one, or a build.
   * @throws DomainError TableChanged
   */
  async requireReadable(generation: string): Promise<Content> {
    const seen = await this.registry.findWhereSeen(generation);
    if (seen) return this.registry.contentOf(seen);
    const row = await this.find(generation);
    if (row?.state === 'building') return this.registry.content(generation, row.schemaText);
    const table = await this.registry.findCurrent(generation);
    if (table) return this.registry.contentOf(table);
    if (row?.state !== 'publishing') throw tableChanged();
    return this.registry.content(generation, row.schemaText);
  }

  private async read(projectId: string, key: string): Promise<ContentRow | undefined> {
    const query = `SELECT ${COLUMNS} FROM magnetodb.br_contents WHERE project = ? AND kind = 'content' AND key = ?`;
    const rows = await this.session.read(query, [projectId, key]);
    const row = rows[0];
    return row === undefined || row['state'] === null ? undefined : contentRow(row);
  }
}

function contentRow(row: types.Row): ContentRow {
  const projectId = String(row['project']);
  return {
    projectId,
    generation: `${String(row['key'])}@${projectId}`,
    state: String(row['state']) as ContentState,
    tableId: String(row['table_id']),
    schemaText: String(row['schema']),
    buildId: row['build_id'] === null ? null : String(row['build_id']),
    name: row['name'] === null ? null : String(row['name']),
    since: toNumber(row['since']),
    createdAt: toNumber(row['created_at']),
    dropAt: row['drop_at'] === null ? null : toNumber(row['drop_at']),
  };
}
