import { createHash } from 'node:crypto';
import { AttributeType, Item, ScalarType, TableSchema, validationError } from '../../kernel';

/** MagnetoDB's prefix of everything that users name. */
const PREFIX = 'u_';
const MAX_KEYSPACE_NAME = 48;
const PLAIN_NAME = /^[A-Za-z0-9_]+$/;
const SCALARS: Readonly<Record<string, string>> = { S: 'text', N: 'decimal', B: 'blob' };

/** An attribute that the schema defines, as a column. */
export interface Column {
  readonly name: string;
  readonly type: AttributeType;
  /** Quoted. */
  readonly cql: string;
}

export interface KeyColumn extends Column {
  readonly type: ScalarType;
}

export interface IndexColumn {
  readonly index: string;
  readonly attribute: KeyColumn;
  /** Of `ival_str`, `ival_num`, `ival_blb`: the one that holds it. */
  readonly cql: string;
}

/** Columns of the older layout of indexes, between hash and range key. In the row of the item itself all have these values. */
export const INDEX_COLUMNS = ['iname', 'ival_str', 'ival_num', 'ival_blb'] as const;
const BASE_ROW = `iname = '' AND ival_str = '' AND ival_num = 0 AND ival_blb = 0x`;
const INDEX_VALUE: Readonly<Record<ScalarType, string>> = { S: 'ival_str', N: 'ival_num', B: 'ival_blb' };

/** How the items of a table stand in its physical table: never changes for one content. */
export class Layout {
  readonly hash: KeyColumn;
  readonly range: KeyColumn | undefined;
  /** Defined attributes that are not keys. */
  readonly others: readonly Column[];
  readonly indexes: readonly IndexColumn[];
  /** What a row is read by: see `readRow` of the codec. */
  readonly selection: string;
  /** The same of keys and expiry alone. */
  readonly keySelection: string;

  /** @param indexRows are index values clustering columns (the older layout)? */
  constructor(
    readonly schema: TableSchema,
    /** `"keyspace"."table"`, quoted. */
    readonly cqlName: string,
    readonly indexRows: boolean,
  ) {
    const column = (name: string): Column => columnOf(name, schema.attributes.get(name) ?? 'S');
    this.hash = keyColumn(schema, schema.hashKey);
    this.range = schema.rangeKey === undefined ? undefined : keyColumn(schema, schema.rangeKey);
    this.others = [...schema.attributes.keys()].filter((name) => name !== schema.hashKey && name !== schema.rangeKey).map(column);
    this.indexes = schema.indexes.map(({ name, rangeAttribute }) => {
      const attribute = keyColumn(schema, rangeAttribute);
      return { index: name, attribute, cql: INDEX_VALUE[attribute.type] };
    });
    const cells = [...this.others.map(({ cql }) => cql), 'dyn_attr_typ', 'dyn_attr_dat'];
    const ttls = ['attr_exist', 'dyn_attr_typ', ...this.others.map(({ cql }) => cql)].map((cql) => `TTL(${cql})`);
    const keys = this.keys.map(({ cql }) => cql);
    this.keySelection = [...keys, `token(${this.hash.cql})`, 'toUnixTimestamp(now())', ...ttls].join(', ');
    this.selection = [this.keySelection, ...cells].join(', ');
  }

  get keys(): readonly KeyColumn[] {
    return this.range === undefined ? [this.hash] : [this.hash, this.range];
  }

  /** Names the row of an item among those of its partition: parameters of the range key, if there is one. */
  get baseRow(): string {
    const range = this.range === undefined ? [] : [`${this.range.cql} = ?`];
    return [`${this.hash.cql} = ?`, ...(this.indexRows ? [BASE_ROW] : []), ...range].join(' AND ');
  }

  /** Of a partition, the items themselves. */
  get basePartition(): string {
    return [`${this.hash.cql} = ?`, ...this.baseRowConditions].join(' AND ');
  }

  /** What the rows of items have in common, those of indexes have not. */
  get baseRowConditions(): readonly string[] {
    return this.indexRows ? [BASE_ROW] : [];
  }

  /** Appended to statements that read many partitions. */
  get baseFilter(): string {
    return this.indexRows ? ` AND iname = '' ALLOW FILTERING` : '';
  }
}

/** CQL that makes the physical table of a structure; tables with indexes get the older layout. */
export function createTableCql(schema: TableSchema, cqlName: string): string {
  const columns = [...schema.attributes].map(([name, type]) => `${columnOf(name, type).cql} ${cqlType(type)}`);
  const indexed = schema.indexes.length > 0;
  if (indexed) columns.push('iname text', 'ival_str text', 'ival_num decimal', 'ival_blb blob');
  columns.push('dyn_attr_dat map<text, blob>', 'dyn_attr_typ map<text, text>', 'attr_exist map<text, int>');
  const key = [quotedColumn(schema.hashKey), ...(indexed ? INDEX_COLUMNS : [])];
  if (schema.rangeKey !== undefined) key.push(quotedColumn(schema.rangeKey));
  return `CREATE TABLE IF NOT EXISTS ${cqlName} (${columns.join(', ')}, PRIMARY KEY (${key.join(', ')}))`;
}

/** The keyspace of a project: MagnetoDB's, or, where the id cannot be part of such a name, one of its digest. */
export function keyspaceOf(projectId: string): string {
  const name = `${PREFIX}${projectId}`;
  if (PLAIN_NAME.test(projectId) && name.length <= MAX_KEYSPACE_NAME) return name;
  return `h_${createHash('sha256').update(projectId).digest('hex').slice(0, 40)}`;
}

/** `"u_<project>"."u_<32 hex digits>"`, as the registry spells it. */
export function internalName(projectId: string, idHex: string): string {
  return `"${keyspaceOf(projectId)}"."${PREFIX}${idHex}"`;
}

/** Keyspace and table of an internal name; undefined if it is none that CQL could quote so. */
export function parseInternalName(name: string): { keyspace: string; table: string } | undefined {
  const [, keyspace, table] = /^"?([A-Za-z0-9_]+)"?\."?([A-Za-z0-9_]+)"?$/.exec(name) ?? [];
  return keyspace === undefined || table === undefined ? undefined : { keyspace, table };
}

/** The values of an item's key. @throws DomainError ValidationError: one is missing, or of another type */
export function keyValues(layout: Layout, itemOrKey: Item): string[] {
  return layout.keys.map(({ name, type }) => {
    const value = itemOrKey.get(name);
    if (value === undefined) throw validationError(`The key attribute ${name} is missing.`);
    if (value.type !== type || typeof value.value !== 'string') throw validationError(`The attribute ${name} must be of type ${type}.`);
    return value.value;
  });
}

function columnOf(name: string, type: AttributeType): Column {
  return { name, type, cql: quotedColumn(name) };
}

function keyColumn(schema: TableSchema, name: string): KeyColumn {
  const type = schema.attributes.get(name);
  if (type === 'S' || type === 'N' || type === 'B') return { name, type, cql: quotedColumn(name) };
  throw validationError(`The key attribute ${name} must be a scalar: S, N or B.`);
}

/** Names of attributes have no quotation marks. */
function quotedColumn(name: string): string {
  return `"${PREFIX}${name}"`;
}

function cqlType(type: AttributeType): string {
  const scalars = [...type].map((letter) => SCALARS[letter] ?? 'text');
  if (type.length === 1) return scalars[0] ?? 'text';
  return type.length === 2 ? `set<${scalars[0] ?? ''}>` : `map<${scalars[0] ?? ''}, ${scalars[1] ?? ''}>`;
}
