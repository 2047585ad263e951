import { AttributeType, Item, canonicalItem, parseAttributeValue } from '../../../kernel';
import { decodeValue } from '../codec';
import { ESCAPES, isCanonicalJson } from './canonical-json';
import { readInt32 } from './raw-row';

const [QUOTE, BACKSLASH, COLON, COMMA, MINUS, DOT, ZERO, EQUALS] = [0x22, 0x5c, 0x3a, 0x2c, 0x2d, 0x2e, 0x30, 0x3d];
const [OPEN, CLOSE, OPEN_LIST, CLOSE_LIST] = [0x7b, 0x7d, 0x5b, 0x5d];
const [S, N, B] = [0x53, 0x4e, 0x42];
const LENGTH_BYTES = 4;
/** An unscaled value of so many bytes is a whole number that JavaScript counts exactly; scales within these bounds are spelt plainly. */
const [PLAIN_BYTES, LEAST_SCALE, MOST_SCALE] = [6, -20, 30];
const HEX = Buffer.from('0123456789abcdef');
const BASE64 = Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/');
/**
 * Writes values of cells as canonical JSON, without making JavaScript values of them where they are of the common kinds. Writes at `at` and moves it; there must
 * be room: `ROOM` times the bytes of what is read, and a little.
 */
export class ValueWriter {
  at = 0;
  /** Was anything written that is not ASCII? Then it has to be looked at whether it is UTF-8. */
  high = 0;
  private readonly digits = new Uint8Array(20);

  constructor(public out: Buffer) {}

  byte(value: number): void {
    this.out[this.at++] = value;
  }

  bytes(bytes: Uint8Array): void {
    const { out } = this;
    let { at } = this;
    // Byte by byte: for so few, a copy costs more to call than to do.
    for (let from = 0; from < bytes.length; from++) out[at++] = bytes[from] ?? 0;
    this.at = at;
  }

  /** Text of JSON, without its quotation marks. */
  text(body: Buffer, start: number, end: number): void {
    const { out } = this;
    let { at, high } = this;
    for (let from = start; from < end; from++) {
      const byte = body[from] ?? 0;
      const escape = ESCAPES[byte] ?? 0;
      if (escape === 0) {
        out[at++] = byte;
        high |= byte;
        continue;
      }
      out[at++] = BACKSLASH;
      out[at++] = escape;
      if (escape !== 0x75) continue;
      out[at++] = ZERO;
      out[at++] = ZERO;
      out[at++] = HEX[byte >> 4] ?? 0;
      out[at++] = HEX[byte & 15] ?? 0;
    }
    this.at = at;
    this.high = high;
  }

  /** A scalar in quotation marks. False: it is none of the common kind, and nothing is written. */
  scalar(kind: number, body: Buffer, start: number, end: number): boolean {
    const before = this.at;
    this.byte(QUOTE);
    if (kind === S) this.text(body, start, end);
    else if (kind === B) this.base64(body, start, end);
    else if (kind !== N || !this.decimal(body, start, end)) {
      this.at = before;
      return false;
    }
    this.byte(QUOTE);
    return true;
  }

  /** The value in a column of this type. False: it is none of the common kind; something may have been written. */
  value(type: AttributeType, body: Buffer, start: number, end: number): boolean {
    const kind = type.charCodeAt(0);
    if (type.length === 1) return this.scalar(kind, body, start, end);
    // Cassandra orders members as it compares them, which is the canonical order for texts only.
    if (kind !== S) return false;
    return type.length === 2 ? this.set(body, start, end) : this.map(type.charCodeAt(1), body, start, end);
  }

  /** JSON's value of a dynamic attribute, if it is canonical to the letter. False: it is not, or who knows, and nothing is written. */
  canonicalJson(body: Buffer, typeStart: number, typeEnd: number, start: number, end: number): boolean {
    if (!isCanonicalJson(body, typeStart, typeEnd, start, end)) return false;
    const { out } = this;
    let { at, high } = this;
    for (let from = start; from < end; from++) {
      const byte = body[from] ?? 0;
      out[at++] = byte;
      high |= byte;
    }
    this.at = at;
    this.high = high;
    return true;
  }

  private set(body: Buffer, start: number, end: number): boolean {
    let at = start + LENGTH_BYTES;
    this.byte(OPEN_LIST);
    for (let left = readInt32(body, start); left > 0; left--) {
      const length = readInt32(body, at);
      at += LENGTH_BYTES + length;
      if (length < 0 || at > end || !this.scalar(S, body, at - length, at)) return false;
      if (left > 1) this.byte(COMMA);
    }
    this.byte(CLOSE_LIST);
    return true;
  }

  private map(kind: number, body: Buffer, start: number, end: number): boolean {
    let at = start + LENGTH_BYTES;
    this.byte(OPEN);
    for (let left = readInt32(body, start); left > 0; left--) {
      const keyLength = readInt32(body, at);
      at += LENGTH_BYTES + keyLength;
      if (keyLength < 0 || at > end || !this.scalar(S, body, at - keyLength, at)) return false;
      this.byte(COLON);
      const length = readInt32(body, at);
      at += LENGTH_BYTES + length;
      if (length < 0 || at > end || !this.scalar(kind, body, at - length, at)) return false;
      if (left > 1) this.byte(COMMA);
    }
    this.byte(CLOSE);
    return true;
  }

  private base64(body: Buffer, start: number, end: number): void {
    let from = start;
    for (; from + 2 < end; from += 3) this.group(((body[from] ?? 0) << 16) | ((body[from + 1] ?? 0) << 8) | (body[from + 2] ?? 0), 4);
    const left = end - from;
    if (left === 0) return;
    this.group(((body[from] ?? 0) << 16) | (left === 2 ? (body[from + 1] ?? 0) << 8 : 0), left + 1);
    for (let padding = left; padding < 3; padding++) this.byte(EQUALS);
  }

  private group(bits: number, digits: number): void {
    for (let digit = 0; digit < digits; digit++) this.byte(BASE64[(bits >> (18 - 6 * digit)) & 63] ?? 0);
  }

  /** Canonical digits. False: it is large, and nothing is written. */
  private decimal(body: Buffer, start: number, end: number): boolean {
    const size = end - start - LENGTH_BYTES;
    if (size < 1 || size > PLAIN_BYTES) return false;
    let scale = readInt32(body, start);
    if (scale < LEAST_SCALE || scale > MOST_SCALE) return false;
    let value = (body[start + LENGTH_BYTES] ?? 0) << 24 >> 24;
    for (let from = start + LENGTH_BYTES + 1; from < end; from++) value = value * 256 + (body[from] ?? 0);
    if (value === 0) {
      this.byte(ZERO);
      return true;
    }
    if (value < 0) {
      this.byte(MINUS);
      value = -value;
    }
    for (; value % 10 === 0; scale--) value /= 10;
    this.spell(value, scale);
    return true;
  }

  private spell(value: number, scale: number): void {
    const { digits } = this;
    let count = 0;
    for (; value > 0; value = Math.floor(value / 10)) digits[count++] = ZERO + (value % 10);
    if (scale >= count) {
      this.byte(ZERO);
      this.byte(DOT);
      for (let zeros = scale - count; zeros > 0; zeros--) this.byte(ZERO);
    }
    for (let digit = count - 1; digit >= 0; digit--) {
      this.byte(digits[digit] ?? ZERO);
      if (digit === scale && digit > 0) this.byte(DOT);
    }
    for (let zeros = -scale; zeros > 0; zeros--) this.byte(ZERO);
  }
}

/** Bytes of output that a byte of input becomes at most. */
export const ROOM = 6;

/** `"name":{"T":…}` of a value in a column, the thorough way. @throws DomainError ValidationError */
export function thoroughAttribute(name: string, type: AttributeType, cell: unknown): Buffer {
  const value = decodeValue(type, cell);
  return withoutBraces(new Map(value ? [[name, value]] : []));
}

/** The same of a dynamic attribute, as the codec reads it. @throws DomainError ValidationError */
export function thoroughExtra(name: string, type: AttributeType, json: Buffer): Buffer {
  const value = parseAttributeValue({ [type]: JSON.parse(json.toString('utf8')) as unknown }, name, { allowEmpty: true });
  return withoutBraces(new Map([[name, value]]));
}

function withoutBraces(item: Item): Buffer {
  const whole = canonicalItem(item);
  return whole.subarray(1, whole.length - 1);
}
