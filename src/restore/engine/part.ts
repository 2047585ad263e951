import {
  ATTRIBUTE_NAME_PATTERN,
  AttributeValue,
  DecodedItem,
  ScalarType,
  TableSchema,
  formatAttributeValue,
  parseAttributeValue,
  validationError,
  withoutAttributes,
} from '../../kernel';

/** A scalar of the wire: `{"S": "a"}`. */
export type ScalarJson = { readonly [type: string]: string };

/**
 * What of a backup is restored, as plain JSON with canonical values; absent members leave nothing out. At most one of the two
 * selections of keys.
 */
export type RestorePart = {
  readonly hashKeys?: readonly ScalarJson[];
  readonly hashKeyPrefix?: ScalarJson;
  /** In ascending order, each once. */
  readonly excludeAttributes?: readonly string[];
};

export const MAX_HASH_KEYS = 1000;
export const MAX_EXCLUDED_ATTRIBUTES = 1000;
/** Every step of the restore is handed the part: so many characters of JSON are the most that it may have. */
const MAX_PART_CHARACTERS = 256 * 1024;

/**
 * Reads a list of hash keys, in any spelling of their numbers.
 * @throws DomainError ValidationError naming the element
 */
export function readHashKeys(value: unknown): ScalarJson[] {
  if (!Array.isArray(value) || value.length < 1 || value.length > MAX_HASH_KEYS)
    throw validationError(`"hash_keys" must be a list of 1 to ${MAX_HASH_KEYS} values.`);
  const keys = value.map((each: unknown, index) => readScalar(each, `"hash_keys"[${index}]`, ['S', 'N', 'B']));
  return checkLength([...new Map(keys.map((key) => [JSON.stringify(key), key])).values()]);
}

/** Reads a prefix of hash keys: a text or bytes, not empty. @throws DomainError ValidationError */
export function readHashKeyPrefix(value: unknown): ScalarJson {
  const prefix = readScalar(value, '"hash_key_prefix"', ['S', 'B']);
  if (Object.values(prefix)[0] === '') throw validationError('"hash_key_prefix" must not be empty.');
  return checkLength(prefix);
}

/** Reads names of attributes to leave out. @throws DomainError ValidationError */
export function readExcludedAttributes(value: unknown): string[] {
  if (!Array.isArray(value) || value.length < 1 || value.length > MAX_EXCLUDED_ATTRIBUTES)
    throw validationError(`"exclude_attributes" must be a list of 1 to ${MAX_EXCLUDED_ATTRIBUTES} names.`);
  const names = value.map((name: unknown) => {
    if (typeof name === 'string' && ATTRIBUTE_NAME_PATTERN.test(name)) return name;
    throw validationError('"exclude_attributes" must hold names of 1 to 255 of the characters a-z A-Z 0-9 _ . -');
  });
  return [...new Set(names)].sort();
}

/**
 * Can this part of such a table be restored? What the table and its indexes are ordered by stays: the structure is the backup's.
 * @throws DomainError ValidationError naming what cannot be
 */
export function checkPartFits(part: RestorePart, schema: TableSchema): void {
  const type = schema.attributes.get(schema.hashKey);
  const asked = [...(part.hashKeys ?? []), ...(part.hashKeyPrefix === undefined ? [] : [part.hashKeyPrefix])];
  if (asked.some((value) => Object.keys(value)[0] !== type))
    throw validationError(`"select" must have values of the type ${type}: that of the backup’s hash key ${schema.hashKey}.`);
  const keys = new Set([schema.hashKey, schema.rangeKey, ...schema.indexes.map((index) => index.rangeAttribute)]);
  const kept = (part.excludeAttributes ?? []).filter((name) => keys.has(name));
  if (kept.length > 0)
    throw validationError(`"exclude_attributes" must not name keys of the table or of its indexes: ${kept.join(', ')}.`);
}

/** Decides over single items. */
export class PartSelection {
  private readonly hashKeys: ReadonlySet<string> | undefined;
  private readonly startsRight: ((value: string) => boolean) | undefined;
  private readonly excluded: ReadonlySet<string>;

  /** @param hashKey the name of the backup's hash key, whose type the part fits */
  constructor(
    part: RestorePart,
    private readonly hashKey: string,
  ) {
    this.hashKeys = part.hashKeys && new Set(part.hashKeys.flatMap((key) => Object.values(key)));
    this.startsRight = part.hashKeyPrefix && prefixTest(part.hashKeyPrefix);
    this.excluded = new Set(part.excludeAttributes);
  }

  /** The item as it is restored; undefined: it is not part of the part. */
  pick(item: DecodedItem): DecodedItem | undefined {
    const hash = item.defined.get(this.hashKey)?.value;
    if (typeof hash !== 'string') return undefined;
    if (this.hashKeys !== undefined && !this.hashKeys.has(hash)) return undefined;
    if (this.startsRight !== undefined && !this.startsRight(hash)) return undefined;
    return this.excluded.size === 0 ? item : withoutAttributes(item, this.excluded);
  }
}

function prefixTest(prefix: ScalarJson): (value: string) => boolean {
  const text = prefix['S'];
  if (text !== undefined) return (value) => value.startsWith(text);
  const bytes = Buffer.from(prefix['B'] ?? '', 'base64');
  return (value) => Buffer.from(value, 'base64').subarray(0, bytes.length).equals(bytes);
}

function readScalar(value: unknown, where: string, types: readonly ScalarType[]): ScalarJson {
  const read: AttributeValue = parseAttributeValue(value, where);
  if (!types.some((type) => type === read.type)) throw validationError(`${where} must be of type ${types.join(' or ')}.`);
  return formatAttributeValue(read) as ScalarJson;
}

function checkLength<T>(json: T): T {
  if (JSON.stringify(json).length > MAX_PART_CHARACTERS)
    throw validationError(`"select" may have at most ${MAX_PART_CHARACTERS} characters.`);
  return json;
}
