import { escaped, firstOf } from './writer';

const QUOTE: u32 = 0x22;
const BACKSLASH: u32 = 0x5c;
const S: u32 = 0x53;
const N: u32 = 0x4e;
const B: u32 = 0x42;
const M: u32 = 0x4d;
/** A number of so many digits is within every limit of the data model. */
const PLAIN_DIGITS: usize = 15;
const NONE: usize = 0;

/**
 * Is JSON's value of a dynamic attribute canonical to the letter: the text that the codec would make of it? False: it is not, or who knows. Types are scalars, sets
 * of them, and maps of them to them; what is no UTF-8 is not noticed.
 */
export function isCanonicalJson(typeAt: usize, typeEnd: usize, at: usize, end: usize): bool {
  const kind = <u32>load<u8>(typeAt);
  switch (<i32>(typeEnd - typeAt)) {
    case 1:
      return valueEnd(kind, at, end) === end;
    case 2:
      return load<u8>(typeAt + 1) === S && isCanonicalList(kind, at, end);
    case 3:
      return load<u8>(typeAt + 2) === M && isCanonicalMap(kind, <u32>load<u8>(typeAt + 1), at, end);
    default:
      return false;
  }
}

/** `["a","b"]`: its members ascend, byte by byte. */
function isCanonicalList(kind: u32, at: usize, end: usize): bool {
  if (end - at < 2 || load<u8>(at) !== 0x5b || load<u8>(end - 1) !== 0x5d) return false;
  at += 1;
  let before = NONE;
  while (at < end - 1) {
    if (before !== NONE && load<u8>(at++) !== 0x2c) return false;
    const behind = memberEnd(kind, at, end - 1);
    if (behind === NONE || (before !== NONE && !ascends(before, at))) return false;
    before = at;
    at = behind;
  }
  return true;
}

/** `{"a":"1","b":"2"}`: its keys ascend, byte by byte. */
function isCanonicalMap(keyKind: u32, kind: u32, at: usize, end: usize): bool {
  if (end - at < 2 || load<u8>(at) !== 0x7b || load<u8>(end - 1) !== 0x7d) return false;
  at += 1;
  let before = NONE;
  while (at < end - 1) {
    if (before !== NONE && load<u8>(at++) !== 0x2c) return false;
    const colon = memberEnd(keyKind, at, end - 1);
    if (colon === NONE || load<u8>(colon) !== 0x3a || (before !== NONE && !ascends(before, at))) return false;
    const behind = valueEnd(kind, colon + 1, end - 1);
    if (behind === NONE) return false;
    before = at;
    at = behind;
  }
  return true;
}

/** Behind the closing quotation mark of a scalar that begins here. NONE: it is not canonical. */
function memberEnd(kind: u32, start: usize, end: usize): usize {
  if (start >= end || load<u8>(start) !== QUOTE) return NONE;
  let at = start + 1;
  for (; at < end; at += 16) {
    const special = escaped(v128.load(at)) & firstOf(end - at);
    if (special === 0) continue;
    at += <usize>ctz(special);
    break;
  }
  if (at >= end || load<u8>(at) !== QUOTE) return NONE;
  if (kind === N ? !isPlainNumber(start + 1, at) : kind === B ? !isStrictBase64(start + 1, at) : kind !== S) return NONE;
  return at + 1;
}

/** The same of a value that is not compared with others: texts may hold escapes. */
function valueEnd(kind: u32, start: usize, end: usize): usize {
  if (kind !== S) return memberEnd(kind, start, end);
  if (start >= end || load<u8>(start) !== QUOTE) return NONE;
  let at = start + 1;
  while (at < end) {
    const special = escaped(v128.load(at)) & firstOf(end - at);
    if (special === 0) {
      at += 16;
      continue;
    }
    at += <usize>ctz(special);
    const char = <u32>load<u8>(at);
    if (char === QUOTE) return at + 1;
    if (char !== BACKSLASH) return NONE;
    at = escapeEnd(at, end);
    if (at === NONE) return NONE;
  }
  return NONE;
}

/** Behind an escape. NONE: it is cut, needless, or to be spelt otherwise. */
function escapeEnd(at: usize, end: usize): usize {
  if (at + 2 > end) return NONE;
  switch (<i32>load<u8>(at + 1)) {
    case 0x22:
    case 0x5c:
    case 0x62:
    case 0x66:
    case 0x6e:
    case 0x72:
    case 0x74:
      return at + 2;
    case 0x75:
      break;
    default:
      return NONE;
  }
  if (at + 6 > end || load<u16>(at + 2) !== 0x3030) return NONE;
  const upper = <u32>load<u8>(at + 4) - 0x30;
  const lower = <u32>load<u8>(at + 5);
  if (upper > 1 || !((lower >= 0x30 && lower <= 0x39) || (lower >= 0x61 && lower <= 0x66))) return NONE;
  // \b, \t, \n, \f and \r are shorter.
  const isShort = upper === 0 && (lower === 0x38 || lower === 0x39 || lower === 0x61 || lower === 0x63 || lower === 0x64);
  return isShort ? NONE : at + 6;
}

/** Of two texts in quotation marks: does the first one come before? */
function ascends(first: usize, second: usize): bool {
  let at: usize = 1;
  while (load<u8>(first + at) === load<u8>(second + at) && load<u8>(first + at) !== QUOTE) at++;
  const a = <u32>load<u8>(first + at);
  const b = <u32>load<u8>(second + at);
  return b !== QUOTE && (a === QUOTE || a < b);
}

/** Digits as the codec spells them, of a number that is not too long for it to be sure. */
function isPlainNumber(start: usize, end: usize): bool {
  if (start >= end) return false;
  const first = load<u8>(start) === 0x2d ? start + 1 : start;
  let dot = NONE;
  let digits: usize = 0;
  for (let at = first; at < end; at++) {
    const char = <u32>load<u8>(at);
    if (char === 0x2e && dot === NONE) dot = at;
    else if (char >= 0x30 && char <= 0x39) digits++;
    else return false;
  }
  if (digits === 0 || digits > PLAIN_DIGITS) return false;
  const whole = (dot === NONE ? end : dot) - first;
  const leadingZero = load<u8>(first) === 0x30;
  if (whole === 0 || (leadingZero && whole > 1)) return false;
  if (dot === NONE) return !(leadingZero && first > start);
  // No zero at the end; so it is no zero either, and may be negative.
  return dot < end - 1 && load<u8>(end - 1) !== 0x30;
}

/** Base64 with its padding, and nothing in the bits that padding leaves over. */
function isStrictBase64(start: usize, end: usize): bool {
  const length = end - start;
  if ((length & 3) !== 0) return false;
  if (length === 0) return true;
  const padding: usize = load<u8>(end - 1) !== 0x3d ? 0 : load<u8>(end - 2) !== 0x3d ? 1 : 2;
  let last: i32 = 0;
  for (let at = start; at < end - padding; at++) {
    last = sextet(load<u8>(at));
    if (last < 0) return false;
  }
  return padding === 0 || (last & (padding === 1 ? 3 : 15)) === 0;
}

/** -1: it is none. */
function sextet(char: u32): i32 {
  if (char >= 0x41 && char <= 0x5a) return char - 0x41;
  if (char >= 0x61 && char <= 0x7a) return char - 0x61 + 26;
  if (char >= 0x30 && char <= 0x39) return char - 0x30 + 52;
  return char === 0x2b ? 62 : char === 0x2f ? 63 : -1;
}
