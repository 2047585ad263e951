import { types } from 'cassandra-driver';
import { DecodedItem, ScalarType, validationError } from '../../kernel';
import { checkKeyBytes, encodeCells, encodeKey } from './codec';
import { toDecimal } from './decimal';
import { Layout, keyValues } from './layout';
import { keyBytes } from './positions';

/** The parameters of an item's row: most of them are bytes as Cassandra reads them, so that the driver only copies them. */
export interface EncodedRow {
  /** Hash key, range key. */
  readonly key: readonly [Buffer, ...Buffer[]];
  /** As `encodeCells` gives them; what the item has not is unset. */
  readonly cells: readonly unknown[];
}

const [QUOTE, BACKSLASH] = [0x22, 0x5c];
const [OPEN, CLOSE, OPEN_LIST, CLOSE_LIST] = [0x7b, 0x7d, 0x5b, 0x5d];
const [MINUS, DOT, ZERO, NINE] = [0x2d, 0x2e, 0x30, 0x39];
const LENGTH_BYTES = 4;
const SCALE_BYTES = 4;
const BYTE = 256;
/** As many digits as a double holds for sure. */
const EXACT_DIGITS = 15;
const EMPTY = Buffer.alloc(0);
const ONE = Buffer.from([0, 0, 0, 1]);

/** Where a column's value stands among the attributes of items of one shape: its place, and its type. */
interface Place {
  readonly attribute: number;
  readonly type: ScalarType;
}

/** What items have in common that have the same attributes of the same types, in canonical order. */
interface Shape {
  /** What stands before each attribute's value. */
  readonly heads: readonly Buffer[];
  /** Of hash and range key. */
  readonly keys: readonly Place[];
  /** Of the layout's other columns. */
  readonly columns: readonly (Place | undefined)[];
  /** Attributes without a column, and their names as entries of a map begin with them. */
  readonly extras: readonly { readonly attribute: number; readonly entry: Buffer }[];
  readonly extraTypes: Buffer | typeof types.unset;
  readonly exists: Buffer;
}

/**
 * Makes rows of items, from their canonical bytes: a restore makes millions. What items of the same attributes have in common is made once. Used for one
 * item after another.
 */
export class RowEncoder {
  private shape: Shape | undefined;
  /** Where the values of the present item stand, quotes and brackets included. */
  private readonly starts: number[] = [];
  private readonly ends: number[] = [];

  constructor(private readonly layout: Layout) {}

  /** @throws DomainError ValidationError: the item does not fit the table, or Cassandra has no such key */
  encode(decoded: DecodedItem): EncodedRow {
    const { canonical } = decoded;
    if (!this.shape || !this.matches(this.shape, canonical)) {
      this.shape = this.shapeOf(canonical);
      // An attribute that the schema defines as set or map: too rare to be written quickly.
      if (!this.shape) return encodeSlowly(this.layout, decoded);
    }
    const { keys, columns, extraTypes, exists } = this.shape;
    const [hash = EMPTY, ...range] = keys.map(({ attribute, type }) => this.scalar(canonical, attribute, type));
    const key = [hash, ...range] as const;
    for (const [index, cell] of key.entries()) checkKeyBytes(this.layout, index, cell.length);
    const cells: unknown[] = columns.map((place) => (place ? this.scalar(canonical, place.attribute, place.type) : types.unset));
    cells.push(extraTypes, this.extraData(this.shape, canonical), exists);
    return { key, cells };
  }

  /** Is the item of that shape? Notes where its values stand. */
  private matches(shape: Shape, bytes: Buffer): boolean {
    const { heads } = shape;
    let at = 0;
    for (let attribute = 0; attribute < heads.length; attribute++) {
      const head = heads[attribute];
      if (!head || !holds(bytes, at, head)) return false;
      at += head.length;
      this.starts[attribute] = at;
      at = endOfValue(bytes, at);
      this.ends[attribute] = at;
    }
    return at + 2 === bytes.length;
  }

  /** Notes where values stand, too. */
  private shapeOf(bytes: Buffer): Shape | undefined {
    const { layout } = this;
    const heads: Buffer[] = [];
    const places = new Map<string, Place>();
    const extras: { name: string; type: string; attribute: number }[] = [];
    // Behind each value stands `}`, then `,` or, behind the last one, `}`.
    for (let at = 0; at + 2 < bytes.length; ) {
      const start = at;
      const nameStart = bytes.indexOf(QUOTE, at) + 1;
      const nameEnd = bytes.indexOf(QUOTE, nameStart);
      const typeStart = bytes.indexOf(QUOTE, nameEnd + 1) + 1;
      const typeEnd = bytes.indexOf(QUOTE, typeStart);
      const [name, type] = [bytes.toString('latin1', nameStart, nameEnd), bytes.toString('latin1', typeStart, typeEnd)];
      const attribute = heads.length;
      this.starts[attribute] = typeEnd + 2;
      heads.push(Buffer.from(bytes.subarray(start, typeEnd + 2)));
      at = endOfValue(bytes, typeEnd + 2);
      this.ends[attribute] = at;
      const defined = layout.schema.attributes.get(name);
      if (defined === undefined) extras.push({ name, type, attribute });
      else if (type !== defined) throw validationError(`The attribute ${name} must be of type ${defined}.`);
      else if (type.length > 1) return undefined;
      else places.set(name, { attribute, type: type as ScalarType });
    }
    const keys = layout.keys.map(({ name }) => {
      const place = places.get(name);
      if (!place) throw validationError(`The key attribute ${name} is missing.`);
      return place;
    });
    const names = [...places.keys(), ...extras.map(({ name }) => name)];
    return {
      heads,
      keys,
      columns: layout.others.map(({ name }) => places.get(name)),
      extras: extras.map(({ name, attribute }) => ({ attribute, entry: counted(Buffer.from(name)) })),
      extraTypes: extras.length === 0 ? types.unset : mapOf(extras.map(({ name, type }) => [Buffer.from(name), Buffer.from(type)])),
      exists: mapOf(names.map((name) => [Buffer.from(name), ONE])),
    };
  }

  /** `dyn_attr_dat`: the values as their JSON. */
  private extraData({ extras }: Shape, bytes: Buffer): Buffer | typeof types.unset {
    if (extras.length === 0) return types.unset;
    let size = LENGTH_BYTES;
    for (const { attribute, entry } of extras) size += entry.length + LENGTH_BYTES + this.end(attribute) - this.start(attribute);
    const data = Buffer.allocUnsafe(size);
    let at = data.writeInt32BE(extras.length, 0);
    for (const { attribute, entry } of extras) {
      const [start, end] = [this.start(attribute), this.end(attribute)];
      at += entry.copy(data, at);
      at = data.writeInt32BE(end - start, at);
      at += bytes.copy(data, at, start, end);
    }
    return data;
  }

  private scalar(bytes: Buffer, attribute: number, type: ScalarType): Buffer {
    const [start, end] = [this.start(attribute) + 1, this.end(attribute) - 1];
    if (type === 'N') return decimalBytes(bytes, start, end);
    if (type === 'B') return Buffer.from(bytes.toString('latin1', start, end), 'base64');
    for (let at = start; at < end; at++) {
      if (bytes[at] === BACKSLASH) return Buffer.from(JSON.parse(bytes.toString('utf8', start - 1, end + 1)) as string);
    }
    return bytes.subarray(start, end);
  }

  private start(attribute: number): number {
    return this.starts[attribute] ?? 0;
  }

  private end(attribute: number): number {
    return this.ends[attribute] ?? 0;
  }
}

function encodeSlowly(layout: Layout, { item }: DecodedItem): EncodedRow {
  const [hash = EMPTY, ...range] = encodeKey(layout, keyValues(layout, item)).map(keyBytes);
  return { key: [hash, ...range], cells: encodeCells(layout, item).map((cell) => cell ?? types.unset) };
}

function holds(bytes: Buffer, at: number, part: Buffer): boolean {
  for (let index = 0; index < part.length; index++) if (bytes[at + index] !== part[index]) return false;
  return true;
}

/** Behind the JSON value that begins there: a text, or an array or object of texts. */
function endOfValue(bytes: Buffer, start: number): number {
  if (bytes[start] === QUOTE) return endOfText(bytes, start);
  let depth = 0;
  for (let at = start; at < bytes.length; ) {
    const byte = bytes[at];
    if (byte === QUOTE) {
      at = endOfText(bytes, at);
      continue;
    }
    at++;
    if (byte === OPEN || byte === OPEN_LIST) depth++;
    else if ((byte === CLOSE || byte === CLOSE_LIST) && --depth === 0) return at;
  }
  return bytes.length;
}

/** Behind the closing quotation mark. */
function endOfText(bytes: Buffer, start: number): number {
  let at = start + 1;
  while (at < bytes.length && bytes[at] !== QUOTE) at += bytes[at] === BACKSLASH ? 2 : 1;
  return at + 1;
}

/** Of a canonical number, as `toDecimal`. */
function decimalBytes(bytes: Buffer, start: number, end: number): Buffer {
  const negative = bytes[start] === MINUS;
  let [value, scale, digits, isFraction] = [0, 0, 0, false];
  for (let at = negative ? start + 1 : start; at < end; at++) {
    const byte = bytes[at] ?? 0;
    if (byte === DOT) isFraction = true;
    else if (byte < ZERO || byte > NINE || ++digits > EXACT_DIGITS) return types.BigDecimal.toBuffer(toDecimal(bytes.toString('latin1', start, end)));
    else {
      value = value * 10 + byte - ZERO;
      if (isFraction) scale++;
    }
  }
  if (negative) value = -value;
  let size = 1;
  for (let rest = negative ? -value - 1 : value; rest >= BYTE / 2; rest = Math.floor(rest / BYTE)) size++;
  const cell = Buffer.allocUnsafe(SCALE_BYTES + size);
  cell.writeInt32BE(scale, 0);
  for (let at = cell.length - 1; at >= SCALE_BYTES; at--) {
    const rest = Math.floor(value / BYTE);
    cell[at] = value - rest * BYTE;
    value = rest;
  }
  return cell;
}

/** With its length before it. */
function counted(bytes: Buffer): Buffer {
  const length = Buffer.allocUnsafe(LENGTH_BYTES);
  length.writeInt32BE(bytes.length, 0);
  return Buffer.concat([length, bytes]);
}

function mapOf(entries: readonly (readonly [Buffer, Buffer])[]): Buffer {
  const count = Buffer.allocUnsafe(LENGTH_BYTES);
  count.writeInt32BE(entries.length, 0);
  return Buffer.concat([count, ...entries.flatMap((entry) => entry.map(counted))]);
}
