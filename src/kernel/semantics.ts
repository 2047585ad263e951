/**
 * What conditions, updates and filters mean, as pure functions, so that every backend gives the same answers.
 * Facts: MagnetoDB's driver (`_condition_satisfied`, `_get_add_attr_value`, `_get_del_attr_value`); where it and its own
 * documents leave a choice, docs/data-api.md says which was made.
 */
import { validationError } from './errors';
import {
  AttributeCondition,
  AttributeUpdate,
  AttributeUpdates,
  Expected,
  ExpectedCondition,
  Filter,
} from './expressions';
import { DEFAULT_MAX_ITEM_BYTES, itemWireSize } from './limits';
import { AttributeValue, Item, Key, MapType, ScalarType, SetType, TableSchema } from './model';
import { addNumbers, compareNumbers } from './number';
import { compareUtf8 } from './utf8';

type ScalarValue = Extract<AttributeValue, { type: ScalarType }>;
type SetValue = Extract<AttributeValue, { type: SetType }>;
type MapValue = Extract<AttributeValue, { type: MapType }>;

function isScalar(value: AttributeValue): value is ScalarValue {
  return typeof value.value === 'string';
}

function isSet(value: AttributeValue): value is SetValue {
  return Array.isArray(value.value);
}

function isMap(value: AttributeValue): value is MapValue {
  return value.value instanceof Map;
}

/**
 * Order of two scalars of one type: `N` by value, `S` by UTF-8 bytes, `B` by bytes. Negative, zero or positive.
 * Scalars of different types have no order: `ValidationError`.
 */
export function compareScalars(a: AttributeValue, b: AttributeValue): number {
  if (!isScalar(a) || a.type !== b.type || !isScalar(b))
    throw validationError(`Values of types ${a.type} and ${b.type} have no order`);
  if (a.type === 'N') return compareNumbers(a.value, b.value);
  if (a.type === 'S') return compareUtf8(a.value, b.value);
  return Buffer.compare(Buffer.from(a.value, 'base64'), Buffer.from(b.value, 'base64'));
}

/** Equal in type and value. Both must be canonical, as values inside always are. */
export function sameValue(a: AttributeValue, b: AttributeValue): boolean {
  if (a.type !== b.type) return false;
  if (isMap(a)) {
    if (!isMap(b) || a.value.size !== b.value.size) return false;
    for (const [key, value] of a.value) if (b.value.get(key) !== value) return false;
    return true;
  }
  if (isSet(a)) {
    if (!isSet(b) || a.value.length !== b.value.length) return false;
    const other = b.value;
    return a.value.every((member, index) => member === other[index]);
  }
  return a.value === b.value;
}

// -- Conditions and filters ---------------------------------------------------------------------------------

/** Do all conditions of a write hold for the item that is there (undefined: there is none)? */
export function meetsExpected(item: Item | undefined, expected: Expected): boolean {
  for (const [name, condition] of expected) if (!meetsCondition(item?.get(name), condition)) return false;
  return true;
}

function meetsCondition(value: AttributeValue | undefined, condition: ExpectedCondition): boolean {
  switch (condition.kind) {
    case 'exists':
      return value !== undefined;
    case 'absent':
      return value === undefined;
    case 'equals':
      return value !== undefined && sameValue(value, condition.value);
  }
}

/** Do all conditions of the filter hold for the item? An absent attribute meets `NULL` only. */
export function matchesFilter(item: Item, filter: Filter): boolean {
  for (const [name, condition] of filter) if (!matchesAttribute(item.get(name), condition)) return false;
  return true;
}

/** One condition of a filter on one attribute (undefined: the item has none of that name). Different types never match, but for `NE`. */
export function matchesAttribute(value: AttributeValue | undefined, condition: AttributeCondition): boolean {
  const { operator, values } = condition;
  if (operator === 'NULL') return value === undefined;
  if (value === undefined) return false;
  if (operator === 'NOT_NULL') return true;
  if (operator === 'IN') return values.some((candidate) => sameValue(value, candidate));

  const [first, second] = values;
  if (first === undefined) throw validationError(`${operator} needs a value`);
  switch (operator) {
    case 'EQ':
      return sameValue(value, first);
    case 'NE':
      return !sameValue(value, first);
    case 'LT':
      return comparable(value, first) && compareScalars(value, first) < 0;
    case 'LE':
      return comparable(value, first) && compareScalars(value, first) <= 0;
    case 'GT':
      return comparable(value, first) && compareScalars(value, first) > 0;
    case 'GE':
      return comparable(value, first) && compareScalars(value, first) >= 0;
    case 'BETWEEN':
      if (second === undefined) throw validationError('BETWEEN needs two values');
      return (
        comparable(value, first) &&
        comparable(value, second) &&
        compareScalars(value, first) >= 0 &&
        compareScalars(value, second) <= 0
      );
    case 'BEGINS_WITH':
      return beginsWith(value, first);
    case 'CONTAINS':
      return contains(value, first) === true;
    case 'NOT_CONTAINS':
      return contains(value, first) === false;
  }
}

function comparable(a: AttributeValue, b: AttributeValue): boolean {
  return isScalar(a) && a.type === b.type;
}

function beginsWith(value: AttributeValue, prefix: AttributeValue): boolean {
  if (!isScalar(value) || !isScalar(prefix) || value.type !== prefix.type) return false;
  if (value.type === 'S') return value.value.startsWith(prefix.value);
  if (value.type === 'N') return false;
  const start = Buffer.from(prefix.value, 'base64');
  return Buffer.from(value.value, 'base64').subarray(0, start.length).equals(start);
}

/** A part of a text or of bytes, a member of a set, a key of a map; undefined: types between which the question makes no sense. */
function contains(value: AttributeValue, part: AttributeValue): boolean | undefined {
  if (!isScalar(part)) return undefined;
  if (isMap(value)) return value.type[0] === part.type ? value.value.has(part.value) : undefined;
  if (isSet(value)) return value.type[0] === part.type ? value.value.includes(part.value) : undefined;
  if (value.type !== part.type || value.type === 'N' || !isScalar(value)) return undefined;
  if (value.type === 'S') return value.value.includes(part.value);
  return Buffer.from(value.value, 'base64').includes(Buffer.from(part.value, 'base64'));
}

// -- Updates ------------------------------------------------------------------------------------------------

/**
 * The item as it is after `updates`; undefined: there is still none (there was none, and the updates only delete).
 * `ValidationError` if a key attribute is to be updated, types do not fit, the schema says another type, or the item
 * would grow beyond `maxItemBytes` of wire JSON.
 */
export function applyUpdates(
  schema: TableSchema,
  key: Key,
  item: Item | undefined,
  updates: AttributeUpdates,
  maxItemBytes: number = DEFAULT_MAX_ITEM_BYTES,
): Item | undefined {
  const result = new Map(item ?? key);
  let changed = updates.size === 0;
  for (const [name, update] of updates) {
    if (name === schema.hashKey || name === schema.rangeKey)
      throw validationError(`Key attribute '${name}' cannot be updated`);
    const value = updatedValue(name, result.get(name), update);
    if (value === undefined) {
      result.delete(name);
      continue;
    }
    checkType(schema, name, value);
    result.set(name, value);
    changed = true;
  }
  if (item === undefined && !changed) return undefined;
  const sorted = new Map([...result].sort(([a], [b]) => compareUtf8(a, b)));
  if (itemWireSize(sorted) > maxItemBytes) throw validationError(`The item would be larger than ${maxItemBytes} bytes`);
  return sorted;
}

function checkType(schema: TableSchema, name: string, value: AttributeValue): void {
  const defined = schema.attributes.get(name);
  if (defined !== undefined && defined !== value.type) {
    throw validationError(`Attribute '${name}' is defined as ${defined}, but ${value.type} was given`);
  }
}

function updatedValue(
  name: string,
  old: AttributeValue | undefined,
  update: AttributeUpdate,
): AttributeValue | undefined {
  switch (update.action) {
    case 'PUT':
      return update.value;
    case 'ADD':
      return addValue(name, old, update.value);
    case 'DELETE':
      return update.value === undefined ? undefined : deleteMembers(name, old, update.value);
  }
}

/** `ADD`: numbers are summed, sets united, map entries set; an absent attribute takes the value. Other types: `ValidationError`. */
function addValue(name: string, old: AttributeValue | undefined, value: AttributeValue): AttributeValue {
  if (value.type === 'S' || value.type === 'B')
    throw validationError(`ADD to '${name}': only numbers, sets and maps can be added, not ${value.type}`);
  if (old === undefined) return value;
  if (old.type !== value.type)
    throw validationError(`ADD to '${name}': the item holds ${old.type}, but ${value.type} was given`);
  if (isSet(old) && isSet(value)) {
    return { type: old.type, value: [...new Set([...old.value, ...value.value])].sort(compareUtf8) };
  }
  if (isMap(old) && isMap(value)) {
    const entries = [...new Map([...old.value, ...value.value])];
    return { type: old.type, value: new Map(entries.sort(([a], [b]) => compareUtf8(a, b))) };
  }
  if (isScalar(old) && isScalar(value)) return { type: 'N', value: addNumbers(old.value, value.value) };
  throw validationError(`ADD to '${name}': ${value.type} cannot be added`);
}

/**
 * `DELETE` with a value: members leave a set, keys (given as a set) leave a map, and a scalar goes if the types agree,
 * whatever its value is. Nothing left: the attribute goes too.
 */
function deleteMembers(
  name: string,
  old: AttributeValue | undefined,
  value: AttributeValue,
): AttributeValue | undefined {
  if (old === undefined) return undefined;
  if (isScalar(old) && old.type === value.type) return undefined;
  const leaving = new Set(isSet(value) ? value.value : []);
  if (isSet(old) && old.type === value.type) {
    const left = old.value.filter((member) => !leaving.has(member));
    return left.length === 0 ? undefined : { type: old.type, value: left };
  }
  if (isMap(old) && isSet(value) && old.type[0] === value.type[0]) {
    const left = new Map([...old.value].filter(([key]) => !leaving.has(key)));
    return left.size === 0 ? undefined : { type: old.type, value: left };
  }
  throw validationError(`DELETE from '${name}': the item holds ${old.type}, but ${value.type} was given`);
}

// -- Projections --------------------------------------------------------------------------------------------

/** Only the named attributes of an item, those that it has. */
export function projectItem(item: Item, names: Iterable<string>): Item {
  const wanted = new Set(names);
  return new Map([...item].filter(([name]) => wanted.has(name)));
}
