import { AttributeUpdates, DecodedItem, DomainError, Item, ItemBlock, Key, TableDescription, TableRef, TableSchema } from '../kernel';
import { NativeTables } from './native-tables';
import {
  BackupLimit,
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
  TableStructure,
  WriteOptions,
  WriteResult,
} from './table-backend';

/** What an adapter is made of: each part knows some of the port's calls, and may throw whatever its driver throws. */
export interface TableBackendParts {
  readonly capabilities: TableBackendCapabilities;
  readonly native: NativeTables | undefined;
  readonly tables: {
    create: TableBackend['createTable'];
    describe: TableBackend['describeTable'];
    structure: TableBackend['tableStructure'];
    findById: TableBackend['findTableById'];
    list: TableBackend['listTables'];
    usage: TableBackend['listUsage'];
    drop: TableBackend['dropTable'];
  };
  readonly drops: {
    begin: TableBackend['beginDrop'];
    finish: TableBackend['finishDrop'];
    cancel: TableBackend['cancelDrop'];
    list: TableBackend['droppingTables'];
  };
  readonly reader: { get: TableBackend['getItem']; query: TableBackend['query']; scan: TableBackend['scan'] };
  readonly writer: {
    put: TableBackend['putItem'];
    update: TableBackend['updateItem'];
    delete: TableBackend['deleteItem'];
    putMany: TableBackend['putItems'];
  };
  readonly openTable: TableBackend['openTable'];
  readonly ranges: { split: TableBackend['splitRanges']; read: TableBackend['readRange']; limit: TableBackend['backupLimit'] };
  readonly builds: {
    open: TableBackend['openBuild'];
    load: (build: BuildHandle, part: string, read: ReadBatches, signal: AbortSignal | undefined) => Promise<void>;
    seal: TableBackend['sealBuild'];
    publish: TableBackend['publishBuild'];
    drop: TableBackend['dropBuild'];
    list: TableBackend['listBuilds'];
  };
  readonly merges: { begin: TableBackend['beginMerge']; merge: TableBackend['mergeItems']; end: TableBackend['endMerge'] };
  readonly locks: { lock: TableBackend['lock']; unlock: TableBackend['unlock']; list: TableBackend['lockedTables'] };
  readonly server: { sweep: TableBackend['sweep']; ping: TableBackend['ping']; close: TableBackend['close'] };
}

/** The port's calls, each handed to the part that knows, with the driver's errors turned into domain errors. */
export class PartedTableBackend implements TableBackend {
  readonly capabilities: TableBackendCapabilities;
  readonly native: NativeTables | undefined;

  /** @param domainError what an error of the driver is to callers */
  constructor(
    private readonly parts: TableBackendParts,
    private readonly domainError: (error: unknown) => DomainError,
  ) {
    this.capabilities = parts.capabilities;
    this.native = parts.native;
  }

  createTable(ref: TableRef, schema: TableSchema): Promise<TableDescription> {
    return this.translated(() => this.parts.tables.create(ref, schema));
  }

  describeTable(ref: TableRef): Promise<TableDescription> {
    return this.translated(() => this.parts.tables.describe(ref));
  }

  tableStructure(ref: TableRef): Promise<TableStructure> {
    return this.translated(() => this.parts.tables.structure(ref));
  }

  findTableById(projectId: string, tableId: string): Promise<TableDescription | undefined> {
    return this.translated(() => this.parts.tables.findById(projectId, tableId));
  }

  listTables(
    projectId: string,
    page: { limit: number; exclusiveStartName?: string },
  ): Promise<{ names: string[]; lastEvaluatedName?: string }> {
    return this.translated(() => this.parts.tables.list(projectId, page));
  }

  listUsage(projectId?: string): Promise<TableDescription[]> {
    return this.translated(() => this.parts.tables.usage(projectId));
  }

  dropTable(ref: TableRef): Promise<TableDescription> {
    return this.translated(() => this.parts.tables.drop(ref));
  }

  beginDrop(ref: TableRef, owner: string): Promise<TableDescription> {
    return this.translated(() => this.parts.drops.begin(ref, owner));
  }

  finishDrop(ref: TableRef, owner: string): Promise<void> {
    return this.translated(() => this.parts.drops.finish(ref, owner));
  }

  cancelDrop(ref: TableRef, owner: string): Promise<void> {
    return this.translated(() => this.parts.drops.cancel(ref, owner));
  }

  droppingTables(): Promise<DroppingTable[]> {
    return this.translated(() => this.parts.drops.list());
  }

  getItem(ref: TableRef, key: Key, options: { consistent: boolean }): Promise<StoredItem | undefined> {
    return this.translated(() => this.parts.reader.get(ref, key, options));
  }

  putItem(ref: TableRef, item: Item, options: WriteOptions): Promise<WriteResult> {
    return this.translated(() => this.parts.writer.put(ref, item, options));
  }

  updateItem(ref: TableRef, key: Key, updates: AttributeUpdates, options: WriteOptions): Promise<WriteResult> {
    return this.translated(() => this.parts.writer.update(ref, key, updates, options));
  }

  deleteItem(ref: TableRef, key: Key, options: WriteOptions): Promise<WriteResult> {
    return this.translated(() => this.parts.writer.delete(ref, key, options));
  }

  query(ref: TableRef, request: QueryRequest): Promise<Page> {
    return this.translated(() => this.parts.reader.query(ref, request));
  }

  scan(ref: TableRef, request: ScanRequest): Promise<Page> {
    return this.translated(() => this.parts.reader.scan(ref, request));
  }

  putItems(ref: TableRef, items: readonly StoredItem[]): Promise<void> {
    return this.translated(() => this.parts.writer.putMany(ref, items));
  }

  openTable(ref: TableRef): Promise<TableHandle> {
    return this.translated(() => this.parts.openTable(ref));
  }

  splitRanges(handle: TableHandle, options: SplitOptions): Promise<KeyRange[]> {
    return this.translated(() => this.parts.ranges.split(handle, options));
  }

  async *readRange(handle: TableHandle, range: KeyRange, options: ReadRangeOptions): AsyncGenerator<ItemBlock> {
    try {
      yield* this.parts.ranges.read(handle, range, options);
    } catch (error) {
      options.signal?.throwIfAborted();
      throw this.domainError(error);
    }
  }

  backupLimit(): BackupLimit | null {
    return this.parts.ranges.limit();
  }

  openBuild(projectId: string, buildId: string, schema: TableSchema): Promise<BuildHandle> {
    return this.translated(() => this.parts.builds.open(projectId, buildId, schema));
  }

  async loadItems(
    build: BuildHandle,
    part: string,
    read: ReadBatches,
    options: { readonly signal?: AbortSignal } = {},
  ): Promise<void> {
    const { signal } = options;
    try {
      await this.parts.builds.load(build, part, read, signal);
    } catch (error) {
      signal?.throwIfAborted();
      throw this.domainError(error);
    }
  }

  sealBuild(build: BuildHandle): Promise<void> {
    return this.translated(() => this.parts.builds.seal(build));
  }

  publishBuild(build: BuildHandle, name: string, mode: PublishMode): Promise<TableDescription> {
    return this.translated(() => this.parts.builds.publish(build, name, mode));
  }

  dropBuild(projectId: string, buildId: string): Promise<string | undefined> {
    return this.translated(() => this.parts.builds.drop(projectId, buildId));
  }

  listBuilds(): Promise<OpenBuild[]> {
    return this.translated(() => this.parts.builds.list());
  }

  beginMerge(ref: TableRef, owner: string): Promise<{ handle: TableHandle; writeTimeMicros: number }> {
    return this.translated(() => this.parts.merges.begin(ref, owner));
  }

  mergeItems(ref: TableRef, handle: TableHandle, items: readonly DecodedItem[], writeTimeMicros: number): Promise<void> {
    return this.translated(() => this.parts.merges.merge(ref, handle, items, writeTimeMicros));
  }

  endMerge(ref: TableRef, owner: string): Promise<void> {
    return this.translated(() => this.parts.merges.end(ref, owner));
  }

  lock(ref: TableRef, lock: TableLock): Promise<void> {
    return this.translated(() => this.parts.locks.lock(ref, lock));
  }

  unlock(ref: TableRef, owner: string): Promise<boolean> {
    return this.translated(() => this.parts.locks.unlock(ref, owner));
  }

  lockedTables(): Promise<LockedTable[]> {
    return this.translated(() => this.parts.locks.list());
  }

  sweep(): Promise<void> {
    return this.translated(() => this.parts.server.sweep());
  }

  ping(): Promise<void> {
    return this.translated(() => this.parts.server.ping());
  }

  close(): Promise<void> {
    return this.parts.server.close();
  }

  private async translated<T>(call: () => Promise<T>): Promise<T> {
    try {
      return await call();
    } catch (error) {
      throw this.domainError(error);
    }
  }
}
