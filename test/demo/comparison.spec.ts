import { compareItems, isEqual, structureOf } from '../../demo/comparison';
import { schemaFromJson } from '../../src/kernel';

const TABLE = {
  table_name: 'cities',
  attribute_definitions: [{ attribute_name: 'country', attribute_type: 'S' }, { attribute_name: 'id', attribute_type: 'N' }],
  key_schema: [{ attribute_name: 'country', key_type: 'HASH' }, { attribute_name: 'id', key_type: 'RANGE' }],
  local_secondary_indexes: [],
  creation_date_time: 1,
};
const schema = schemaFromJson({ attribute_definitions: TABLE.attribute_definitions, key_schema: TABLE.key_schema, local_secondary_indexes: [] });
const city = (id: string, name = `city ${id}`) => ({ country: { S: 'NZ' }, id: { N: id }, name: { S: name } });
const STRUCTURES = [structureOf(TABLE), structureOf({ ...TABLE, creation_date_time: 2 })] as const;

async function* answered(items: readonly unknown[]): AsyncGenerator<unknown> {
  yield* items;
}

describe('the comparison of the demo', () => {
  const loaded = [city('1'), city('2'), city('3')];
  const compare = (restored: readonly unknown[]) => compareItems(schema, loaded, answered(restored));

  it('finds the same items equal, in whatever order and spelling they come', async () => {
    const found = await compare([city('3'), city('1.0', 'city 1'), city('2')]);
    expect(found).toMatchObject({ items: 3, differing: 0, restored: found.loaded });
    expect(isEqual(found, STRUCTURES, 3)).toBe(true);
  });

  it.each([
    ['one that is missing', [city('1'), city('2')], 1],
    ['one that has changed', [city('1'), city('2'), city('3', 'another')], 1],
    ['one too many', [...loaded, city('4')], 1],
    ['one that comes twice', [...loaded, city('3')], 1],
    ['one in the place of another', [city('1'), city('2'), city('4')], 2],
  ])('tells %s', async (_what, restored, differing) => {
    const found = await compare(restored);
    expect(found.differing).toBe(differing);
    expect(found.restored).not.toBe(found.loaded);
    expect(isEqual(found, STRUCTURES, restored.length)).toBe(false);
    // Either would do.
    expect(isEqual({ ...found, restored: found.loaded }, STRUCTURES, restored.length)).toBe(false);
    expect(isEqual({ ...found, differing: 0 }, STRUCTURES, restored.length)).toBe(false);
  });

  it('tells another structure, and another number than the backup says', async () => {
    const found = await compare(loaded);
    const index = { index_name: 'by_name', key_schema: [], projection: { projection_type: 'ALL' } };
    expect(isEqual(found, [STRUCTURES[0], structureOf({ ...TABLE, local_secondary_indexes: [index] })], 3)).toBe(false);
    expect(isEqual(found, STRUCTURES, 4)).toBe(false);
    expect(isEqual(found, STRUCTURES, undefined)).toBe(false);
  });
});
