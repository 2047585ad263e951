import { AttributeCondition, AttributeValue, Item, compareScalars, validationError } from '../../kernel';
import { QueryRequest } from '../table-backend';
import { IndexColumn, KeyColumn, Layout } from './layout';

/** One end of a stretch of values. */
export interface Bound {
  readonly value: AttributeValue;
  readonly inclusive: boolean;
}

/** From which value to which; undefined: no end. */
export interface Stretch {
  readonly lower: Bound | undefined;
  readonly upper: Bound | undefined;
}

/** What a query orders by: the range key, or the attribute of an index. */
export function orderingColumn(layout: Layout, request: QueryRequest): { column: KeyColumn | undefined; index: IndexColumn | undefined } {
  if (request.indexName === undefined) return { column: layout.range, index: undefined };
  const index = layout.indexes.find((each) => each.index === request.indexName);
  if (!index) throw validationError(`The table has no index '${request.indexName.slice(0, 255)}'.`);
  return { column: index.attribute, index };
}

/** The condition of a query as a stretch of values. @throws DomainError ValidationError */
export function stretchOf(column: KeyColumn | undefined, condition: AttributeCondition | undefined): Stretch {
  if (!condition) return { lower: undefined, upper: undefined };
  if (!column) throw validationError('The table has no range key.');
  const { operator, values } = condition;
  for (const value of values) checkType(column, value);
  const [first, second] = values;
  if (first === undefined || values.length !== (operator === 'BETWEEN' ? 2 : 1)) {
    throw validationError(`The condition on ${column.name} has a wrong number of values.`);
  }
  const at = (value: AttributeValue | undefined, inclusive: boolean): Bound | undefined => value && { value, inclusive };
  switch (operator) {
    case 'EQ':
      return { lower: at(first, true), upper: at(first, true) };
    case 'LT':
      return { lower: undefined, upper: at(first, false) };
    case 'LE':
      return { lower: undefined, upper: at(first, true) };
    case 'GT':
      return { lower: at(first, false), upper: undefined };
    case 'GE':
      return { lower: at(first, true), upper: undefined };
    case 'BETWEEN':
      return { lower: at(first, true), upper: at(second, true) };
    case 'BEGINS_WITH':
      return { lower: at(first, true), upper: at(behindPrefix(first), false) };
    default:
      throw validationError(`${operator} is no condition for a range key.`);
  }
}

/** The tighter of two ends. */
export function tighter(a: Bound | undefined, b: Bound | undefined, isLower: boolean): Bound | undefined {
  if (!a || !b) return a ?? b;
  const order = compareScalars(a.value, b.value) * (isLower ? 1 : -1);
  if (order !== 0) return order > 0 ? a : b;
  return a.inclusive ? b : a;
}

/** The value of a column in a key that a caller gave. @throws DomainError ValidationError */
export function startValue(start: Item, column: KeyColumn): AttributeValue {
  const value = start.get(column.name);
  if (!value) throw validationError(`The key attribute ${column.name} is missing.`);
  checkType(column, value);
  return value;
}

function checkType(column: KeyColumn, value: AttributeValue): void {
  if (value.type !== column.type) throw validationError(`The attribute ${column.name} must be of type ${column.type}.`);
}

/** The first value behind all that begin with the prefix; undefined: there is none. */
function behindPrefix({ type, value }: AttributeValue): AttributeValue | undefined {
  if (typeof value !== 'string' || type === 'N') throw validationError('BEGINS_WITH has no meaning for numbers.');
  if (type === 'B') {
    const end = behindBytes(Buffer.from(value, 'base64'));
    return end && { type: 'B', value: end.toString('base64') };
  }
  const points = Array.from(value, (char) => char.codePointAt(0) ?? 0);
  while (points.at(-1) === 0x10ffff) points.pop();
  const last = points.pop();
  if (last === undefined) return undefined;
  // Surrogates are no characters of their own.
  const next = last === 0xd7ff ? 0xe000 : last + 1;
  return { type: 'S', value: String.fromCodePoint(...points, next) };
}

function behindBytes(prefix: Buffer): Buffer | undefined {
  let length = prefix.length;
  while (length > 0 && prefix[length - 1] === 0xff) length--;
  if (length === 0) return undefined;
  const end = Buffer.from(prefix.subarray(0, length));
  end[length - 1] = (end[length - 1] ?? 0) + 1;
  return end;
}
