import { AttributeType, LocalSecondaryIndex, Projection, TableSchema, checkSchema, isAttributeType, validationError } from '../../kernel';

/** Index name → its range attribute and what is projected; null: everything. */
interface IndexDefinitionJson {
  readonly alt_hash_key_attr: string;
  readonly alt_range_key_attr: string;
  readonly projected_attributes: readonly string[] | null;
}

/** The structure as MagnetoDB keeps it in `table_info.schema`: every object of its model says which one it is. */
export function schemaToRegistry(schema: TableSchema): string {
  const types = [...schema.attributes].map(([name, type]) => [name, { __model__: 'AttributeType', type }] as const);
  const indexes = schema.indexes.map(({ name, rangeAttribute, projection }) => {
    const definition: IndexDefinitionJson = {
      alt_hash_key_attr: schema.hashKey,
      alt_range_key_attr: rangeAttribute,
      projected_attributes: projectedAttributes(projection),
    };
    return [name, { __model__: 'IndexDefinition', ...definition }] as const;
  });
  return JSON.stringify({
    __model__: 'TableSchema',
    attribute_type_map: fromEntries(types),
    index_def_map: fromEntries(indexes),
    key_attributes: schema.rangeKey === undefined ? [schema.hashKey] : [schema.hashKey, schema.rangeKey],
  });
}

/**
 * Reads what MagnetoDB or `schemaToRegistry` wrote.
 * @throws DomainError ValidationError
 */
export function schemaFromRegistry(text: string): TableSchema {
  const json: unknown = JSON.parse(text);
  const body = isObject(json) ? json : {};
  const [hashKey, rangeKey] = texts(body['key_attributes']);
  if (hashKey === undefined) throw damaged();
  const schema = {
    attributes: new Map(entries(body['attribute_type_map']).map(([name, type]) => [name, typeOf(type)])),
    hashKey,
    ...(rangeKey === undefined ? {} : { rangeKey }),
    indexes: entries(body['index_def_map']).map(([name, definition]) => indexOf(name, definition)),
  };
  checkSchema(schema);
  return schema;
}

function projectedAttributes(projection: Projection): readonly string[] | null {
  if (projection.type === 'ALL') return null;
  return projection.type === 'KEYS_ONLY' ? [] : projection.attributes;
}

function typeOf(json: unknown): AttributeType {
  const type = isObject(json) ? json['type'] : undefined;
  if (typeof type !== 'string' || !isAttributeType(type)) throw damaged();
  return type;
}

function indexOf(name: string, json: unknown): LocalSecondaryIndex {
  const definition = isObject(json) ? json : {};
  const rangeAttribute = definition['alt_range_key_attr'];
  if (typeof rangeAttribute !== 'string') throw damaged();
  const projected = definition['projected_attributes'] ?? null;
  if (projected === null) return { name, rangeAttribute, projection: { type: 'ALL' } };
  const attributes = texts(projected);
  return { name, rangeAttribute, projection: attributes.length === 0 ? { type: 'KEYS_ONLY' } : { type: 'INCLUDE', attributes } };
}

function entries(json: unknown): [string, unknown][] {
  if (json === undefined || json === null) return [];
  if (!isObject(json)) throw damaged();
  // An attribute may have that name, too.
  return Object.entries(json).filter(([name, value]) => name !== '__model__' || typeof value !== 'string');
}

function texts(json: unknown): string[] {
  if (!Array.isArray(json) || !json.every((each) => typeof each === 'string')) throw damaged();
  return json as string[];
}

/** Without a prototype: `__proto__` is a name like any other. */
function fromEntries(pairs: readonly (readonly [string, object])[]): Record<string, object> {
  const json = Object.create(null) as Record<string, object>;
  for (const [name, value] of pairs) json[name] = value;
  return json;
}

function damaged(): Error {
  return validationError('The registry describes a table that cannot be.');
}

function isObject(json: unknown): json is Record<string, unknown> {
  return typeof json === 'object' && json !== null && !Array.isArray(json);
}
