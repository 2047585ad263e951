import { types } from 'cassandra-driver';
import {
  ATTRIBUTE_NAME_PATTERN,
  AttributeType,
  AttributeValue,
  Item,
  MapType,
  ScalarType,
  SetType,
  compareUtf8,
  formatAttributeValue,
  isAttributeType,
  parseAttributeValue,
  validationError,
} from '../../kernel';
import { toDecimal, fromDecimal } from './decimal';
import { Layout } from './layout';
import { toNumber } from './session';

/** Cassandra's limit for a key's bytes. */
const MAX_KEY_BYTES = 65_535;
/** What a line, and an attribute of it, have beside names and values. */
const LINE_BYTES = 11;
const ATTRIBUTE_BYTES = 12;

/** A row that is an item, as it was read. */
export interface ReadRow {
  readonly item: Item;
  /** Seconds since the epoch. */
  readonly expiresAt: number | undefined;
  /** The partition's token. */
  readonly token: bigint;
  /** About how much it weighs. */
  readonly bytes: number;
}

/** The cells of a row in the order of `CELLS`, as they were read: what a conditional write compares. */
export type Cells = readonly unknown[];

/** The columns that an item's other attributes, and what there is of it, stand in. */
export const EXTRA_CELLS = ['dyn_attr_typ', 'dyn_attr_dat', 'attr_exist'] as const;

/** A scalar for a column or parameter of its type. */
export function encodeScalar(type: ScalarType, value: string): string | Buffer | types.BigDecimal {
  if (type === 'S') return value;
  return type === 'N' ? toDecimal(value) : Buffer.from(value, 'base64');
}

/** @throws DomainError ValidationError: a number that the data model has not */
export function decodeScalar(type: ScalarType, cell: unknown): string {
  if (type === 'N' && cell instanceof types.BigDecimal) return fromDecimal(cell);
  if (type === 'B' && Buffer.isBuffer(cell)) return cell.toString('base64');
  return String(cell);
}

/**
 * A key for its columns. Cassandra has no empty partition key, and none of 64 KiB or more.
 * @throws DomainError ValidationError
 */
export function encodeKey(layout: Layout, values: readonly string[]): unknown[] {
  return layout.keys.map(({ type }, index) => {
    const cell = encodeScalar(type, values[index] ?? '');
    checkKeyBytes(layout, index, typeof cell === 'string' ? Buffer.byteLength(cell) : Buffer.isBuffer(cell) ? cell.length : 1);
    return cell;
  });
}

/**
 * Can a key's hash (0) or range (1) value have so many bytes?
 * @throws DomainError ValidationError
 */
export function checkKeyBytes(layout: Layout, index: number, bytes: number): void {
  const name = layout.keys[index]?.name ?? '';
  if (index === 0 && bytes === 0) throw validationError(`Cassandra does not hold items whose hash key ${name} is empty.`);
  if (bytes > MAX_KEY_BYTES) throw validationError(`The key attribute ${name} must not exceed ${MAX_KEY_BYTES} bytes.`);
}

/** A value for a column of its type. */
export function encodeValue({ type, value }: AttributeValue): unknown {
  if (typeof value === 'string') return encodeScalar(type as ScalarType, value);
  if (value instanceof Map) {
    const [keyType, memberType] = [...type] as ScalarType[];
    const entries = [...(value as ReadonlyMap<string, string>)];
    return new Map(entries.map(([key, member]) => [encodeScalar(keyType ?? 'S', key), encodeScalar(memberType ?? 'S', member)]));
  }
  return new Set([...(value as readonly string[])].map((member) => encodeScalar(type.charAt(0) as ScalarType, member)));
}

/** The value in a column; undefined: the item has no such attribute. */
export function decodeValue(type: AttributeType, cell: unknown): AttributeValue | undefined {
  if (cell === null || cell === undefined) return undefined;
  if (type.length === 1) return { type: type as ScalarType, value: decodeScalar(type as ScalarType, cell) };
  if (cell instanceof Map) {
    const [keyType, memberType] = [...type] as ScalarType[];
    const entries = [...cell].map(
      ([key, member]) => [decodeScalar(keyType ?? 'S', key), decodeScalar(memberType ?? 'S', member)] as const,
    );
    return { type: type as MapType, value: new Map(entries.sort(([a], [b]) => compareUtf8(a, b))) };
  }
  const members = [...(cell as Iterable<unknown>)].map((member) => decodeScalar(type.charAt(0) as ScalarType, member));
  return { type: type as SetType, value: [...new Set(members)].sort(compareUtf8) };
}

/**
 * The cells of an item: a value or null for each column of `layout.others`, then `EXTRA_CELLS`. Maps without entries are null, which to Cassandra is
 * the same; `attr_exist` always names the key, so that no row is without cells.
 */
export function encodeCells(layout: Layout, item: Item): Cells {
  const data = new Map<string, Buffer>();
  const typesOf = new Map<string, string>();
  for (const [name, value] of item) {
    if (layout.schema.attributes.has(name)) continue;
    typesOf.set(name, value.type);
    data.set(name, Buffer.from(JSON.stringify(formatAttributeValue(value)[value.type])));
  }
  const exists = new Map([...item.keys()].map((name) => [name, 1]));
  const defined = layout.others.map(({ name }) => {
    const value = item.get(name);
    return value === undefined ? null : orNull(encodeValue(value));
  });
  return [...defined, orNull(typesOf), orNull(data), exists];
}

/** Empty collections are null to Cassandra. */
function orNull(cell: unknown): unknown {
  return (cell instanceof Map || cell instanceof Set) && cell.size === 0 ? null : cell;
}

/**
 * Reads a row of `layout.selection`.
 * @throws DomainError ValidationError: the row holds what the data model has not
 */
export function readRow(layout: Layout, row: types.Row): ReadRow {
  const cells = row.values() as unknown[];
  const item = new Map<string, AttributeValue>();
  let at = 0;
  for (const { name, type } of layout.keys) item.set(name, { type, value: decodeScalar(type, cells[at++]) });
  const { token, expiresAt } = readTail(layout, cells);
  at += 2 + 2 + layout.others.length;
  for (const { name, type } of layout.others) {
    const value = decodeValue(type, cells[at++]);
    if (value) item.set(name, value);
  }
  const extraTypes = cells[at++];
  const extraData = cells[at++];
  if (extraTypes instanceof Map && extraData instanceof Map) addExtras(item, extraTypes, extraData);
  const sorted: Item = new Map([...item].sort(([a], [b]) => compareUtf8(a, b)));
  return { item: sorted, expiresAt, token, bytes: weigh(sorted) };
}

/** Token and expiry of a row of `selection` or `keySelection`. */
export function readTail(layout: Layout, cells: readonly unknown[]): { token: bigint; expiresAt: number | undefined } {
  const at = layout.keys.length;
  const ttl = ttlOf(cells.slice(at + 2, at + 4 + layout.others.length));
  const now = Math.floor(toNumber(cells[at + 1]) / 1000);
  return { token: BigInt(String(cells[at])), expiresAt: ttl === undefined ? undefined : now + ttl };
}

/** The longest life of a cell; undefined if one lives for ever. */
function ttlOf(columns: readonly unknown[]): number | undefined {
  let longest: number | undefined;
  for (const column of columns) {
    if (column === null || column === undefined) continue;
    for (const ttl of Array.isArray(column) ? (column as unknown[]) : [column]) {
      if (typeof ttl !== 'number') return undefined;
      longest = Math.max(longest ?? 0, ttl);
    }
  }
  return longest;
}

function addExtras(item: Map<string, AttributeValue>, typesOf: Map<unknown, unknown>, data: Map<unknown, unknown>): void {
  for (const [key, type] of typesOf) {
    const name = String(key);
    // An archive with such a line could not be read again.
    if (!ATTRIBUTE_NAME_PATTERN.test(name)) throw validationError('An attribute has a name that is not 1 to 255 of the characters a-z A-Z 0-9 _ . -');
    const bytes = data.get(key);
    if (!Buffer.isBuffer(bytes) || typeof type !== 'string' || !isAttributeType(type)) {
      throw validationError(`The attribute ${name} has no value of a known type.`);
    }
    item.set(name, parseAttributeValue({ [type]: JSON.parse(bytes.toString('utf8')) as unknown }, name, { allowEmpty: true }));
  }
}

/** About the length of an archive's line. */
function weigh(item: Item): number {
  let bytes = LINE_BYTES;
  for (const [name, { value }] of item) {
    bytes += name.length + ATTRIBUTE_BYTES;
    if (typeof value === 'string') bytes += value.length;
    else if (value instanceof Map) for (const [key, member] of value as ReadonlyMap<string, string>) bytes += key.length + member.length;
    else for (const member of value as readonly string[]) bytes += member.length;
  }
  return bytes;
}
