import { decimal } from './decimal';
import { isCanonicalJson } from './json';
import { base64, byte, bytes, copy, expectAscii, high as notAscii, isUtf8, out, text, writeAt } from './writer';
import { hash128, high as digestHigh, low as digestLow } from './xxh3';

/**
 * Lines of an archive, and their digests, of rows in answers of Cassandra. What is not of the common kind is left to the caller, row by row.
 * Addresses are of this module's memory; the caller says where things stand, behind `heap`.
 */

/** What became of a run. */
const ALL_READ: i32 = 0;
const CUT_ROW: i32 = 1;
const BLOCK_FULL: i32 = 2;
const UNUSUAL_ROW: i32 = 3;

const S: u32 = 0x53;
const N: u32 = 0x4e;
const B: u32 = 0x42;
const IMMORTAL: i64 = -1;
const MAX_NAME_BYTES: usize = 255;

/** Of a run, for the caller: where to go on, rows read, items written, of these expiring; bytes of their lines, the last item's row, the last row. */
const NEXT: usize = 0;
const ROWS: usize = 4;
const ITEMS: usize = 8;
const EXPIRING: usize = 12;
const BYTES: usize = 16;
const LAST_ITEM: usize = 20;
const LAST_ROW: usize = 24;

/** Of the block, by bucket: items; sums of their digests, 16 bytes each. */
const BUCKETS: usize = 256;
const COUNTS = memory.data(1024, 16);
const SUMS = memory.data(4096, 16);

/** Of a row's cells, 64 at most. */
const STARTS = memory.data(256, 16);
const LENGTHS = memory.data(256, 16);

/** A column of an item, in the order of names: where name and `"name":{"T":` stand and end, its type's letters, its place among the cells. */
const DEFINED_BYTES: usize = 24;

/** Byte → may it stand in the name of an attribute? */
const NAME_BYTES = memory.data(256, 16);
const HEAD = memory.data<u8>([0x7b, 0x22, 0x49, 0x74, 0x65, 0x6d, 0x22, 0x3a]);
const HEAD_LENGTH: usize = 8;
const EXPIRES = memory.data<u8>([0x2c, 0x22, 0x45, 0x78, 0x70, 0x69, 0x72, 0x65, 0x73, 0x22, 0x3a]);
const EXPIRES_LENGTH: usize = 11;
const DIGITS_ROOM: usize = 32;
const EXPIRY_DIGITS = memory.data(32, 16);

let defined: usize = 0;
let definedEnd: usize = 0;
let columns: usize = 0;
let keys: usize = 0;
let ttls: usize = 0;
/** Byte by `TTL()`: is it one number, not a list? */
let scalarTtls: usize = 0;
let keyScratch: usize = 0;

let hashStart: usize = 0;
let hashEnd: usize = 0;
let rangeStart: usize = 0;
let rangeEnd: usize = 0;

let nameStart: usize = 0;
let nameEnd: usize = 0;
let typeStart: usize = 0;
let typeEnd: usize = 0;
let dataStart: usize = 0;
let dataEnd: usize = 0;

for (let char: usize = 0; char < 128; char++) {
  const letter = (char | 32) >= 0x61 && (char | 32) <= 0x7a;
  const isName = letter || (char >= 0x30 && char <= 0x39) || char === 0x5f || char === 0x2d || char === 0x2e;
  store<u8>(NAME_BYTES + char, isName ? 1 : 0);
}

/** Memory from here on is the caller's. */
export function heap(): usize {
  return __heap_base;
}

/** Makes memory at least so large. */
export function grow(size: usize): void {
  const pages = <i32>((size + 0xffff) >> 16) - memory.size();
  if (pages > 0) memory.grow(pages);
}

export function counts(): usize {
  return COUNTS;
}

export function sums(): usize {
  return SUMS;
}

/** Says which table's rows come. `definedCount` descriptions at `definedAt`; room for a key and 32 bytes at `scratch`. */
export function describe(definedAt: usize, definedCount: usize, columnCount: usize, keyCount: usize, ttlCount: usize, scalarTtlsAt: usize, scratch: usize): void {
  defined = definedAt;
  definedEnd = definedAt + definedCount * DEFINED_BYTES;
  columns = columnCount;
  keys = keyCount;
  ttls = ttlCount;
  scalarTtls = scalarTtlsAt;
  keyScratch = scratch;
}

/** Begins a block whose lines are written from here on. */
export function begin(): void {
  memory.fill(COUNTS, 0, BUCKETS * 4);
  memory.fill(SUMS, 0, BUCKETS * 16);
}

/**
 * Reads at most so many rows between `at` and `end` and writes their lines from `linesAt` on (each at the same place, if only digests are wanted), until they are
 * `blockBytes` or more.
 */
export function run(at: usize, end: usize, rows: u32, linesAt: usize, blockBytes: u32, mostRowBytes: u32, cutoff: f64, digestOnly: bool): i32 {
  let read: u32 = 0;
  let items: u32 = 0;
  let expiring: u32 = 0;
  let written: u32 = 0;
  let lastItem: usize = 0;
  let lastRow: usize = 0;
  let result = ALL_READ;
  writeAt(linesAt);
  while (read < rows) {
    const next = find(at, end);
    if (next === 0) {
      result = CUT_ROW;
      break;
    }
    const expiresAt = expiry();
    if (expiresAt !== IMMORTAL && expiresAt <= <i64>cutoff) {
      lastRow = at;
      at = next;
      read++;
      continue;
    }
    const before = out;
    if (next - at > <usize>mostRowBytes || !line(expiresAt)) {
      writeAt(before);
      result = UNUSUAL_ROW;
      break;
    }
    written += <u32>(out - before);
    if (digestOnly) writeAt(before);
    items++;
    if (expiresAt !== IMMORTAL) expiring++;
    lastItem = at;
    lastRow = at;
    at = next;
    read++;
    if (written >= blockBytes) {
      result = BLOCK_FULL;
      break;
    }
  }
  store<u32>(NEXT, <u32>at);
  store<u32>(ROWS, read);
  store<u32>(ITEMS, items);
  store<u32>(EXPIRING, expiring);
  store<u32>(BYTES, written);
  store<u32>(LAST_ITEM, <u32>lastItem);
  store<u32>(LAST_ROW, <u32>lastRow);
  return result;
}

@inline
function int32(at: usize): i32 {
  return <i32>bswap<u32>(load<u32>(at));
}

@inline
function startOf(column: usize): usize {
  return load<usize>(STARTS + column * 4);
}

/** -1: null. */
@inline
function lengthOf(column: usize): i32 {
  return load<i32>(LENGTHS + column * 4);
}

/** Notes where the cells of a row stand. @returns where the next row begins; 0: this one goes on behind the end */
function find(at: usize, end: usize): usize {
  for (let column: usize = 0; column < columns; column++) {
    if (at + 4 > end) return 0;
    const length = int32(at);
    at += 4;
    store<usize>(STARTS + column * 4, at);
    store<i32>(LENGTHS + column * 4, length);
    if (length <= 0) continue;
    if (<usize>length > end - at) return 0;
    at += length;
  }
  return at;
}

/** The longest life of a cell, in seconds since the epoch. */
function expiry(): i64 {
  let longest: i64 = IMMORTAL;
  const first = keys + 2;
  for (let ttl: usize = 0; ttl < ttls; ttl++) {
    const length = lengthOf(first + ttl);
    if (length < 4) continue;
    let at = startOf(first + ttl);
    if (load<u8>(scalarTtls + ttl) !== 0) {
      longest = max<i64>(longest, int32(at));
      continue;
    }
    let left = int32(at);
    at += 4;
    for (; left > 0; left--, at += 8) {
      if (int32(at) < 0) return IMMORTAL;
      longest = max<i64>(longest, int32(at + 4));
    }
  }
  return longest === IMMORTAL ? IMMORTAL : <i64>bswap<u64>(load<u64>(startOf(keys + 1))) / 1000 + longest;
}

/** Writes a row's line and counts it. False: the row is not of the common kind. */
function line(expiresAt: i64): bool {
  bytes(HEAD, HEAD_LENGTH);
  const start = out;
  expectAscii();
  if (!item()) return false;
  if (notAscii && !isUtf8(start, out)) return false;
  const end = out;
  hash128(keyScratch, key());
  const bucket = <usize>(digestHigh >> 56);
  hash128(start, end - start);
  count(bucket);
  if (expiresAt !== IMMORTAL) {
    bytes(EXPIRES, EXPIRES_LENGTH);
    number(expiresAt);
  }
  store<u16>(out, 0x0a7d);
  writeAt(out + 2);
  return true;
}

function count(bucket: usize): void {
  store<u32>(COUNTS + bucket * 4, load<u32>(COUNTS + bucket * 4) + 1);
  const at = SUMS + bucket * 16;
  const sum = load<u64>(at) + digestLow;
  store<u64>(at, sum);
  store<u64>(at + 8, load<u64>(at + 8) + digestHigh + (sum < digestLow ? 1 : 0));
}

function number(value: i64): void {
  const end = EXPIRY_DIGITS + DIGITS_ROOM;
  let first = end;
  do {
    first -= 1;
    store<u8>(first, <u8>(0x30 + (value % 10)));
    value /= 10;
  } while (value !== 0);
  bytes(first, end - first);
}

/** Canonical JSON of the key, copied from the line. @returns its length */
function key(): usize {
  const before = out;
  writeAt(keyScratch);
  byte(0x7b);
  bytes(hashStart, hashEnd - hashStart);
  if (keys > 1) {
    byte(0x2c);
    bytes(rangeStart, rangeEnd - rangeStart);
  }
  byte(0x7d);
  const length = out - keyScratch;
  writeAt(before);
  return length;
}

/** Columns and dynamic attributes in the order of their names' bytes. */
function item(): bool {
  byte(0x7b);
  const start = out;
  let next = defined;
  const types = keys + 2 + ttls + (ttls - 2);
  if (lengthOf(types) >= 4 && lengthOf(types + 1) >= 4) {
    let typeAt = startOf(types) + 4;
    let dataAt = startOf(types + 1) + 4;
    const typesEnd = startOf(types) + lengthOf(types);
    const allDataEnd = startOf(types + 1) + lengthOf(types + 1);
    let left = int32(typeAt - 4);
    if (int32(dataAt - 4) !== left) return false;
    for (; left > 0; left--) {
      if (!extraAt(typeAt, typesEnd, dataAt, allDataEnd)) return false;
      typeAt = typeEnd;
      dataAt = dataEnd;
      for (; next < definedEnd; next += DEFINED_BYTES) {
        const order = compare(nameStart, nameEnd, load<usize>(next), load<usize>(next + 4));
        // The same attribute twice.
        if (order === 0) return false;
        if (order < 0) break;
        if (!column(next, start)) return false;
      }
      if (!extra(start)) return false;
    }
  }
  for (; next < definedEnd; next += DEFINED_BYTES) if (!column(next, start)) return false;
  byte(0x7d);
  return true;
}

/** Notes where name, type and value of a dynamic attribute stand. False: the two maps do not name the same attributes, or are cut. */
@inline
function extraAt(typeAt: usize, typesEnd: usize, dataAt: usize, allDataEnd: usize): bool {
  if (typeAt + 8 > typesEnd || dataAt + 8 > allDataEnd) return false;
  const nameLength = int32(typeAt);
  if (nameLength <= 0 || nameLength > <i32>MAX_NAME_BYTES || int32(dataAt) !== nameLength) return false;
  nameStart = typeAt + 4;
  nameEnd = nameStart + nameLength;
  typeStart = nameEnd + 4;
  const otherStart = dataAt + 4;
  const otherEnd = otherStart + nameLength;
  dataStart = otherEnd + 4;
  if (typeStart > typesEnd || dataStart > allDataEnd) return false;
  const typeLength = int32(nameEnd);
  const dataLength = int32(otherEnd);
  if (typeLength < 0 || dataLength < 0 || <usize>typeLength > typesEnd - typeStart || <usize>dataLength > allDataEnd - dataStart) return false;
  typeEnd = typeStart + typeLength;
  dataEnd = dataStart + dataLength;
  for (let at: usize = 0; at < <usize>nameLength; at++) if (load<u8>(nameStart + at) !== load<u8>(otherStart + at)) return false;
  return true;
}

@inline
function compare(at: usize, end: usize, other: usize, otherEnd: usize): i32 {
  for (; at < end && other < otherEnd; at++, other++) {
    const difference = <i32>load<u8>(at) - <i32>load<u8>(other);
    if (difference !== 0) return difference;
  }
  return <i32>(end - at) - <i32>(otherEnd - other);
}

function column(which: usize, start: usize): bool {
  const index = load<usize>(which + 20);
  const length = lengthOf(index);
  if (length < 0) return true;
  if (out > start) byte(0x2c);
  const from = out;
  const prefix = load<usize>(which + 8);
  bytes(prefix, load<usize>(which + 12) - prefix);
  const at = startOf(index);
  if (!value(load<u32>(which + 16), at, at + length)) return false;
  byte(0x7d);
  if (index === 0) {
    hashStart = from;
    hashEnd = out;
  } else if (index === 1 && keys > 1) {
    rangeStart = from;
    rangeEnd = out;
  }
  return true;
}

/** `"name":{"T":value}` of a dynamic attribute. */
function extra(start: usize): bool {
  for (let at = nameStart; at < nameEnd; at++) if (load<u8>(NAME_BYTES + load<u8>(at)) === 0) return false;
  if (!isCanonicalJson(typeStart, typeEnd, dataStart, dataEnd)) return false;
  if (out > start) byte(0x2c);
  byte(0x22);
  bytes(nameStart, nameEnd - nameStart);
  store<u32>(out, 0x227b3a22);
  writeAt(out + 4);
  bytes(typeStart, typeEnd - typeStart);
  store<u16>(out, 0x3a22);
  writeAt(out + 2);
  // Nothing in it is to be escaped any more.
  copy(dataStart, dataEnd);
  byte(0x7d);
  return true;
}

/** A value in a column: `type` holds its letters, the first one lowest. Cassandra orders members as it compares them, which is the canonical order for texts only. */
function value(type: u32, at: usize, end: usize): bool {
  const kind = type & 0xff;
  const second = (type >> 8) & 0xff;
  if (second === 0) return scalar(kind, at, end);
  if (kind !== S) return false;
  return type >> 16 === 0 ? set(at, end) : map(second, at, end);
}

function scalar(kind: u32, at: usize, end: usize): bool {
  byte(0x22);
  if (kind === S) text(at, end);
  else if (kind === B) base64(at, end);
  else if (kind !== N || !decimal(at, end)) return false;
  byte(0x22);
  return true;
}

function set(at: usize, end: usize): bool {
  if (end - at < 4) return false;
  byte(0x5b);
  let left = int32(at);
  at += 4;
  for (; left > 0; left--) {
    const member = memberAt(at, end);
    if (member === 0 || !scalar(S, at + 4, member)) return false;
    at = member;
    if (left > 1) byte(0x2c);
  }
  byte(0x5d);
  return true;
}

function map(kind: u32, at: usize, end: usize): bool {
  if (end - at < 4) return false;
  byte(0x7b);
  let left = int32(at);
  at += 4;
  for (; left > 0; left--) {
    const name = memberAt(at, end);
    if (name === 0 || !scalar(S, at + 4, name)) return false;
    byte(0x3a);
    const member = memberAt(name, end);
    if (member === 0 || !scalar(kind, name + 4, member)) return false;
    at = member;
    if (left > 1) byte(0x2c);
  }
  byte(0x7d);
  return true;
}

/** Where a member that begins here ends. 0: it is null, or cut. */
@inline
function memberAt(at: usize, end: usize): usize {
  if (at + 4 > end) return 0;
  const length = int32(at);
  return length < 0 || <usize>length > end - at - 4 ? 0 : at + 4 + length;
}
