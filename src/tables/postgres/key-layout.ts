import {
  AttributeValue,
  DecodedItem,
  Item,
  Key,
  ScalarType,
  TableSchema,
  checkItemFits,
  sameStructure,
  validationError,
} from '../../kernel';
import { decodeScalar, encodeScalar } from './order-key';

/**
 * Longest key, in bytes as stored: hash key, range key and the longest indexed attribute together. A B-tree entry holds them and
 * may not exceed 2704 bytes (a third of a page).
 */
export const MAX_KEY_BYTES = 2600;
const EMPTY = Buffer.alloc(0);
const NONE: readonly never[] = [];

/** Where an item stands: in this order items are stored, read and split. */
export interface Position {
  readonly hash: Buffer;
  readonly range: Buffer;
}

/** The key columns of an item, the indexes' ones included (null: the item has no such attribute). */
export interface RowKeys extends Position {
  readonly indexed: readonly (Buffer | null)[];
}

export interface IndexColumn {
  readonly name: string;
  readonly attribute: string;
  readonly type: ScalarType;
  /** The physical column: numbered, since users choose the names of attributes. */
  readonly column: string;
}

/** Which attributes of a table's items are columns, and how they are spelt there. */
export class KeyLayout {
  readonly hashKey: string;
  readonly hashType: ScalarType;
  readonly rangeKey: string | undefined;
  readonly rangeType: ScalarType;
  readonly indexes: readonly IndexColumn[];
  private readonly hashStart: Buffer;
  private readonly rangeStart: Buffer;
  private scratch = Buffer.allocUnsafe(512);

  private lastSchema: TableSchema | undefined;
  private lastAlike = false;
  /** Attribute → where its place stands among an item's. */
  private placeOf: ReadonlyMap<string, number> = new Map();

  constructor(private readonly schema: TableSchema) {
    this.hashKey = schema.hashKey;
    this.hashType = scalarType(schema, schema.hashKey);
    this.rangeKey = schema.rangeKey;
    this.rangeType = schema.rangeKey === undefined ? 'S' : scalarType(schema, schema.rangeKey);
    this.indexes = schema.indexes.map((index, number) => ({
      name: index.name,
      attribute: index.rangeAttribute,
      type: scalarType(schema, index.rangeAttribute),
      column: `i${number}`,
    }));
    this.hashStart = Buffer.from(`{"${schema.hashKey}":{"${this.hashType}":"`);
    this.rangeStart = Buffer.from(`"},"${schema.rangeKey ?? ''}":{"${this.rangeType}":"`);
  }

  /**
   * The position of an item or key.
   * @throws DomainError ValidationError: a key attribute is missing, of another type, or too long
   */
  position(itemOrKey: Item): Position {
    const hash = this.encode(itemOrKey.get(this.hashKey), this.hashKey, this.hashType);
    const range =
      this.rangeKey === undefined ? EMPTY : this.encode(itemOrKey.get(this.rangeKey), this.rangeKey, this.rangeType);
    checkLength(hash, range, 0);
    return { hash, range };
  }

  /** All key columns of an item. @throws DomainError ValidationError as `position` */
  rowKeys(item: Item): RowKeys {
    const { hash, range } = this.position(item);
    const indexed = this.indexes.map(({ attribute, type }) => {
      const value = item.get(attribute);
      return value === undefined ? null : this.encode(value, attribute, type);
    });
    for (const value of indexed) checkLength(hash, range, value?.length ?? 0);
    return { hash, range, indexed };
  }

  /**
   * The same of an item that was read from an archive: cut out of where its values stand, if that is known. The result may share the item's bytes.
   * @throws DomainError ValidationError as `rowKeys`, or: the item does not fit the table
   */
  rowKeysOf(decoded: DecodedItem): RowKeys {
    const { places } = decoded;
    if (places === undefined || !this.readsAlike(decoded.schema)) {
      checkItemFits(this.schema, decoded.defined);
      return this.rowKeys(decoded.defined);
    }
    const hash = this.cut(decoded, this.hashKey, this.hashType) ?? EMPTY;
    const range = this.rangeKey === undefined ? EMPTY : (this.cut(decoded, this.rangeKey, this.rangeType) ?? EMPTY);
    checkLength(hash, range, 0);
    if (this.indexes.length === 0) return { hash, range, indexed: NONE };
    const indexed = this.indexes.map(({ attribute, type }) => this.cut(decoded, attribute, type));
    for (const value of indexed) checkLength(hash, range, value?.length ?? 0);
    return { hash, range, indexed };
  }

  /** Do items that fit this schema fit the table? Asked for every item, mostly with the same schema. */
  private readsAlike(schema: TableSchema): boolean {
    if (schema !== this.lastSchema) {
      this.lastSchema = schema;
      this.lastAlike = sameStructure(schema, this.schema);
      this.placeOf = new Map([...schema.attributes.keys()].map((name, index) => [name, 2 * index]));
    }
    return this.lastAlike;
  }

  private cut({ canonical, places = NONE }: DecodedItem, attribute: string, type: ScalarType): Buffer | null {
    const place = this.placeOf.get(attribute) ?? -1;
    const start = places[place] ?? 0;
    if (start === 0) return null;
    const end = places[place + 1] ?? 0;
    if (type === 'S') return canonical.subarray(start, end);
    return encodeScalar({ type, value: canonical.toString('latin1', start, end) });
  }

  /** The key at a position. */
  key({ hash, range }: Position): Key {
    const key = new Map<string, AttributeValue>([[this.hashKey, decodeScalar(this.hashType, hash)]]);
    if (this.rangeKey !== undefined) key.set(this.rangeKey, decodeScalar(this.rangeType, range));
    return key;
  }

  /** Canonical JSON of the key at a position, without a detour through values. Good until the next call. */
  canonicalKey({ hash, range }: Position): Buffer {
    const most = this.hashStart.length + this.rangeStart.length + 6 * (hash.length + range.length) + 64;
    if (this.scratch.length < most) this.scratch = Buffer.allocUnsafe(2 * most);
    const target = this.scratch;
    target.set(this.hashStart, 0);
    let end = writeCanonical(target, this.hashStart.length, this.hashType, hash);
    if (this.rangeKey !== undefined) {
      target.set(this.rangeStart, end);
      end = writeCanonical(target, end + this.rangeStart.length, this.rangeType, range);
    }
    end += target.write('"}}', end, 'latin1');
    return target.subarray(0, end);
  }

  /** The bytes of one value of a key or indexed attribute. @throws DomainError ValidationError */
  encode(value: AttributeValue | undefined, attribute: string, type: ScalarType): Buffer {
    if (value === undefined) throw validationError(`The key attribute ${attribute} is missing.`);
    if (value.type !== type) throw validationError(`The attribute ${attribute} must be of type ${type}.`);
    return encodeScalar(value);
  }
}

function scalarType(schema: TableSchema, attribute: string): ScalarType {
  const type = schema.attributes.get(attribute);
  if (type === 'S' || type === 'N' || type === 'B') return type;
  throw validationError(`The key attribute ${attribute} must be a scalar: S, N or B.`);
}

function checkLength(hash: Buffer, range: Buffer, indexedBytes: number): void {
  if (hash.length + range.length + indexedBytes > MAX_KEY_BYTES) {
    throw validationError(`The key attributes, with an indexed one, must not exceed ${MAX_KEY_BYTES} bytes together.`);
  }
}

function writeCanonical(target: Buffer, offset: number, type: ScalarType, bytes: Buffer): number {
  if (type === 'S' && isPlain(bytes)) {
    target.set(bytes, offset);
    return offset + bytes.length;
  }
  const { value } = decodeScalar(type, bytes);
  const text = typeof value === 'string' ? value : '';
  return offset + target.write(type === 'S' ? JSON.stringify(text).slice(1, -1) : text, offset, 'utf8');
}

/** Does JSON spell this text as it is: no quote, backslash or control character? */
function isPlain(bytes: Buffer): boolean {
  for (let index = 0; index < bytes.length; index++) {
    const byte = bytes[index] ?? 0;
    if (byte < 0x20 || byte === 0x22 || byte === 0x5c) return false;
  }
  return true;
}

/** A position as opaque text, for bounds and cursors. */
export function formatPosition({ hash, range }: Position): string {
  const bytes = Buffer.allocUnsafe(2 + hash.length + range.length);
  bytes.writeUInt16BE(hash.length, 0);
  bytes.set(hash, 2);
  bytes.set(range, 2 + hash.length);
  return bytes.toString('base64url');
}

/** @throws DomainError ValidationError if it is no text of `formatPosition` */
export function parsePosition(text: string): Position {
  const bytes = Buffer.from(text, 'base64url');
  const hashEnd = bytes.length < 2 ? Infinity : 2 + bytes.readUInt16BE(0);
  if (hashEnd > bytes.length || bytes.toString('base64url') !== text)
    throw validationError('A bound or cursor is malformed.');
  return { hash: bytes.subarray(2, hashEnd), range: bytes.subarray(hashEnd) };
}
