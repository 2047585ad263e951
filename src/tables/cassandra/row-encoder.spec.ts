import { types } from 'cassandra-driver';
import fc from 'fast-check';
import { anyItem } from '../../../test/fakes/arbitrary-items';
import { AttributeType, AttributeValue, Item, TableSchema, canonicalItem, decodeItem } from '../../kernel';
import { encodeCells, encodeKey } from './codec';
import { Layout, keyValues } from './layout';
import { RowEncoder } from './row-encoder';

function layoutOf(attributes: Record<string, AttributeType>): Layout {
  const schema: TableSchema = { attributes: new Map(Object.entries(attributes)), hashKey: 'h', rangeKey: 'r', indexes: [] };
  return new Layout(schema, '"u_demo"."u_1"', false);
}

const SCALARS = layoutOf({ h: 'S', r: 'N', s: 'S', n: 'N', b: 'B' });
const SETS = layoutOf({ h: 'S', r: 'N', s: 'S', set: 'NS', map: 'SBM' });

/** What the driver makes of a parameter: its encoder is what decides. */
function bytesOf(type: string | undefined, cell: unknown): unknown {
  if (cell === null || cell === types.unset) return 'none';
  if (cell instanceof types.BigDecimal) return types.BigDecimal.toBuffer(cell).toString('hex');
  if (typeof cell === 'string') return Buffer.from(cell).toString('hex');
  if (cell instanceof Map) return entriesOf([...cell].map(([name, value]) => [Buffer.from(String(name)), numberOrBytes(value)]));
  if (Buffer.isBuffer(cell)) return type === 'map' ? entriesOf(readMap(cell)) : cell.toString('hex');
  throw new Error('a parameter of no known kind');
}

function numberOrBytes(value: unknown): Buffer {
  if (typeof value === 'number') return Buffer.from([0, 0, 0, value]);
  return Buffer.isBuffer(value) ? value : Buffer.from(String(value));
}

const entriesOf = (entries: readonly (readonly [Buffer, Buffer])[]): string[] =>
  entries.map(([name, value]) => `${name.toString()}=${inOrder(value) ?? value.toString('hex')}`).sort();

/** The entries of a JSON object have no order. */
function inOrder(value: Buffer): string | undefined {
  const text = value.toString();
  return text.startsWith('{') ? JSON.stringify(Object.entries(JSON.parse(text) as object).sort(([a], [b]) => (a < b ? -1 : 1))) : undefined;
}

/** As the protocol has them: how many, then lengths and bytes. */
function readMap(bytes: Buffer): [Buffer, Buffer][] {
  const entries: [Buffer, Buffer][] = [];
  let at = 4;
  const next = (): Buffer => {
    const length = bytes.readInt32BE(at);
    at += 4 + length;
    return bytes.subarray(at - length, at);
  };
  for (let count = bytes.readInt32BE(0); count > 0; count--) entries.push([next(), next()]);
  expect(at).toBe(bytes.length);
  return entries;
}

/** Both ways to make a row give the same. */
function expectSame(layout: Layout, encoder: RowEncoder, item: Item): void {
  const decoded = decodeItem(layout.schema, canonicalItem(item), undefined);
  const { key, cells } = encoder.encode(decoded);
  const slowKey = encodeKey(layout, keyValues(layout, item));
  expect(key.map((cell) => bytesOf(undefined, cell))).toEqual(slowKey.map((cell) => bytesOf(undefined, cell)));
  const typesOf = [...layout.others.map(() => undefined), 'map', 'map', 'map'];
  const slowCells = encodeCells(layout, item);
  if (cells.some((cell) => cell instanceof Set)) expect(cells.map((cell) => (cell === types.unset ? null : cell))).toEqual(slowCells);
  else expect(cells.map((cell, index) => bytesOf(typesOf[index], cell))).toEqual(slowCells.map((cell, index) => bytesOf(typesOf[index], cell)));
}

const KEY: { readonly h: AttributeValue; readonly r: AttributeValue } = { h: { type: 'S', value: 'partition' }, r: { type: 'N', value: '7' } };
const itemOf = (attributes: Record<string, AttributeValue>): Item => new Map(Object.entries(attributes));
const withKey = (item: Item): Item => new Map([...item, ...Object.entries(KEY)]);
/** Names of the schema stand for their types. */
const fitting = (layout: Layout, item: Item): Item =>
  new Map([...item].filter(([name, { type }]) => (layout.schema.attributes.get(name) ?? type) === type));

describe('a row encoder', () => {
  it('gives the bytes that the driver would make, for items of any shape one after another', () => {
    const encoder = new RowEncoder(SCALARS);
    fc.assert(
      fc.property(fc.array(anyItem, { minLength: 1, maxLength: 4 }), (items) => {
        for (const item of items) for (const _twice of [1, 2]) expectSame(SCALARS, encoder, withKey(fitting(SCALARS, item)));
      }),
    );
  });

  it.each(['0', '127', '128', '-128', '-129', '32767', '32768', '-32769', '1.5', '-0.001', '999999999999999', '9999999999999999', '1E40', '-1.5E-300'])(
    'gives the number %s the bytes that it has, as key and as column',
    (value) => {
      const item = itemOf({ h: KEY.h, n: { type: 'N', value }, r: { type: 'N', value } });
      expectSame(SCALARS, new RowEncoder(SCALARS), item);
    },
  );

  it.each(['plain', '', 'a "quoted" \\ one', 'nul \0', '😀 and \u2028'])('gives the text %j the bytes that it has, as key and as column', (value) => {
    const item = itemOf({ h: { type: 'S', value: `h${value}` }, r: KEY.r, s: { type: 'S', value } });
    expectSame(SCALARS, new RowEncoder(SCALARS), item);
  });

  it('leaves sets and maps that have columns of their own to the driver', () => {
    const item = itemOf({ ...KEY, map: { type: 'SBM', value: new Map([['a', 'AAE=']]) }, set: { type: 'NS', value: ['1', '2.5'] } });
    const encoder = new RowEncoder(SETS);
    expectSame(SETS, encoder, item);
    expectSame(SETS, encoder, withKey(new Map([['s', { type: 'S', value: 'x' }]])));
  });

  it('refuses keys that Cassandra has not', () => {
    const encoder = new RowEncoder(SCALARS);
    const encode = (h: string): unknown =>
      encoder.encode(decodeItem(SCALARS.schema, canonicalItem(itemOf({ h: { type: 'S', value: h }, r: KEY.r })), undefined));
    expect(() => encode('')).toThrow('is empty');
    expect(() => encode('x'.repeat(65_536))).toThrow('must not exceed 65535 bytes');
    expect(encode('x'.repeat(65_535))).toBeDefined();
  });
});
