import fc from 'fast-check';
import { DomainError } from '../kernel';
import { parseChoice, parseIdParam, parseLimit, queryText, rejectUnknownQuery } from './query';

const LIMIT = { default: 100, max: 1000 };

function refused(call: () => unknown): string {
  try {
    call();
  } catch (error) {
    expect(error).toBeInstanceOf(DomainError);
    expect((error as DomainError).code).toBe('ValidationError');
    return (error as DomainError).message;
  }
  throw new Error('was not refused');
}

describe('parseLimit', () => {
  it('reads every integer in range, in its one spelling', () => {
    fc.assert(fc.property(fc.integer({ min: 1, max: 1000 }), (limit) => parseLimit(String(limit), LIMIT) === limit));
    expect(parseLimit(undefined, LIMIT)).toBe(100);
  });

  it.each([
    '',
    '0',
    '1001',
    '-1',
    '+1',
    '01',
    ' 5',
    '5 ',
    '1e2',
    '1.0',
    '0x10',
    '٣',
    'NaN',
    '99999999999',
    ['1', '2'],
    5,
    null,
    {},
  ])('refuses %p', (value) => {
    refused(() => parseLimit(value, LIMIT));
  });
});

describe('rejectUnknownQuery', () => {
  it('names every unknown parameter, and shows no raw control characters', () => {
    expect(refused(() => rejectUnknownQuery({ limit: '1', foo: '1', 'b\nar': '2' }, ['limit']))).toContain(
      '"foo", "b\\nar"',
    );
  });
  it('refuses a known parameter that comes twice or nested', () => {
    refused(() => rejectUnknownQuery({ limit: ['1', '2'] }, ['limit']));
    refused(() => rejectUnknownQuery({ limit: { gt: '1' } }, ['limit']));
  });
  it('lets known ones pass', () => {
    expect(() => rejectUnknownQuery({ limit: '1' }, ['limit', 'status'])).not.toThrow();
  });
  it('is not fooled by inherited properties', () => {
    expect(queryText({}, 'constructor')).toBeUndefined();
    refused(() => rejectUnknownQuery({ constructor: 'x' }, ['limit']));
  });
});

describe('parseIdParam', () => {
  it('reads both spellings as one id', () => {
    fc.assert(
      fc.property(fc.uuid(), (id) => {
        expect(parseIdParam(id, 'backup_id')).toBe(id.toLowerCase());
        expect(parseIdParam(id.replaceAll('-', '').toUpperCase(), 'backup_id')).toBe(id.toLowerCase());
      }),
    );
  });
  it.each(['', 'x', '../../etc', '123', undefined, ['0190c2f3-7b1e-7000-8000-000000000000']])('refuses %p', (value) => {
    expect(refused(() => parseIdParam(value, 'backup_id'))).toContain('backup_id');
  });
});

describe('parseChoice', () => {
  it('knows its words only', () => {
    expect(parseChoice('CREATED', 'status', ['CREATED'])).toBe('CREATED');
    expect(parseChoice(undefined, 'status', ['CREATED'])).toBeUndefined();
    refused(() => parseChoice('created', 'status', ['CREATED']));
  });
});
