import { byte, bytes, out } from './writer';

/** Of unscaled values: more are for the thorough way. */
const MOST_BYTES: usize = 16;
/** Numbers with these scales are spelt plainly if their first digit stands no higher than `MOST_ADJUSTED`. */
const LEAST_SCALE: i32 = -20;
const MOST_SCALE: i32 = 30;
const MOST_ADJUSTED: i32 = 38;
const MOST_DIGITS: usize = 38;
const BILLION: u64 = 1_000_000_000;
/** Digits end here. */
const DIGITS_ROOM: usize = 64;
const DIGITS = memory.data(64, 16);
const LIMBS = memory.data(16, 16);

/**
 * The canonical digits of a decimal of Cassandra: a scale of four bytes, and an unscaled value in two's complement, both big endian.
 * @returns false: it is not of the common kind, and nothing is written
 */
export function decimal(at: usize, end: usize): bool {
  if (end < at + 5 || end - at - 4 > MOST_BYTES) return false;
  let scale = <i32>bswap<u32>(load<u32>(at));
  if (scale < LEAST_SCALE || scale > MOST_SCALE) return false;
  at += 4;
  const negative = load<i8>(at) < 0;
  let first = end - at <= 8 ? digitsOf(magnitudeOf(at, end, negative)) : longDigitsOf(at, end, negative);
  let last = DIGITS + DIGITS_ROOM;
  if (first === last) {
    byte(0x30);
    return true;
  }
  for (; load<u8>(last - 1) === 0x30; scale--) last -= 1;
  const count = last - first;
  if (count > MOST_DIGITS || <i32>count - 1 - scale > MOST_ADJUSTED) return false;
  if (negative) byte(0x2d);
  spell(first, <i32>count, scale);
  return true;
}

function magnitudeOf(at: usize, end: usize, negative: bool): u64 {
  let value: u64 = negative ? u64.MAX_VALUE : 0;
  for (; at < end; at++) value = (value << 8) | <u64>load<u8>(at);
  return negative ? 0 - value : value;
}

/** @returns where they begin: they end behind the room for them */
function digitsOf(value: u64): usize {
  let first = DIGITS + DIGITS_ROOM;
  for (; value !== 0; value /= 10) {
    first -= 1;
    store<u8>(first, <u8>(0x30 + (value % 10)));
  }
  return first;
}

/** The same of more than eight bytes. */
function longDigitsOf(at: usize, end: usize, negative: bool): usize {
  let low: u64 = negative ? u64.MAX_VALUE : 0;
  let high = low;
  for (; at < end; at++) {
    high = (high << 8) | (low >> 56);
    low = (low << 8) | <u64>load<u8>(at);
  }
  if (negative) {
    low = 0 - low;
    high = ~high + (low === 0 ? 1 : 0);
  }
  store<u64>(LIMBS, low);
  store<u64>(LIMBS + 8, high);
  let first = DIGITS + DIGITS_ROOM;
  let whole = true;
  while (whole) {
    let rest: u64 = 0;
    whole = false;
    for (let limb: usize = 16; limb > 0; ) {
      limb -= 4;
      const value = (rest << 32) | <u64>load<u32>(LIMBS + limb);
      const quotient = value / BILLION;
      rest = value % BILLION;
      store<u32>(LIMBS + limb, <u32>quotient);
      if (quotient !== 0) whole = true;
    }
    for (let digit = 0; whole ? digit < 9 : rest !== 0; digit++, rest /= 10) {
      first -= 1;
      store<u8>(first, <u8>(0x30 + (rest % 10)));
    }
  }
  return first;
}

function spell(first: usize, count: i32, scale: i32): void {
  if (scale <= 0) {
    bytes(first, count);
    zeros(-scale);
  } else if (scale >= count) {
    byte(0x30);
    byte(0x2e);
    zeros(scale - count);
    bytes(first, count);
  } else {
    bytes(first, count - scale);
    byte(0x2e);
    bytes(first + count - scale, scale);
  }
}

function zeros(count: i32): void {
  for (; count > 0; count--) byte(0x30);
}
