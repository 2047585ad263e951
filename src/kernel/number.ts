import { validationError } from './errors';

/**
 * Numbers of the data model (type `N`): decimals as text, never JavaScript numbers. Canonical spelling: no leading or
 * trailing zeros, no `+`, `-0` is `0`; plain digits while the adjusted exponent (that of the first digit) is in −38…38,
 * else scientific (`1E39`, `1.5E-40`). So two texts are the same number exactly if they are the same text.
 */

/** Most significant digits of a number that is not an integer (MagnetoDB's decimal precision). Integers have no bound. */
export const MAX_FRACTION_DIGITS = 38;
/** A sum is worked out digit by digit; operands whose digits would span more than this are refused. */
const MAX_SUM_SPAN = 65_536;
const MAX_EXPONENT = 2_147_483_647;
const PLAIN_EXPONENT = 38;

const PLAIN_INTEGER = /^(?:0|-?[1-9][0-9]{0,37})$/;
const NUMBER = /^([+-]?)(?:([0-9]+)(?:\.([0-9]*))?|\.([0-9]+))(?:[eE]([+-]?)0*([0-9]+))?$/;

/** ± digits × 10^exponent; `digits` has neither leading nor trailing zeros and is empty for zero. */
interface Decimal {
  readonly negative: boolean;
  readonly digits: string;
  readonly exponent: number;
}

/**
 * The canonical spelling of a decimal number. Costs nothing for `1E999999999`: it is never expanded.
 * @throws DomainError ValidationError: no number, a fraction of more than 38 significant digits, or an exponent beyond 32 bits.
 */
export function canonicalNumber(text: string): string {
  if (PLAIN_INTEGER.test(text)) return text;
  return spell(checked(parse(text)));
}

/** Orders two canonical numbers by value. */
export function compareNumbers(a: string, b: string): -1 | 0 | 1 {
  if (a === b) return 0;
  const left = parse(a);
  const right = parse(b);
  const leftSign = signOf(left);
  const rightSign = signOf(right);
  if (leftSign !== rightSign) return leftSign < rightSign ? -1 : 1;
  const magnitude = compareMagnitudes(left, right);
  return magnitude === 0 ? 0 : magnitude * leftSign > 0 ? 1 : -1;
}

/**
 * The exact sum of two canonical numbers.
 * @throws DomainError ValidationError if it could not be stored: a fraction of more than 38 significant digits, or a
 * number whose digits span more than 65,536 places.
 */
export function addNumbers(a: string, b: string): string {
  const left = parse(a);
  const right = parse(b);
  if (left.digits === '') return b;
  if (right.digits === '') return a;
  const low = Math.min(left.exponent, right.exponent);
  const span = Math.max(adjusted(left), adjusted(right)) - low;
  // With unequal exponents the last digit of the lower one stays, so a fraction of that span is too long in any case.
  const surelyTooLong = low < 0 && left.exponent !== right.exponent && span > MAX_FRACTION_DIGITS + 1;
  if (surelyTooLong || span > MAX_SUM_SPAN) throw tooPrecise();
  const sum = scaled(left, low) + scaled(right, low);
  const digits = (sum < 0n ? -sum : sum).toString();
  return spell(checked(normalised(sum < 0n, sum === 0n ? '' : digits, low)));
}

function parse(text: string): Decimal {
  const match = NUMBER.exec(text);
  if (!match) throw validationError('A number must be decimal digits with an optional sign, fraction and exponent.');
  const [, sign, whole = '', fraction = '', bareFraction = '', exponentSign, exponentDigits = '0'] = match;
  const decimals = fraction || bareFraction;
  // Longer than ten digits is beyond 32 bits, whatever the digits are; `checked` refuses the stand-in (unless it is zero).
  const magnitude = exponentDigits.length > 10 ? 1e15 : Number(exponentDigits);
  const exponent = (exponentSign === '-' ? -magnitude : magnitude) - decimals.length;
  return normalised(sign === '-', whole + decimals, exponent);
}

function normalised(negative: boolean, digits: string, exponent: number): Decimal {
  let start = 0;
  while (start < digits.length && digits.charCodeAt(start) === 48) start++;
  let end = digits.length;
  while (end > start && digits.charCodeAt(end - 1) === 48) end--;
  if (start === end) return { negative: false, digits: '', exponent: 0 };
  return { negative, digits: digits.slice(start, end), exponent: exponent + digits.length - end };
}

function checked(decimal: Decimal): Decimal {
  if (decimal.exponent < 0 && decimal.digits.length > MAX_FRACTION_DIGITS) throw tooPrecise();
  if (decimal.exponent < -MAX_EXPONENT || adjusted(decimal) > MAX_EXPONENT) {
    throw validationError('The exponent of a number must fit 32 bits.');
  }
  return decimal;
}

function spell({ negative, digits, exponent }: Decimal): string {
  if (digits === '') return '0';
  const sign = negative ? '-' : '';
  const first = exponent + digits.length - 1;
  if (first > PLAIN_EXPONENT || first < -PLAIN_EXPONENT) {
    return `${sign}${digits[0]}${digits.length > 1 ? `.${digits.slice(1)}` : ''}E${first}`;
  }
  if (exponent >= 0) return sign + digits + '0'.repeat(exponent);
  if (first < 0) return `${sign}0.${'0'.repeat(-first - 1)}${digits}`;
  return `${sign}${digits.slice(0, first + 1)}.${digits.slice(first + 1)}`;
}

function adjusted(decimal: Decimal): number {
  return decimal.exponent + decimal.digits.length - 1;
}

function signOf(decimal: Decimal): -1 | 0 | 1 {
  if (decimal.digits === '') return 0;
  return decimal.negative ? -1 : 1;
}

function compareMagnitudes(a: Decimal, b: Decimal): number {
  const difference = adjusted(a) - adjusted(b);
  if (difference !== 0) return difference;
  // Same first digit's place and no trailing zeros: the digits compare as text, a prefix being smaller.
  return a.digits < b.digits ? -1 : a.digits > b.digits ? 1 : 0;
}

function scaled(decimal: Decimal, exponent: number): bigint {
  const value = BigInt(decimal.digits + '0'.repeat(decimal.exponent - exponent));
  return decimal.negative ? -value : value;
}

function tooPrecise(): Error {
  return validationError(`A number that is not an integer may have at most ${MAX_FRACTION_DIGITS} significant digits.`);
}
