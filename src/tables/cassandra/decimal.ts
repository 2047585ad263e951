import { types } from 'cassandra-driver';
import { canonicalNumber } from '../../kernel';

const SCALE_BYTES = 4;
/** One number's digits, sign, fraction and exponent, as the kernel spells it. */
const CANONICAL = /^(-?)([0-9]+)(?:\.([0-9]+))?(?:E(-?[0-9]+))?$/;

/** The driver's decimal of a canonical number, spelt as it is: `100` has scale 0, `1.5` has 1. Nothing is expanded. */
export function toDecimal(canonical: string): types.BigDecimal {
  const [, sign = '', whole = '', fraction = '', exponent = '0'] = CANONICAL.exec(canonical) ?? [];
  const unscaled = twosComplement(BigInt(`${sign}${whole}${fraction}`));
  const bytes = Buffer.allocUnsafe(SCALE_BYTES + unscaled.length);
  bytes.writeInt32BE(fraction.length - Number(exponent), 0);
  bytes.set(unscaled, SCALE_BYTES);
  return types.BigDecimal.fromBuffer(bytes);
}

/**
 * The canonical spelling of what a column holds.
 * @throws DomainError ValidationError: the data model has no such number
 */
export function fromDecimal(decimal: types.BigDecimal): string {
  const { digits, scale } = decimalParts(decimal);
  return canonicalNumber(`${digits}E${-scale}`);
}

/** digits × 10^-scale, as it stands there. */
export function decimalParts(decimal: types.BigDecimal): { readonly digits: bigint; readonly scale: number } {
  const bytes = types.BigDecimal.toBuffer(decimal);
  return { digits: readTwosComplement(bytes.subarray(SCALE_BYTES)), scale: bytes.readInt32BE(0) };
}

/** Big-endian, in as few bytes as hold it. */
function twosComplement(value: bigint): Buffer {
  const magnitude = value < 0n ? -value - 1n : value;
  const bits = magnitude === 0n ? 0 : magnitude.toString(2).length;
  const length = Math.floor(bits / 8) + 1;
  const hex = BigInt.asUintN(length * 8, value).toString(16).padStart(length * 2, '0');
  return Buffer.from(hex, 'hex');
}

function readTwosComplement(bytes: Buffer): bigint {
  if (bytes.length === 0) return 0n;
  return BigInt.asIntN(8 * bytes.length, BigInt(`0x${bytes.toString('hex')}`));
}
