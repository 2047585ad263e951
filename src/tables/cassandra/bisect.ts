import { types } from 'cassandra-driver';
import { ScalarType } from '../../kernel';
import { decimalParts, toDecimal } from './decimal';
import { Layout } from './layout';
import { MAX_TOKEN, MIN_TOKEN, Position, Slice, partitionSlice, tokenSlice } from './positions';

/** Values are not told apart by more bytes than this behind those that they share. */
const DEEPEST = 64;
const [LAST_ASCII, SURROGATES, SURROGATES_END, CODE_POINTS] = [0x7f, 0xd800, 0xe000, 0x110000];
/** Digits of a middle between two numbers that differ by less. */
const FINEST_SCALE = 60;
const WIDEST_EXPONENT = 1_000;

/** The token that a slice of tokens begins and ends with, by the driver's count: good for halving, since the slices themselves keep their exact bounds. */
export function tokensOf({ extent }: Slice, tokenOf: (hash: Buffer) => bigint): { first: bigint; last: bigint } | undefined {
  if (!('from' in extent)) return undefined;
  const { from, to } = extent;
  const after = from === undefined ? MIN_TOKEN : tokenAt(from, tokenOf);
  const last = to === undefined ? MAX_TOKEN : 'token' in to ? to.token : tokenOf(to.hash) - 1n;
  return { first: after < MAX_TOKEN ? after + 1n : after, last };
}

/** Two slices that follow one another and read the same; undefined: it cannot be cut (one token, one row). */
export function halve(layout: Layout, slice: Slice, tokenOf: (hash: Buffer) => bigint): [Slice, Slice] | undefined {
  const { extent } = slice;
  if ('from' in extent) {
    const { first, last } = tokensOf(slice, tokenOf) ?? { first: 0n, last: 0n };
    if (first >= last) return undefined;
    const middle = { token: (first + last) >> 1n };
    return [tokenSlice(layout, extent.from, middle), tokenSlice(layout, middle, extent.to)];
  }
  const { hash, after, upTo } = extent;
  const middle = layout.range && between(layout.range.type, after, upTo);
  if (middle === undefined) return undefined;
  return [partitionSlice(layout, hash, after, middle), partitionSlice(layout, hash, middle, upTo)];
}

/** A value of a column's type greater than `low` and less than `high`; undefined bounds: none. Undefined: there is none, or it would be too long. */
export function between(type: ScalarType, low: unknown, high: unknown): unknown {
  if (type === 'N') return numberBetween(low as types.BigDecimal | undefined, high as types.BigDecimal | undefined);
  if (type === 'B') {
    const bytes = digitsBetween([...((low as Buffer | undefined) ?? [])], high === undefined ? undefined : [...(high as Buffer)], 256);
    return bytes && Buffer.from(bytes);
  }
  // UTF-8 orders as code points do; those of surrogates do not occur.
  const digits = (text: unknown): number[] =>
    Array.from(String(text), (char) => char.codePointAt(0) ?? 0).map((point) => (point < SURROGATES ? point : point - (SURROGATES_END - SURROGATES)));
  const points = digitsBetween(low === undefined ? [] : digits(low), high === undefined ? undefined : digits(high), CODE_POINTS - (SURROGATES_END - SURROGATES));
  return points && String.fromCodePoint(...points.map((point) => (point < SURROGATES ? point : point + (SURROGATES_END - SURROGATES))));
}

/**
 * Of sequences in the order of dictionaries. Keys are alike: what shares half of the bytes by which `low` may differ is a smaller part than half of what
 * there could be, and found sooner.
 */
function digitsBetween(low: readonly number[], high: readonly number[] | undefined, base: number): number[] | undefined {
  let shared = 0;
  while (shared < low.length && low[shared] === high?.[shared]) shared++;
  const half = shared + ((low.length - shared) >> 1);
  const raised = (low[half] ?? base) + 1;
  return half > shared && raised < base ? [...low.slice(0, half), raised] : halfBetween(low, high, base);
}

function halfBetween(low: readonly number[], high: readonly number[] | undefined, base: number): number[] | undefined {
  const middle: number[] = [];
  let bounded = high !== undefined;
  for (let at = 0; at < low.length + DEEPEST; at++) {
    const from = low[at] ?? -1;
    const to = bounded ? (high?.[at] ?? -1) : base;
    if (bounded && at >= (high?.length ?? 0)) return undefined;
    if (to - from > 1) {
      const isText = from < LAST_ASCII && to > LAST_ASCII + 1 && base > 256;
      middle.push(isText ? LAST_ASCII : Math.max(0, (from + to) >> 1));
      return middle;
    }
    if (from < 0) {
      // `high` goes on with zero: so does the middle, unless it is `high` itself.
      middle.push(to);
      if (at + 1 >= (high?.length ?? 0)) return undefined;
      continue;
    }
    middle.push(from);
    if (to !== from) bounded = false;
  }
  return undefined;
}

function numberBetween(low: types.BigDecimal | undefined, high: types.BigDecimal | undefined): types.BigDecimal | undefined {
  if (low === undefined && high === undefined) return toDecimal('0');
  if (high === undefined) return beyond(low, 1n);
  if (low === undefined) return beyond(high, -1n);
  const [a, b] = [decimalParts(low), decimalParts(high)];
  const scale = Math.max(a.scale, b.scale) + 1;
  // Numbers of hugely different size are not expanded.
  if (scale - Math.min(a.scale, b.scale) > WIDEST_EXPONENT || scale > FINEST_SCALE) return undefined;
  const sum = a.digits * 10n ** BigInt(scale - a.scale) + b.digits * 10n ** BigInt(scale - b.scale);
  return toDecimal(`${(sum / 2n).toString()}E${-scale}`);
}

/** A number that is ten times as far out: with each halving that does not help, the reach grows. */
function beyond(bound: types.BigDecimal | undefined, sign: bigint): types.BigDecimal | undefined {
  const { digits, scale } = decimalParts(bound ?? toDecimal('0'));
  if (digits * sign <= 0n) return toDecimal(digits === 0n ? String(sign) : '0');
  return scale < -WIDEST_EXPONENT ? undefined : toDecimal(`${digits.toString()}E${-scale + 1}`);
}

function tokenAt(position: Position, tokenOf: (hash: Buffer) => bigint): bigint {
  return 'token' in position ? position.token : tokenOf(position.hash);
}
