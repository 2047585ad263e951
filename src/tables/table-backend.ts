import {
  AttributeUpdates,
  DecodedItem,
  Expected,
  Filter,
  AttributeCondition,
  Item,
  ItemBlock,
  Key,
  RequestPace,
  TableDescription,
  TableRef,
  TableSchema,
} from '../kernel';
import type { NativeTables } from './native-tables';

/** What an adapter can do; callers ask this, never which adapter it is. */
export interface TableBackendCapabilities {
  /** A short stable name for manifests and logs, e.g. `postgresql`, `cassandra`. */
  readonly kind: string;
  /** Are all writers to these tables gateways that know of locks and swaps? If not, `replace` and `lock` need the operator's word. */
  readonly exclusiveGatewaysByDefault: boolean;
  /** Can `publishBuild` replace a table that has items, in one step? */
  readonly replace: boolean;
  /** Do items whose expiry passes while a build lies unpublished stay readable by `readRange`? (Cassandra: no.) */
  readonly expiredItemsReadable: boolean;
  /** Does loading a build find two different items of one key? (Cassandra: no, they become one row: then the build holds fewer items than were loaded.) */
  readonly findsCollisions: boolean;
  /** Can one partition (all items of one hash key) be split into several ranges? */
  readonly splitsPartitions: boolean;
}

/**
 * One content of one table, fixed: reads through it never move to another content after a swap. Plain JSON (but for
 * `schema`: see `schemaToJson`), so that it can be kept in a ledger. Adapters go by `generation` alone; `schema` is for the caller.
 */
export interface TableHandle {
  readonly tableId: string;
  readonly generation: string;
  readonly schema: TableSchema;
}

/** A part of a table's key space. Both bounds are opaque to everybody but the adapter that made them; plain JSON. */
export type KeyRange = {
  readonly start: string | null;
  readonly end: string | null;
  /** Estimated number of items, for progress only. */
  readonly estimatedItems: number;
};

export type ReturnValues = 'NONE' | 'ALL_OLD' | 'ALL_NEW' | 'UPDATED_OLD' | 'UPDATED_NEW';

/** An item as a table holds it. */
export interface StoredItem {
  readonly item: Item;
  /** Seconds since the epoch; undefined: never. */
  readonly expiresAt: number | undefined;
}

export interface WriteOptions {
  /** All must hold, else `ConditionalCheckFailedException` and nothing is changed. */
  readonly expected?: Expected;
  /**
   * Seconds since the epoch; null: never. Left out, a put clears the expiry, and an update keeps what is there.
   */
  readonly expiresAt?: number | null;
}

/** The item before and after a write; undefined: there was, or is, none. */
export interface WriteResult {
  readonly before: Item | undefined;
  readonly after: Item | undefined;
}

export interface QueryRequest {
  readonly hashValue: Key;
  /** On the range key, or on the index's range attribute if `indexName` is given. */
  readonly rangeCondition?: AttributeCondition;
  readonly indexName?: string;
  /** Items without a match here are read, counted as scanned, and left out. */
  readonly filter?: Filter;
  readonly limit?: number;
  /** Key attributes of the last item seen (with the index's range attribute for an index query). Exclusive. */
  readonly exclusiveStartKey?: Item;
  /** Ascending by range key (or the index's attribute, then range key) unless false. */
  readonly forward: boolean;
  readonly consistent: boolean;
}

export interface ScanRequest {
  readonly filter?: Filter;
  /** At most so many items are *examined*. */
  readonly limit?: number;
  readonly exclusiveStartKey?: Key;
  /** 0 … totalSegments-1; segments are disjoint and together the whole table. */
  readonly segment: number;
  readonly totalSegments: number;
}

export interface Page {
  readonly items: readonly Item[];
  /** How many items were examined, those filtered away included. */
  readonly scannedCount: number;
  /** Present if there may be more: the key attributes of the last examined item (and the index's range attribute). */
  readonly lastEvaluatedKey?: Item;
}

export interface SplitOptions {
  /** Aim at about so many bytes a range. */
  readonly targetBytes: number;
  readonly maxRanges: number;
}

export interface ReadRangeOptions {
  /** A block's cursor: go on behind it. */
  readonly after?: string;
  /** Leave `lines` empty: only counts and digests are wanted. */
  readonly digestOnly?: boolean;
  readonly signal?: AbortSignal;
  /** Aim at about so many bytes of lines a block; a single item may exceed it. Default 1 MiB. */
  readonly blockBytes?: number;
  /** May the memory of a block's lines be used again once the next block is asked for? Default false. */
  readonly reuseMemory?: boolean;
  /**
   * Items whose expiry is at or before this second do not exist and are left out. Default: now.
   * Verification of a build passes the second that loading used, so that both sides see the same items.
   */
  readonly expiryCutoff?: number;
  /** Every page is asked for as this says. Default: at once. */
  readonly pace?: RequestPace;
}

/** How much may be asked of a backend at once, over all processes. Undefined: any. */
export interface BackupLimit {
  readonly bytesPerSecond?: number;
  /** Pages on their way. */
  readonly requestsInFlight?: number;
}

/** A table under construction, seen by nobody. Plain JSON. */
export interface BuildHandle extends TableHandle {
  readonly buildId: string;
  readonly projectId: string;
}

/** Gives items in batches, from the first one on at each call. */
export type ReadBatches = () => AsyncIterable<readonly DecodedItem[]>;

/** A build that is neither published nor dropped. */
export interface OpenBuild {
  readonly projectId: string;
  readonly buildId: string;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
}

/**
 * How a build becomes visible.
 * - `create`: the name must not exist (else `ConflictError`).
 * - `fill`: the table must still be the one described by `generation`, of the same structure, and hold no item (else `ConflictError`).
 * - `replace`: the table must still have that id; its old content goes to the adapter's grace store.
 * The published table keeps the id of the table that it fills or replaces; a created one has the build's `tableId`.
 */
export type PublishMode =
  | { readonly mode: 'create' }
  | { readonly mode: 'fill'; readonly tableId: string; readonly generation: string }
  | { readonly mode: 'replace'; readonly tableId: string; readonly graceSeconds: number };

export interface TableLock {
  /** Who holds it, e.g. a job id. */
  readonly owner: string;
  /** So long after the call, by the backend's own clock, the lock is void, whatever happens. */
  readonly seconds: number;
}

/** A table in MAINTENANCE. */
export interface LockedTable {
  readonly ref: TableRef;
  readonly owner: string;
  /** Until the deadline. */
  readonly secondsLeft: number;
}

/** A table in DELETING. */
export interface DroppingTable {
  readonly ref: TableRef;
  readonly owner: string;
}

/** The part of a description that is known at once. */
export type TableStructure = Pick<TableDescription, 'schema' | 'status'>;

/**
 * The tables port: MagnetoDB tables as any backend keeps them. All that a host gives to the plugin.
 *
 * Rules for every adapter (test/contract/table-backend.contract.ts shows each):
 * - An unknown table is `TableNotExistsException`; a table in MAINTENANCE is `TableLocked` (with `retryAfterSeconds`) for every data call, one in
 *   DELETING `ResourceInUseException`, for `dropTable`, `lock` and publishing as well.
 * - A backend that cannot be reached is `ServiceUnavailable`, `transient`.
 * - No call ever shows or stores half an item. An expired item does not exist, for conditions neither.
 * - Bounds, cursors and handles are opaque strings or plain JSON; they outlive the process and are good in any other process of the deployment.
 * - Nothing waits for ever: each call ends, with an error if need be.
 */
export interface TableBackend {
  readonly capabilities: TableBackendCapabilities;
  /** The backend's own format for backups of one moment and fast restores; undefined: it has none. */
  readonly native: NativeTables | undefined;

  // -- Tables ---------------------------------------------------------------------------------------------
  /** `TableAlreadyExistsException` if the name is taken. The answer's status is CREATING or ACTIVE. */
  createTable(ref: TableRef, schema: TableSchema): Promise<TableDescription>;
  describeTable(ref: TableRef): Promise<TableDescription>;
  /** What every call for items needs to know of its table: nothing is counted. */
  tableStructure(ref: TableRef): Promise<TableStructure>;
  /** The table with this id (dashed UUID) in this project; undefined if there is none. */
  findTableById(projectId: string, tableId: string): Promise<TableDescription | undefined>;
  /** In ascending order of names (by their bytes). */
  listTables(projectId: string, page: { limit: number; exclusiveStartName?: string }): Promise<{ names: string[]; lastEvaluatedName?: string }>;
  /** Every table of one project, or of all (monitoring). */
  listUsage(projectId?: string): Promise<TableDescription[]>;
  /** The answer's status is DELETING. A table in MAINTENANCE is `TableLocked`. */
  dropTable(ref: TableRef): Promise<TableDescription>;
  /**
   * The first half of a drop: from now on the table is DELETING, and its content is still read through handles. When it resolves, no data call
   * that was let in before is on its way any more, in any process. Again by the same owner: the same. In MAINTENANCE: `TableLocked`; by
   * another owner: `ResourceInUseException`.
   */
  beginDrop(ref: TableRef, owner: string): Promise<TableDescription>;
  /** The other half: the table goes. Idempotent: one that this owner is not dropping (gone already, or made anew) is left alone. */
  finishDrop(ref: TableRef, owner: string): Promise<void>;
  /** The table is ACTIVE again. Idempotent; another owner's drop is left alone. */
  cancelDrop(ref: TableRef, owner: string): Promise<void>;
  /** Every table whose drop has begun. */
  droppingTables(): Promise<DroppingTable[]>;

  // -- Items ----------------------------------------------------------------------------------------------
  getItem(ref: TableRef, key: Key, options: { consistent: boolean }): Promise<StoredItem | undefined>;
  putItem(ref: TableRef, item: Item, options: WriteOptions): Promise<WriteResult>;
  /** An absent item is created from its key and the updates, except by updates that only delete. */
  updateItem(ref: TableRef, key: Key, updates: AttributeUpdates, options: WriteOptions): Promise<WriteResult>;
  deleteItem(ref: TableRef, key: Key, options: WriteOptions): Promise<WriteResult>;
  query(ref: TableRef, request: QueryRequest): Promise<Page>;
  scan(ref: TableRef, request: ScanRequest): Promise<Page>;
  /** Unconditional puts, as fast as the backend can (bulk_load, batch_write_item). Later ones of the same key win. */
  putItems(ref: TableRef, items: readonly StoredItem[]): Promise<void>;

  // -- Backup ---------------------------------------------------------------------------------------------
  /** The table's present content. */
  openTable(ref: TableRef): Promise<TableHandle>;
  /**
   * Disjoint ranges that together are the whole key space, in the adapter's order. At least one. Those of a build are good once it is sealed,
   * until it is published.
   */
  splitRanges(handle: TableHandle, options: SplitOptions): Promise<KeyRange[]>;
  /**
   * The items of a range, each exactly once if nobody writes it meanwhile, with back-pressure. A content that was
   * dropped or swapped away meanwhile is `TableChanged`.
   */
  readRange(handle: TableHandle, range: KeyRange, options: ReadRangeOptions): AsyncIterable<ItemBlock>;
  /**
   * What all backups together may ask of it where nobody has said anything else, so that its other callers hardly feel them; null: as much as they can.
   * Cheap: asked all the time.
   */
  backupLimit(): BackupLimit | null;

  // -- Restore --------------------------------------------------------------------------------------------
  /** Begins a build, or finds the one with this id again. */
  openBuild(projectId: string, buildId: string, schema: TableSchema): Promise<BuildHandle>;
  /**
   * Writes items into a build, with back-pressure: all that `read` gives or, if it rejects, any of them. Idempotent: the same items again
   * change nothing. Two different items of one key (numbers that are equal to this backend, say) are `KeyCollision`, naming the key, if it finds
   * them (`capabilities.findsCollisions`).
   * @param part names what `read` gives. One caller loads a part at a time: a call that is still on its way, in any process, when the same
   *   part is loaded again may be ended.
   * @param read may be called again, to read everything once more. What it throws comes through as it is.
   */
  loadItems(build: BuildHandle, part: string, read: ReadBatches, options?: { readonly signal?: AbortSignal }): Promise<void>;
  /**
   * Called once all is loaded: builds what loading left out (indexes, statistics). Nobody loads any more: calls that are still on their way
   * may be ended. Idempotent.
   */
  sealBuild(build: BuildHandle): Promise<void>;
  /** Makes the build the table of that name, in one step. Idempotent: published already, it answers the same (`TableChanged` if it is no longer that table's content). */
  publishBuild(build: BuildHandle, name: string, mode: PublishMode): Promise<TableDescription>;
  /**
   * Drops a build and all that it holds; an unknown or published one is left alone. The answer is the id of the table whose present
   * content the build is, undefined if it is none's. Afterwards the build cannot be published any more.
   */
  dropBuild(projectId: string, buildId: string): Promise<string | undefined>;
  /** Every build, of all projects: to find those that nobody will end. */
  listBuilds(): Promise<OpenBuild[]>;

  /** From now on until `endMerge`, deletes leave marks, so that `mergeItems` brings nothing back. `owner` counts once. */
  beginMerge(ref: TableRef, owner: string): Promise<{ handle: TableHandle; writeTimeMicros: number }>;
  /**
   * Writes whole items with the given write time: newer writes and deletes win, of two merges the one that began later. Items that have expired are
   * left out. Idempotent. Two different items of one key are `KeyCollision`; a content swapped away, or a merge ended, is `TableChanged`.
   */
  mergeItems(ref: TableRef, handle: TableHandle, items: readonly DecodedItem[], writeTimeMicros: number): Promise<void>;
  endMerge(ref: TableRef, owner: string): Promise<void>;

  // -- Locks and care -------------------------------------------------------------------------------------
  /**
   * Puts the table in MAINTENANCE until `unlock` or the deadline. Data calls are refused at once; when it resolves, none that was let in
   * before is on its way any more, in any process (docs/adr/0005-maintenance.md). Held by another owner: `TableLocked`. Again by the
   * same: moves the deadline. Calls that do not end: `ServiceUnavailable`, `transient`, and the table is not locked.
   */
  lock(ref: TableRef, lock: TableLock): Promise<void>;
  /** Idempotent; another owner's lock is left alone. Was the table locked by this owner until now, so that nothing was written under the lock? */
  unlock(ref: TableRef, owner: string): Promise<boolean>;
  /** Every table in MAINTENANCE. Cheap: asked before each data call. */
  lockedTables(): Promise<LockedTable[]>;
  /** Drops what is past its grace (replaced contents, expired items, old marks). Safe to call from any process at any time. */
  sweep(): Promise<void>;
  /** Can the backend be reached? Throws `ServiceUnavailable` if not. */
  ping(): Promise<void>;
  close(): Promise<void>;
}

/** Injection token of the backend in use. */
export const TABLE_BACKEND = Symbol('TableBackend');
