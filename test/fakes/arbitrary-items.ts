import fc from 'fast-check';
import {
  AttributeType,
  AttributeValue,
  Item,
  MAP_TYPES,
  MapType,
  SCALAR_TYPES,
  SET_TYPES,
  ScalarType,
  TableSchema,
  canonicalNumber,
  compareUtf8,
  hasLoneSurrogate,
} from '../../src/kernel';

/** Any text that has a UTF-8 form: emoji, U+0000, right-to-left, names of the language's own. */
export const anyText = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 20 }).filter((text) => !hasLoneSurrogate(text)),
  fc.constantFrom('', '\u0000', '__proto__', 'constructor', '😀', '\uffff', '\u2028', '"\\\n\u007f', '10', '9'),
);

export const anyNumber = fc
  .tuple(fc.boolean(), fc.bigInt({ min: 0n, max: 10n ** 38n - 1n }), fc.integer({ min: -100, max: 100 }))
  .map(([negative, digits, exponent]) => canonicalNumber(`${negative ? '-' : ''}${digits}E${exponent}`));

export const anyBinary = fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes).toString('base64'));

function anyScalar(type: string): fc.Arbitrary<string> {
  return type === 'N' ? anyNumber : type === 'B' ? anyBinary : anyText;
}

const anySet = fc
  .constantFrom(...SET_TYPES)
  .chain((type) =>
    fc
      .uniqueArray(anyScalar(type.charAt(0)), { minLength: 1, maxLength: 5 })
      .map((value): AttributeValue => ({ type, value: value.sort(compareUtf8) })),
  );

const anyMap = fc
  .constantFrom(...MAP_TYPES)
  .chain((type: MapType) =>
    fc
      .uniqueArray(fc.tuple(anyScalar(type.charAt(0)), anyScalar(type.charAt(1))), {
        minLength: 1,
        maxLength: 5,
        selector: ([key]) => key,
      })
      .map((entries): AttributeValue => ({ type, value: new Map(entries.sort(([a], [b]) => compareUtf8(a, b))) })),
  );

const anyScalarValue = fc
  .constantFrom(...SCALAR_TYPES)
  .chain((type: ScalarType) => anyScalar(type).map((value): AttributeValue => ({ type, value })));

export const anyValue: fc.Arbitrary<AttributeValue> = fc.oneof(anyScalarValue, anySet, anyMap);

export const anyName = fc.oneof(
  fc.stringMatching(/^[a-zA-Z0-9_.-]{1,10}$/),
  fc.constantFrom('__proto__', 'constructor', '10', '9', '-'),
);

/** The table that `anyItem` fits: hash key `h` (S), range key `r` (N). */
export const anyItemSchema: TableSchema = {
  attributes: new Map<string, AttributeType>([['h', 'S'], ['r', 'N']]), // prettier-ignore
  hashKey: 'h',
  rangeKey: 'r',
  indexes: [],
};

/** Any item of the table of `anyItemSchema`, in an order of attributes of its own. */
export const anyItem: fc.Arbitrary<Item> = fc
  .record({
    hash: anyText,
    range: anyNumber,
    rest: fc.uniqueArray(
      fc.tuple(anyName.filter((name) => name !== 'h' && name !== 'r'), anyValue), // prettier-ignore
      { maxLength: 8, selector: ([name]) => name },
    ),
  })
  .map(({ hash, range, rest }) => {
    const key: [string, AttributeValue][] = [['r', { type: 'N', value: range }], ['h', { type: 'S', value: hash }]]; // prettier-ignore
    return new Map<string, AttributeValue>([...rest, ...key]);
  });
