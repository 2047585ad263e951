import { canonicalNumber } from './number';
import { TableSchema } from './model';

const [QUOTE, BACKSLASH, SPACE, COLON, COMMA] = [0x22, 0x5c, 0x20, 0x3a, 0x2c];
const [OPEN, CLOSE, OPEN_LIST, CLOSE_LIST] = [0x7b, 0x7d, 0x5b, 0x5d];
const [MINUS, DOT, ZERO, NINE, EQUALS] = [0x2d, 0x2e, 0x30, 0x39, 0x3d];
const [S, N, B, M] = [0x53, 0x4e, 0x42, 0x4d];
const MAX_NAME_BYTES = 255;
/** A plain number of so many digits is within every limit; longer ones are looked at thoroughly. */
const SURELY_PLAIN_DIGITS = 38;
const INITIAL_KEY_BYTES = 512;
const EMPTY = Buffer.alloc(0);

const BASE64 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
/** Byte → value of the base64 digit, 255: it is none. */
const BASE64_VALUE = new Uint8Array(256).fill(255);
for (let index = 0; index < 64; index++) BASE64_VALUE[BASE64.charCodeAt(index)] = index;
/** Byte → may it stand in the name of an attribute? (`ATTRIBUTE_NAME_PATTERN`) */
const NAME_BYTE = new Uint8Array(256);
for (const char of `${BASE64.slice(0, 62)}_.-`) NAME_BYTE[char.charCodeAt(0)] = 1;

/** What is needed of an item to store it, read without making an object of every attribute. */
export interface ScannedItem {
  /** Where the attributes that the table's schema defines stand: see `DecodedItem`. */
  readonly places: readonly number[];
  /** Good until the next item is scanned. */
  readonly canonicalKey: Buffer;
}

/**
 * Reads an item whose bytes are canonical to the letter and free of escapes, every byte of it checked, at a tenth of what parsing,
 * checking and comparing cost (restores read millions of these); undefined if it is anything else, does not fit the schema, or
 * is merely spelt otherwise: then the thorough way decides. The bytes must be valid UTF-8.
 */
export function scanCanonicalItem(schema: TableSchema, bytes: Buffer): ScannedItem | undefined {
  return scannerOf(schema)?.item(bytes);
}

/** An attribute that the schema defines: name and type in bytes, and its number. */
interface DefinedAttribute {
  readonly name: string;
  readonly nameBytes: Buffer;
  readonly kind: number;
  readonly index: number;
}

const scanners = new WeakMap<TableSchema, Scanner | undefined>();
/** The last one that was asked for: mostly the next one, too. */
let last: { readonly schema: TableSchema; readonly scanner: Scanner | undefined } | undefined;

/** Undefined if an attribute of the schema is no scalar: too rare to be read quickly. */
function scannerOf(schema: TableSchema): Scanner | undefined {
  if (last?.schema === schema) return last.scanner;
  if (!scanners.has(schema)) {
    const scalars = [...schema.attributes.values()].every((type) => type.length === 1);
    scanners.set(schema, scalars ? new Scanner(schema) : undefined);
  }
  last = { schema, scanner: scanners.get(schema) };
  return last.scanner;
}

/** Used again for every item. Each method begins at `at` and moves it behind what it read; false: that is not there. */
class Scanner {
  private readonly defined: readonly DefinedAttribute[];
  private readonly hashKey: DefinedAttribute | undefined;
  private readonly rangeKey: DefinedAttribute | undefined;
  private bytes: Buffer = EMPTY;
  private at = 0;
  private end = 0;
  private places: number[] = [];
  /** Where hash and range key stand, names included; 0, 0: not found. */
  private hashStart = 0;
  private hashEnd = 0;
  private rangeStart = 0;
  private rangeEnd = 0;
  private keyBytes = Buffer.allocUnsafe(INITIAL_KEY_BYTES);

  constructor(schema: TableSchema) {
    this.defined = [...schema.attributes].map(([name, type], index) => ({
      name,
      nameBytes: Buffer.from(name, 'latin1'),
      kind: type.charCodeAt(0),
      index,
    }));
    this.hashKey = this.defined.find(({ name }) => name === schema.hashKey);
    this.rangeKey = this.defined.find(({ name }) => name === schema.rangeKey);
  }

  item(bytes: Buffer): ScannedItem | undefined {
    this.bytes = bytes;
    this.end = bytes.length;
    this.at = this.hashStart = this.hashEnd = this.rangeStart = this.rangeEnd = 0;
    this.places = new Array<number>(2 * this.defined.length).fill(0);
    if (!this.skip(OPEN)) return undefined;
    let previous = 0;
    let previousEnd = 0;
    for (let first = true; !this.skip(CLOSE); first = false) {
      if (!first && !this.skip(COMMA)) return undefined;
      const start = this.at + 1;
      if (!this.name()) return undefined;
      const end = this.at - 1;
      if (!first && !this.isAscending(previous, previousEnd, start, end)) return undefined;
      if (!this.attribute(start, end)) return undefined;
      previous = start;
      previousEnd = end;
    }
    if (this.at !== this.end) return undefined;
    const canonicalKey = this.key();
    return canonicalKey && { places: this.places, canonicalKey };
  }

  /** Colon, type and value of the attribute whose name stands there. */
  private attribute(nameStart: number, nameEnd: number): boolean {
    const { bytes } = this;
    if (!this.skip(COLON) || !this.skip(OPEN) || !this.skip(QUOTE)) return false;
    const kind = bytes[this.at++] ?? 0;
    const second = bytes[this.at++];
    const defined = this.definedAt(nameStart, nameEnd);
    if (defined !== undefined && second !== QUOTE) return false;
    if (second === QUOTE) {
      const start = this.at + 2;
      if (!this.skip(COLON) || !this.scalar(kind)) return false;
      const end = this.at - 1;
      if (!this.skip(CLOSE)) return false;
      return defined === undefined || this.keep(defined, kind, nameStart - 1, start, end);
    }
    if (second === S && bytes[this.at] === QUOTE) {
      this.at++;
      return this.skip(COLON) && this.set(kind) && this.skip(CLOSE);
    }
    if (second === undefined || bytes[this.at] !== M || bytes[this.at + 1] !== QUOTE) return false;
    this.at += 2;
    return this.skip(COLON) && this.map(kind, second) && this.skip(CLOSE);
  }

  private keep(attribute: DefinedAttribute, kind: number, attributeStart: number, start: number, end: number): boolean {
    if (kind !== attribute.kind) return false;
    this.places[2 * attribute.index] = start;
    this.places[2 * attribute.index + 1] = end;
    if (attribute === this.hashKey) {
      this.hashStart = attributeStart;
      this.hashEnd = this.at;
    } else if (attribute === this.rangeKey) {
      this.rangeStart = attributeStart;
      this.rangeEnd = this.at;
    }
    return true;
  }

  /** Hash key, then range key, as they stand in the item. */
  private key(): Buffer | undefined {
    const hashBytes = this.hashEnd - this.hashStart;
    const rangeBytes = this.rangeEnd - this.rangeStart;
    const hasRange = this.rangeKey !== undefined;
    if (hashBytes === 0 || (hasRange && rangeBytes === 0)) return undefined;
    const length = 2 + hashBytes + (hasRange ? 1 + rangeBytes : 0);
    if (this.keyBytes.length < length) this.keyBytes = Buffer.allocUnsafe(2 * length);
    const { bytes, keyBytes: key } = this;
    // Byte by byte: for so few, a copy costs more to call than to do.
    let at = 0;
    key[at++] = OPEN;
    for (let from = this.hashStart; from < this.hashEnd; from++) key[at++] = bytes[from] ?? 0;
    if (hasRange) key[at++] = COMMA;
    for (let from = this.rangeStart; from < this.rangeEnd; from++) key[at++] = bytes[from] ?? 0;
    key[at] = CLOSE;
    return key.subarray(0, length);
  }

  private definedAt(start: number, end: number): DefinedAttribute | undefined {
    for (const attribute of this.defined) {
      const { nameBytes } = attribute;
      if (nameBytes.length !== end - start) continue;
      let same = 0;
      while (same < nameBytes.length && nameBytes[same] === this.bytes[start + same]) same++;
      if (same === nameBytes.length) return attribute;
    }
    return undefined;
  }

  private name(): boolean {
    if (!this.skip(QUOTE)) return false;
    const start = this.at;
    while (NAME_BYTE[this.bytes[this.at] ?? 0] === 1) this.at++;
    const length = this.at - start;
    return length > 0 && length <= MAX_NAME_BYTES && this.skip(QUOTE);
  }

  private set(kind: number): boolean {
    if (!this.skip(OPEN_LIST)) return false;
    let previous = 0;
    let previousEnd = 0;
    for (let first = true; !this.skip(CLOSE_LIST); first = false) {
      if (!first && !this.skip(COMMA)) return false;
      const start = this.at + 1;
      if (!this.scalar(kind)) return false;
      const end = this.at - 1;
      if (!first && !this.isAscending(previous, previousEnd, start, end)) return false;
      previous = start;
      previousEnd = end;
    }
    return isScalarKind(kind);
  }

  private map(keyKind: number, valueKind: number): boolean {
    if (!this.skip(OPEN)) return false;
    let previous = 0;
    let previousEnd = 0;
    for (let first = true; !this.skip(CLOSE); first = false) {
      if (!first && !this.skip(COMMA)) return false;
      const start = this.at + 1;
      if (!this.scalar(keyKind)) return false;
      const end = this.at - 1;
      if (!first && !this.isAscending(previous, previousEnd, start, end)) return false;
      if (!this.skip(COLON) || !this.scalar(valueKind)) return false;
      previous = start;
      previousEnd = end;
    }
    return isScalarKind(keyKind) && isScalarKind(valueKind);
  }

  /** A quoted value of kind S, N or B. */
  private scalar(kind: number): boolean {
    if (!this.skip(QUOTE)) return false;
    if (kind === S) return this.text() && this.skip(QUOTE);
    if (kind === N) return this.number() && this.skip(QUOTE);
    return kind === B && this.binary() && this.skip(QUOTE);
  }

  /** Up to the quotation mark; false at what JSON escapes. */
  private text(): boolean {
    const { bytes, end } = this;
    let at = this.at;
    for (; at < end; at++) {
      const byte = bytes[at] ?? 0;
      if (byte === QUOTE) break;
      if (byte === BACKSLASH || byte < SPACE) return false;
    }
    this.at = at;
    return true;
  }

  private number(): boolean {
    const { bytes } = this;
    const start = this.at;
    if (bytes[this.at] === MINUS) this.at++;
    const first = this.at;
    this.digits();
    const whole = this.at - first;
    let digits = whole;
    const zero = whole === 1 && bytes[first] === ZERO;
    let canonical = whole > 0 && (bytes[first] !== ZERO || zero) && !(zero && first > start && bytes[this.at] !== DOT);
    if (bytes[this.at] === DOT) {
      this.at++;
      digits += this.digits();
      canonical &&= digits > whole && bytes[this.at - 1] !== ZERO;
    }
    if (canonical && bytes[this.at] === QUOTE && digits <= SURELY_PLAIN_DIGITS) return true;
    while (this.at < this.end && bytes[this.at] !== QUOTE) this.at++;
    return isCanonicalNumber(bytes.toString('latin1', start, this.at));
  }

  private digits(): number {
    const start = this.at;
    for (let byte = this.bytes[this.at]; byte !== undefined && byte >= ZERO && byte <= NINE; byte = this.bytes[this.at]) this.at++;
    return this.at - start;
  }

  /** Strict base64: padding complete, its bits zero. */
  private binary(): boolean {
    const { bytes } = this;
    const start = this.at;
    let last = 0;
    for (let value = BASE64_VALUE[bytes[this.at] ?? 0] ?? 255; value !== 255; value = BASE64_VALUE[bytes[this.at] ?? 0] ?? 255) {
      last = value;
      this.at++;
    }
    const rest = (this.at - start) % 4;
    if (rest === 0) return true;
    const unused = rest === 2 ? 0x0f : 0x03;
    if (rest === 1 || (last & unused) !== 0) return false;
    for (let padding = rest; padding < 4; padding++) if (!this.skip(EQUALS)) return false;
    return true;
  }

  /** Are the first bytes less than the second? Not escaped, texts order as their UTF-8 does. */
  private isAscending(start: number, end: number, nextStart: number, nextEnd: number): boolean {
    const { bytes } = this;
    const length = Math.min(end - start, nextEnd - nextStart);
    for (let index = 0; index < length; index++) {
      const difference = (bytes[nextStart + index] ?? 0) - (bytes[start + index] ?? 0);
      if (difference !== 0) return difference > 0;
    }
    return end - start < nextEnd - nextStart;
  }

  private skip(byte: number): boolean {
    if (this.bytes[this.at] !== byte) return false;
    this.at++;
    return true;
  }
}

function isScalarKind(kind: number): boolean {
  return kind === S || kind === N || kind === B;
}

function isCanonicalNumber(text: string): boolean {
  try {
    return canonicalNumber(text) === text;
  } catch {
    return false;
  }
}
