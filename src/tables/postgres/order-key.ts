import { AttributeValue, ScalarType, canonicalNumber, validationError } from '../../kernel';

/**
 * Scalars as bytes whose order (that of `memcmp`, as `bytea` has it) is the order of their values: `S` its UTF-8, `B` itself,
 * `N` as written below. PostgreSQL's text would do for none of them: it cannot hold U+0000 and sorts by collation.
 *
 * A number is: sign byte (0 negative, 1 zero, 2 positive), adjusted exponent, digits two a byte. The exponent is one byte while it
 * lies in −125…124, else a mark and six bytes. A pair of digits is its value plus one. All behind the sign is complemented for
 * negative numbers, and ended by 0xFF, so that of two the shorter, being greater, sorts later.
 */
const NEGATIVE = 0;
const ZERO = 1;
const POSITIVE = 2;
const FAR_BELOW = 0x01;
const FAR_ABOVE = 0xfe;
const NEAR_BIAS = 0x80;
const NEAR_LOWEST = -125;
const NEAR_HIGHEST = 124;
const FAR_BIAS = 2 ** 47;
const FAR_BYTES = 6;

const CANONICAL = /^(-?)([0-9]+)(?:\.([0-9]+))?(?:E(-?[0-9]+))?$/;

/** @throws DomainError ValidationError for a set or map: they have no order */
export function encodeScalar(value: AttributeValue): Buffer {
  if (typeof value.value !== 'string') throw validationError(`A value of type ${value.type} cannot be a key.`);
  if (value.type === 'S') return Buffer.from(value.value, 'utf8');
  if (value.type === 'B') return Buffer.from(value.value, 'base64');
  return encodeNumber(value.value);
}

/** What `encodeScalar` was given. */
export function decodeScalar(type: ScalarType, bytes: Buffer): AttributeValue {
  if (type === 'S') return { type, value: bytes.toString('utf8') };
  if (type === 'B') return { type, value: bytes.toString('base64') };
  return { type, value: decodeNumber(bytes) };
}

/** @param text a canonical number */
export function encodeNumber(text: string): Buffer {
  const match = CANONICAL.exec(text);
  if (!match) throw validationError('A number is not canonical.');
  const [, sign, whole = '', fraction = '', scientific] = match;
  const all = whole + fraction;
  let first = 0;
  while (first < all.length && all.charCodeAt(first) === 48) first++;
  let end = all.length;
  while (end > first && all.charCodeAt(end - 1) === 48) end--;
  if (first === end) return Buffer.of(ZERO);
  const exponent = scientific === undefined ? whole.length - 1 - first : Number(scientific);
  const negative = sign === '-';
  const near = exponent >= NEAR_LOWEST && exponent <= NEAR_HIGHEST;
  const digitsAt = near ? 2 : 2 + FAR_BYTES;
  const pairs = (end - first + 1) >> 1;
  const bytes = Buffer.allocUnsafe(digitsAt + pairs + (negative ? 1 : 0));
  bytes[0] = negative ? NEGATIVE : POSITIVE;
  if (near) bytes[1] = NEAR_BIAS + exponent;
  else {
    bytes[1] = exponent < 0 ? FAR_BELOW : FAR_ABOVE;
    bytes.writeUIntBE(FAR_BIAS + exponent, 2, FAR_BYTES);
  }
  for (let pair = 0; pair < pairs; pair++) {
    const at = first + 2 * pair;
    const units = at + 1 < end ? all.charCodeAt(at + 1) - 48 : 0;
    bytes[digitsAt + pair] = (all.charCodeAt(at) - 48) * 10 + units + 1;
  }
  if (negative) {
    for (let index = 1; index < bytes.length - 1; index++) bytes[index] = 0xff - (bytes[index] ?? 0);
    bytes[bytes.length - 1] = 0xff;
  }
  return bytes;
}

/** The canonical number that `encodeNumber` was given. */
export function decodeNumber(bytes: Buffer): string {
  if (bytes[0] === ZERO) return '0';
  const negative = bytes[0] === NEGATIVE;
  const flip = negative ? 0xff : 0;
  const mark = (bytes[1] ?? 0) ^ flip;
  const far = mark === FAR_BELOW || mark === FAR_ABOVE;
  const digitsAt = far ? 2 + FAR_BYTES : 2;
  let exponent = mark - NEAR_BIAS;
  if (far) {
    exponent = bytes.readUIntBE(2, FAR_BYTES);
    exponent = (negative ? 2 ** (8 * FAR_BYTES) - 1 - exponent : exponent) - FAR_BIAS;
  }
  let digits = '';
  const end = bytes.length - (negative ? 1 : 0);
  for (let index = digitsAt; index < end; index++) {
    const pair = ((bytes[index] ?? 0) ^ flip) - 1;
    digits += pair < 10 ? `0${pair}` : pair;
  }
  if (digits.endsWith('0')) digits = digits.slice(0, -1);
  const sign = negative ? '-' : '';
  // Most numbers in keys are small integers; the rest is spelt by the kernel's rule.
  if (exponent <= 14 && exponent >= digits.length - 1) return sign + digits + '0'.repeat(exponent - digits.length + 1);
  return canonicalNumber(`${sign}${digits}E${exponent - digits.length + 1}`);
}
