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
import { Contents } from './contents';
import { domainError, translated } from './errors';
import { ItemReader } from './item-reader';
import { ItemWriter } from './item-writer';
import { Merges } from './merges';
import { CassandraTableBackendOptions, resolveOptions } from './options';
import { RangeReader } from './range-reader';
import { RangeSplitter } from './range-splitter';
import { Registry } from './registry';
import { SchemaChanges } from './schema-changes';
import { Services } from './services';
import { Session } from './session';
import { sweep } from './sweep';
import { TableAdmin } from './table-admin';
import { TableDrops } from './table-drops';
import { TableLocks } from './table-locks';
import { WriteGate } from './write-gate';

/**
 * MagnetoDB tables in Cassandra, in MagnetoDB's own layout (docs/adr/0012-cassandra-tables.md). Makes the registry, or what is missing of it, first.
 * @throws DomainError ServiceUnavailable
 */
export async function createCassandraTableBackend(options: CassandraTableBackendOptions): Promise<TableBackend> {
  const resolved = resolveOptions(options);
  const session = new Session(resolved);
  const schemas = new SchemaChanges(session, resolved);
  try {
    await session.connect();
    await schemas.prepareRegistry();
  } catch (error) {
    await session.close().catch(() => undefined);
    throw domainError(error);
  }
  const registry = new Registry(session);
  const contents = new Contents(session, registry);
  return new CassandraTableBackend({ session, schemas, registry, contents, gate: new WriteGate(session, resolved), options: resolved });
}

/** The port's calls, each handed to the part that knows, with the driver's errors turned into domain errors. */
class CassandraTableBackend implements TableBackend {
  readonly capabilities: TableBackendCapabilities = {
    kind: 'cassandra',
    // MagnetoDB's own gateways may write to the same tables, and know nothing of locks and swaps.
    exclusiveGatewaysByDefault: false,
    replace: true,
    expiredItemsReadable: false,
    splitsPartitions: true,
  };
  readonly native = undefined;
  private readonly tables: TableAdmin;
  private readonly drops: TableDrops;
  private readonly writer: ItemWriter;
  private readonly reader: ItemReader;
  private readonly ranges: RangeReader;
  private readonly splitter: RangeSplitter;
  private readonly builds: Builds;
  private readonly merges: Merges;
  private readonly locks: TableLocks;

  constructor(private readonly services: Services) {
    this.ranges = new RangeReader(services);
    this.splitter = new RangeSplitter(services, this.ranges);
    this.tables = new TableAdmin(services, this.splitter);
    this.locks = new TableLocks(services);
    this.drops = new TableDrops(services, this.tables, this.locks);
    this.writer = new ItemWriter(services);
    this.reader = new ItemReader(services, this.ranges);
    this.builds = new Builds(services, this.tables, this.ranges, this.locks);
    this.merges = new Merges(services);
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

  /** Every read has the configured consistency, whether it is asked for or not. */
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
      const { registry } = this.services;
      const row = await registry.require(ref);
      const { generation, schema } = await registry.contentOf(row);
      return { tableId: row.id, generation, schema };
    });
  }

  splitRanges(handle: TableHandle, options: SplitOptions): Promise<KeyRange[]> {
    return translated(() => this.splitter.split(handle, options));
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
    _part: string,
    read: ReadBatches,
    options: { readonly signal?: AbortSignal } = {},
  ): Promise<void> {
    const { signal } = options;
    try {
      await this.builds.load(build, read, signal);
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
    return translated(() => sweep(this.services, this.locks));
  }

  ping(): Promise<void> {
    return translated(async () => {
      await this.services.session.now();
    });
  }

  async close(): Promise<void> {
    await this.services.gate.close();
    await this.services.session.close();
  }
}
