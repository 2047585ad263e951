import fc from 'fast-check';
import { canonicalNumber, compareNumbers, compareUtf8 } from '../../kernel';
import { decodeNumber, decodeScalar, encodeNumber, encodeScalar } from './order-key';

const digits = fc.stringMatching(/^[0-9]{1,38}$/);
const exponents = fc.oneof(
  fc.integer({ min: -140, max: 140 }),
  fc.integer({ min: -2_147_483_000, max: 2_147_483_000 }),
);
const numbers = fc
  .tuple(fc.constantFrom('', '-'), digits, exponents)
  .map(([sign, text, exponent]) => canonicalNumber(`${sign}${text}E${exponent}`));
const integers = fc.bigInt({ min: -(10n ** 60n), max: 10n ** 60n }).map((value) => canonicalNumber(value.toString()));

describe('numbers as ordered bytes', () => {
  it('sort as the numbers do', () => {
    fc.assert(
      fc.property(fc.oneof(numbers, integers), fc.oneof(numbers, integers), (a, b) => {
        expect(Math.sign(Buffer.compare(encodeNumber(a), encodeNumber(b)))).toBe(compareNumbers(a, b));
      }),
      { numRuns: 2000 },
    );
  });

  it('sort neighbours that share a beginning', () => {
    const ascending = ['-1E125', '-1E39', '-123.4', '-123', '-12.3', '-12', '-1.5', '-1', '-0.1', '-1E-200', '0'];
    const all = [
      ...ascending,
      '1E-2147483647',
      '1E-126',
      '1E-125',
      '0.1',
      '1',
      '1.05',
      '1.5',
      '9',
      '10',
      '11',
      '12',
      '12.3',
      '123',
      '1E124',
      '1E125',
      '1.1E125',
      '1E2147483647',
    ];
    const encoded = all.map((text) => encodeNumber(text));
    expect([...encoded].sort(Buffer.compare).map(decodeNumber)).toEqual(all);
  });

  it('come back as they were', () => {
    fc.assert(
      fc.property(fc.oneof(numbers, integers), (text) => {
        expect(decodeNumber(encodeNumber(text))).toBe(text);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('texts and bytes as ordered bytes', () => {
  it('sort and come back', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'binary' }), (a, b) => {
        const left = encodeScalar({ type: 'S', value: a });
        const right = encodeScalar({ type: 'S', value: b });
        expect(Math.sign(Buffer.compare(left, right))).toBe(Math.sign(compareUtf8(a, b)));
        expect(decodeScalar('S', left)).toEqual({ type: 'S', value: a });
      }),
    );
    const bytes = { type: 'B', value: 'AAEC/w==' } as const;
    expect(decodeScalar('B', encodeScalar(bytes))).toEqual(bytes);
  });

  it('refuse what has no order', () => {
    expect(() => encodeScalar({ type: 'SS', value: ['a'] })).toThrow(/cannot be a key/);
  });
});
