import { ATTRIBUTE_TYPES } from '../../kernel';

/** A JSON schema, as far as it is used here (OpenAPI 3.0). */
export interface Schema {
  readonly type: 'object' | 'array' | 'string' | 'integer' | 'boolean';
  readonly description?: string;
  readonly properties?: Record<string, Schema>;
  readonly additionalProperties?: Schema | false;
  readonly required?: string[];
  readonly items?: Schema;
  readonly enum?: string[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly pattern?: string;
  readonly minProperties?: number;
  readonly maxProperties?: number;
  readonly nullable?: boolean;
  readonly format?: string;
}

export const text = (description?: string): Schema => ({
  type: 'string',
  ...(description === undefined ? {} : { description }),
});
export const integer = (description: string, minimum?: number, maximum?: number): Schema => ({
  type: 'integer',
  description,
  ...(minimum === undefined ? {} : { minimum }),
  ...(maximum === undefined ? {} : { maximum }),
});
export const flag = (description: string): Schema => ({ type: 'boolean', description });
export const list = (items: Schema, description?: string): Schema => ({
  type: 'array',
  items,
  ...(description === undefined ? {} : { description }),
});
export const words = (...values: string[]): Schema => ({ type: 'string', enum: values });
export const record = (additionalProperties: Schema, description?: string): Schema => ({
  type: 'object',
  additionalProperties,
  ...(description === undefined ? {} : { description }),
});
/** An object with no other keys than these. */
export const object = (properties: Record<string, Schema>, required: string[] = []): Schema => ({
  type: 'object',
  properties,
  additionalProperties: false,
  ...(required.length === 0 ? {} : { required }),
});

export const tableName: Schema = { type: 'string', pattern: '^[a-zA-Z0-9_.-]+$', minLength: 3, maxLength: 255 };
const attributeName: Schema = { type: 'string', pattern: '^[a-zA-Z0-9_.-]+$', minLength: 1, maxLength: 255 };

const scalarText: Record<string, string> = { S: 'text', N: 'a decimal as a string', B: 'base64' };

function typeSchema(type: string): Schema {
  const [first = '', second = ''] = type;
  if (type.length === 1) return text(scalarText[first]);
  if (type.length === 2) return list(text(scalarText[first]), 'a set: at least one member, no order, no doubles');
  return record(text(scalarText[second]), `a map: each key is ${scalarText[first]}`);
}

export const attributeValue: Schema = {
  type: 'object',
  description: 'One typed value: exactly one of these keys.',
  properties: Object.fromEntries(ATTRIBUTE_TYPES.map((type) => [type, typeSchema(type)])),
  additionalProperties: false,
  minProperties: 1,
  maxProperties: 1,
};

export const item = record(attributeValue, 'attribute name → typed value');
export const key = record(attributeValue, 'exactly the key attributes');

export const expected = record(
  {
    ...object({ value: attributeValue, exists: flag('must the attribute be there?') }),
    minProperties: 1,
    maxProperties: 1,
  },
  'All conditions must hold, else 400 ConditionalCheckFailedException and nothing is changed.',
);

export const conditions = (...operators: string[]): Schema =>
  record(
    object({ attribute_value_list: list(attributeValue), comparison_operator: words(...operators) }, [
      'comparison_operator',
    ]),
  );

const keySchema = list(
  object({ attribute_name: attributeName, key_type: words('HASH', 'RANGE') }, ['attribute_name', 'key_type']),
);
const projection = object({
  projection_type: words('ALL', 'KEYS_ONLY', 'INCLUDE'),
  non_key_attributes: list(attributeName),
});
const attributeDefinitions = list(
  object({ attribute_name: attributeName, attribute_type: words(...ATTRIBUTE_TYPES) }, [
    'attribute_name',
    'attribute_type',
  ]),
);

export const createTable = object(
  {
    table_name: tableName,
    attribute_definitions: attributeDefinitions,
    key_schema: keySchema,
    local_secondary_indexes: list(
      object({ index_name: tableName, key_schema: keySchema, projection }, ['index_name', 'key_schema', 'projection']),
    ),
  },
  ['table_name', 'attribute_definitions', 'key_schema'],
);

export const link = object({ href: { type: 'string', format: 'uri' }, rel: text() }, ['href', 'rel']);

export const tableDescription = object(
  {
    attribute_definitions: attributeDefinitions,
    creation_date_time: { type: 'string', format: 'date-time' },
    item_count: integer('an estimate'),
    key_schema: keySchema,
    local_secondary_indexes: list(
      object({
        index_name: tableName,
        key_schema: keySchema,
        projection,
        index_size_bytes: integer('always 0: not counted'),
        item_count: integer('always 0: not counted'),
      }),
      'absent if there are none',
    ),
    table_id: { type: 'string', format: 'uuid' },
    table_name: tableName,
    table_size_bytes: integer('an estimate'),
    table_status: words('CREATING', 'ACTIVE', 'DELETING', 'CREATE_FAILED', 'DELETE_FAILED', 'MAINTENANCE'),
    links: list(link, '`self` and `bookmark`, in the order of path segments of the call'),
  },
  [
    'attribute_definitions',
    'creation_date_time',
    'item_count',
    'key_schema',
    'table_id',
    'table_name',
    'table_size_bytes',
    'table_status',
    'links',
  ],
);

export const usage = object({ size: integer('bytes, an estimate'), item_count: integer('an estimate') });
