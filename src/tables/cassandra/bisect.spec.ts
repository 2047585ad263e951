import { types } from 'cassandra-driver';
import fc from 'fast-check';
import { schemaOf } from '../../../test/contract/table-backend/harness';
import { anyBinary, anyNumber, anyText } from '../../../test/fakes/arbitrary-items';
import { ScalarType } from '../../kernel';
import { between, halve } from './bisect';
import { encodeScalar } from './codec';
import { decimalParts } from './decimal';
import { Layout } from './layout';
import { MAX_TOKEN, MIN_TOKEN, keyBytes, partitionSlice, tokenSlice } from './positions';

const layout = new Layout(schemaOf({ h: 'S', r: 'S' }, 'h', 'r'), '"u_demo"."u_1"', false);

function compare(type: ScalarType, a: unknown, b: unknown): number {
  if (type !== 'N') return Buffer.compare(keyBytes(a), keyBytes(b));
  const [left, right] = [a, b].map((value) => decimalParts(value as types.BigDecimal));
  const spread = (parts: typeof left): bigint => (parts?.digits ?? 0n) * 10n ** BigInt(300 - (parts?.scale ?? 0));
  return Number(spread(left) > spread(right)) - Number(spread(left) < spread(right));
}

describe('halving', () => {
  it.each([
    ['S', anyText],
    ['N', anyNumber],
    ['B', anyBinary],
  ] as const)('finds values of type %s between two others', (type, any) => {
    fc.assert(
      fc.property(fc.option(any, { nil: undefined }), fc.option(any, { nil: undefined }), (one, other) => {
        const [a, b] = [one, other].map((value) => (value === undefined ? undefined : encodeScalar(type, value)));
        const swapped = a !== undefined && b !== undefined && compare(type, a, b) > 0;
        const [low, high] = swapped ? [b, a] : [a, b];
        const middle = between(type, low, high);
        if (middle === undefined) return;
        if (low !== undefined) expect(compare(type, low, middle)).toBeLessThan(0);
        if (high !== undefined) expect(compare(type, middle, high)).toBeLessThan(0);
      }),
    );
  });

  it.each([
    ['S', 'order-000123', 'order-000124'],
    ['N', '123456', '123457'],
    ['B', Buffer.from('order-1').toString('base64'), Buffer.from('order-2').toString('base64')],
  ] as const)('comes close to the next value of type %s in few steps', (type, value, next) => {
    const low = encodeScalar(type, value);
    const target = encodeScalar(type, next);
    let high: unknown;
    let steps = 0;
    while (high === undefined || compare(type, high, target) > 0) {
      high = between(type, low, high);
      expect(high).toBeDefined();
      steps++;
    }
    expect(steps).toBeLessThan(30);
  });

  it('cuts tokens down to one, and a partition by its range key', () => {
    const tokenOf = (): bigint => 0n;
    let slice = tokenSlice(layout, undefined, undefined);
    let cuts = 0;
    for (let halves = halve(layout, slice, tokenOf); halves; halves = halve(layout, slice, tokenOf)) {
      slice = halves[cuts++ % 2] ?? slice;
    }
    expect(cuts).toBe(64);
    const [left, right] = halve(layout, tokenSlice(layout, { token: MIN_TOKEN }, { token: MAX_TOKEN }), tokenOf) ?? [];
    expect([left?.extent, right?.extent]).toEqual([{ from: { token: MIN_TOKEN }, to: { token: 0n } }, { from: { token: 0n }, to: { token: MAX_TOKEN } }]); // prettier-ignore
    const [first, rest] = halve(layout, partitionSlice(layout, 'a', 'm', 'o'), tokenOf) ?? [];
    expect([first?.extent, rest?.extent]).toEqual([{ hash: 'a', after: 'm', upTo: 'n' }, { hash: 'a', after: 'n', upTo: 'o' }]); // prettier-ignore
    expect(halve(new Layout(schemaOf({ h: 'S' }, 'h'), 't', false), partitionSlice(layout, 'a'), tokenOf)).toBeUndefined();
  });
});
