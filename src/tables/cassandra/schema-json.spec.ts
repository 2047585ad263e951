import { TableSchema } from '../../kernel';
import { schemaFromRegistry, schemaToRegistry } from './schema-json';

const SCHEMA: TableSchema = {
  attributes: new Map([
    ['h', 'S'],
    ['__model__', 'N'],
    ['i', 'B'],
    ['set', 'SS'],
  ]),
  hashKey: 'h',
  rangeKey: '__model__',
  indexes: [{ name: 'by_i', rangeAttribute: 'i', projection: { type: 'INCLUDE', attributes: ['set'] } }],
};

describe('the structure of a table in the registry', () => {
  it('is MagnetoDB’s own JSON', () => {
    expect(JSON.parse(schemaToRegistry(SCHEMA))).toEqual({
      __model__: 'TableSchema',
      attribute_type_map: {
        h: { __model__: 'AttributeType', type: 'S' },
        __model__: { __model__: 'AttributeType', type: 'N' },
        i: { __model__: 'AttributeType', type: 'B' },
        set: { __model__: 'AttributeType', type: 'SS' },
      },
      index_def_map: { by_i: { __model__: 'IndexDefinition', alt_hash_key_attr: 'h', alt_range_key_attr: 'i', projected_attributes: ['set'] } },
      key_attributes: ['h', '__model__'],
    });
    expect(schemaFromRegistry(schemaToRegistry(SCHEMA))).toEqual(SCHEMA);
  });

  it('is read as MagnetoDB writes it', () => {
    const text = `{"__model__": "TableSchema", "attribute_type_map": {"id": {"__model__": "AttributeType", "type": "N"}}, "index_def_map": {}, "key_attributes": ["id"]}`;
    expect(schemaFromRegistry(text)).toEqual({ attributes: new Map([['id', 'N']]), hashKey: 'id', indexes: [] });
  });

  it.each(['{}', '{"key_attributes":["h"],"attribute_type_map":{"h":{"type":"X"}}}', '{"key_attributes":[1]}'])('is refused if it is none: %s', (text) => {
    expect(() => schemaFromRegistry(text)).toThrow('The registry describes a table that cannot be.');
  });
});
