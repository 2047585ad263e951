import { types } from 'cassandra-driver';
import fc from 'fast-check';
import { schemaOf } from '../../../../test/contract/table-backend/harness';
import { anyItem, anyItemSchema, anyValue } from '../../../../test/fakes/arbitrary-items';
import { AttributeType, AttributeValue, DomainError, Item, LineBlockBuilder, MAP_TYPES, SET_TYPES, TableSchema, canonicalItem, canonicalKey } from '../../../kernel';
import { encodeCells, encodeScalar, readRow } from '../codec';
import { Layout } from '../layout';
import { PageLines } from './page-lines';
import { RawRow, expectedTypes } from './raw-row';

const NOW = 1_700_000_000;
const NEVER: LineChoices = { digestOnly: false, blockBytes: 1_000_000, cutoff: 0 };

interface LineChoices {
  readonly digestOnly: boolean;
  readonly blockBytes: number;
  readonly cutoff: number;
}

/** A column of each type that a table can define. */
const ALL_TYPES: readonly AttributeType[] = ['S', 'N', 'B', ...SET_TYPES, ...MAP_TYPES];
const wide: TableSchema = { ...anyItemSchema, attributes: new Map<string, AttributeType>([['h', 'S'], ['r', 'N'], ...ALL_TYPES.map((type) => [`c.${type}`, type] as const)]) }; // prettier-ignore

/** A cell's bytes, as a server sends them; null: there is none. */
function cellBytes(value: unknown): Buffer | null {
  if (value === null || value === undefined) return null;
  if (Array.isArray(value)) return collection(value.map(cellBytes));
  if (value instanceof Set) return collection([...value].map(cellBytes).sort(byBytes));
  if (value instanceof Map) return collection([...value].map(([key, member]) => [cellBytes(key), cellBytes(member)] as const).sort(([a], [b]) => byBytes(a, b)).flat(), 2);
  if (value instanceof types.BigDecimal) return types.BigDecimal.toBuffer(value);
  if (typeof value === 'number') return int32(value);
  if (typeof value !== 'bigint') return Buffer.isBuffer(value) ? value : Buffer.from(String(value));
  const long = Buffer.alloc(8);
  long.writeBigInt64BE(value);
  return long;
}

function collection(members: readonly (Buffer | null)[], parts = 1): Buffer {
  return Buffer.concat([int32(members.length / parts), ...members.map(sized)]);
}

function byBytes(a: Buffer | null, b: Buffer | null): number {
  return Buffer.compare(a ?? Buffer.alloc(0), b ?? Buffer.alloc(0));
}

function sized(bytes: Buffer | null): Buffer {
  return bytes === null ? int32(-1) : Buffer.concat([int32(bytes.length), bytes]);
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

type Ttl = number | undefined;

/** The cells of a row of `layout.selection`. */
function rowOf(layout: Layout, item: Item, ttl: Ttl, change: (cells: unknown[]) => unknown[] = (cells) => cells): Buffer {
  const cells = change([...encodeCells(layout, item)]);
  const exists = cells.at(-1);
  const [others, extraTypes] = [cells.slice(0, -3), cells.at(-3)];
  const lives = (cell: unknown): unknown => (cell instanceof Map || cell instanceof Set ? Array.from(cell, () => ttl ?? null) : cell === null ? null : (ttl ?? null));
  const keys = layout.keys.map(({ name, type }) => encodeScalar(type, String(item.get(name)?.value)));
  const row = [...keys, 5n, BigInt(NOW * 1000), lives(exists), lives(extraTypes), ...others.map(lives), ...others, extraTypes, cells.at(-2)];
  return Buffer.concat(row.map((cell) => sized(cellBytes(cell))));
}

function lane(layout: Layout, rows: readonly Buffer[], choices = NEVER) {
  const body = Buffer.concat([Buffer.from('before'), ...rows, Buffer.from('behind')]);
  return new PageLines(layout).encode(body, { rows: rows.length, columns: expectedTypes(layout).length, pageState: undefined, at: 6 }, choices);
}

/** What the codec makes of the same rows. */
function codec(layout: Layout, rows: readonly Buffer[], { digestOnly, blockBytes, cutoff }: LineChoices = NEVER) {
  const builder = new LineBlockBuilder({ digestOnly });
  const blocks = [];
  for (const row of rows) {
    const raw = new RawRow(layout, row);
    raw.find(0);
    const cells = expectedTypes(layout).map((_type, column) => raw.cell(column));
    const { item, expiresAt } = readRow(layout, { values: () => cells } as unknown as types.Row);
    if (expiresAt !== undefined && expiresAt <= cutoff) continue;
    builder.add(canonicalItem(item), canonicalKey(layout.schema, item), expiresAt);
    if (builder.byteLength >= blockBytes) blocks.push(builder.take(''));
  }
  if (builder.itemCount > 0) blocks.push(builder.take(''));
  return blocks;
}

function expectSame(layout: Layout, rows: readonly Buffer[], choices = NEVER): void {
  const ours = lane(layout, rows, choices).blocks.map(({ lines, itemCount, expiringCount, digest }) => ({ lines: lines.toString('latin1'), itemCount, expiringCount, digest }));
  const theirs = codec(layout, rows, choices).map(({ lines, itemCount, expiringCount, digest }) => ({ lines: lines.toString('latin1'), itemCount, expiringCount, digest: digest.toJSON() }));
  expect(ours).toEqual(theirs);
}

const anyTtl = fc.constantFrom<Ttl>(undefined, 0, 1, 1_000, 600_000_000);

/** An item of `wide`: columns of any types, and dynamic attributes. */
const anyWideItem = fc
  .tuple(anyItem, fc.subarray([...ALL_TYPES]), fc.array(anyValue, { minLength: 40, maxLength: 40 }))
  .map(([item, columns, values]) => {
    const defined = columns.flatMap((type): [string, AttributeValue][] => {
      const value = values.find((each) => each.type === type);
      return value ? [[`c.${type}`, value]] : [];
    });
    return new Map([...item, ...defined]);
  })
  .filter((item) => item.get('h')?.value !== '');

describe('lines of the bytes of frames', () => {
  it.each([
    ['of both index layouts', true],
    ['without indexes', false],
  ])('are those of the codec to the byte, over all types, expiries and dynamic attributes, %s', (_which, older) => {
    const layout = new Layout(wide, '"u_demo"."u_1"', older);
    fc.assert(
      fc.property(fc.array(fc.tuple(anyWideItem, anyTtl), { maxLength: 8 }), fc.constantFrom(1, 300, 1_000_000), fc.boolean(), (items, blockBytes, digestOnly) => {
        const rows = items.map(([item, ttl]) => rowOf(layout, item, ttl));
        expectSame(layout, rows, { digestOnly, blockBytes, cutoff: NOW + 1 });
      }),
      { numRuns: 60 },
    );
  });

  const layout = new Layout(schemaOf({ h: 'B', r: 'S', n: 'N', s: 'S', ns: 'NS', m: 'SNM' }, 'h', 'r'), '"u_demo"."u_2"', false);
  const item = (more: Record<string, AttributeValue>): Item => new Map(Object.entries({ h: { type: 'B', value: 'AAE=' }, r: { type: 'S', value: 'r' }, ...more } as Record<string, AttributeValue>));
  const decimal = (digits: bigint, scale: number): types.BigDecimal => {
    const hex = BigInt.asUintN(160, digits).toString(16).padStart(40, '0');
    return types.BigDecimal.fromBuffer(Buffer.concat([int32(scale), Buffer.from(hex, 'hex')]));
  };

  it.each<[string, bigint, number]>([
    ['zeros at the end', 1500n, 2],
    ['zero with a scale', 0n, 7],
    ['negative', -25n, 1],
    ['between 0 and -1', -25n, 4],
    ['a hundred', 1n, -2],
    ['the largest that is counted', 2n ** 47n - 1n, 0],
    ['the smallest that is counted', -(2n ** 47n), 30],
    ['too large to count', 2n ** 47n, 3],
    ['38 digits', 99999999999999999999999999999999999999n, 20],
    ['far out', 1n, -200],
    ['far in', 7n, 300],
  ])('have numbers as they are spelt canonically: %s', (_which, digits, scale) => {
    // In as few bytes as hold it, as servers have it; and in more.
    const value = decimal(digits, scale);
    const short = encodeScalar('N', '1') as types.BigDecimal;
    for (const n of [value, short]) {
      expectSame(layout, [rowOf(layout, item({}), undefined, ([_n, s, ns, m, ...rest]) => [n, s, ns, m, ...rest])]);
      expectSame(layout, [rowOf(layout, item({}), undefined, ([_n, s, _ns, _m, ...rest]) => [null, s, new Set([n]), new Map([['k', n]]), ...rest])]);
    }
  });

  it.each<[string, string, string, string]>([
    ['canonical text', 'a', 'S', '"text ☃"'],
    ['escapes that need not be', 'a', 'S', '"\\u2603 \\/ \\n"'],
    ['escapes as they are spelt canonically', 'a', 'S', '"\\u0001\\b\\t\\n\\u000b\\f\\r\\u001f \\" \\\\"'],
    ['escapes that have a shorter form', 'a', 'S', '"\\u0008"'],
    ['escapes of what stands for itself', 'a', 'S', '"\\u0041\\u007f"'],
    ['escapes in capitals', 'a', 'S', '"\\u001F"'],
    ['a map with escapes in its values', 'a', 'SSM', '{"a":"\\"","b":"\\u0000"}'],
    ['a map with escapes in its keys', 'a', 'SSM', '{"\\"":"","b":""}'],
    ['a number to be spelt otherwise', 'a', 'N', '"10.50"'],
    ['a number with a zero in front', 'a', 'N', '"007"'],
    ['minus zero', 'a', 'N', '"-0"'],
    ['white space', 'a', 'SS', ' ["b", "a", "b"] '],
    ['an empty set', 'a', 'NS', '[]'],
    ['a canonical set', 'a', 'SS', '["","a","a☃","b"]'],
    ['a set out of order', 'a', 'SS', '["ab","a"]'],
    ['a set with a member twice', 'a', 'SS', '["a","a"]'],
    ['a set with an escape', 'a', 'SS', '["a\\"","b"]'],
    ['a set of numbers in the order of their texts', 'a', 'NS', '["-1","10","9.5"]'],
    ['a set of numbers in the order of their values', 'a', 'NS', '["9.5","10"]'],
    ['a set of numbers spelt otherwise', 'a', 'NS', '["1.0","2"]'],
    ['a set of binaries', 'a', 'BS', '["AAE=","AQ=="]'],
    ['a canonical map', 'a', 'SNM', '{"high":"104","low":"-0.5"}'],
    ['a map of numbers to texts', 'a', 'NSM', '{"1":"","10":"x","9":"☃"}'],
    ['an empty map', 'a', 'SSM', '{}'],
    ['a map out of order', 'a', 'SSM', '{"b":"1","a":"2"}'],
    ['a map with a key twice', 'a', 'SSM', '{"a":"1","a":"2"}'],
    ['a map with a key of objects', 'a', 'SSM', '{"__proto__":"1"}'],
    ['a map', 'a', 'NBM', '{"10": "AAE=", "9": ""}'],
    ['a name that stands for a column, too', 'n', 'N', '"5"'],
    ['a name before and behind columns', 'zz', 'B', '"AAE="'],
  ])('have dynamic attributes as the codec reads them: %s', (_which, name, type, json) => {
    const change = ([n, s, ns, m, , , exists]: unknown[]): unknown[] => [n, s, ns, m, new Map([[name, type], ['last', 'S']]), new Map([[name, Buffer.from(json)], ['last', Buffer.from('"x"')]]), exists]; // prettier-ignore
    expectSame(layout, [rowOf(layout, item({ n: { type: 'N', value: '1' } }), 5_000, change)]);
  });

  it.each(['naïve', 'a "name"', ''])('are refused where an attribute has a name that no item has: %j', (name) => {
    const row = rowOf(layout, item({}), undefined, ([n, s, ns, m, , , exists]) => [n, s, ns, m, new Map([[name, 'S']]), new Map([[name, Buffer.from('"x"')]]), exists]);
    expect(() => lane(layout, [row])).toThrow(DomainError);
    expect(() => codec(layout, [row])).toThrow(DomainError);
  });

  it('read text that is no UTF-8 as the driver does, and attributes without a counterpart, or base64 with bits too many, as the codec does', () => {
    const broken = Buffer.from([0x61, 0xed, 0xa0, 0x80]);
    expectSame(layout, [rowOf(layout, item({}), undefined, ([n, _s, ...rest]) => [n, broken, ...rest]), rowOf(layout, item({}), undefined)]);
    const only = (extraTypes: unknown, data: unknown) => rowOf(layout, item({}), undefined, ([n, s, ns, m, , , exists]) => [n, s, ns, m, extraTypes, data, exists]);
    expectSame(layout, [only(new Map([['a', 'S']]), null), only(null, new Map([['a', Buffer.from('"x"')]])), only(new Map([['a', 'S']]), new Map([['a', Buffer.from('"x"')], ['b', Buffer.from('"y"')]]))]); // prettier-ignore
    for (const json of ['["a",]', '["a" ,1]', '["a","b"', '["a""b"]', '[,"a"]', '[1]', '"a"', ''])
      expect(() => lane(layout, [only(new Map([['a', 'SS']]), new Map([['a', Buffer.from(json)]]))])).toThrow();
    for (const json of ['"AAF="', '"AAE"', '"AA"', '"A==="', '"A A="', '"AA-_"']) expect(() => lane(layout, [only(new Map([['a', 'B']]), new Map([['a', Buffer.from(json)]]))])).toThrow();
    for (const json of ['{"a":"1",}', '{"a"}', '{"a":1}', '{"a":"1""b":"2"}', '{"a":"x"}', '["a"]'])
      expect(() => lane(layout, [only(new Map([['a', 'SNM']]), new Map([['a', Buffer.from(json)]]))])).toThrow();
    for (const row of [only(new Map([['a', 'SX']]), new Map([['a', Buffer.from('["a"]')]])), only(new Map([['a', 'SNX']]), new Map([['a', Buffer.from('{}')]])), only(new Map([['a', 'S']]), new Map([['b', Buffer.from('"x"')]])), only(new Map([['a', 'XX']]), new Map([['a', Buffer.from('"x"')]]))]) {
      expect(() => lane(layout, [row])).toThrow(DomainError);
      expect(() => codec(layout, [row])).toThrow(DomainError);
    }
  });

  it('need no codec for what is common', () => {
    const decode = jest.spyOn(RawRow.prototype, 'decode');
    const extras = { e1: { type: 'S', value: 'naïve ☃ "quoted"\n' }, e2: { type: 'N', value: '-10.25' }, e3: { type: 'B', value: 'AAE=' }, e4: { type: 'SS', value: ['a', 'b'] } };
    const common = { ...extras, n: { type: 'N', value: '12345678901234567890.12345678' }, s: { type: 'S', value: '\u0001 é' }, m: { type: 'SNM', value: new Map([['k', '0.5']]) } };
    const mortal = { ...common, e5: { type: 'NS', value: ['1', '2.5'] }, e6: { type: 'SBM', value: new Map([['x', 'AQI=']]) }, e7: { type: 'BS', value: ['', 'AAE='] } };
    const rows = [rowOf(layout, item({}), undefined), rowOf(layout, item(common as Record<string, AttributeValue>), undefined), rowOf(layout, item(mortal as Record<string, AttributeValue>), 5_000)];
    const { blocks } = lane(layout, rows);
    expect(decode).not.toHaveBeenCalled();
    decode.mockRestore();
    expect(blocks[0]).toMatchObject({ itemCount: 3, expiringCount: 1 });
    expectSame(layout, rows);
  });

  it('are whole where rows lie across what is looked at at a time, and where one is larger than that', () => {
    const text = (length: number): Record<string, AttributeValue> => ({ s: { type: 'S', value: (length > 1_000_000 ? 'x' : '\u0002').repeat(length) } });
    const lengths = [100_000, 120_000, 131_000, 200_000, 1_200_000, 90_000, ...Array.from({ length: 20 }, (_each, index) => 3_000 * index)];
    const rows = lengths.map((length) => rowOf(layout, item(text(length)), undefined));
    for (const [blockBytes, digestOnly] of [[1, false], [700_000, false], [100_000_000, false], [100_000_000, true]] as const) {
      const choices = { ...NEVER, blockBytes, digestOnly };
      const [ours, theirs] = [lane(layout, rows, choices).blocks, codec(layout, rows, choices)];
      expect(ours.map(({ itemCount, digest }) => ({ itemCount, digest }))).toEqual(theirs.map(({ itemCount, digest }) => ({ itemCount, digest: digest.toJSON() })));
      for (const [index, { lines }] of ours.entries()) expect(lines.equals(theirs[index]?.lines ?? Buffer.alloc(0))).toBe(true);
    }
  });

  it('are proved by the same digests where many share a bucket', () => {
    expectSame(layout, Array.from({ length: 2_000 }, (_each, index) => rowOf(layout, item({ r: { type: 'S', value: String(index) } }), undefined)));
  });

  it('never stand where a page ends inside of a row', () => {
    const row = rowOf(layout, item({ s: { type: 'S', value: 'x'.repeat(50) } }), undefined);
    const body = Buffer.concat([row, row]).subarray(0, 2 * row.length - 1);
    expect(() => new PageLines(layout).encode(body, { rows: 2, columns: expectedTypes(layout).length, pageState: undefined, at: 0 }, NEVER)).toThrow('inside of a row');
  });

  it('tell where the last row stands, expired ones too, and where each block ends', () => {
    const rows = ['a', 'b', 'c'].map((r, index) => rowOf(layout, item({ r: { type: 'S', value: r } }), index === 2 ? 1 : undefined));
    const page = lane(layout, rows, { ...NEVER, blockBytes: 1, cutoff: NOW + 1 });
    expect(page.last).toEqual({ hash: Buffer.of(0, 1), range: Buffer.from('c') });
    expect(page.blocks.map(({ cursor }) => cursor)).toEqual(['kAAE.YQ', 'kAAE.Yg']);
    expect(page.rows).toBe(3);
    expect(lane(layout, rows, { ...NEVER, cutoff: NOW + 1 }).blocks.map(({ cursor }) => cursor)).toEqual(['kAAE.Yg']);
  });
});
