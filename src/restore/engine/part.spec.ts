import fc from 'fast-check';
import { DecodedItem, TableSchema, canonicalItem, decodeLine, encodeLine, parseItem } from '../../kernel';
import { PartSelection, checkPartFits, readExcludedAttributes, readHashKeyPrefix, readHashKeys } from './part';

const SCHEMA: TableSchema = {
  attributes: new Map([
    ['h', 'S'],
    ['r', 'N'],
    ['i', 'S'],
  ]),
  hashKey: 'h',
  rangeKey: 'r',
  indexes: [{ name: 'by_i', rangeAttribute: 'i', projection: { type: 'ALL' } }],
};

function decoded(hash: string, more: Record<string, unknown> = {}): DecodedItem {
  const item = parseItem({ h: { S: hash }, r: { N: '1' }, ...more });
  return decodeLine(SCHEMA, encodeLine(canonicalItem(item), 9_999_999_999).subarray(0, -1));
}

describe('a part of a backup', () => {
  it('has items of the listed hash keys, or of those that begin so, and no others: any texts', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'b', '\u0000', 'é', '😀'), maxLength: 4 });
    fc.assert(
      fc.property(fc.array(text, { minLength: 1, maxLength: 4 }), text, text, (keys, prefix, hash) => {
        const listed = new PartSelection({ hashKeys: readHashKeys(keys.map((key) => ({ S: key }))) }, 'h');
        expect(listed.pick(decoded(hash)) !== undefined).toBe(keys.includes(hash));
        if (prefix === '') return;
        const begun = new PartSelection({ hashKeyPrefix: readHashKeyPrefix({ S: prefix }) }, 'h');
        expect(begun.pick(decoded(hash)) !== undefined).toBe(hash.startsWith(prefix));
      }),
    );
  });

  it('has items without the excluded attributes, digested as they are restored, in the same bucket, with the same expiry', () => {
    const all = decoded('a', { x: { SS: ['1'] }, y: { S: 'y' }, i: { S: 'i' } });
    const some = new PartSelection({ excludeAttributes: ['x', 'z'] }, 'h').pick(all);
    const expected = decoded('a', { y: { S: 'y' }, i: { S: 'i' } });
    expect(some?.canonical.toString()).toBe(expected.canonical.toString());
    expect(some?.item).toEqual(expected.item);
    expect(some?.defined).toEqual(expected.defined);
    expect([some?.digest, some?.bucket, some?.expiresAt]).toEqual([expected.digest, all.bucket, 9_999_999_999]);
    expect(new PartSelection({ excludeAttributes: ['z'] }, 'h').pick(all)).toBe(all);
  });

  it('is told once, whatever is given twice or in another spelling', () => {
    expect(readHashKeys([{ N: '1.0' }, { N: '1' }, { N: '2' }])).toEqual([{ N: '1' }, { N: '2' }]);
    expect(readExcludedAttributes(['b', 'a', 'b'])).toEqual(['a', 'b']);
  });

  it('is bounded: every step is handed it', () => {
    const long = (size: number): { S: string } => ({ S: 'x'.repeat(size) });
    expect(() => readHashKeys([long(262_000)])).not.toThrow();
    expect(() => readHashKeys([long(130_000), { S: 'y'.repeat(140_000) }])).toThrow(/262144 characters/);
    expect(() => readHashKeyPrefix(long(270_000))).toThrow(/262144 characters/);
  });

  it.each([
    [{ hashKeys: [{ N: '1' }] }, /type S/],
    [{ hashKeyPrefix: { B: 'AA==' } }, /type S/],
    [{ excludeAttributes: ['h'] }, /: h\./],
    [{ excludeAttributes: ['i', 'r', 'x'] }, /: i, r\./],
  ])('must fit the table: %j', (part, message) => {
    expect(() => checkPartFits(part, SCHEMA)).toThrow(message);
  });
});
