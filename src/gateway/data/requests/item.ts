import {
  AttributeValue,
  Item,
  Key,
  TableSchema,
  canonicalKey,
  checkItemFits,
  itemWireSize,
  keyOf,
  parseItem,
  validationError,
} from '../../../kernel';
import { anyObject, optional, quoted, readInteger } from './body';

/** Cassandra's own limit on a time to live: 20 years. Kept on every backend, so that each table can live on each. */
export const MAX_TIME_TO_LIVE_SECONDS = 630_720_000;

/** A whole item of the wire, at most `maxItemBytes` of canonical wire JSON. */
export function readItem(json: unknown, where: string, maxItemBytes: number): Item {
  const item = parseItem(anyObject(json, where), where);
  if (itemWireSize(item) > maxItemBytes) throw validationError(`${where} is larger than ${maxItemBytes} bytes`);
  return item;
}

/** Attributes that are to be a key; whether they are, `exactKey` says once the table's structure is known. */
export function readKey(json: unknown, where = 'key'): Item {
  return parseItem(anyObject(json, where), where);
}

/** Seconds from now on; 0 means: without end (as Cassandra has it). */
export function readTimeToLive(json: unknown): number | undefined {
  return optional(json, (given) => readInteger(given, 'time_to_live', 0, MAX_TIME_TO_LIVE_SECONDS));
}

/** The item as this table may hold it: types as defined, key attributes present, hash key not empty. */
export function checkedItem(schema: TableSchema, item: Item, where = 'item'): Item {
  checkItemFits(schema, item, where);
  checkHashKey(schema, item, where);
  return item;
}

/** Exactly the key attributes, no less and no more. */
export function exactKey(schema: TableSchema, given: Item, where = 'key'): Key {
  checkNames(given, keyNames(schema), where);
  checkItemFits(schema, given, where);
  checkHashKey(schema, given, where);
  return keyOf(schema, given);
}

/** A place to go on from: the key attributes and, for a query on an index, the index's range attribute. */
export function exactStartKey(schema: TableSchema, given: Item, indexAttribute?: string): Item {
  const where = 'exclusive_start_key';
  const names = indexAttribute === undefined ? keyNames(schema) : [...keyNames(schema), indexAttribute];
  checkNames(given, names, where);
  checkItemFits(schema, given, where);
  return given;
}

export function keyNames(schema: TableSchema): string[] {
  return schema.rangeKey === undefined ? [schema.hashKey] : [schema.hashKey, schema.rangeKey];
}

/** Text that is equal exactly for items with the same key. */
export function keyText(schema: TableSchema, item: Item): string {
  return canonicalKey(schema, item).toString('utf8');
}

function checkNames(given: Item, names: readonly string[], where: string): void {
  const missing = names.filter((name) => !given.has(name));
  const surplus = [...given.keys()].filter((name) => !names.includes(name));
  if (missing.length > 0) throw validationError(`${where} lacks ${missing.join(', ')}`);
  if (surplus.length > 0)
    throw validationError(
      `${where} must hold ${names.join(', ')} only, not ${surplus.slice(0, 10).map(quoted).join(', ')}`,
    );
}

/** Cassandra has no empty partition key, so no backend has one: a backup must be able to go everywhere. */
function checkHashKey(schema: TableSchema, item: Item, where: string): void {
  const value: AttributeValue | undefined = item.get(schema.hashKey);
  if (value?.value === '') throw validationError(`${where}: the hash key ${schema.hashKey} must not be empty`);
}
