/**
 * XXH3, 128 bits, seed 0, of bytes in this module's memory (https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md).
 * The two halves are left in `low` and `high`: a function of WebAssembly returns one value here.
 */
export let low: u64 = 0;
export let high: u64 = 0;

const PRIME32_1: u64 = 0x9e3779b1;
const PRIME32_2: u64 = 0x85ebca77;
const PRIME32_3: u64 = 0xc2b2ae3d;
const PRIME64_1: u64 = 0x9e3779b185ebca87;
const PRIME64_2: u64 = 0xc2b2ae3d27d4eb4f;
const PRIME64_3: u64 = 0x165667b19e3779f9;
const PRIME64_4: u64 = 0x85ebca77c2b2ae63;
const PRIME64_5: u64 = 0x27d4eb2f165667c5;
const PRIME_MX1: u64 = 0x165667919e3779f9;
const PRIME_MX2: u64 = 0x9fb21c651e98df25;

const STRIPE: usize = 64;
const BLOCK: usize = 1024;
const SECRET_BYTES: usize = 192;
const SECRET = memory.data<u8>([
  0xb8, 0xfe, 0x6c, 0x39, 0x23, 0xa4, 0x4b, 0xbe, 0x7c, 0x01, 0x81, 0x2c, 0xf7, 0x21, 0xad, 0x1c, 0xde, 0xd4, 0x6d, 0xe9, 0x83, 0x90, 0x97, 0xdb,
  0x72, 0x40, 0xa4, 0xa4, 0xb7, 0xb3, 0x67, 0x1f, 0xcb, 0x79, 0xe6, 0x4e, 0xcc, 0xc0, 0xe5, 0x78, 0x82, 0x5a, 0xd0, 0x7d, 0xcc, 0xff, 0x72, 0x21,
  0xb8, 0x08, 0x46, 0x74, 0xf7, 0x43, 0x24, 0x8e, 0xe0, 0x35, 0x90, 0xe6, 0x81, 0x3a, 0x26, 0x4c, 0x3c, 0x28, 0x52, 0xbb, 0x91, 0xc3, 0x00, 0xcb,
  0x88, 0xd0, 0x65, 0x8b, 0x1b, 0x53, 0x2e, 0xa3, 0x71, 0x64, 0x48, 0x97, 0xa2, 0x0d, 0xf9, 0x4e, 0x38, 0x19, 0xef, 0x46, 0xa9, 0xde, 0xac, 0xd8, 0xa8,
  0xfa, 0x76, 0x3f, 0xe3, 0x9c, 0x34, 0x3f, 0xf9, 0xdc, 0xbb, 0xc7, 0xc7, 0x0b, 0x4f, 0x1d, 0x8a, 0x51, 0xe0, 0x4b, 0xcd, 0xb4, 0x59, 0x31, 0xc8,
  0x9f, 0x7e, 0xc9, 0xd9, 0x78, 0x73, 0x64, 0xea, 0xc5, 0xac, 0x83, 0x34, 0xd3, 0xeb, 0xc3, 0xc5, 0x81, 0xa0, 0xff, 0xfa, 0x13, 0x63, 0xeb, 0x17,
  0x0d, 0xdd, 0x51, 0xb7, 0xf0, 0xda, 0x49, 0xd3, 0x16, 0x55, 0x26, 0x29, 0xd4, 0x68, 0x9e, 0x2b, 0x16, 0xbe, 0x58, 0x7d, 0x47, 0xa1, 0xfc, 0x8f,
  0xf8, 0xb8, 0xd1, 0x7a, 0xd0, 0x31, 0xce, 0x45, 0xcb, 0x3a, 0x8f, 0x95, 0x16, 0x04, 0x28, 0xaf, 0xd7, 0xfb, 0xca, 0xbb, 0x4b, 0x40, 0x7e,
]);
const LANES = memory.data(64, 16);

@inline
function read64(at: usize): u64 {
  return load<u64>(at);
}

@inline
function secret64(at: usize): u64 {
  return load<u64>(SECRET + at);
}

/** The high half of a product of 64 by 64 bits. */
@inline
function highOf(a: u64, b: u64): u64 {
  const aLow = a & 0xffffffff;
  const aHigh = a >> 32;
  const bLow = b & 0xffffffff;
  const bHigh = b >> 32;
  const lowLow = aLow * bLow;
  const highLow = aHigh * bLow;
  const lowHigh = aLow * bHigh;
  const middle = (lowLow >> 32) + (highLow & 0xffffffff) + lowHigh;
  return (highLow >> 32) + (middle >> 32) + aHigh * bHigh;
}

@inline
function fold(a: u64, b: u64): u64 {
  return (a * b) ^ highOf(a, b);
}

@inline
function avalanche(hash: u64): u64 {
  hash = (hash ^ (hash >> 37)) * PRIME_MX1;
  return hash ^ (hash >> 32);
}

@inline
function avalanche64(hash: u64): u64 {
  hash = (hash ^ (hash >> 33)) * PRIME64_2;
  hash = (hash ^ (hash >> 29)) * PRIME64_3;
  return hash ^ (hash >> 32);
}

@inline
function mix16(at: usize, secret: usize): u64 {
  return fold(read64(at) ^ secret64(secret), read64(at + 8) ^ secret64(secret + 8));
}

@inline
function mix32(first: usize, second: usize, secret: usize): void {
  low = (low + mix16(first, secret)) ^ (read64(second) + read64(second + 8));
  high = (high + mix16(second, secret + 16)) ^ (read64(first) + read64(first + 8));
}

/** Hashes `length` bytes at `at`. */
export function hash128(at: usize, length: usize): void {
  if (length > 240) long(at, length);
  else if (length > 128) medium(at, length);
  else if (length > 16) short(at, length);
  else if (length > 8) tiny16(at, length);
  else if (length > 3) tiny8(at, length);
  else if (length > 0) tiny3(at, length);
  else {
    low = avalanche64(secret64(64) ^ secret64(72));
    high = avalanche64(secret64(80) ^ secret64(88));
  }
}

function tiny3(at: usize, length: usize): void {
  const first = <u32>load<u8>(at);
  const middle = <u32>load<u8>(at + (length >> 1));
  const last = <u32>load<u8>(at + length - 1);
  const combined = (first << 16) | (middle << 24) | last | (<u32>length << 8);
  const turned = rotl<u32>(bswap<u32>(combined), 13);
  low = avalanche64(<u64>combined ^ <u64>(load<u32>(SECRET) ^ load<u32>(SECRET + 4)));
  high = avalanche64(<u64>turned ^ <u64>(load<u32>(SECRET + 8) ^ load<u32>(SECRET + 12)));
}

function tiny8(at: usize, length: usize): void {
  const input = <u64>load<u32>(at) + (<u64>load<u32>(at + length - 4) << 32);
  const keyed = input ^ (secret64(16) ^ secret64(24));
  const factor = PRIME64_1 + (<u64>length << 2);
  let lower = keyed * factor;
  const upper = highOf(keyed, factor) + (lower << 1);
  lower ^= upper >> 3;
  lower = (lower ^ (lower >> 35)) * PRIME_MX2;
  low = lower ^ (lower >> 28);
  high = avalanche(upper);
}

function tiny16(at: usize, length: usize): void {
  const first = read64(at);
  const last = read64(at + length - 8);
  const keyed = first ^ last ^ (secret64(32) ^ secret64(40));
  const flipped = last ^ (secret64(48) ^ secret64(56));
  let lower = keyed * PRIME64_1 + ((<u64>length - 1) << 54);
  const upper = highOf(keyed, PRIME64_1) + flipped + (flipped & 0xffffffff) * (PRIME32_2 - 1);
  lower ^= bswap<u64>(upper);
  low = avalanche(lower * PRIME64_2);
  high = avalanche(highOf(lower, PRIME64_2) + upper * PRIME64_2);
}

@inline
function finish(length: usize): void {
  const sum = low + high;
  high = 0 - avalanche(low * PRIME64_1 + high * PRIME64_4 + <u64>length * PRIME64_2);
  low = avalanche(sum);
}

function short(at: usize, length: usize): void {
  low = <u64>length * PRIME64_1;
  high = 0;
  const end = at + length;
  if (length > 96) mix32(at + 48, end - 64, 96);
  if (length > 64) mix32(at + 32, end - 48, 64);
  if (length > 32) mix32(at + 16, end - 32, 32);
  mix32(at, end - 16, 0);
  finish(length);
}

function medium(at: usize, length: usize): void {
  low = <u64>length * PRIME64_1;
  high = 0;
  for (let from: usize = 0; from < 128; from += 32) mix32(at + from, at + from + 16, from);
  low = avalanche(low);
  high = avalanche(high);
  for (let from: usize = 128; from + 32 <= length; from += 32) mix32(at + from, at + from + 16, from - 125);
  mix32(at + length - 16, at + length - 32, 103);
  finish(length);
}

@inline
function stripe(at: usize, secret: usize): void {
  for (let lane: usize = 0; lane < STRIPE; lane += 16) {
    const data = v128.load(at + lane);
    const key = v128.xor(data, v128.load(SECRET + secret + lane));
    const product = i64x2.extmul_low_i32x4_u(v128.shuffle<u32>(key, key, 0, 2, 0, 2), v128.shuffle<u32>(key, key, 1, 3, 1, 3));
    const swapped = v128.shuffle<u64>(data, data, 1, 0);
    v128.store(LANES + lane, i64x2.add(v128.load(LANES + lane), i64x2.add(product, swapped)));
  }
}

function scramble(): void {
  const prime = i64x2.splat(PRIME32_1);
  for (let lane: usize = 0; lane < STRIPE; lane += 16) {
    let sum = v128.load(LANES + lane);
    sum = v128.xor(sum, i64x2.shr_u(sum, 47));
    sum = v128.xor(sum, v128.load(SECRET + SECRET_BYTES - STRIPE + lane));
    v128.store(LANES + lane, i64x2.mul(sum, prime));
  }
}

function merged(secret: usize, start: u64): u64 {
  let sum = start;
  for (let lane: usize = 0; lane < STRIPE; lane += 16) {
    sum += fold(read64(LANES + lane) ^ secret64(secret + lane), read64(LANES + lane + 8) ^ secret64(secret + lane + 8));
  }
  return avalanche(sum);
}

function long(at: usize, length: usize): void {
  store<u64>(LANES, PRIME32_3);
  store<u64>(LANES + 8, PRIME64_1);
  store<u64>(LANES + 16, PRIME64_2);
  store<u64>(LANES + 24, PRIME64_3);
  store<u64>(LANES + 32, PRIME64_4);
  store<u64>(LANES + 40, PRIME32_2);
  store<u64>(LANES + 48, PRIME64_5);
  store<u64>(LANES + 56, PRIME32_1);
  const end = at + length;
  for (; at + BLOCK < end; at += BLOCK) {
    for (let step: usize = 0; step < BLOCK / STRIPE; step++) stripe(at + step * STRIPE, step * 8);
    scramble();
  }
  for (let secret: usize = 0; at + STRIPE < end; at += STRIPE, secret += 8) stripe(at, secret);
  stripe(end - STRIPE, SECRET_BYTES - STRIPE - 7);
  low = merged(11, <u64>length * PRIME64_1);
  high = merged(SECRET_BYTES - STRIPE - 11, ~(<u64>length * PRIME64_2));
}
