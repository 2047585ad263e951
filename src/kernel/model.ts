/** MagnetoDB's item and table model (docs/data-model.md): what a table is, and what an item is made of. */

export type ScalarType = 'S' | 'N' | 'B';
export type SetType = 'SS' | 'NS' | 'BS';
export type MapType = 'SSM' | 'SNM' | 'SBM' | 'NSM' | 'NNM' | 'NBM' | 'BSM' | 'BNM' | 'BBM';
export type AttributeType = ScalarType | SetType | MapType;

export const SCALAR_TYPES: readonly ScalarType[] = ['S', 'N', 'B'];
export const SET_TYPES: readonly SetType[] = ['SS', 'NS', 'BS'];
export const MAP_TYPES: readonly MapType[] = ['SSM', 'SNM', 'SBM', 'NSM', 'NNM', 'NBM', 'BSM', 'BNM', 'BBM'];
export const ATTRIBUTE_TYPES: readonly AttributeType[] = [...SCALAR_TYPES, ...SET_TYPES, ...MAP_TYPES];

/**
 * One typed value, in the wire's own spelling and canonical: `S` any text, `N` a canonical decimal
 * (never a JavaScript number), `B` strict base64. Set members and map keys are unique and sorted by their UTF-8 bytes.
 */
export type AttributeValue =
  | { readonly type: ScalarType; readonly value: string }
  | { readonly type: SetType; readonly value: readonly string[] }
  | { readonly type: MapType; readonly value: ReadonlyMap<string, string> };

/** An item: attribute name → value. A Map, since `__proto__` is a legal attribute name. */
export type Item = ReadonlyMap<string, AttributeValue>;

/** A key: only the key attributes of an item (hash, and range if the table has one), all scalars. */
export type Key = Item;

/** Index projection, as MagnetoDB's create_table takes it. `INCLUDE` names the attributes beside the keys. */
export type Projection =
  | { readonly type: 'ALL' }
  | { readonly type: 'KEYS_ONLY' }
  | { readonly type: 'INCLUDE'; readonly attributes: readonly string[] };

/** A local secondary index: the table's hash key with another range attribute (a scalar that the schema defines). */
export interface LocalSecondaryIndex {
  readonly name: string;
  readonly rangeAttribute: string;
  readonly projection: Projection;
}

/** A table's structure: everything needed to create it again, empty. */
export interface TableSchema {
  /** Every defined attribute and its type, in the order given at creation. Items may hold others. */
  readonly attributes: ReadonlyMap<string, AttributeType>;
  readonly hashKey: string;
  readonly rangeKey?: string;
  readonly indexes: readonly LocalSecondaryIndex[];
}

export type TableStatus = 'CREATING' | 'ACTIVE' | 'DELETING' | 'CREATE_FAILED' | 'DELETE_FAILED' | 'MAINTENANCE';

/** Which table is meant: by project and name. */
export interface TableRef {
  readonly projectId: string;
  readonly name: string;
}

/** What the backend knows of a table. */
export interface TableDescription extends TableRef {
  /** Dashed lower-case UUID. Stays through a `replace` restore; a table dropped and made again has a new one. */
  readonly id: string;
  readonly schema: TableSchema;
  readonly status: TableStatus;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  /**
   * Opaque; names this very content: it differs after the table was dropped and made again *and* after it
   * was replaced, so that a running backup can tell (`TableChanged`).
   */
  readonly generation: string;
  /** Estimates: cheap, possibly late. */
  readonly itemCount: number;
  /** Bytes as stored by the backend, an estimate. */
  readonly sizeBytes: number;
}

export const TABLE_NAME_PATTERN = /^[a-zA-Z0-9_.-]{3,255}$/;
export const ATTRIBUTE_NAME_PATTERN = /^[a-zA-Z0-9_.-]{1,255}$/;
