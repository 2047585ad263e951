import fc from 'fast-check';
import { BUCKET_COUNT, DomainError, TableDigest, digest128Of, digestFromHex, digestHex } from './index';

const MODULUS = 1n << 128n;
const entry = fc.tuple(fc.integer({ min: 0, max: 255 }), fc.bigInt({ min: 0n, max: MODULUS - 1n }));
const entries = fc.array(entry, { maxLength: 60 });

function digestOf(items: readonly (readonly [number, bigint])[]): TableDigest {
  const digest = new TableDigest();
  for (const [bucket, value] of items) digest.add(bucket, digest128Of(value));
  return digest;
}

describe('TableDigest', () => {
  it('does not depend on order, nor on how the set was parted', () => {
    fc.assert(
      fc.property(entries, entries, (a, b) => {
        const merged = digestOf(a);
        merged.merge(digestOf(b));
        const whole = digestOf([...b, ...a].reverse());
        expect(merged.equals(whole)).toBe(true);
        expect(merged.toJSON()).toEqual(whole.toJSON());
        merged.subtract(digestOf(b));
        expect(merged.equals(digestOf(a))).toBe(true);
      }),
    );
  });

  it('adds up exactly however many there are', () => {
    const digest = new TableDigest();
    const largest = digest128Of(MODULUS - 1n);
    const times = 2 ** 21 + 3;
    for (let left = times; left > 0; left--) digest.add(7, largest);
    expect(digest.total()).toEqual({ count: times, sum: MODULUS - BigInt(times) });
  });

  it('survives JSON, and totals as a plain sum does', () => {
    fc.assert(
      fc.property(entries, (items) => {
        const digest = digestOf(items);
        const read = TableDigest.fromJSON(JSON.parse(JSON.stringify(digest)));
        expect(read.equals(digest)).toBe(true);
        const sum = items.reduce((total, [, value]) => total + value, 0n) % MODULUS;
        expect(read.total()).toEqual({ count: items.length, sum });
        expect(read.totalHex()).toBe(digestHex(sum));
      }),
    );
  });

  it('sees an item lost, doubled or swapped for another, and names the bucket', () => {
    const whole = digestOf([
      [3, 5n],
      [3, 6n],
      [255, MODULUS - 1n],
    ]);
    expect(whole.differingBuckets(digestOf([[3, 5n], [255, MODULUS - 1n]]))).toEqual([3]); // prettier-ignore
    expect(whole.differingBuckets(digestOf([[3, 5n], [3, 7n], [255, MODULUS - 1n]]))).toEqual([3]); // prettier-ignore
    const doubled = digestOf([[9, 4n], [9, 4n]]); // prettier-ignore
    expect(doubled.differingBuckets(new TableDigest())).toEqual([9]);
    expect(digestOf([[0, 0n]]).equals(new TableDigest())).toBe(false);
  });

  it.each([
    [null],
    [[]],
    [{ length: BUCKET_COUNT }],
    [withBucket('1')],
    [withBucket('1:0')],
    [withBucket(`01:${'0'.repeat(32)}`)],
    [withBucket(`-1:${'0'.repeat(32)}`)],
    [withBucket(`1:${'A'.repeat(32)}`)],
    [withBucket(`9999999999999999:${'0'.repeat(32)}`)],
    [withBucket(`0:${'1'.repeat(32)}`)],
    [withBucket(5)],
  ])('refuses what it did not write (%#)', (json) => {
    expect(() => TableDigest.fromJSON(json)).toThrow(DomainError);
  });

  it('reads and writes digests as 32 hex digits', () => {
    expect(digestFromHex(digestHex(255n))).toBe(255n);
    expect(digestHex(255n)).toBe('000000000000000000000000000000ff');
    expect(digestFromHex('ff')).toBeUndefined();
    expect(digestFromHex('F'.repeat(32))).toBeUndefined();
  });
});

function withBucket(text: unknown): unknown[] {
  return [...new TableDigest().toJSON().slice(1), text];
}
