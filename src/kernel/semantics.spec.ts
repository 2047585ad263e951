import { DomainError } from './errors';
import { AttributeUpdate, ComparisonOperator, ExpectedCondition } from './expressions';
import { AttributeValue, Item, MapType, ScalarType, SetType, TableSchema } from './model';
import { applyUpdates, compareScalars, matchesAttribute, matchesFilter, meetsExpected, projectItem } from './semantics';

const scalar = (type: ScalarType, value: string): AttributeValue => ({ type, value });
const set = (type: SetType, ...value: string[]): AttributeValue => ({ type, value });
const map = (type: MapType, entries: Record<string, string>): AttributeValue => ({
  type,
  value: new Map(Object.entries(entries)),
});
const b64 = (text: string): string => Buffer.from(text).toString('base64');
const item = (entries: Record<string, AttributeValue>): Item => new Map(Object.entries(entries));

describe('compareScalars', () => {
  it.each([
    ['N', '9', '10'],
    ['N', '-10', '-9'],
    ['N', '1E39', '1E40'],
    ['S', 'a', 'aa'],
    ['S', 'Z', 'a'],
    ['S', '\uffff', '\u{10000}'],
    ['B', b64('\x01'), b64('\x01\x00')],
    ['B', Buffer.from([0x7f]).toString('base64'), Buffer.from([0xfb]).toString('base64')],
  ] as [ScalarType, string, string][])('%s: %j comes before %j', (type, low, high) => {
    expect(compareScalars(scalar(type, low), scalar(type, high))).toBeLessThan(0);
    expect(compareScalars(scalar(type, high), scalar(type, low))).toBeGreaterThan(0);
    expect(compareScalars(scalar(type, low), scalar(type, low))).toBe(0);
  });

  it('refuses different types and collections', () => {
    expect(() => compareScalars(scalar('S', '1'), scalar('N', '1'))).toThrow(DomainError);
    expect(() => compareScalars(set('SS', 'a'), set('SS', 'a'))).toThrow(DomainError);
  });
});

describe('meetsExpected', () => {
  const there = item({ a: scalar('S', '1'), s: set('SS', 'x', 'y'), m: map('SNM', { k: '1' }) });
  const cases: [string, Item | undefined, [string, ExpectedCondition], boolean][] = [
    ['equal', there, ['a', { kind: 'equals', value: scalar('S', '1') }], true],
    ['same text, other type', there, ['a', { kind: 'equals', value: scalar('N', '1') }], false],
    ['equal set', there, ['s', { kind: 'equals', value: set('SS', 'x', 'y') }], true],
    ['smaller set', there, ['s', { kind: 'equals', value: set('SS', 'x') }], false],
    ['equal map', there, ['m', { kind: 'equals', value: map('SNM', { k: '1' }) }], true],
    ['other map value', there, ['m', { kind: 'equals', value: map('SNM', { k: '2' }) }], false],
    ['other map key', there, ['m', { kind: 'equals', value: map('SNM', { l: '1' }) }], false],
    ['exists', there, ['a', { kind: 'exists' }], true],
    ['exists, but absent', there, ['b', { kind: 'exists' }], false],
    ['absent', there, ['b', { kind: 'absent' }], true],
    ['absent, but there', there, ['a', { kind: 'absent' }], false],
    ['no item: absent', undefined, ['a', { kind: 'absent' }], true],
    ['no item: exists', undefined, ['a', { kind: 'exists' }], false],
    ['no item: equals', undefined, ['a', { kind: 'equals', value: scalar('S', '1') }], false],
  ];
  it.each(cases)('%s', (_name, stored, condition, expected) => {
    expect(meetsExpected(stored, new Map([condition]))).toBe(expected);
  });

  it('wants all conditions to hold', () => {
    expect(
      meetsExpected(
        there,
        new Map<string, ExpectedCondition>([
          ['a', { kind: 'exists' }],
          ['b', { kind: 'exists' }],
        ]),
      ),
    ).toBe(false);
  });
});

describe('matchesAttribute', () => {
  const cases: [ComparisonOperator, AttributeValue | undefined, AttributeValue[], boolean][] = [
    ['EQ', scalar('N', '5'), [scalar('N', '5')], true],
    ['EQ', scalar('N', '5'), [scalar('S', '5')], false],
    ['EQ', set('NS', '1', '2'), [set('NS', '1', '2')], true],
    ['NE', scalar('S', 'a'), [scalar('S', 'b')], true],
    ['NE', scalar('S', 'a'), [scalar('S', 'a')], false],
    ['NE', scalar('S', 'a'), [scalar('N', '1')], true],
    ['NE', undefined, [scalar('S', 'a')], false],
    ['LT', scalar('N', '5'), [scalar('N', '10')], true],
    ['LT', scalar('N', '10'), [scalar('N', '10')], false],
    ['LT', scalar('S', '5'), [scalar('N', '10')], false],
    ['LT', set('NS', '5'), [scalar('N', '10')], false],
    ['LE', scalar('N', '10'), [scalar('N', '10')], true],
    ['GT', scalar('N', '10'), [scalar('N', '10')], false],
    ['GT', scalar('S', 'b'), [scalar('S', 'a')], true],
    ['GE', scalar('B', b64('b')), [scalar('B', b64('b'))], true],
    ['GE', undefined, [scalar('N', '1')], false],
    ['BETWEEN', scalar('N', '5'), [scalar('N', '5'), scalar('N', '6')], true],
    ['BETWEEN', scalar('N', '6'), [scalar('N', '5'), scalar('N', '6')], true],
    ['BETWEEN', scalar('N', '4'), [scalar('N', '5'), scalar('N', '6')], false],
    ['BETWEEN', scalar('N', '7'), [scalar('N', '5'), scalar('N', '6')], false],
    ['BETWEEN', scalar('S', '5'), [scalar('N', '5'), scalar('N', '6')], false],
    ['BEGINS_WITH', scalar('S', 'abc'), [scalar('S', 'ab')], true],
    ['BEGINS_WITH', scalar('S', 'abc'), [scalar('S', 'bc')], false],
    ['BEGINS_WITH', scalar('B', b64('abc')), [scalar('B', b64('ab'))], true],
    ['BEGINS_WITH', scalar('B', b64('abc')), [scalar('B', b64('b'))], false],
    ['BEGINS_WITH', scalar('N', '12'), [scalar('N', '1')], false],
    ['IN', scalar('S', 'b'), [scalar('S', 'a'), scalar('S', 'b')], true],
    ['IN', scalar('S', 'c'), [scalar('S', 'a'), scalar('S', 'b')], false],
    ['CONTAINS', scalar('S', 'abc'), [scalar('S', 'bc')], true],
    ['CONTAINS', scalar('B', b64('abc')), [scalar('B', b64('bc'))], true],
    ['CONTAINS', scalar('N', '123'), [scalar('N', '2')], false],
    ['CONTAINS', set('SS', 'abc'), [scalar('S', 'abc')], true],
    ['CONTAINS', set('SS', 'abc'), [scalar('S', 'b')], false],
    ['CONTAINS', map('SNM', { k: '1' }), [scalar('S', 'k')], true],
    ['CONTAINS', map('SNM', { k: '1' }), [scalar('N', '1')], false],
    ['NOT_CONTAINS', scalar('S', 'abc'), [scalar('S', 'x')], true],
    ['NOT_CONTAINS', set('NS', '1'), [scalar('N', '1')], false],
    ['NOT_CONTAINS', set('NS', '1'), [scalar('S', 'x')], false],
    ['NOT_CONTAINS', map('SNM', { k: '1' }), [scalar('S', 'l')], true],
    ['NOT_CONTAINS', undefined, [scalar('S', 'x')], false],
    ['NULL', undefined, [], true],
    ['NULL', scalar('S', ''), [], false],
    ['NOT_NULL', scalar('S', ''), [], true],
    ['NOT_NULL', undefined, [], false],
  ];
  it.each(cases)('%s: %j against %j is %j', (operator, value, values, expected) => {
    expect(matchesAttribute(value, { operator, values })).toBe(expected);
  });

  it('wants every condition of a filter to hold', () => {
    const stored = item({ a: scalar('N', '1'), b: scalar('N', '2') });
    const one: [string, { operator: 'EQ'; values: AttributeValue[] }] = [
      'a',
      { operator: 'EQ', values: [scalar('N', '1')] },
    ];
    expect(matchesFilter(stored, new Map([one]))).toBe(true);
    expect(matchesFilter(stored, new Map([one, ['b', { operator: 'EQ', values: [scalar('N', '3')] }]]))).toBe(false);
  });
});

describe('applyUpdates', () => {
  const schema: TableSchema = {
    attributes: new Map([
      ['h', 'S'],
      ['r', 'N'],
      ['typed', 'N'],
    ]),
    hashKey: 'h',
    rangeKey: 'r',
    indexes: [],
  };
  const key = item({ h: scalar('S', 'k'), r: scalar('N', '1') });
  const apply = (stored: Item | undefined, updates: Record<string, AttributeUpdate>) =>
    applyUpdates(schema, key, stored, new Map(Object.entries(updates)));
  const withAttribute = (value: AttributeValue): Item => new Map([...key, ['a', value]]);

  const changes: [string, AttributeValue | undefined, AttributeUpdate, AttributeValue | undefined][] = [
    ['PUT adds', undefined, { action: 'PUT', value: scalar('S', 'x') }, scalar('S', 'x')],
    ['PUT replaces, other type', scalar('N', '1'), { action: 'PUT', value: scalar('S', 'x') }, scalar('S', 'x')],
    ['ADD to a number', scalar('N', '1'), { action: 'ADD', value: scalar('N', '-3') }, scalar('N', '-2')],
    [
      'ADD is exact',
      scalar('N', '99999999999999999999999999999999999999'),
      { action: 'ADD', value: scalar('N', '1') },
      scalar('N', '100000000000000000000000000000000000000'),
    ],
    ['ADD to nothing', undefined, { action: 'ADD', value: scalar('N', '3') }, scalar('N', '3')],
    ['ADD to a set', set('SS', 'b', 'c'), { action: 'ADD', value: set('SS', 'a', 'b') }, set('SS', 'a', 'b', 'c')],
    [
      'ADD to a map',
      map('SNM', { b: '1' }),
      { action: 'ADD', value: map('SNM', { a: '2', b: '3' }) },
      map('SNM', { a: '2', b: '3' }),
    ],
    ['DELETE', scalar('S', 'x'), { action: 'DELETE' }, undefined],
    ['DELETE of an absent attribute', undefined, { action: 'DELETE' }, undefined],
    ['DELETE of members of an absent attribute', undefined, { action: 'DELETE', value: set('SS', 'x') }, undefined],
    [
      'DELETE of members',
      set('SS', 'a', 'b', 'c'),
      { action: 'DELETE', value: set('SS', 'a', 'x') },
      set('SS', 'b', 'c'),
    ],
    ['DELETE of all members', set('SS', 'a'), { action: 'DELETE', value: set('SS', 'a') }, undefined],
    [
      'DELETE of keys',
      map('SNM', { a: '1', b: '2' }),
      { action: 'DELETE', value: set('SS', 'a') },
      map('SNM', { b: '2' }),
    ],
    ['DELETE of all keys', map('SNM', { a: '1' }), { action: 'DELETE', value: set('SS', 'a') }, undefined],
    ['DELETE of a scalar with a value', scalar('S', 'x'), { action: 'DELETE', value: scalar('S', 'y') }, undefined],
  ];
  it.each(changes)('%s', (_name, before, update, after) => {
    const stored = before === undefined ? key : withAttribute(before);
    expect(apply(stored, { a: update })?.get('a')).toEqual(after);
  });

  const refusals: [string, AttributeValue | undefined, AttributeUpdate][] = [
    ['ADD of a text', undefined, { action: 'ADD', value: scalar('S', 'x') }],
    ['ADD of bytes', scalar('B', b64('x')), { action: 'ADD', value: scalar('B', b64('x')) }],
    ['ADD of a number to a text', scalar('S', 'x'), { action: 'ADD', value: scalar('N', '1') }],
    ['ADD of another set type', set('SS', 'a'), { action: 'ADD', value: set('NS', '1') }],
    ['ADD of another map type', map('SNM', { a: '1' }), { action: 'ADD', value: map('SSM', { a: '1' }) }],
    ['DELETE of members of another type', set('SS', 'a'), { action: 'DELETE', value: set('NS', '1') }],
    ['DELETE of members of a text', scalar('S', 'a'), { action: 'DELETE', value: set('SS', 'a') }],
    ['DELETE of keys of another type', map('SNM', { a: '1' }), { action: 'DELETE', value: set('NS', '1') }],
  ];
  it.each(refusals)('refuses %s', (_name, before, update) => {
    const stored = before === undefined ? key : withAttribute(before);
    expect(() => apply(stored, { a: update })).toThrow(expect.objectContaining({ code: 'ValidationError' }));
  });

  it('makes an absent item from its key and the updates', () => {
    expect(apply(undefined, { a: { action: 'PUT', value: scalar('S', 'x') } })).toEqual(
      withAttribute(scalar('S', 'x')),
    );
  });

  it('leaves an absent item absent if it only deletes', () => {
    expect(
      apply(undefined, { a: { action: 'DELETE' }, b: { action: 'DELETE', value: set('SS', 'x') } }),
    ).toBeUndefined();
  });

  it('makes an absent item from its key alone without any update', () => {
    expect(apply(undefined, {})).toEqual(key);
  });

  it.each(['h', 'r'])('refuses to update the key attribute %s', (name) => {
    expect(() => apply(key, { [name]: { action: 'DELETE' } })).toThrow(/Key attribute/);
  });

  it('refuses a type other than the defined one', () => {
    expect(() => apply(key, { typed: { action: 'PUT', value: scalar('S', 'x') } })).toThrow(/defined as N/);
  });

  it('refuses growth beyond the limit', () => {
    const updates = new Map<string, AttributeUpdate>([['a', { action: 'PUT', value: scalar('S', 'x'.repeat(100)) }]]);
    expect(() => applyUpdates(schema, key, key, updates, 100)).toThrow(/larger than 100 bytes/);
    expect(applyUpdates(schema, key, key, updates, 200)?.size).toBe(3);
  });

  it('does not change the item that it was given', () => {
    const stored = withAttribute(set('SS', 'a'));
    apply(stored, { a: { action: 'ADD', value: set('SS', 'b') }, c: { action: 'PUT', value: scalar('N', '1') } });
    expect(stored).toEqual(withAttribute(set('SS', 'a')));
  });
});

describe('projectItem', () => {
  it('keeps the named attributes that are there, __proto__ too', () => {
    const stored: Item = new Map([
      ['a', scalar('S', '1')],
      ['__proto__', scalar('S', '2')],
      ['c', scalar('S', '3')],
    ]);
    expect([...projectItem(stored, ['__proto__', 'a', 'nothing']).keys()]).toEqual(['a', '__proto__']);
  });
});
