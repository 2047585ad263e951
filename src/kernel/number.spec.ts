import fc from 'fast-check';
import { DomainError, addNumbers, canonicalNumber, compareNumbers } from './index';

/** Sign, digits, and how many of them are behind the point (or, negative, zeros that follow): small enough for BigInt to judge. */
const decimal = fc.record({
  negative: fc.boolean(),
  digits: fc.bigInt({ min: 0n, max: 10n ** 38n - 1n }),
  scale: fc.integer({ min: -60, max: 60 }),
});
type Decimal = { negative: boolean; digits: bigint; scale: number };

function textOf({ negative, digits, scale }: Decimal): string {
  return `${negative ? '-' : ''}${digits}E${-scale}`;
}

function scaledTo(value: Decimal, scale: number): bigint {
  return (value.negative ? -value.digits : value.digits) * 10n ** BigInt(scale - value.scale);
}

describe('canonicalNumber', () => {
  it.each([
    ['0', '0'],
    ['-0', '0'],
    ['+0.000', '0'],
    ['0E99999999999', '0'],
    ['007', '7'],
    ['+1.50', '1.5'],
    ['.5', '0.5'],
    ['5.', '5'],
    ['100', '100'],
    ['1e2', '100'],
    ['-12.3400e1', '-123.4'],
    ['1E38', `1${'0'.repeat(38)}`],
    ['1E39', '1E39'],
    ['1E-38', `0.${'0'.repeat(37)}1`],
    ['15E-41', '1.5E-40'],
    ['1E999999999', '1E999999999'],
    ['1E+2147483647', '1E2147483647'],
    ['-1E-2147483647', '-1E-2147483647'],
    ['1E0000000000000000000000000000039', '1E39'],
    ['12345678901234567890123456789012345678', '12345678901234567890123456789012345678'],
    ['1.2345678901234567890123456789012345678', '1.2345678901234567890123456789012345678'],
    ['1.23456789012345678901234567890123456780000', '1.2345678901234567890123456789012345678'],
    ['123456789012345678901234567890123456789', '123456789012345678901234567890123456789'],
    ['1234567890123456789012345678901234567890123', '1.234567890123456789012345678901234567890123E42'],
  ])('spells %s as %s', (text, expected) => {
    expect(canonicalNumber(text)).toBe(expected);
    expect(canonicalNumber(expected)).toBe(expected);
  });

  it.each([
    '',
    '-',
    '.',
    'E5',
    '1E',
    ' 1',
    '1 ',
    '1\n',
    '0x10',
    'NaN',
    'Infinity',
    '1,5',
    '1_000',
    '١',
    '--1',
    '1.2.3',
    '1.23456789012345678901234567890123456789',
    '0.1234567890123456789012345678901234567891',
    '1E2147483648',
    '1E-2147483648',
    '1E99999999999999999999',
    '10E2147483647',
  ])('refuses %j', (text) => {
    expect(() => canonicalNumber(text)).toThrow(DomainError);
  });

  it('keeps integers of any length', () => {
    const digits = '7'.repeat(5000);
    expect(canonicalNumber(digits)).toBe(`7.${'7'.repeat(4999)}E4999`);
  });

  it('gives equal numbers one spelling, and different numbers two', () => {
    fc.assert(
      fc.property(decimal, fc.integer({ min: 0, max: 20 }), fc.boolean(), (value, zeros, plus) => {
        const padded = { ...value, digits: value.digits * 10n ** BigInt(zeros), scale: value.scale + zeros };
        const text = canonicalNumber(textOf(value));
        expect(canonicalNumber(`${plus && !value.negative ? '+' : ''}${textOf(padded)}`)).toBe(text);
        expect(canonicalNumber(text)).toBe(text);
        expect(canonicalNumber(textOf({ ...value, digits: value.digits + 1n }).slice(0, 60))).not.toBe(text);
      }),
    );
  });
});

describe('compareNumbers', () => {
  it('orders as the values do', () => {
    fc.assert(
      fc.property(decimal, decimal, (a, b) => {
        const [left, right] = [scaledTo(a, 60), scaledTo(b, 60)];
        const expected = left < right ? -1 : left > right ? 1 : 0;
        expect(compareNumbers(canonicalNumber(textOf(a)), canonicalNumber(textOf(b)))).toBe(expected);
      }),
    );
  });

  it('never expands an exponent', () => {
    expect(compareNumbers('1E2147483647', '9.9E2147483646')).toBe(1);
    expect(compareNumbers('-1E2147483647', '1E-2147483647')).toBe(-1);
    expect(compareNumbers('1E-2147483647', '0')).toBe(1);
    expect(compareNumbers('12', '123')).toBe(-1);
    expect(compareNumbers('-12', '-123')).toBe(1);
  });
});

describe('addNumbers', () => {
  it('is exact, or refuses', () => {
    fc.assert(
      fc.property(decimal, decimal, (a, b) => {
        const sum = scaledTo(a, 60) + scaledTo(b, 60);
        const expected = attempt(() => canonicalNumber(`${sum}E-60`));
        expect(attempt(() => addNumbers(canonicalNumber(textOf(a)), canonicalNumber(textOf(b))))).toBe(expected);
      }),
    );
  });

  it('keeps integers beyond 38 digits', () => {
    expect(addNumbers('9'.repeat(38), '1')).toBe(`1${'0'.repeat(38)}`);
    expect(addNumbers('1E50', '1')).toBe(`1.${'0'.repeat(49)}1E50`);
  });

  it('refuses what would be huge, at once', () => {
    expect(() => addNumbers('1E999999999', '1')).toThrow(DomainError);
    expect(() => addNumbers('1', '1E-39')).toThrow(DomainError);
    expect(() => addNumbers('1', '1E-2147483647')).toThrow(DomainError);
    expect(addNumbers('1E999999999', '2E999999999')).toBe('3E999999999');
    expect(addNumbers('1E999999999', '0')).toBe('1E999999999');
    expect(addNumbers('1E999999999', '-1E999999999')).toBe('0');
  });
});

function attempt(work: () => string): string {
  try {
    return work();
  } catch (error) {
    if (error instanceof DomainError) return error.code;
    throw error;
  }
}
