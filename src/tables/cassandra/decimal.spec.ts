import { types } from 'cassandra-driver';
import fc from 'fast-check';
import { canonicalNumber } from '../../kernel';
import { fromDecimal, toDecimal } from './decimal';

const bytesOf = (canonical: string): string => types.BigDecimal.toBuffer(toDecimal(canonical)).toString('hex');

describe('decimals', () => {
  it.each([
    ['100', '0000000064'],
    ['0', '0000000000'],
    ['-1', '00000000ff'],
    ['127', '000000007f'],
    ['128', '000000000080'],
    ['-128', '0000000080'],
    ['-129', '00000000ff7f'],
    ['1.5', '000000010f'],
    ['1E39', 'ffffffd901'],
    ['-1.5E-40', '00000029f1'],
    ['1E999999999', 'c465360101'],
  ])('%s has the bytes that every other writer of it gives', (canonical, hex) => {
    expect(bytesOf(canonical)).toBe(hex);
  });

  it('come back as they were, whatever their size', () => {
    const digits = fc.bigInt({ min: -(10n ** 60n), max: 10n ** 60n });
    fc.assert(
      fc.property(digits, fc.integer({ min: 0, max: 1_000_000 }), (whole, exponent) => {
        const canonical = canonicalNumber(`${whole}E${exponent}`);
        expect(fromDecimal(toDecimal(canonical))).toBe(canonical);
      }),
    );
    for (const edge of ['1E-2147483647', '1E2147483647', '-9.9E-400', '0.001']) expect(fromDecimal(toDecimal(edge))).toBe(edge);
  });

  it('of other spellings are read as the one number', () => {
    expect(fromDecimal(types.BigDecimal.fromBuffer(Buffer.from('000000020096', 'hex')))).toBe('1.5');
  });
});
