import {
  AttributeUpdates,
  DecodedItem,
  Item,
  ItemBlock,
  Key,
  TableDescription,
  TableRef,
  TableSchema,
} from '../../kernel';
import { NativeTables } from '../native-tables';
import {
  BuildHandle,
  DroppingTable,
  KeyRange,
  LockedTable,
  OpenBuild,
  Page,
  PublishMode,
  QueryRequest,
  ReadBatches,
  ReadRangeOptions,
  ScanRequest,
  SplitOptions,
  StoredItem,
  TableBackend,
  TableBackendCapabilities,
  TableHandle,
  TableLock,
  WriteOptions,
  WriteResult,
} from '../table-backend';
import { Builds } from './builds';
import { Database } from './database';
import { domainError, translated } from './errors';
import { ItemReader } from './item-reader';
import { ItemWriter } from './item-writer';
import { Merges } from './merges';
import { migrateTables } from './migrate';
import { PostgresNativeTables } from './native-tables';
import { PostgresTableBackendOptions, resolveOptions } from './options';
import { RangeReader } from './range-reader';
import { Registry } from './registry';
import { Services } from './services';
import { sweep } from './sweep';
import { TableDrops } from './table-drops';
import { TableAdmin } from './table-admin';
import { TableLocks } from './table-locks';

/**
 * MagnetoDB tables in PostgreSQL (docs/adr/0004-postgres-tables.md). Brings the registry up to date first.
 * @throws DomainError ServiceUnavailable
 */
export async function createPostgresTableBackend(options: PostgresTableBackendOptions): Promise<TableBackend> {
  const resolved = resolveOptions(options);
  await migrateTables(resolved.connectionString, 'up', resolved.connectTimeoutMillis);
  return new PostgresTableBackend({ db: new Database(resolved), registry: new Registry(), clock: resolved.clock });
}

/** The port's calls, each handed to the part that knows, with the driver's errors turned into domain errors. */
class PostgresTableBackend implements TableBackend {
  readonly capabilities: TableBackendCapabilities = {
    kind: 'postgresql',
    exclusiveGatewaysByDefault: true,
    replace: true,
    expiredItemsReadable: true,
    splitsPartitions: true,
  };
  readonly native: NativeTables;
  private readonly tables: TableAdmin;
  private readonly drops: TableDrops;
  private readonly writer: ItemWriter;
  private readonly reader: ItemReader;
  private readonly ranges: RangeReader;
  private readonly builds: Builds;
  private readonly merges: Merges;
  private readonly locks: TableLocks;

  constructor(private readonly services: Services) {
    this.tables = new TableAdmin(services);
    this.drops = new TableDrops(services, this.tables);
    this.writer = new ItemWriter(services);
    this.reader = new ItemReader(services);
    this.ranges = new RangeReader(services);
    this.builds = new Builds(services, this.tables);
    this.native = new PostgresNativeTables(services, this.builds);
    this.merges = new Merges(services);
    this.locks = new TableLocks(services);
  }

  createTable(ref: TableRef, schema: TableSchema): Promise<TableDescription> {
    return translated(() => this.tables.create(ref, schema));
  }

  describeTable(ref: TableRef): Promise<TableDescription> {
    return translated(() => this.tables.describe(ref));
  }

  findTableById(projectId: string, tableId: string): Promise<TableDescription | undefined> {
    return translated(() => this.tables.findById(projectId, tableId));
  }

  listTables(
    projectId: string,
    page: { limit: number; exclusiveStartName?: string },
  ): Promise<{ names: string[]; lastEvaluatedName?: string }> {
    return translated(() => this.tables.list(projectId, page));
  }

  listUsage(projectId?: string): Promise<TableDescription[]> {
    return translated(() => this.tables.usage(projectId));
  }

  dropTable(ref: TableRef): Promise<TableDescription> {
    return translated(() => this.tables.drop(ref));
  }

  beginDrop(ref: TableRef, owner: string): Promise<TableDescription> {
    return translated(() => this.drops.begin(ref, owner));
  }

  finishDrop(ref: TableRef, owner: string): Promise<void> {
    return translated(() => this.drops.finish(ref, owner));
  }

  cancelDrop(ref: TableRef, owner: string): Promise<void> {
    return translated(() => this.drops.cancel(ref, owner));
  }

  droppingTables(): Promise<DroppingTable[]> {
    return translated(() => this.drops.list());
  }

  /** Every read is consistent here. */
  getItem(ref: TableRef, key: Key): Promise<StoredItem | undefined> {
    return translated(() => this.reader.get(ref, key));
  }

  putItem(ref: TableRef, item: Item, options: WriteOptions): Promise<WriteResult> {
    return translated(() => this.writer.put(ref, item, options));
  }

  updateItem(ref: TableRef, key: Key, updates: AttributeUpdates, options: WriteOptions): Promise<WriteResult> {
    return translated(() => this.writer.update(ref, key, updates, options));
  }

  deleteItem(ref: TableRef, key: Key, options: WriteOptions): Promise<WriteResult> {
    return translated(() => this.writer.delete(ref, key, options));
  }

  query(ref: TableRef, request: QueryRequest): Promise<Page> {
    return translated(() => this.reader.query(ref, request));
  }

  scan(ref: TableRef, request: ScanRequest): Promise<Page> {
    return translated(() => this.reader.scan(ref, request));
  }

  putItems(ref: TableRef, items: readonly StoredItem[]): Promise<void> {
    return translated(() => this.writer.putMany(ref, items));
  }

  openTable(ref: TableRef): Promise<TableHandle> {
    return translated(async () => {
      const { id, content } = await this.services.registry.require(this.services.db, ref);
      return { tableId: id, generation: content.id, schema: content.schema };
    });
  }

  splitRanges(handle: TableHandle, options: SplitOptions): Promise<KeyRange[]> {
    return translated(() => this.ranges.split(handle, options));
  }

  async *readRange(handle: TableHandle, range: KeyRange, options: ReadRangeOptions): AsyncGenerator<ItemBlock> {
    try {
      yield* this.ranges.read(handle, range, options);
    } catch (error) {
      options.signal?.throwIfAborted();
      throw domainError(error);
    }
  }

  openBuild(projectId: string, buildId: string, schema: TableSchema): Promise<BuildHandle> {
    return translated(() => this.builds.open(projectId, buildId, schema));
  }

  async loadItems(
    build: BuildHandle,
    part: string,
    read: ReadBatches,
    options: { readonly signal?: AbortSignal } = {},
  ): Promise<void> {
    const { signal } = options;
    try {
      await this.builds.load(build, part, read, signal);
    } catch (error) {
      signal?.throwIfAborted();
      throw domainError(error);
    }
  }

  sealBuild(build: BuildHandle): Promise<void> {
    return translated(() => this.builds.seal(build));
  }

  publishBuild(build: BuildHandle, name: string, mode: PublishMode): Promise<TableDescription> {
    return translated(() => this.builds.publish(build, name, mode));
  }

  dropBuild(projectId: string, buildId: string): Promise<string | undefined> {
    return translated(() => this.builds.drop(projectId, buildId));
  }

  listBuilds(): Promise<OpenBuild[]> {
    return translated(() => this.builds.list());
  }

  beginMerge(ref: TableRef, owner: string): Promise<{ handle: TableHandle; writeTimeMicros: number }> {
    return translated(() => this.merges.begin(ref, owner));
  }

  mergeItems(
    ref: TableRef,
    handle: TableHandle,
    items: readonly DecodedItem[],
    writeTimeMicros: number,
  ): Promise<void> {
    return translated(() => this.merges.merge(ref, handle, items, writeTimeMicros));
  }

  endMerge(ref: TableRef, owner: string): Promise<void> {
    return translated(() => this.merges.end(ref, owner));
  }

  lock(ref: TableRef, lock: TableLock): Promise<void> {
    return translated(() => this.locks.lock(ref, lock));
  }

  unlock(ref: TableRef, owner: string): Promise<boolean> {
    return translated(() => this.locks.unlock(ref, owner));
  }

  lockedTables(): Promise<LockedTable[]> {
    return translated(() => this.locks.list());
  }

  sweep(): Promise<void> {
    return translated(() => sweep(this.services));
  }

  ping(): Promise<void> {
    return translated(async () => {
      await this.services.db.query('SELECT 1');
    });
  }

  close(): Promise<void> {
    return this.services.db.close();
  }
}
