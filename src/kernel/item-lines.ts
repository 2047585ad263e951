import { isUtf8 } from 'node:buffer';
import { parseBoundedJson } from './bounded-json';
import { scanCanonicalItem } from './canonical-scan';
import { DomainError } from './errors';
import { DecodedItem, ItemBlock } from './item-block';
import {
  bucketOf,
  canonicalItem,
  canonicalKey,
  checkItemFits,
  itemDigest,
  itemFromCanonical,
  parseItem,
} from './item-codec';
import { AttributeValue, Item, ScalarType, TableSchema } from './model';
import { TableDigest } from './table-digest';
import { Digest128 } from './xxh3';

/**
 * Archive lines: `{"Item":{…}}` or `{"Item":{…},"Expires":1234567890}`, one item a line, ended by `\n`, exactly so: no white
 * space, `Item` first. The item is the wire's JSON; written canonical, read in any spelling of its numbers and any order.
 */

/** Bytes of the longest line that is read, without its `\n`. */
export const MAX_LINE_BYTES = 4 * 1024 * 1024;

const HEAD = Buffer.from('{"Item":');
const EXPIRES = Buffer.from(',"Expires":');
const BRACE = 0x7d;
const NEWLINE = 0x0a;
/** Item, typed value, map. */
const MAX_ITEM_DEPTH = 3;
const INITIAL_BYTES = 64 * 1024;
const EMPTY = Buffer.alloc(0);

/** The line of an item, `\n` included. `expiresAt` in seconds since the epoch. */
export function encodeLine(canonical: Buffer, expiresAt?: number): Buffer {
  const line = Buffer.allocUnsafe(lineBytes(canonical, expiresAt));
  writeLine(line, 0, canonical, expiresAt);
  return line;
}

/** Collects items into one block of lines, counting and digesting as it goes. */
export class LineBlockBuilder {
  private buffer = EMPTY;
  /** Of the next buffer, made when the first line comes. */
  private bufferBytes: number;
  private used = 0;
  private items = 0;
  private expiring = 0;
  private digest = new TableDigest();

  /** `expectedBytes`: of a block, so that its buffer need not grow. */
  constructor(private readonly options: { readonly digestOnly?: boolean; readonly expectedBytes?: number } = {}) {
    this.bufferBytes = options.expectedBytes ?? INITIAL_BYTES;
  }

  /** `expiresAt` in seconds since the epoch; undefined: never. The bytes are copied. */
  add(canonical: Buffer, canonicalKeyBytes: Buffer, expiresAt: number | undefined): void {
    const size = lineBytes(canonical, expiresAt);
    if (!this.options.digestOnly) {
      if (this.used + size > this.buffer.length) this.grow(this.used + size);
      writeLine(this.buffer, this.used, canonical, expiresAt);
    }
    this.used += size;
    this.items++;
    if (expiresAt !== undefined) this.expiring++;
    this.digest.add(bucketOf(canonicalKeyBytes), itemDigest(canonical));
  }

  get itemCount(): number {
    return this.items;
  }

  /** Bytes of the lines so far (what they would be, if only digests are kept). */
  get byteLength(): number {
    return this.used;
  }

  /** The block so far; the builder begins a new one. */
  take(cursor: string): ItemBlock {
    const lines = this.options.digestOnly ? this.buffer : this.buffer.subarray(0, this.used);
    const block = { lines, itemCount: this.items, expiringCount: this.expiring, digest: this.digest, cursor };
    // The block keeps its buffer; blocks are of like size, so the next one begins as large as this one grew.
    this.buffer = EMPTY;
    this.used = this.items = this.expiring = 0;
    this.digest = new TableDigest();
    return block;
  }

  private grow(needed: number): void {
    this.bufferBytes = Math.max(needed, this.bufferBytes, this.buffer.length * 2);
    const larger = Buffer.allocUnsafe(this.bufferBytes);
    this.buffer.copy(larger, 0, 0, this.used);
    this.buffer = larger;
  }
}

/**
 * Reads one line (without its `\n`) of an untrusted archive and checks everything: shape, names, types, values, key.
 * The result may share the line's bytes.
 * @throws DomainError ArchiveDamaged, saying what is wrong with the line
 */
export function decodeLine(schema: TableSchema, line: Buffer): DecodedItem {
  const { itemEnd, expiresAt } = splitLine(line);
  return decodeItem(schema, line.subarray(HEAD.length, itemEnd), expiresAt);
}

/**
 * Reads one item's JSON, as `decodeLine` reads that of a line.
 * @throws DomainError ArchiveDamaged, saying what is wrong
 */
export function decodeItem(schema: TableSchema, itemBytes: Buffer, expiresAt: number | undefined): DecodedItem {
  if (itemBytes.length > MAX_LINE_BYTES) throw damaged('is too long');
  if (!isUtf8(itemBytes)) throw damaged('is not UTF-8');
  const scanned = scanCanonicalItem(schema, itemBytes);
  if (scanned) return new DecodedLine(schema, itemBytes, expiresAt, scanned.canonicalKey, scanned.places);
  try {
    const item = parseThoroughly(itemBytes.toString('utf8'));
    checkItemFits(schema, item, 'Item');
    const defined = new Map([...item].filter(([name]) => schema.attributes.has(name)));
    return new DecodedLine(schema, canonicalItem(item), expiresAt, canonicalKey(schema, item), undefined, defined);
  } catch (error) {
    if (error instanceof DomainError && error.code === 'ValidationError')
      throw damaged(`does not fit: ${error.message}`);
    throw error;
  }
}

class DecodedLine implements DecodedItem {
  readonly digest: Digest128;
  readonly bucket: number;

  /** Either `places` or `parsed` says which of the schema's attributes there are. The bytes of the key are not kept. */
  constructor(
    readonly schema: TableSchema,
    readonly canonical: Buffer,
    readonly expiresAt: number | undefined,
    key: Buffer,
    readonly places: readonly number[] | undefined,
    private parsed?: Item,
  ) {
    this.digest = itemDigest(canonical);
    this.bucket = bucketOf(key);
  }

  get item(): Item {
    return itemFromCanonical(this.canonical);
  }

  get canonicalKey(): Buffer {
    return canonicalKey(this.schema, this.defined);
  }

  get defined(): Item {
    return (this.parsed ??= this.parse());
  }

  private parse(): Item {
    const defined = new Map<string, AttributeValue>();
    let at = 0;
    for (const [name, type] of this.schema.attributes) {
      const start = this.places?.[at++] ?? 0;
      const end = this.places?.[at++] ?? 0;
      // What stands in an item never stands at its start.
      if (start > 0)
        defined.set(name, { type: type as ScalarType, value: this.canonical.toString('utf8', start, end) });
    }
    return defined;
  }
}

/**
 * The item without the attributes of these names, with its own canonical form and digest; the same item if it has none of them.
 * Key attributes must not be among them.
 */
export function withoutAttributes(decoded: DecodedItem, names: ReadonlySet<string>): DecodedItem {
  const kept = (item: Item): Item => new Map([...item].filter(([name]) => !names.has(name)));
  const { item } = decoded;
  if (![...item.keys()].some((name) => names.has(name))) return decoded;
  const { schema, expiresAt, canonicalKey: key } = decoded;
  return new DecodedLine(schema, canonicalItem(kept(item)), expiresAt, key, undefined, kept(decoded.defined));
}

/** The same item with another expiry (seconds since the epoch). */
export function expiringAt(decoded: DecodedItem, expiresAt: number): DecodedItem {
  const { schema, canonical, canonicalKey: key, places } = decoded;
  return new DecodedLine(schema, canonical, expiresAt, key, places, places ? undefined : decoded.defined);
}

/** Any spelling of the numbers, any order; but minimal JSON: white space, needless escapes and doubled names change the length. */
function parseThoroughly(text: string): Item {
  const json = parseBoundedJson(text, MAX_ITEM_DEPTH);
  if (JSON.stringify(json).length !== text.length) throw damaged('is not minimal JSON');
  return parseItem(json, 'Item', { allowEmpty: true });
}

/** Finds where the item ends, and the expiry behind it. */
function splitLine(line: Buffer): { itemEnd: number; expiresAt: number | undefined } {
  const last = line.length - 1;
  const headed = line.length > HEAD.length && line.compare(HEAD, 0, HEAD.length, 0, HEAD.length) === 0;
  if (!headed || line[last] !== BRACE) throw damaged('is not {"Item":{…}}');
  if (line[last - 1] === BRACE) return { itemEnd: last, expiresAt: undefined };
  let start = last;
  while (start > 0 && isDigit(line[start - 1])) start--;
  const nameStart = start - EXPIRES.length;
  const named = nameStart >= HEAD.length && line.compare(EXPIRES, 0, EXPIRES.length, nameStart, start) === 0;
  const expiresAt = Number(line.toString('latin1', start, last));
  const canonicalDigits = start < last && (line[start] !== 0x30 || start === last - 1);
  if (!named || !canonicalDigits || !Number.isSafeInteger(expiresAt)) throw damaged('has an invalid Expires');
  return { itemEnd: nameStart, expiresAt };
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x30 && byte <= 0x39;
}

function lineBytes(canonical: Buffer, expiresAt: number | undefined): number {
  const expiry = expiresAt === undefined ? 0 : EXPIRES.length + String(expiresAt).length;
  return HEAD.length + canonical.length + expiry + 2;
}

function writeLine(target: Buffer, offset: number, canonical: Buffer, expiresAt: number | undefined): void {
  target.set(HEAD, offset);
  let end = offset + HEAD.length;
  target.set(canonical, end);
  end += canonical.length;
  if (expiresAt !== undefined) end += target.write(`,"Expires":${expiresAt}`, end, 'latin1');
  target[end] = BRACE;
  target[end + 1] = NEWLINE;
}

function damaged(what: string): DomainError {
  return new DomainError('ArchiveDamaged', `A line ${what}.`);
}
