import { isUtf8 } from 'node:buffer';
import { AttributeType, TableDigest, bucketOf, canonicalItem, canonicalKey, compareUtf8, isAttributeType, itemDigest } from '../../../kernel';
import { Layout } from '../layout';
import { Position, formatPosition } from '../positions';
import { LineMemory } from './line-memory';
import { RawRow, readInt32 } from './raw-row';
import { ROOM, ValueWriter, thoroughAttribute, thoroughExtra } from './value-writer';
import type { PageHead } from './wire';

const HEAD = Buffer.from('{"Item":');
const EXPIRES = Buffer.from(',"Expires":');
const BEHIND_NAME = Buffer.from('":{"');
const BEHIND_TYPE = Buffer.from('":');
const EMPTY = Buffer.alloc(0);
const [QUOTE, COMMA, OPEN, CLOSE, NEWLINE] = [0x22, 0x2c, 0x7b, 0x7d, 0x0a];
const LENGTH_BYTES = 4;
const IMMORTAL = -1;
const MAX_NAME_BYTES = 255;
/** What a line and an attribute have beside names and values, and a little more. */
const [LINE_ROOM, ATTRIBUTE_ROOM] = [128, 32];
const INITIAL_KEY_BYTES = 4_096;

/** Byte → may it stand in the name of an attribute? */
const NAME_BYTE = new Uint8Array(256);
for (const char of 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-') NAME_BYTE[char.charCodeAt(0)] = 1;

/** Blocks of a page, as they go from one thread to another. */
export interface EncodedBlock {
  /** Memory of its own. */
  readonly lines: Buffer;
  readonly itemCount: number;
  readonly expiringCount: number;
  /** As `TableDigest` writes itself. */
  readonly digest: readonly string[];
  readonly cursor: string;
}

export interface EncodedPage {
  readonly blocks: readonly EncodedBlock[];
  readonly rows: number;
  readonly bytes: number;
  readonly last: Position | undefined;
}

export interface LineOptions {
  readonly digestOnly: boolean;
  readonly blockBytes: number;
  /** Items that expire at this second or before are left out. */
  readonly cutoff: number;
}

/** A column of an item, and what stands before its value: `"name":{"S":`. */
interface Defined {
  readonly name: Buffer;
  readonly text: string;
  readonly type: AttributeType;
  readonly column: number;
  readonly prefix: Buffer;
}

/**
 * Makes lines of an archive, and their digests, of a page's bytes, without values of JavaScript between them. What is not of the common kind (an attribute with
 * an unusual name, text that is no UTF-8, …) is read the thorough way, by the codec, row by row: the outcome is always that of the codec, to the byte.
 */
export class PageLines {
  /** In the order of a line. */
  private readonly defined: readonly Defined[];
  private readonly roomOfNames: number;
  private readonly hasRange: boolean;
  private readonly firstTtl: number;
  private readonly ttls: number;
  private readonly isScalarTtl: readonly boolean[];
  /** `dyn_attr_typ`; the next one is `dyn_attr_dat`. */
  private readonly extraColumn: number;
  private readonly extras = new Extras();
  private readonly writer = new ValueWriter(EMPTY);
  /** Where the attributes of the key stand in the line. */
  private hashStart = 0;
  private hashEnd = 0;
  private rangeStart = 0;
  private rangeEnd = 0;
  private keyBuffer = Buffer.allocUnsafe(INITIAL_KEY_BYTES);
  /** The buffer's first bytes, by their number. */
  private keyViews: Buffer[] = [];

  constructor(
    private readonly layout: Layout,
    private readonly memory = new LineMemory(),
  ) {
    const keys = layout.keys.map(({ name, type }, column) => ({ name, type: type as AttributeType, column }));
    const first = keys.length + 4 + layout.others.length;
    const others = layout.others.map(({ name, type }, index) => ({ name, type, column: first + index }));
    this.defined = [...keys, ...others]
      .map(({ name, type, column }) => ({ name: Buffer.from(name), text: name, type, column, prefix: Buffer.from(`"${name}":{"${type}":`) }))
      .sort((a, b) => compareUtf8(a.text, b.text));
    this.hasRange = keys.length > 1;
    this.roomOfNames = this.defined.reduce((sum, { prefix }) => sum + prefix.length + ATTRIBUTE_ROOM, LINE_ROOM);
    this.firstTtl = keys.length + 2;
    this.ttls = 2 + layout.others.length;
    this.isScalarTtl = [false, false, ...layout.others.map(({ type }) => type.length === 1)];
    this.extraColumn = first + layout.others.length;
  }

  /** @throws DomainError ValidationError: a row holds what the data model has not */
  encode(body: Buffer, head: PageHead, options: LineOptions): EncodedPage {
    const { digestOnly, blockBytes, cutoff } = options;
    const { writer } = this;
    const row = new RawRow(this.layout, body);
    const blocks: EncodedBlock[] = [];
    const expected = digestOnly ? 0 : Math.min(blockBytes, 2 * body.length);
    this.begin(expected);
    let block = new OpenBlock();
    let bytes = 0;
    let at = head.at;
    for (let index = 0; index < head.rows; index++) {
      const start = at;
      at = row.find(at);
      const expiresAt = this.expiry(row);
      if (expiresAt !== IMMORTAL && expiresAt <= cutoff) continue;
      const before = writer.at;
      this.line(row, at - start, expiresAt, block.digest);
      const size = writer.at - before;
      bytes += size;
      block.add(row, size, expiresAt !== IMMORTAL);
      if (digestOnly) writer.at = 0;
      if (block.used < blockBytes) continue;
      blocks.push(block.close(body, digestOnly ? EMPTY : writer.out.subarray(0, writer.at), this.hasRange));
      block = new OpenBlock();
      this.begin(expected);
    }
    if (block.items > 0) blocks.push(block.close(body, digestOnly ? EMPTY : writer.out.subarray(0, writer.at), this.hasRange));
    writer.out = EMPTY;
    const last = head.rows === 0 ? undefined : positionAt(body, row.starts, row.lengths, this.hasRange);
    return { blocks, rows: head.rows, bytes, last };
  }

  /** Lines go to new memory from here on: that of the block before is given away. */
  private begin(expectedBytes: number): void {
    this.writer.out = this.memory.give(expectedBytes + this.roomOfNames);
    this.writer.at = 0;
  }

  /** The longest life of a cell, in seconds since the epoch. */
  private expiry({ body, starts, lengths }: RawRow): number {
    let longest = IMMORTAL;
    for (let column = this.firstTtl; column < this.firstTtl + this.ttls; column++) {
      const length = lengths[column] ?? -1;
      if (length < 0) continue;
      const start = starts[column] ?? 0;
      if (this.isScalarTtl[column - this.firstTtl] === true) {
        longest = Math.max(longest, readInt32(body, start));
        continue;
      }
      for (let at = start + LENGTH_BYTES, left = readInt32(body, start); left > 0; left--, at += 2 * LENGTH_BYTES) {
        if (readInt32(body, at) < 0) return IMMORTAL;
        longest = Math.max(longest, readInt32(body, at + LENGTH_BYTES));
      }
    }
    return longest === IMMORTAL ? IMMORTAL : Math.floor(Number(body.readBigInt64BE(starts[this.firstTtl - 1] ?? 0)) / 1000) + longest;
  }

  /** Writes a row's line and counts it. */
  private line(row: RawRow, rowBytes: number, expiresAt: number, digest: TableDigest): void {
    const { writer } = this;
    const before = writer.at;
    const reserve = rowBytes * ROOM + this.roomOfNames;
    this.ensure(reserve);
    writer.bytes(HEAD);
    const start = writer.at;
    writer.high = 0;
    const common = this.item(row, reserve) && (writer.high < 0x80 || isUtf8(writer.out.subarray(start, writer.at)));
    if (common) {
      digest.add(bucketOf(this.key()), itemDigest(writer.out.subarray(start, writer.at)));
    } else {
      writer.at = before;
      this.thoroughItem(row, digest);
    }
    if (expiresAt !== IMMORTAL) {
      writer.bytes(EXPIRES);
      writer.bytes(Buffer.from(String(expiresAt)));
    }
    writer.byte(CLOSE);
    writer.byte(NEWLINE);
  }

  private thoroughItem(row: RawRow, digest: TableDigest): void {
    const { item } = row.decode();
    const canonical = canonicalItem(item);
    this.ensure(canonical.length + LINE_ROOM);
    this.writer.bytes(HEAD);
    this.writer.bytes(canonical);
    digest.add(bucketOf(canonicalKey(this.layout.schema, item)), itemDigest(canonical));
  }

  /** Columns and dynamic attributes in the order of their names' bytes. False: the row is not of the common kind. */
  private item(row: RawRow, reserve: number): boolean {
    const { writer, defined } = this;
    const extras = this.extrasOf(row);
    if (extras === undefined) return false;
    writer.byte(OPEN);
    const start = writer.at;
    let next = 0;
    for (let left = extras.count; left > 0; left--) {
      if (!extras.find(row.body)) return false;
      for (let column = defined[next]; column; column = defined[++next]) {
        const order = compareBytes(row.body, extras.nameStart, extras.nameEnd, column.name);
        // The same attribute twice.
        if (order === 0) return false;
        if (order < 0) break;
        this.column(row, column, start, reserve);
      }
      if (!this.extra(row.body, extras, start, reserve)) return false;
    }
    for (let column = defined[next]; column; column = defined[++next]) this.column(row, column, start, reserve);
    writer.byte(CLOSE);
    return true;
  }

  /** Undefined: they do not belong together as they should. */
  private extrasOf({ body, starts, lengths }: RawRow): Extras | undefined {
    const { extras } = this;
    extras.count = 0;
    const [types, data] = [this.extraColumn, this.extraColumn + 1];
    if ((lengths[types] ?? -1) < 0 || (lengths[data] ?? -1) < 0) return extras;
    extras.typeAt = (starts[types] ?? 0) + LENGTH_BYTES;
    extras.dataAt = (starts[data] ?? 0) + LENGTH_BYTES;
    extras.count = readInt32(body, extras.typeAt - LENGTH_BYTES);
    return readInt32(body, extras.dataAt - LENGTH_BYTES) === extras.count ? extras : undefined;
  }

  private column(row: RawRow, { column, type, prefix, text }: Defined, start: number, reserve: number): void {
    const length = row.lengths[column] ?? -1;
    if (length < 0) return;
    const { writer } = this;
    if (writer.at > start) writer.byte(COMMA);
    const from = writer.at;
    const at = row.starts[column] ?? 0;
    writer.bytes(prefix);
    if (writer.value(type, row.body, at, at + length)) {
      writer.byte(CLOSE);
    } else {
      writer.at = from;
      this.whole(thoroughAttribute(text, type, row.cell(column)), reserve);
    }
    if (column > 1) return;
    if (column === 0) {
      this.hashStart = from;
      this.hashEnd = writer.at;
    } else if (this.hasRange) {
      this.rangeStart = from;
      this.rangeEnd = writer.at;
    }
  }

  /** `"name":{"T":value}` of a dynamic attribute. False: name or type are none of the data model's. */
  private extra(body: Buffer, extras: Extras, start: number, reserve: number): boolean {
    const { nameStart, nameEnd, typeStart, typeEnd, dataStart, dataEnd } = extras;
    const { writer } = this;
    const length = nameEnd - nameStart;
    if (length === 0 || length > MAX_NAME_BYTES) return false;
    for (let at = nameStart; at < nameEnd; at++) if (NAME_BYTE[body[at] ?? 0] !== 1) return false;
    if (writer.at > start) writer.byte(COMMA);
    const from = writer.at;
    writer.byte(QUOTE);
    writer.text(body, nameStart, nameEnd);
    writer.bytes(BEHIND_NAME);
    writer.text(body, typeStart, typeEnd);
    writer.bytes(BEHIND_TYPE);
    if (writer.canonicalJson(body, typeStart, typeEnd, dataStart, dataEnd)) {
      writer.byte(CLOSE);
      return true;
    }
    const type = body.toString('utf8', typeStart, typeEnd);
    if (!isAttributeType(type)) return false;
    writer.at = from;
    this.whole(thoroughExtra(body.toString('latin1', nameStart, nameEnd), type, body.subarray(dataStart, dataEnd)), reserve);
    return true;
  }

  /** Writes what may be larger than what it was made of, and keeps the room for the rest of the row. */
  private whole(bytes: Buffer, reserve: number): void {
    this.ensure(bytes.length + reserve);
    this.writer.bytes(bytes);
  }

  private ensure(room: number): void {
    const { writer } = this;
    if (writer.at + room <= writer.out.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(writer.at + room, writer.out.length + (writer.out.length >> 1)));
    writer.out.copy(larger, 0, 0, writer.at);
    writer.out = larger;
  }

  /** Canonical JSON of the key, copied from the line. Good until the next. */
  private key(): Buffer {
    const length = 2 + this.hashEnd - this.hashStart + (this.hasRange ? 1 + this.rangeEnd - this.rangeStart : 0);
    if (this.keyBuffer.length < length) {
      this.keyBuffer = Buffer.allocUnsafeSlow(2 * length);
      this.keyViews = [];
    }
    const { keyBuffer: key } = this;
    const { out } = this.writer;
    let at = 0;
    key[at++] = OPEN;
    for (let from = this.hashStart; from < this.hashEnd; from++) key[at++] = out[from] ?? 0;
    if (this.hasRange) key[at++] = COMMA;
    if (this.hasRange) for (let from = this.rangeStart; from < this.rangeEnd; from++) key[at++] = out[from] ?? 0;
    key[at] = CLOSE;
    return (this.keyViews[length] ??= key.subarray(0, length));
  }
}

/** Of the dynamic attributes, one after the other: where name, type and value stand. Used again for each row. */
class Extras {
  count = 0;
  typeAt = 0;
  dataAt = 0;
  nameStart = 0;
  nameEnd = 0;
  typeStart = 0;
  typeEnd = 0;
  dataStart = 0;
  dataEnd = 0;

  /** False: the two maps do not name the same attributes. */
  find(body: Buffer): boolean {
    const nameLength = readInt32(body, this.typeAt);
    this.nameStart = this.typeAt + LENGTH_BYTES;
    this.nameEnd = this.nameStart + nameLength;
    this.typeStart = this.nameEnd + LENGTH_BYTES;
    this.typeEnd = this.typeAt = this.typeStart + readInt32(body, this.nameEnd);
    const otherStart = this.dataAt + LENGTH_BYTES;
    const otherEnd = otherStart + nameLength;
    if (nameLength < 0 || readInt32(body, this.dataAt) !== nameLength || this.typeEnd < this.typeStart) return false;
    for (let at = 0; at < nameLength; at++) if (body[this.nameStart + at] !== body[otherStart + at]) return false;
    this.dataStart = otherEnd + LENGTH_BYTES;
    this.dataEnd = this.dataAt = this.dataStart + readInt32(body, otherEnd);
    return this.dataEnd >= this.dataStart;
  }
}

/** A block that rows are still added to. */
class OpenBlock {
  items = 0;
  used = 0;
  readonly digest = new TableDigest();
  private expiring = 0;
  private readonly starts = new Int32Array(2);
  private readonly lengths = new Int32Array(2);

  add(row: RawRow, bytes: number, expires: boolean): void {
    this.items++;
    this.used += bytes;
    if (expires) this.expiring++;
    for (let column = 0; column < 2; column++) {
      this.starts[column] = row.starts[column] ?? 0;
      this.lengths[column] = row.lengths[column] ?? 0;
    }
  }

  close(body: Buffer, lines: Buffer, hasRange: boolean): EncodedBlock {
    const cursor = formatPosition(positionAt(body, this.starts, this.lengths, hasRange));
    return { lines, itemCount: this.items, expiringCount: this.expiring, digest: this.digest.toJSON(), cursor };
  }
}

/** The key of a row as bytes of their own: the page's memory is used again. */
function positionAt(body: Buffer, starts: Int32Array, lengths: Int32Array, hasRange: boolean): Position {
  const cell = (column: number): Buffer => {
    const start = starts[column] ?? 0;
    return Buffer.from(body.subarray(start, start + (lengths[column] ?? 0)));
  };
  return { hash: cell(0), range: hasRange ? cell(1) : undefined };
}

function compareBytes(body: Buffer, start: number, end: number, name: Buffer): number {
  const length = Math.min(end - start, name.length);
  for (let at = 0; at < length; at++) {
    const difference = (body[start + at] ?? 0) - (name[at] ?? 0);
    if (difference !== 0) return difference;
  }
  return end - start - name.length;
}
