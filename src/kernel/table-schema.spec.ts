import fc from 'fast-check';
import {
  AttributeType,
  ATTRIBUTE_TYPES,
  DomainError,
  TableSchema,
  checkSchema,
  sameStructure,
  schemaFromJson,
  schemaToJson,
} from './index';

const forum: TableSchema = {
  attributes: new Map<string, AttributeType>([
    ['ForumName', 'S'],
    ['Subject', 'S'],
    ['LastPostDateTime', 'S'],
    ['Views', 'N'],
    ['Tags', 'SS'],
  ]),
  hashKey: 'ForumName',
  rangeKey: 'Subject',
  indexes: [
    { name: 'LastPostIndex', rangeAttribute: 'LastPostDateTime', projection: { type: 'KEYS_ONLY' } },
    { name: 'ViewsIndex', rangeAttribute: 'Views', projection: { type: 'INCLUDE', attributes: ['Tags', 'Author'] } },
  ],
};

describe('schemaToJson and schemaFromJson', () => {
  it('speak MagnetoDB’s create_table', () => {
    const json = schemaToJson({ ...forum, indexes: forum.indexes.slice(0, 1) });
    expect(json.key_schema).toEqual([
      { attribute_name: 'ForumName', key_type: 'HASH' },
      { attribute_name: 'Subject', key_type: 'RANGE' },
    ]);
    expect(json.local_secondary_indexes).toEqual([
      {
        index_name: 'LastPostIndex',
        key_schema: [
          { attribute_name: 'ForumName', key_type: 'HASH' },
          { attribute_name: 'LastPostDateTime', key_type: 'RANGE' },
        ],
        projection: { projection_type: 'KEYS_ONLY' },
      },
    ]);
  });

  it('agree with each other', () => {
    expect(schemaFromJson(JSON.parse(JSON.stringify(schemaToJson(forum))))).toEqual(forum);
  });

  it('keep any table whole', () => {
    const name = fc.stringMatching(/^[a-zA-Z0-9_.-]{1,12}$/);
    const table = fc.record({
      names: fc.uniqueArray(name, { minLength: 1, maxLength: 8 }),
      others: fc.array(fc.constantFrom(...ATTRIBUTE_TYPES), { maxLength: 8 }),
      indexes: fc.integer({ min: 0, max: 6 }),
    });
    fc.assert(
      fc.property(table, ({ names, others, indexes }) => {
        const [hashKey = '', rangeKey, ...rest] = names;
        const indexed = rest.slice(0, indexes);
        const scalars = names.map((each): [string, AttributeType] => [each, 'B']);
        const more = others.map((type, index): [string, AttributeType] => [`other.${index}`, type]);
        const schema: TableSchema = {
          attributes: new Map([...scalars, ...more]),
          hashKey,
          ...(rangeKey === undefined ? {} : { rangeKey }),
          indexes: indexed.map((rangeAttribute, index) => ({
            name: `index${index}`,
            rangeAttribute,
            projection: { type: 'ALL' },
          })),
        };
        const read = schemaFromJson(JSON.parse(JSON.stringify(schemaToJson(schema))));
        expect(read).toEqual(schema);
        expect(sameStructure(read, schema)).toBe(true);
      }),
    );
  });

  it('take a projection as MagnetoDB does', () => {
    const withProjection = (projection: unknown): unknown => {
      const json = schemaToJson({ ...forum, indexes: forum.indexes.slice(0, 1) });
      return { ...json, local_secondary_indexes: [{ ...json.local_secondary_indexes[0], projection }] };
    };
    const projectionOf = (projection: unknown) => schemaFromJson(withProjection(projection)).indexes[0]?.projection;
    expect(projectionOf({})).toEqual({ type: 'ALL' });
    expect(projectionOf({ projection_type: 'INCLUDE', non_key_attributes: [] })).toEqual({ type: 'KEYS_ONLY' });
    expect(() => projectionOf({ projection_type: 'ALL', non_key_attributes: ['a'] })).toThrow(DomainError);
    expect(() => projectionOf({ projection_type: 'SOME' })).toThrow(DomainError);
    expect(() => projectionOf(undefined)).toThrow(DomainError);
  });

  const json = schemaToJson(forum);
  it.each([
    ['null', null],
    ['an array', []],
    ['an unknown key', { ...json, extra: 1 }],
    ['an unknown key within', { ...json, key_schema: [{ ...json.key_schema[0], extra: 1 }] }],
    [
      'a doubled attribute',
      { ...json, attribute_definitions: [...json.attribute_definitions, json.attribute_definitions[0]] },
    ],
    ['an unknown type', { ...json, attribute_definitions: [{ attribute_name: 'ForumName', attribute_type: 'M' }] }],
    ['no hash key', { ...json, key_schema: [] }],
    ['two hash keys', { ...json, key_schema: [json.key_schema[0], json.key_schema[0]] }],
    ['an undefined key', { ...json, key_schema: [{ attribute_name: 'Nobody', key_type: 'HASH' }] }],
    ['an index on another hash key', { ...json, local_secondary_indexes: [{ ...json.local_secondary_indexes[0], key_schema: [{ attribute_name: 'Views', key_type: 'HASH' }, { attribute_name: 'Subject', key_type: 'RANGE' }] }] }], // prettier-ignore
  ])('refuse %s', (_what, wrong) => {
    expect(() => schemaFromJson(wrong)).toThrow(DomainError);
  });
});

describe('checkSchema', () => {
  const index = { name: 'ByViews', rangeAttribute: 'Views', projection: { type: 'ALL' as const } };
  it.each([
    ['a set as hash key', { ...forum, hashKey: 'Tags' }],
    ['a hash key that is not defined', { ...forum, hashKey: 'Nowhere' }],
    ['a range key that is not defined', { ...forum, rangeKey: 'Nowhere' }],
    ['one attribute as both keys', { ...forum, rangeKey: 'ForumName' }],
    ['an index name of two letters', { ...forum, indexes: [{ ...index, name: 'ix' }] }],
    ['two indexes of one name', { ...forum, indexes: [index, { ...index, rangeAttribute: 'LastPostDateTime' }] }],
    ['two indexes of one order', { ...forum, indexes: [index, { ...index, name: 'Other' }] }],
    ['an index on the range key', { ...forum, indexes: [{ ...index, rangeAttribute: 'Subject' }] }],
    ['an index on a set', { ...forum, indexes: [{ ...index, rangeAttribute: 'Tags' }] }],
    ['an index without a range key', { ...forum, rangeKey: undefined, indexes: [index] }],
    [
      'more than 64 KiB of structure',
      { ...forum, attributes: new Map<string, AttributeType>([...forum.attributes, ...Array.from({ length: 1200 }, (_, each): [string, AttributeType] => [`attribute${each}`, 'S'])]) },
    ],
    [
      'a bad attribute name',
      { ...forum, attributes: new Map<string, AttributeType>([...forum.attributes, ['a b', 'S']]) },
    ],
  ])('refuses %s', (_what, schema) => {
    expect(() => checkSchema(schema as TableSchema)).toThrow(DomainError);
  });
});

describe('sameStructure', () => {
  it('does not mind order', () => {
    const shuffled = {
      ...forum,
      attributes: new Map([...forum.attributes].reverse()),
      indexes: [...forum.indexes].reverse(),
    };
    expect(sameStructure(forum, shuffled)).toBe(true);
  });

  it('sees each difference', () => {
    const [first, second] = forum.indexes;
    expect(sameStructure(forum, { ...forum, indexes: first ? [first] : [] })).toBe(false);
    expect(sameStructure(forum, { ...forum, hashKey: 'Subject', rangeKey: 'ForumName' })).toBe(false);
    expect(
      sameStructure(forum, { ...forum, attributes: new Map([...forum.attributes, ['Views', 'S' as const]]) }),
    ).toBe(false);
    const projected = second
      ? [{ ...second, projection: { type: 'INCLUDE' as const, attributes: ['Author', 'Tags'] } }]
      : [];
    expect(sameStructure({ ...forum, indexes: second ? [second] : [] }, { ...forum, indexes: projected })).toBe(true);
  });
});
