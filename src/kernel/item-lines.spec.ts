import fc from 'fast-check';
import { anyItem, anyItemSchema } from '../../test/fakes/arbitrary-items';
import { scanCanonicalItem } from './canonical-scan';
import {
  AttributeValue,
  LineBlockBuilder,
  MAX_LINE_BYTES,
  TableDigest,
  canonicalItem,
  canonicalKey,
  decodeLine,
  encodeLine,
  formatItem,
  keyOf,
  parseItem,
} from './index';

const expiry = fc.option(fc.integer({ min: 0, max: 2 ** 40 }), { nil: undefined });

function decode(text: string) {
  return decodeLine(anyItemSchema, Buffer.from(text, 'utf8'));
}

const key = '"h":{"S":"x"},"r":{"N":"1"}';

describe('lines', () => {
  it('keep item, key, expiry and digests', () => {
    fc.assert(
      fc.property(anyItem, expiry, (item, expiresAt) => {
        const canonical = canonicalItem(item);
        const line = encodeLine(canonical, expiresAt);
        expect(JSON.parse(line.toString())).toEqual({
          Item: JSON.parse(canonical.toString()),
          ...(expiresAt === undefined ? {} : { Expires: expiresAt }),
        });
        expect(line.at(-1)).toBe(10);
        const decoded = decodeLine(anyItemSchema, line.subarray(0, -1));
        expect(decoded.canonical.equals(canonical)).toBe(true);
        expect(decoded.canonicalKey.equals(canonicalKey(anyItemSchema, item))).toBe(true);
        expect(decoded.expiresAt).toBe(expiresAt);
        expect(new Map([...decoded.defined].sort())).toEqual(new Map([...keyOf(anyItemSchema, item)]));
        expect(new Map([...decoded.item].sort())).toEqual(new Map([...item].sort()));
      }),
    );
  });

  it('mean the same in any order and spelling of numbers', () => {
    fc.assert(
      fc.property(anyItem, (item) => {
        const respelt = new Map([...item].reverse().map(([name, value]) => [name, loosely(value)]));
        const decoded = decode(`{"Item":${JSON.stringify(formatItem(respelt))}}`);
        expect(decoded.canonical.equals(canonicalItem(item))).toBe(true);
        expect(decoded.digest).toStrictEqual(decode(`{"Item":${canonicalItem(item).toString()}}`).digest);
      }),
    );
  });

  it('may hold an empty set or map, since a cluster may', () => {
    expect(decode('{"Item":{"h":{"S":""},"r":{"N":"0"},"s":{"SS":[]},"m":{"SSM":{}}}}').item.size).toBe(4);
  });

  it.each([
    '',
    '{',
    '{}',
    '[]',
    'null',
    '{"Item":}',
    '{"Item":null}',
    '{"Item":[]}',
    '{"Item":"{}"}',
    `{"item":{${key}}}`,
    `{"Item":{${key}}} `,
    ` {"Item":{${key}}}`,
    `{"Item": {${key}}}`,
    `{"Item":{${key}},}`,
    `{"Item":{${key}}}}`,
    `{"Item":{${key}},"Expires":}`,
    `{"Item":{${key}},"Expires":-1}`,
    `{"Item":{${key}},"Expires":01}`,
    `{"Item":{${key}},"Expires":1.5}`,
    `{"Item":{${key}},"Expires":1e3}`,
    `{"Item":{${key}},"Expires":"1"}`,
    `{"Item":{${key}},"Expires":99999999999999999}`,
    `{"Item":{${key}},"Other":1}`,
    `{"Item":{${key}},"Item":{${key}}}`,
    `{"Item":{${key}},"Expires":1,"Expires":2}`,
    `{"Expires":1,"Item":{${key}}}`,
    '{"Item":{"h":{"S":"x"}}}',
    '{"Item":{"h":{"N":"1"},"r":{"N":"1"}}}',
    `{"Item":{${key},"a":{"S":"\\ud800"}}}`,
    `{"Item":{${key},"a":{"S":"\\u0041"}}}`,
    `{"Item":{${key},"a":{"S":"1"},"a":{"S":"2"}}}`,
    `{"Item":{${key},"a b":{"S":"1"}}}`,
    `{"Item":{${key},"a":{"S":"1","N":"1"}}}`,
    `{"Item":{${key},"a":{"B":"YR=="}}}`,
    `{"Item":${'['.repeat(100_000)}}`,
    `{"Item":${'{"a":'.repeat(100_000)}}`,
  ])('refuse what is no line (%#)', (text) => {
    expect(() => decode(text)).toThrow(expect.objectContaining({ code: 'ArchiveDamaged' }));
  });

  it.each([
    ['in canonical order', `{"Item":{"a":{"S":"1"},${key}}}`],
    ['in another', `{"Item":{${key},"a":{"S":"1"}}}`],
  ])('refuse an attribute of another type than the table defines (%s)', (_order, text) => {
    const schema = { ...anyItemSchema, attributes: new Map([...anyItemSchema.attributes, ['a', 'N' as const]]) };
    expect(decode(text).item.size).toBe(3);
    expect(() => decodeLine(schema, Buffer.from(text))).toThrow(expect.objectContaining({ code: 'ArchiveDamaged' }));
  });

  it('refuse bytes that are no UTF-8, and lines beyond the limit', () => {
    const line = Buffer.from(`{"Item":{${key},"a":{"S":"_"}}}`);
    line[line.indexOf(0x5f)] = 0xff;
    expect(() => decodeLine(anyItemSchema, line)).toThrow(expect.objectContaining({ code: 'ArchiveDamaged' }));
    const long = `{"Item":{${key},"a":{"S":"${'x'.repeat(MAX_LINE_BYTES)}"}}}`;
    expect(() => decode(long)).toThrow(expect.objectContaining({ code: 'ArchiveDamaged' }));
  });
});

describe('the quick way to read a canonical item', () => {
  it('reads what it reads as the thorough way does, and gives up only on escapes', () => {
    fc.assert(
      fc.property(anyItem, (item) => {
        const canonical = canonicalItem(item);
        const scanned = scanCanonicalItem(anyItemSchema, canonical);
        if (canonical.includes('\\')) expect(scanned).toBeUndefined();
        else {
          const { defined, places } = decodeLine(anyItemSchema, encodeLine(canonical).subarray(0, -1));
          expect(defined).toEqual(keyOf(anyItemSchema, item));
          expect(scanned?.places).toEqual(places);
          expect(scanned?.canonicalKey.equals(canonicalKey(anyItemSchema, item))).toBe(true);
        }
      }),
    );
  });

  it.each([
    ['attributes', '"b":{"S":""},"a":{"S":""}'],
    ['doubled attributes', '"a":{"S":""},"a":{"S":""}'],
    ['a set', '"a":{"SS":["y","x"]}'],
    ['doubles in a set', '"a":{"SS":["x","x"]}'],
    ['keys of a map', '"a":{"SSM":{"y":"","x":""}}'],
    ['doubled keys of a map', '"a":{"SSM":{"x":"","x":""}}'],
  ])('never takes a text for canonical whose order is wrong: %s', (_what, attributes) => {
    const inOrder = `{"a":{"SS":["x","y"]},"b":{"SSM":{"x":"","y":""}},${key}}`;
    expect(scanCanonicalItem(anyItemSchema, Buffer.from(inOrder))).toBeDefined();
    expect(scanCanonicalItem(anyItemSchema, Buffer.from(`{${attributes},${key}}`))).toBeUndefined();
  });

  it('never takes a text for canonical that is not', () => {
    const edit = fc.tuple(
      fc.nat(),
      fc.constantFrom('', '"', ',', '}', '{', ':', '0', ' ', '\\', 'a', '\u0001', '[', 'N'),
      fc.nat({ max: 2 }),
    );
    fc.assert(
      fc.property(anyItem, fc.array(edit, { minLength: 1, maxLength: 3 }), (item, edits) => {
        let text = canonicalItem(item).toString();
        for (const [position, insert, remove] of edits) {
          const at = position % text.length;
          text = text.slice(0, at) + insert + text.slice(at + remove);
        }
        // An edit may have split a pair of surrogates; what comes from bytes is well-formed.
        text = Buffer.from(text).toString();
        if (scanCanonicalItem(anyItemSchema, Buffer.from(text)) !== undefined)
          expect(canonicalItem(parseItem(JSON.parse(text), 'item', { allowEmpty: true })).toString()).toBe(text);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('LineBlockBuilder', () => {
  it('collects exactly the lines, counts and digests of what was added', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(anyItem, expiry), { maxLength: 30 }), fc.boolean(), (items, digestOnly) => {
        const builder = new LineBlockBuilder({ digestOnly });
        const expected = new TableDigest();
        for (const [item, expiresAt] of items) {
          builder.add(canonicalItem(item), canonicalKey(anyItemSchema, item), expiresAt);
          const { bucket, digest } = decodeLine(
            anyItemSchema,
            encodeLine(canonicalItem(item), expiresAt).subarray(0, -1),
          );
          expected.add(bucket, digest);
        }
        const lines = Buffer.concat(items.map(([item, expiresAt]) => encodeLine(canonicalItem(item), expiresAt)));
        expect(builder.byteLength).toBe(lines.length);
        const block = builder.take('here');
        expect(block.lines.equals(digestOnly ? Buffer.alloc(0) : lines)).toBe(true);
        expect(block.itemCount).toBe(items.length);
        expect(block.expiringCount).toBe(items.filter(([, expiresAt]) => expiresAt !== undefined).length);
        expect(block.digest.equals(expected)).toBe(true);
        expect(block.cursor).toBe('here');
      }),
    );
  });

  it('leaves a block alone once it is taken', () => {
    const builder = new LineBlockBuilder();
    const [a, b] = [Buffer.from('{"h":{"S":"a"}}'), Buffer.from('{"h":{"S":"b"}}')];
    builder.add(a, a, undefined);
    const first = builder.take('1');
    builder.add(b, b, 7);
    const second = builder.take('2');
    expect(first.lines.toString()).toBe('{"Item":{"h":{"S":"a"}}}\n');
    expect(second.lines.toString()).toBe('{"Item":{"h":{"S":"b"}},"Expires":7}\n');
    expect(builder.take('3')).toMatchObject({ itemCount: 0, expiringCount: 0 });
  });

  it('grows with lines of any length', () => {
    const builder = new LineBlockBuilder();
    const big = Buffer.from(`{"h":{"S":"${'x'.repeat(1_000_000)}"}}`);
    for (let index = 0; index < 3; index++) builder.add(big, big, undefined);
    expect(builder.take('').lines.toString()).toBe(`{"Item":${big.toString()}}\n`.repeat(3));
  });
});

/** The same value, its numbers spelt with a needless zero, its members in reverse. */
function loosely(value: AttributeValue): AttributeValue {
  const respell = (text: string, type: string) =>
    type === 'N' && !text.includes('E') ? `${text}${text.includes('.') ? '0' : '.0'}` : text;
  if (value.type === 'N') return { type: value.type, value: respell(value.value as string, 'N') };
  if (Array.isArray(value.value)) {
    const members = [...value.value].reverse().map((member) => respell(member, value.type.charAt(0)));
    return { type: value.type, value: members } as AttributeValue;
  }
  return value;
}
