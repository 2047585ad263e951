import fc from 'fast-check';
import { anyItem, anyItemSchema, anyText } from '../../test/fakes/arbitrary-items';
import {
  BUCKET_COUNT,
  DomainError,
  Item,
  bucketOf,
  canonicalItem,
  canonicalKey,
  checkItemFits,
  compareUtf8,
  formatItem,
  itemDigest,
  itemFromCanonical,
  itemWireSize,
  keyOf,
  parseAttributeValue,
  parseItem,
} from './index';

function canonicalOf(wire: string): string {
  return canonicalItem(parseItem(JSON.parse(wire))).toString('utf8');
}

describe('parseItem and formatItem', () => {
  it('keep every item whole, whatever it holds', () => {
    fc.assert(
      fc.property(anyItem, (item) => {
        const wire = JSON.stringify(formatItem(item));
        const read = parseItem(JSON.parse(wire));
        expect(new Map([...read].sort())).toEqual(new Map([...item].sort()));
        expect(canonicalItem(read).equals(canonicalItem(item))).toBe(true);
      }),
    );
  });

  it('take __proto__ for an attribute like any other', () => {
    const item = parseItem(JSON.parse('{"__proto__":{"SSM":{"__proto__":"a"}},"constructor":{"S":"b"}}'));
    expect(item.get('__proto__')).toEqual({ type: 'SSM', value: new Map([['__proto__', 'a']]) });
    expect(JSON.stringify(formatItem(item))).toBe('{"__proto__":{"SSM":{"__proto__":"a"}},"constructor":{"S":"b"}}');
    expect(Object.getPrototypeOf(formatItem(new Map()))).toBeNull();
  });

  it.each([
    ['numbers', '{"a":{"N":"01.50"}}', '{"a":{"N":"1.5"}}'],
    ['set members, by value', '{"a":{"NS":["2","1.0","1"]}}', '{"a":{"NS":["1","2"]}}'],
    ['sets, doubles collapsed', '{"a":{"SS":["b","a","b"]}}', '{"a":{"SS":["a","b"]}}'],
    ['map keys', '{"a":{"NSM":{"10":"x","9.0":"y"}}}', '{"a":{"NSM":{"10":"x","9":"y"}}}'],
    ['attributes', '{"b":{"S":""},"10":{"S":""},"9":{"S":""}}', '{"10":{"S":""},"9":{"S":""},"b":{"S":""}}'],
    ['UTF-8 order, not UTF-16', '{"a":{"SS":["😀","\uffee"]}}', '{"a":{"SS":["\uffee","😀"]}}'],
    ['escapes', '{"a":{"S":"\\u0041\\/\\u0000\\u001f\\t\\u2028"}}', '{"a":{"S":"A/\\u0000\\u001f\\t\u2028"}}'],
    ['the empty item', '{}', '{}'],
  ])('canonicalise %s', (_what, wire, canonical) => {
    expect(canonicalOf(wire)).toBe(canonical);
  });

  it.each([
    'null',
    '[]',
    '"a"',
    '{"":{"S":"x"}}',
    '{"a b":{"S":"x"}}',
    '{"a\\n":{"S":"x"}}',
    `{"${'a'.repeat(256)}":{"S":"x"}}`,
    '{"a":"x"}',
    '{"a":{}}',
    '{"a":["S"]}',
    '{"a":{"S":"x","N":"1"}}',
    '{"a":{"X":"x"}}',
    '{"a":{"toString":"x"}}',
    '{"a":{"S":1}}',
    '{"a":{"S":null}}',
    '{"a":{"S":"\\ud800"}}',
    '{"a":{"N":1}}',
    '{"a":{"N":"one"}}',
    '{"a":{"B":"YQ"}}',
    '{"a":{"B":"YR=="}}',
    '{"a":{"B":"Y Q=="}}',
    '{"a":{"B":"-_=="}}',
    '{"a":{"SS":"x"}}',
    '{"a":{"SS":[]}}',
    '{"a":{"SS":["a",1]}}',
    '{"a":{"NS":["a"]}}',
    '{"a":{"SSM":{}}}',
    '{"a":{"SSM":["a"]}}',
    '{"a":{"SNM":{"k":"v"}}}',
    '{"a":{"NSM":{"1":"a","1.0":"b"}}}',
    '{"a":{"SSM":{"\\udc00":"a"}}}',
  ])('refuse %s', (wire) => {
    expect(() => parseItem(JSON.parse(wire))).toThrow(expect.objectContaining({ code: 'ValidationError' }));
  });

  it('take an empty set or map only where a cluster may have held one', () => {
    expect(parseAttributeValue({ SS: [] }, 'a', { allowEmpty: true })).toEqual({ type: 'SS', value: [] });
    expect(parseAttributeValue({ BBM: {} }, 'a', { allowEmpty: true })).toEqual({ type: 'BBM', value: new Map() });
    for (const wire of [{ SS: [] }, { BBM: {} }]) {
      expect(() => parseAttributeValue(wire, 'a')).toThrow(expect.objectContaining({ code: 'ValidationError' }));
    }
  });
});

describe('the canonical form', () => {
  it('is read back as it was written, and is its own canonical form', () => {
    fc.assert(
      fc.property(anyItem, (item) => {
        const canonical = canonicalItem(item);
        const read = itemFromCanonical(canonical);
        expect(new Map([...read].sort())).toEqual(new Map([...item].sort()));
        expect(canonicalItem(read).equals(canonical)).toBe(true);
        expect(canonicalItem(parseItem(JSON.parse(canonical.toString()))).equals(canonical)).toBe(true);
        expect(itemWireSize(item)).toBe(canonical.length);
      }),
    );
  });

  it('keeps map keys in order, though JSON.parse does not', () => {
    const read = itemFromCanonical(Buffer.from('{"a":{"NSM":{"10":"x","9":"y"}}}'));
    expect([...((read.get('a')?.value ?? new Map()) as Map<string, string>).keys()]).toEqual(['10', '9']);
  });

  it('sorts as UTF-8 bytes do', () => {
    fc.assert(
      fc.property(anyText, anyText, (a, b) => {
        expect(Math.sign(compareUtf8(a, b))).toBe(Buffer.compare(Buffer.from(a), Buffer.from(b)));
      }),
    );
  });
});

describe('keys', () => {
  const item: Item = parseItem({ r: { N: '1.0' }, z: { S: 'z' }, h: { S: 'x"' } });

  it('hold the key attributes only, hash key first', () => {
    expect([...keyOf(anyItemSchema, item).keys()]).toEqual(['h', 'r']);
    expect(canonicalKey(anyItemSchema, item).toString()).toBe('{"h":{"S":"x\\""},"r":{"N":"1"}}');
    expect(canonicalKey(anyItemSchema, keyOf(anyItemSchema, item)).toString()).toBe('{"h":{"S":"x\\""},"r":{"N":"1"}}');
  });

  it('must be there, of their types', () => {
    expect(() => keyOf(anyItemSchema, parseItem({ h: { S: 'x' } }))).toThrow(DomainError);
    expect(() => keyOf(anyItemSchema, parseItem({ h: { N: '1' }, r: { N: '1' } }))).toThrow(DomainError);
    expect(() => canonicalKey(anyItemSchema, parseItem({ h: { S: 'x' }, r: { S: '1' } }))).toThrow(DomainError);
    expect(() => checkItemFits(anyItemSchema, parseItem({ h: { S: 'x' } }))).toThrow(
      'item must have the key attribute r',
    );
    expect(() => checkItemFits(anyItemSchema, parseItem({ h: { S: 'x' }, r: { S: '1' } }))).toThrow('item.r');
    expect(() => checkItemFits(anyItemSchema, item)).not.toThrow();
  });
});

describe('digests', () => {
  // Values of the reference implementation (xxhsum -H2, xxHash 0.8).
  it('are XXH3-128, seed 0', () => {
    expect(itemDigest(Buffer.from('')).value.toString(16)).toBe('99aa06d3014798d86001c324468d497f');
    expect(itemDigest(Buffer.from('abc')).value.toString(16).padStart(32, '0')).toBe('06b05ab6733a618578af5f94892f3950');
  });

  it('put an item into the bucket that its key’s top byte names', () => {
    expect(bucketOf(Buffer.from('abc'))).toBe(0x06);
    expect(bucketOf(Buffer.from(''))).toBe(0x99);
    expect(BUCKET_COUNT).toBe(256);
  });
});
