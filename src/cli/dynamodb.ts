import { AttributeValue, Item, TableSchema, formatAttributeValue } from '../kernel';

/**
 * MagnetoDB's items as DynamoDB's table import takes them. What DynamoDB has no place for is named, never bent: maps whose keys
 * are not strings, numbers beyond its range, empty sets, empty names in maps, empty keys.
 * Sources: Amazon DynamoDB Developer Guide, "Amazon S3 import formats", "Supported data types and naming rules".
 */

/** DynamoDB's numbers: 38 significant digits, magnitude 1E-130 to 9.99…E+125. */
const MAX_DIGITS = 38;
const MIN_EXPONENT = -130;
const MAX_EXPONENT = 125;

/** Why the value of an attribute cannot go to DynamoDB; undefined if it can. */
export function dynamoProblem(schema: TableSchema, name: string, value: AttributeValue): string | undefined {
  const { type } = value;
  if (type.length === 3 && !type.startsWith('S')) return `it is a ${type}, and DynamoDB's maps have string keys only`;
  if (typeof value.value === 'string') {
    const isKey = name === schema.hashKey || name === schema.rangeKey;
    if (isKey && value.value === '') return 'it is an empty key';
    return type === 'N' ? numberProblem([value.value]) : undefined;
  }
  if (value.value instanceof Map) {
    if (value.value.has('')) return 'it has an empty name in a map';
    return type === 'SNM' ? numberProblem([...value.value.values()]) : undefined;
  }
  const members = value.value as readonly string[];
  if (members.length === 0) return 'it is an empty set';
  return type === 'NS' ? numberProblem(members) : undefined;
}

/** The line of an item: `{"Item":{…}}`, maps as `M`. Only for items without a problem. */
export function dynamoLine(item: Item): string {
  const json = Object.create(null) as Record<string, unknown>;
  for (const [name, value] of item)
    json[name] = value.value instanceof Map ? dynamoMap(value) : formatAttributeValue(value);
  return `{"Item":${JSON.stringify(json)}}\n`;
}

function dynamoMap({ type, value }: AttributeValue): { M: Record<string, unknown> } {
  const map = Object.create(null) as Record<string, unknown>;
  for (const [key, member] of value as ReadonlyMap<string, string>) map[key] = { [type.charAt(1)]: member };
  return { M: map };
}

/** Of canonical decimals, which have neither leading nor trailing zeros but those of plain integers. */
function numberProblem(numbers: readonly string[]): string | undefined {
  for (const number of numbers) {
    const [mantissa = '', exponent = '0'] = number.replace(/^-/, '').split('E');
    const [whole = '', fraction = ''] = mantissa.split('.');
    const digits = (whole + fraction).replace(/^0+/, '').replace(/0+$/, '');
    if (digits === '') continue;
    if (digits.length > MAX_DIGITS) return `it has a number of more than ${MAX_DIGITS} digits`;
    const leadingZeros = (whole + fraction).length - (whole + fraction).replace(/^0+/, '').length;
    const magnitude = BigInt(exponent) + BigInt(whole.length - 1 - leadingZeros);
    if (magnitude < MIN_EXPONENT || magnitude > MAX_EXPONENT) return 'it has a number out of the range of DynamoDB';
  }
  return undefined;
}
