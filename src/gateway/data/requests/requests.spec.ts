import fc from 'fast-check';
import { DomainError, TableSchema } from '../../../kernel';
import { readBatchGet, readBatchWrite } from './batches';
import { readDeleteItem, readGetItem, readPutItem, readUpdateItem } from './items';
import { readQuery, readScan, resolveQuery } from './query';
import { readCreateTable } from './tables';

const MAX = 1024 * 1024;
const READERS: [string, (json: unknown) => unknown][] = [
  ['create_table', readCreateTable],
  ['put_item', (json) => readPutItem(json, MAX)],
  ['get_item', readGetItem],
  ['update_item', readUpdateItem],
  ['delete_item', readDeleteItem],
  ['query', readQuery],
  ['scan', readScan],
  ['batch_get_item', readBatchGet],
  ['batch_write_item', (json) => readBatchWrite(json, MAX)],
];

/** Words of the API, so that random bodies get past the first check. */
const WORDS = [
  'item key keys expected value exists S N B SS NS BS SSM SNM action PUT ADD DELETE attribute_updates attributes_to_get',
  'consistent_read return_values ALL_OLD NONE time_to_live key_conditions scan_filter attribute_value_list comparison_operator EQ BETWEEN',
  'IN NULL limit select COUNT segment total_segments exclusive_start_key index_name request_items put_request delete_request table_name',
  'attribute_definitions attribute_name attribute_type key_schema key_type HASH RANGE local_secondary_indexes projection projection_type',
  'non_key_attributes __proto__ constructor toString forum',
].flatMap((line) => line.split(' '));

const word = fc.constantFrom(...WORDS);
const { body } = fc.letrec<{ body: unknown }>((tie) => ({
  body: fc.oneof(
    { maxDepth: 6, depthSize: 'medium' },
    fc.oneof(word, fc.string(), fc.integer(), fc.double(), fc.boolean(), fc.constant(null)),
    fc.array(tie('body'), { maxLength: 3 }),
    fc.dictionary(word, tie('body'), { maxKeys: 5 }),
  ),
}));

/** Through JSON, so that `__proto__` is an own property as it is in a request. */
const asSent = (value: unknown): unknown => JSON.parse(JSON.stringify(value)) as unknown;

describe.each(READERS)('%s', (_name, read) => {
  it('reads any body, or refuses it as a ValidationError with a short message', () => {
    fc.assert(
      fc.property(body, (given) => {
        try {
          read(asSent(given));
        } catch (error) {
          expect(error).toBeInstanceOf(DomainError);
          expect((error as DomainError).code).toBe('ValidationError');
          expect((error as DomainError).message.length).toBeLessThan(1000);
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe('resolveQuery', () => {
  const schema: TableSchema = {
    attributes: new Map([
      ['h', 'S'],
      ['r', 'N'],
      ['i', 'S'],
    ]),
    hashKey: 'h',
    rangeKey: 'r',
    indexes: [{ name: 'by_i', rangeAttribute: 'i', projection: { type: 'ALL' } }],
  };
  const eq = (value: unknown): unknown => ({ attribute_value_list: [value], comparison_operator: 'EQ' });
  const resolve = (json: object) => resolveQuery(schema, readQuery(json));

  it('takes the condition on the range key, or on the attribute of the index', () => {
    expect(resolve({ key_conditions: { h: eq({ S: 'x' }), r: eq({ N: '1' }) } })).toMatchObject({
      rangeCondition: { operator: 'EQ', values: [{ type: 'N', value: '1' }] },
      index: undefined,
    });
    expect(resolve({ key_conditions: { h: eq({ S: 'x' }), i: eq({ S: 'y' }) }, index_name: 'by_i' })).toMatchObject({
      rangeCondition: { operator: 'EQ', values: [{ type: 'S', value: 'y' }] },
      index: { name: 'by_i' },
    });
  });

  it.each([
    ['the range key beside an index', { key_conditions: { h: eq({ S: 'x' }), r: eq({ N: '1' }) }, index_name: 'by_i' }],
    ['no hash key', { key_conditions: { r: eq({ N: '1' }) } }],
    ['a hash key of another type', { key_conditions: { h: eq({ N: '1' }) } }],
    ['an unknown index', { key_conditions: { h: eq({ S: 'x' }) }, index_name: 'by_x' }],
    [
      'a start key of another partition',
      { key_conditions: { h: eq({ S: 'x' }) }, exclusive_start_key: { h: { S: 'y' }, r: { N: '1' } } },
    ],
    [
      'a start key without the attribute of the index',
      {
        key_conditions: { h: eq({ S: 'x' }) },
        index_name: 'by_i',
        exclusive_start_key: { h: { S: 'x' }, r: { N: '1' } },
      },
    ],
  ])('refuses %s', (_name, json) => {
    expect(() => resolve(json)).toThrow(expect.objectContaining({ code: 'ValidationError' }));
  });
});
