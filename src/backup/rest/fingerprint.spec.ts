import * as fc from 'fast-check';
import { bodyFingerprint, canonicalJson, tokenHash } from './fingerprint';

describe('bodyFingerprint', () => {
  it('is the same for keys in any order and for both spellings of an id', () => {
    const id = '01890a5d-ac96-774b-bcce-b302099a8057';
    const one = { name: 'a', strategy: { type: 'incremental', base_backup_id: id } };
    const other = {
      strategy: { base_backup_id: id.replaceAll('-', ''), type: 'incremental' },
      name: 'a',
      absent: undefined,
    };
    expect(bodyFingerprint('t', one)).toBe(bodyFingerprint('t', other));
  });

  it('differs for another value, another nesting, another token', () => {
    const prints = [{ a: 1 }, { a: '1' }, { a: [1] }, { a: { b: 1 } }, { a: null }, {}, { b: 1 }].map((body) =>
      bodyFingerprint('t', body),
    );
    expect(new Set([...prints, bodyFingerprint('u', { a: 1 })]).size).toBe(prints.length + 1);
  });

  it('keeps neither token nor body', () => {
    const kept = tokenHash('my-token') + bodyFingerprint('my-token', { passphrase: 'hunter2' });
    expect(kept).toMatch(/^[0-9a-f]{128}$/);
  });

  it('reads back as the same JSON value (property)', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(JSON.parse(canonicalJson(value))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });
});
