import { validationError } from './errors';
import {
  ATTRIBUTE_NAME_PATTERN,
  ATTRIBUTE_TYPES,
  AttributeType,
  AttributeValue,
  Item,
  Key,
  MapType,
  ScalarType,
  SetType,
  TableSchema,
} from './model';
import { canonicalNumber } from './number';
import { compareUtf8, hasLoneSurrogate } from './utf8';
import { Digest128, xxh128, xxh128TopByte } from './xxh3';

/** How strictly values are read. */
export interface ParseOptions {
  /**
   * Are empty sets and maps values? Not on the wire: MagnetoDB takes them and then cannot tell them from absent ones. In
   * archives they are, since a cluster may hold them. Default false.
   */
  readonly allowEmpty?: boolean;
}

const TYPES: ReadonlySet<string> = new Set(ATTRIBUTE_TYPES);

/**
 * Reads a typed value of the wire, e.g. `{"N": "1.50"}`, into canonical form. `where` names it in errors.
 * @throws DomainError ValidationError
 */
export function parseAttributeValue(json: unknown, where: string, options: ParseOptions = {}): AttributeValue {
  return readValue(json, where, options);
}

/**
 * Reads an item of the wire (attribute name → typed value).
 * @throws DomainError ValidationError
 */
export function parseItem(json: unknown, where = 'item', options: ParseOptions = {}): Item {
  if (!isObject(json)) throw validationError(`${where} must be an object.`);
  const item = new Map<string, AttributeValue>();
  for (const name of Object.keys(json)) {
    if (!ATTRIBUTE_NAME_PATTERN.test(name)) {
      throw validationError(`${where} has an attribute whose name is not 1 to 255 of the characters a-z A-Z 0-9 _ . -`);
    }
    try {
      item.set(name, readValue(json[name], name, options));
    } catch (error) {
      // Where it was is spelt out only here: these lines run for every attribute of millions of items.
      throw error instanceof Error ? validationError(`${where}.${error.message}`) : error;
    }
  }
  return item;
}

/** A value as the wire spells it. */
export function formatAttributeValue(value: AttributeValue): Record<string, unknown> {
  if (typeof value.value === 'string') return { [value.type]: value.value };
  if (Array.isArray(value.value)) return { [value.type]: [...value.value] };
  return { [value.type]: nullPrototype((value as { value: ReadonlyMap<string, string> }).value) };
}

/** An item as the wire spells it. The object has no prototype, so that `__proto__` is an attribute like any other. */
export function formatItem(item: Item): Record<string, unknown> {
  const json = Object.create(null) as Record<string, unknown>;
  for (const [name, value] of item) json[name] = formatAttributeValue(value);
  return json;
}

/** The one JSON text, in UTF-8, that equal items share (docs/data-model.md, "Canonical form"). */
export function canonicalItem(item: Item): Buffer {
  let names: string[] = [...item.keys()];
  if (!isAscending(names)) names = names.sort(compareUtf8);
  let text = '';
  for (const name of names) {
    const value = item.get(name);
    if (value) text += `${text === '' ? '{' : ','}"${name}":${valueText(value)}`;
  }
  return Buffer.from(text === '' ? '{}' : `${text}}`, 'utf8');
}

/** Reads canonical JSON that this product wrote: trusted, so nothing is checked. */
export function itemFromCanonical(canonical: Buffer): Item {
  const json = JSON.parse(canonical.toString('utf8')) as Record<string, Record<string, unknown>>;
  const item = new Map<string, AttributeValue>();
  for (const name of Object.keys(json)) {
    const typed = json[name] ?? {};
    for (const type of Object.keys(typed)) item.set(name, trustedValue(type as AttributeType, typed[type]));
  }
  return item;
}

/**
 * The key attributes of an item, hash key first.
 * @throws DomainError ValidationError if one is missing or has another type than the schema says
 */
export function keyOf(schema: TableSchema, item: Item): Key {
  const key = new Map<string, AttributeValue>();
  key.set(schema.hashKey, keyAttribute(schema, item, schema.hashKey));
  if (schema.rangeKey !== undefined) key.set(schema.rangeKey, keyAttribute(schema, item, schema.rangeKey));
  return key;
}

/**
 * Canonical JSON of the key, hash key first: what chooses an item's bucket. Takes an item or its key.
 * @throws DomainError ValidationError as `keyOf`
 */
export function canonicalKey(schema: TableSchema, itemOrKey: Item): Buffer {
  const { hashKey, rangeKey } = schema;
  const hash = `{"${hashKey}":${valueText(keyAttribute(schema, itemOrKey, hashKey))}`;
  if (rangeKey === undefined) return Buffer.from(`${hash}}`, 'utf8');
  return Buffer.from(`${hash},"${rangeKey}":${valueText(keyAttribute(schema, itemOrKey, rangeKey))}}`, 'utf8');
}

/**
 * Does the item fit the table: key attributes present, every attribute that the schema defines of its type?
 * @throws DomainError ValidationError
 */
export function checkItemFits(schema: TableSchema, item: Item, where = 'item'): void {
  for (const [name, value] of item) {
    const type = schema.attributes.get(name);
    if (type !== undefined && type !== value.type) {
      throw validationError(`${where}.${name} must be of the type ${type} that the table defines.`);
    }
  }
  for (const name of [schema.hashKey, schema.rangeKey]) {
    if (name !== undefined && !item.has(name)) throw validationError(`${where} must have the key attribute ${name}.`);
  }
}

/** XXH3-128 (seed 0) of an item's canonical form. */
export function itemDigest(canonical: Buffer): Digest128 {
  return xxh128(canonical);
}

/** The hash bucket, 0 … 255, of an item: the top 8 bits of the XXH3-128 of its canonical key. */
export function bucketOf(canonicalKeyBytes: Buffer): number {
  return xxh128TopByte(canonicalKeyBytes);
}

export function isAttributeType(text: string): text is AttributeType {
  return TYPES.has(text);
}

/** Are the texts in strictly ascending order of their UTF-8 bytes? */
export function isAscending(texts: readonly string[]): boolean {
  for (let index = 1; index < texts.length; index++) {
    if (compareUtf8(texts[index - 1] ?? '', texts[index] ?? '') >= 0) return false;
  }
  return true;
}

function valueText(value: AttributeValue): string {
  if (typeof value.value === 'string') return `{"${value.type}":${JSON.stringify(value.value)}}`;
  if (Array.isArray(value.value)) return `{"${value.type}":${JSON.stringify(value.value)}}`;
  const entries = [...(value as { value: ReadonlyMap<string, string> }).value];
  const pairs = entries.map(([key, member]) => `${JSON.stringify(key)}:${JSON.stringify(member)}`);
  return `{"${value.type}":{${pairs.join(',')}}}`;
}

function readValue(json: unknown, where: string, options: ParseOptions): AttributeValue {
  if (!isObject(json)) throw validationError(`${where} must be an object of one type and its value.`);
  const names = Object.keys(json);
  const type = names[0];
  if (names.length !== 1 || type === undefined) throw validationError(`${where} must have exactly one type.`);
  if (!isAttributeType(type)) throw validationError(`${where} has an unknown type.`);
  const value = json[type];
  if (type.length === 1) return { type: type as ScalarType, value: readScalar(type, value, where) };
  if (type.length === 2) return readSet(type as SetType, value, where, options);
  return readMap(type as MapType, value, where, options);
}

function readScalar(type: string, value: unknown, where: string): string {
  if (typeof value !== 'string') throw validationError(`${where} must hold text, as every ${type} does on the wire.`);
  if (type === 'N') {
    return numberAt(value, where);
  }
  if (type === 'B') {
    // Only strict base64 survives the round trip: no white space, no other alphabet, padding complete and its bits zero.
    if (Buffer.from(value, 'base64').toString('base64') !== value)
      throw validationError(`${where} must be strict base64.`);
    return value;
  }
  if (hasLoneSurrogate(value)) throw validationError(`${where} must be well-formed Unicode text.`);
  return value;
}

function numberAt(text: string, where: string): string {
  try {
    return canonicalNumber(text);
  } catch (error) {
    throw error instanceof Error ? validationError(`${where}: ${error.message}`) : error;
  }
}

function readSet(type: SetType, value: unknown, where: string, options: ParseOptions): AttributeValue {
  if (!Array.isArray(value)) throw validationError(`${where} must hold an array, as every ${type} does.`);
  if (value.length === 0 && !options.allowEmpty) throw validationError(`${where} must not be an empty set.`);
  const members = value.map((member: unknown) => readScalar(type.charAt(0), member, where));
  return { type, value: isAscending(members) ? members : [...new Set(members)].sort(compareUtf8) };
}

function readMap(type: MapType, value: unknown, where: string, options: ParseOptions): AttributeValue {
  if (!isObject(value)) throw validationError(`${where} must hold an object, as every ${type} does.`);
  const names = Object.keys(value);
  if (names.length === 0 && !options.allowEmpty) throw validationError(`${where} must not be an empty map.`);
  const entries = names.map((name): [string, string] => [
    readScalar(type.charAt(0), name, where),
    readScalar(type.charAt(1), value[name], where),
  ]);
  const map = new Map(sortedEntries(entries));
  if (map.size !== entries.length) throw validationError(`${where} must not hold one key in two spellings.`);
  return { type, value: map };
}

function trustedValue(type: AttributeType, value: unknown): AttributeValue {
  if (type.length === 1) return { type: type as ScalarType, value: value as string };
  if (type.length === 2) return { type: type as SetType, value: value as string[] };
  // JSON.parse moves names like "10" to the front, in numeric order.
  return { type: type as MapType, value: new Map(sortedEntries(Object.entries(value as Record<string, string>))) };
}

function sortedEntries(entries: [string, string][]): [string, string][] {
  return isAscending(entries.map(([name]) => name)) ? entries : [...entries].sort(([a], [b]) => compareUtf8(a, b));
}

function keyAttribute(schema: TableSchema, item: Item, name: string): AttributeValue {
  const value = item.get(name);
  if (!value) throw validationError(`The key attribute ${name} is missing.`);
  const type = schema.attributes.get(name);
  if (value.type !== type) throw validationError(`The key attribute ${name} must be of type ${type}.`);
  return value;
}

function nullPrototype(map: ReadonlyMap<string, string>): Record<string, string> {
  const json = Object.create(null) as Record<string, string>;
  for (const [name, value] of map) json[name] = value;
  return json;
}

/** A JSON object: not null, not an array. */
export function isObject(json: unknown): json is Record<string, unknown> {
  return typeof json === 'object' && json !== null && !Array.isArray(json);
}
