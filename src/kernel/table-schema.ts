import { validationError } from './errors';
import { isAttributeType, isObject } from './item-codec';
import {
  ATTRIBUTE_NAME_PATTERN,
  AttributeType,
  LocalSecondaryIndex,
  Projection,
  TABLE_NAME_PATTERN,
  TableSchema,
} from './model';

/** A table's structure in the terms of MagnetoDB's create_table, plain JSON: for manifests and registries. */
export interface TableSchemaJson {
  readonly attribute_definitions: readonly {
    readonly attribute_name: string;
    readonly attribute_type: AttributeType;
  }[];
  readonly key_schema: readonly KeyElementJson[];
  readonly local_secondary_indexes: readonly {
    readonly index_name: string;
    readonly key_schema: readonly KeyElementJson[];
    readonly projection: {
      readonly projection_type: Projection['type'];
      readonly non_key_attributes?: readonly string[];
    };
  }[];
}

export interface KeyElementJson {
  readonly attribute_name: string;
  readonly key_type: 'HASH' | 'RANGE';
}

/** Of a structure as JSON, which is ASCII. Every index is a column of its own, and every step of a restore holds the structure. */
const MAX_SCHEMA_BYTES = 64 * 1024;

/**
 * Is this a table that can be? MagnetoDB's rules: keys and indexed attributes are defined and scalar; a table with indexes has a
 * range key; each index orders by an attribute of its own.
 * @throws DomainError ValidationError
 */
export function checkSchema(schema: TableSchema): void {
  for (const [name, type] of schema.attributes) {
    checkAttributeName(name);
    if (!isAttributeType(type)) throw validationError(`The attribute ${name} has an unknown type.`);
  }
  checkScalar(schema, schema.hashKey);
  const ordering = new Set([schema.hashKey]);
  if (schema.rangeKey !== undefined) {
    checkScalar(schema, schema.rangeKey);
    if (ordering.has(schema.rangeKey)) throw validationError('The hash key and the range key must be two attributes.');
    ordering.add(schema.rangeKey);
  }
  const names = new Set<string>();
  for (const index of schema.indexes) {
    if (!TABLE_NAME_PATTERN.test(index.name)) {
      throw validationError('An index name must be 3 to 255 of the characters a-z A-Z 0-9 _ . -');
    }
    if (names.has(index.name)) throw validationError(`Two indexes have the name ${index.name}.`);
    names.add(index.name);
    if (schema.rangeKey === undefined) throw validationError('A table without a range key cannot have indexes.');
    checkScalar(schema, index.rangeAttribute);
    if (ordering.has(index.rangeAttribute)) {
      throw validationError('The table and its indexes must each have a range attribute of their own.');
    }
    ordering.add(index.rangeAttribute);
    if (index.projection.type === 'INCLUDE') index.projection.attributes.forEach(checkAttributeName);
  }
  if (JSON.stringify(schemaToJson(schema)).length > MAX_SCHEMA_BYTES) {
    throw validationError('The structure of the table is too large: its attributes, keys and indexes may take 64 KiB of JSON.');
  }
}

/** The structure as plain JSON; attributes and indexes keep their order. */
export function schemaToJson(schema: TableSchema): TableSchemaJson {
  return {
    attribute_definitions: [...schema.attributes].map(([name, type]) => ({
      attribute_name: name,
      attribute_type: type,
    })),
    key_schema: keySchemaJson(schema.hashKey, schema.rangeKey),
    local_secondary_indexes: schema.indexes.map((index) => ({
      index_name: index.name,
      key_schema: keySchemaJson(schema.hashKey, index.rangeAttribute),
      projection:
        index.projection.type === 'INCLUDE'
          ? { projection_type: 'INCLUDE' as const, non_key_attributes: [...index.projection.attributes] }
          : { projection_type: index.projection.type },
    })),
  };
}

/**
 * Reads and checks a structure. Unknown keys are refused. As in MagnetoDB, a projection without a type is INCLUDE, and an INCLUDE
 * without a list of attributes includes all.
 * @throws DomainError ValidationError
 */
export function schemaFromJson(json: unknown): TableSchema {
  const body = objectOf(json, 'table', ['attribute_definitions', 'key_schema', 'local_secondary_indexes']);
  const attributes = new Map<string, AttributeType>();
  for (const element of arrayOf(body['attribute_definitions'], 'attribute_definitions')) {
    const definition = objectOf(element, 'attribute_definitions', ['attribute_name', 'attribute_type']);
    const name = textOf(definition['attribute_name'], 'attribute_name');
    const type = textOf(definition['attribute_type'], 'attribute_type');
    if (!isAttributeType(type)) throw validationError('attribute_type must be one of MagnetoDB’s types.');
    if (attributes.has(name)) throw validationError('An attribute must not be defined twice.');
    attributes.set(name, type);
  }
  const { hashKey, rangeKey } = parseKeySchema(body['key_schema']);
  const indexes = arrayOf(body['local_secondary_indexes'] ?? [], 'local_secondary_indexes').map((element) =>
    parseIndex(element, hashKey),
  );
  const schema = { attributes, hashKey, ...(rangeKey === undefined ? {} : { rangeKey }), indexes };
  checkSchema(schema);
  return schema;
}

/** Do both describe the same table? The order of attributes, indexes and included attributes means nothing. */
export function sameStructure(a: TableSchema, b: TableSchema): boolean {
  return fingerprint(a) === fingerprint(b);
}

function fingerprint(schema: TableSchema): string {
  const attributes = [...schema.attributes].map((entry) => entry.join(' ')).sort();
  const indexes = schema.indexes
    .map(({ name, rangeAttribute, projection }) => {
      const included = projection.type === 'INCLUDE' ? [...new Set(projection.attributes)].sort() : [];
      return [name, rangeAttribute, projection.type, ...included].join(' ');
    })
    .sort();
  return JSON.stringify([attributes, schema.hashKey, schema.rangeKey ?? null, indexes]);
}

function parseIndex(json: unknown, tableHashKey: string): LocalSecondaryIndex {
  const index = objectOf(json, 'local_secondary_indexes', ['index_name', 'key_schema', 'projection']);
  const name = textOf(index['index_name'], 'index_name');
  const { hashKey, rangeKey } = parseKeySchema(index['key_schema']);
  if (hashKey !== tableHashKey) throw validationError(`The hash key of index ${name} must be the table's.`);
  if (rangeKey === undefined) throw validationError(`The key_schema of index ${name} must have a RANGE key.`);
  return { name, rangeAttribute: rangeKey, projection: parseProjection(index['projection']) };
}

function parseProjection(json: unknown): Projection {
  const projection = objectOf(json, 'projection', ['projection_type', 'non_key_attributes']);
  const type = projection['projection_type'] ?? 'INCLUDE';
  const list = projection['non_key_attributes'];
  if (type === 'INCLUDE') {
    if (list === undefined) return { type: 'ALL' };
    const attributes = arrayOf(list, 'non_key_attributes').map((name) => textOf(name, 'non_key_attributes'));
    return attributes.length === 0 ? { type: 'KEYS_ONLY' } : { type, attributes };
  }
  if (type !== 'ALL' && type !== 'KEYS_ONLY')
    throw validationError('projection_type must be ALL, KEYS_ONLY or INCLUDE.');
  if (list !== undefined) throw validationError('Only an INCLUDE projection has non_key_attributes.');
  return { type };
}

function parseKeySchema(json: unknown): { hashKey: string; rangeKey: string | undefined } {
  let hashKey: string | undefined;
  let rangeKey: string | undefined;
  for (const part of arrayOf(json, 'key_schema')) {
    const element = objectOf(part, 'key_schema', ['attribute_name', 'key_type']);
    const name = textOf(element['attribute_name'], 'attribute_name');
    const type = element['key_type'];
    if (type === 'HASH' && hashKey === undefined) hashKey = name;
    else if (type === 'RANGE' && rangeKey === undefined) rangeKey = name;
    else throw validationError('key_schema must hold one HASH key and at most one RANGE key.');
  }
  if (hashKey === undefined) throw validationError('key_schema must hold a HASH key.');
  return { hashKey, rangeKey };
}

function keySchemaJson(hashKey: string, rangeKey: string | undefined): KeyElementJson[] {
  const hash: KeyElementJson = { attribute_name: hashKey, key_type: 'HASH' };
  return rangeKey === undefined ? [hash] : [hash, { attribute_name: rangeKey, key_type: 'RANGE' }];
}

function checkAttributeName(name: string): void {
  if (!ATTRIBUTE_NAME_PATTERN.test(name)) {
    throw validationError('An attribute name must be 1 to 255 of the characters a-z A-Z 0-9 _ . -');
  }
}

function checkScalar(schema: TableSchema, name: string): void {
  const type = schema.attributes.get(name);
  if (type === undefined) throw validationError('Every key attribute must be among attribute_definitions.');
  if (type.length !== 1) throw validationError(`The key attribute ${name} must be a scalar: S, N or B.`);
}

function objectOf(json: unknown, where: string, keys: readonly string[]): Record<string, unknown> {
  if (!isObject(json)) throw validationError(`${where} must hold objects.`);
  const unknown = Object.keys(json).find((key) => !keys.includes(key));
  if (unknown !== undefined)
    throw validationError(`${where} must not have the key ${JSON.stringify(unknown.slice(0, 64))}.`);
  return json;
}

function arrayOf(json: unknown, where: string): unknown[] {
  if (!Array.isArray(json)) throw validationError(`${where} must be an array.`);
  return json;
}

function textOf(json: unknown, where: string): string {
  if (typeof json !== 'string') throw validationError(`${where} must be text.`);
  return json;
}
