/** Writes bytes of JSON at `out`. There must be room, and 16 bytes more: stores may go beyond what they are for. */
export let out: usize = 0;
/** Was anything written that is not ASCII? */
export let high: bool = false;

const HEX = memory.data<u8>([0x30, 0x31, 0x32, 0x33, 0x34, 0x35, 0x36, 0x37, 0x38, 0x39, 0x61, 0x62, 0x63, 0x64, 0x65, 0x66]);
/** The letter behind the backslash, of the characters below the space; `u`: the code follows. */
const LETTERS = memory.data<u8>([
  0x75, 0x75, 0x75, 0x75, 0x75, 0x75, 0x75, 0x75, 0x62, 0x74, 0x6e, 0x75, 0x66, 0x72, 0x75, 0x75, 0x75, 0x75, 0x75, 0x75, 0x75, 0x75, 0x75, 0x75, 0x75, 0x75, 0x75,
  0x75, 0x75, 0x75, 0x75, 0x75,
]);
const BASE64 = memory.data<u8>([
  0x41, 0x42, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48, 0x49, 0x4a, 0x4b, 0x4c, 0x4d, 0x4e, 0x4f, 0x50, 0x51, 0x52, 0x53, 0x54, 0x55, 0x56, 0x57, 0x58, 0x59, 0x5a, 0x61,
  0x62, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6a, 0x6b, 0x6c, 0x6d, 0x6e, 0x6f, 0x70, 0x71, 0x72, 0x73, 0x74, 0x75, 0x76, 0x77, 0x78, 0x79, 0x7a, 0x30, 0x31,
  0x32, 0x33, 0x34, 0x35, 0x36, 0x37, 0x38, 0x39, 0x2b, 0x2f,
]);

export function writeAt(at: usize): void {
  out = at;
}

export function expectAscii(): void {
  high = false;
}

@inline
export function byte(value: u32): void {
  store<u8>(out, <u8>value);
  out += 1;
}

@inline
export function bytes(from: usize, length: usize): void {
  let to = out;
  out += length;
  for (; to < out; to += 16, from += 16) v128.store(to, v128.load(from));
}

/** Which of 16 bytes JSON escapes: a bit each. */
@inline
export function escaped(piece: v128): i32 {
  const control = i8x16.lt_u(piece, i8x16.splat(0x20));
  const quote = i8x16.eq(piece, i8x16.splat(0x22));
  const backslash = i8x16.eq(piece, i8x16.splat(0x5c));
  return i8x16.bitmask(v128.or(control, v128.or(quote, backslash)));
}

/** The first so many of 16 bits. */
@inline
export function firstOf(length: usize): i32 {
  return length >= 16 ? 0xffff : (1 << <i32>length) - 1;
}

/** Text of JSON, without its quotation marks. */
export function text(from: usize, end: usize): void {
  let to = out;
  let signs: i32 = 0;
  while (from < end) {
    const piece = v128.load(from);
    const mine = firstOf(end - from);
    const special = escaped(piece) & mine;
    v128.store(to, piece);
    if (special === 0) {
      signs |= i8x16.bitmask(piece) & mine;
      const length = min<usize>(16, end - from);
      to += length;
      from += length;
      continue;
    }
    const plain = <usize>ctz(special);
    signs |= i8x16.bitmask(piece) & mine & (special - 1);
    to = escape(to + plain, load<u8>(from + plain));
    from += plain + 1;
  }
  if (signs !== 0) high = true;
  out = to;
}

/** JSON as it is: nothing in it is to be escaped any more. */
export function copy(from: usize, end: usize): void {
  let signs: i32 = 0;
  let to = out;
  for (let at = from; at < end; at += 16, to += 16) {
    const piece = v128.load(at);
    signs |= i8x16.bitmask(piece) & firstOf(end - at);
    v128.store(to, piece);
  }
  if (signs !== 0) high = true;
  out += end - from;
}

/** @returns where to go on */
function escape(to: usize, char: u32): usize {
  store<u8>(to, 0x5c);
  if (char >= 0x20) {
    store<u8>(to + 1, <u8>char);
    return to + 2;
  }
  const letter = load<u8>(LETTERS + char);
  store<u8>(to + 1, letter);
  if (letter !== 0x75) return to + 2;
  store<u16>(to + 2, 0x3030);
  store<u8>(to + 4, load<u8>(HEX + (char >> 4)));
  store<u8>(to + 5, load<u8>(HEX + (char & 15)));
  return to + 6;
}

export function base64(from: usize, end: usize): void {
  let to = out;
  for (; from + 2 < end; from += 3, to += 4) {
    const bits = (<u32>load<u8>(from) << 16) | (<u32>load<u8>(from + 1) << 8) | <u32>load<u8>(from + 2);
    store<u8>(to, load<u8>(BASE64 + (bits >> 18)));
    store<u8>(to + 1, load<u8>(BASE64 + ((bits >> 12) & 63)));
    store<u8>(to + 2, load<u8>(BASE64 + ((bits >> 6) & 63)));
    store<u8>(to + 3, load<u8>(BASE64 + (bits & 63)));
  }
  if (from < end) {
    const two = from + 1 < end;
    const bits = (<u32>load<u8>(from) << 16) | (two ? <u32>load<u8>(from + 1) << 8 : 0);
    store<u8>(to, load<u8>(BASE64 + (bits >> 18)));
    store<u8>(to + 1, load<u8>(BASE64 + ((bits >> 12) & 63)));
    store<u8>(to + 2, two ? load<u8>(BASE64 + ((bits >> 6) & 63)) : 0x3d);
    store<u8>(to + 3, 0x3d);
    to += 4;
  }
  out = to;
}

/** Are these bytes UTF-8? Surrogates, longer forms than need be and what lies beyond U+10FFFF are none. */
export function isUtf8(at: usize, end: usize): bool {
  while (at < end) {
    if (at + 8 <= end && (load<u64>(at) & 0x8080808080808080) === 0) {
      at += 8;
      continue;
    }
    const first = <u32>load<u8>(at);
    if (first < 0x80) {
      at += 1;
      continue;
    }
    const length: usize = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if (first < 0xc2 || first > 0xf4 || at + length > end) return false;
    const second = <u32>load<u8>(at + 1);
    const least: u32 = first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80;
    const most: u32 = first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf;
    if (second < least || second > most) return false;
    for (let next: usize = 2; next < length; next++) if ((load<u8>(at + next) & 0xc0) !== 0x80) return false;
    at += length;
  }
  return true;
}
