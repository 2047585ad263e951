import { DomainError, TABLE_NAME_PATTERN, TableDescription, TableRef, TableSchema, checkSchema, newId, uuidHex, validationError } from '../../kernel';
import { TableStructure } from '../table-backend';
import { isVanished, tableAlreadyExists, tableNotExists, unavailable } from './errors';
import { atOnce } from './at-once';
import { createTableCql, internalName, keyspaceOf, parseInternalName } from './layout';
import { RangeSplitter } from './range-splitter';
import { Content, TableRow, requireOpen, statusOf, storable } from './registry';
import { schemaToRegistry } from './schema-json';
import { Services, expiryCutoff } from './services';

/** A table up to so many items is counted; of a larger one, so many are, now and then, and its size is worked out. */
const COUNTED_ROWS = 1_000;
const ESTIMATED_ROWS = 10_000;
const ESTIMATE_MILLIS = 60_000;
const MAX_VANISHINGS = 5;
const DESCRIBED_AT_ONCE = 16;

interface Usage {
  readonly itemCount: number;
  readonly sizeBytes: number;
}

/** Tables as such: made, described, listed and dropped. */
export class TableAdmin {
  private readonly estimates = new Map<string, { readonly usage: Usage; readonly at: number }>();

  constructor(
    private readonly services: Services,
    private readonly splitter: RangeSplitter,
  ) {}

  async create(ref: TableRef, schema: TableSchema): Promise<TableDescription> {
    checkTableName(ref.name);
    checkProjectId(ref.projectId);
    checkSchema(schema);
    const { registry } = this.services;
    const id = newId();
    const table = {
      ref,
      id,
      schema: schemaToRegistry(schema),
      internalName: internalName(ref.projectId, uuidHex(id)),
      status: 'CREATING',
      createdAt: this.services.options.clock.now(),
    };
    // The name first: of many who want it, one makes a table.
    if (!(await registry.insert(table))) throw tableAlreadyExists(ref.name);
    const row = await registry.require(ref);
    try {
      await this.makePhysical(ref.projectId, row.internalName, schema);
    } catch (error) {
      await registry.remove(row).catch(() => undefined);
      throw error;
    }
    if (!(await registry.change(row, { status: 'ACTIVE' }, { status: 'CREATING' }))) throw tableNotExists(ref.name);
    return this.describe(ref);
  }

  /** Makes a content's physical table, and its keyspace if need be. */
  async makePhysical(projectId: string, cqlName: string, schema: TableSchema): Promise<void> {
    const { schemas, session } = this.services;
    const keyspace = keyspaceOf(projectId);
    if (await this.isPhysical(cqlName)) return;
    await schemas.run(async (change) => {
      const there = await session.read('SELECT keyspace_name FROM system_schema.keyspaces WHERE keyspace_name = ?', [keyspace]);
      if (there.length === 0) await change(`CREATE KEYSPACE IF NOT EXISTS "${keyspace}" WITH replication = ${schemas.replication()}`);
      await change(createTableCql(schema, cqlName));
    });
  }

  private async isPhysical(cqlName: string): Promise<boolean> {
    const { keyspace, table } = parseInternalName(cqlName) ?? {};
    const query = 'SELECT table_name FROM system_schema.tables WHERE keyspace_name = ? AND table_name = ?';
    return (await this.services.session.read(query, [keyspace, table])).length > 0;
  }

  async describe(ref: TableRef): Promise<TableDescription> {
    for (let tries = 1; ; tries++) {
      try {
        return await this.describeRow(await this.services.registry.require(ref));
      } catch (error) {
        if (!isVanished(error) || tries === MAX_VANISHINGS) throw error;
      }
    }
  }

  async structure(ref: TableRef): Promise<TableStructure> {
    const row = await this.services.registry.require(ref);
    const { schema } = await this.services.registry.contentOf(row);
    return { schema, status: statusOf(row) };
  }

  async findById(projectId: string, tableId: string): Promise<TableDescription | undefined> {
    const row = await this.services.registry.findById(projectId, tableId);
    if (!row) return undefined;
    return this.describe(row.ref).catch((error: unknown) => {
      if (error instanceof DomainError && error.code === 'TableNotExistsException') return undefined;
      throw error;
    });
  }

  async list(projectId: string, page: { limit: number; exclusiveStartName?: string }): Promise<{ names: string[]; lastEvaluatedName?: string }> {
    if (page.exclusiveStartName !== undefined) checkTableName(page.exclusiveStartName);
    const found = await this.services.registry.namesBehind(projectId, page.exclusiveStartName ?? '', page.limit + 1);
    const names = found.slice(0, page.limit);
    const last = names.at(-1);
    return found.length > page.limit && last !== undefined ? { names, lastEvaluatedName: last } : { names };
  }

  async usage(projectId?: string): Promise<TableDescription[]> {
    const rows = await this.services.registry.list(projectId);
    const described = new Map<TableRow, TableDescription>();
    await atOnce(rows, DESCRIBED_AT_ONCE, async (row) => {
      try {
        described.set(row, await this.describeRow(row));
      } catch (error) {
        // Dropped since it was listed.
        if (!isVanished(error)) throw error;
      }
    });
    return rows.flatMap((row) => described.get(row) ?? []);
  }

  async drop(ref: TableRef): Promise<TableDescription> {
    const { registry } = this.services;
    const row = await registry.require(ref);
    requireOpen(row);
    const description = await this.describe(ref);
    await this.remove(row, { br_lock_owner: row.lockOwner, br_drop_owner: null });
    return { ...description, status: 'DELETING' };
  }

  /** Takes a table out of the registry; its content is dropped by the next sweep. @throws DomainError ServiceUnavailable: its row has changed */
  async remove(row: TableRow, expected: Readonly<Record<string, unknown>>): Promise<void> {
    const { registry, contents, options } = this.services;
    const content = await registry.contentOf(row);
    // The intent first, so that nothing is forgotten; while it is the table's content, nobody drops it.
    await contents.retire(content, row.ref.name, options.clock.now());
    if (!(await registry.remove(row, { internal_name: row.internalName, ...expected }))) throw unavailable();
  }

  /** @throws the driver's error if the content has been dropped since the row was read */
  async describeRow(row: TableRow): Promise<TableDescription> {
    const content = await this.services.registry.contentOf(row);
    const status = statusOf(row);
    const usage = status === 'CREATING' ? { itemCount: 0, sizeBytes: 0 } : await this.measure(content);
    return { ...row.ref, id: row.id, schema: content.schema, status, createdAt: row.createdAt, generation: content.generation, ...usage };
  }

  private async measure({ layout, generation }: Content): Promise<Usage> {
    const small = await this.walk(layout, COUNTED_ROWS);
    if (small.complete) return small.usage;
    const known = this.estimates.get(generation);
    if (known && performance.now() - known.at < ESTIMATE_MILLIS) return known.usage;
    const { usage } = await this.walk(layout, ESTIMATED_ROWS);
    if (this.estimates.size >= COUNTED_ROWS) this.estimates.clear();
    this.estimates.set(generation, { usage, at: performance.now() });
    return usage;
  }

  private async walk(layout: Content['layout'], rows: number): Promise<{ usage: Usage; complete: boolean }> {
    const walk = await this.splitter.walk(layout, rows);
    const cutoff = expiryCutoff(this.services);
    const live = walk.rows.filter(({ expiresAt }) => expiresAt === undefined || expiresAt > cutoff).length;
    const fraction = walk.fraction ?? 1;
    const usage = { itemCount: Math.round(live / fraction), sizeBytes: Math.round(walk.bytes / fraction) };
    return { usage, complete: walk.complete };
  }
}

/** @throws DomainError ValidationError */
export function checkTableName(name: string): void {
  if (!TABLE_NAME_PATTERN.test(name)) throw validationError('A table name must be 3 to 255 of the characters a-z A-Z 0-9 _ . -');
}

/** @throws DomainError ValidationError */
export function checkProjectId(projectId: string): void {
  if (!storable(projectId)) throw validationError('A project id must be text without U+0000.');
}
