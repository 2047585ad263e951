import { Credentials, Secret } from '../kernel';
import { CredentialSeal, newCredentialsKey } from './credential-seal';

const place = { projectId: 'demo', url: 's3://bucket/a/01890000-0000-7000-8000-000000000001' };
const credentials: Credentials = new Map([
  ['access_key_id', new Secret('hunter2')],
  ['secret_access_key', new Secret('päss"wörd\n')],
]);
const [older, newer] = [newCredentialsKey('2025'), newCredentialsKey('2026-b')];

function revealed(given: Credentials): [string, string][] {
  return [...given].map(([name, secret]) => [name, secret.reveal()]);
}

it('opens what it has sealed, and never seals alike', () => {
  const seal = new CredentialSeal([newer]);
  const [one, two] = [seal.seal(credentials, place), seal.seal(credentials, place)];
  expect(revealed(seal.open(one, place))).toEqual(revealed(credentials));
  expect(one).toMatch(/^1\.2026-b\.[A-Za-z0-9_-]+$/);
  expect(one).not.toBe(two);
  for (const text of [one, Buffer.from(one.split('.')[2] ?? '', 'base64url').toString('latin1')]) expect(text).not.toMatch(/hunter2|access_key/);
});

it('keys are changed one after another: the first seals, all open', () => {
  const sealed = new CredentialSeal([older]).seal(credentials, place);
  const both = new CredentialSeal([newer, older]);
  expect(revealed(both.open(sealed, place))).toEqual(revealed(credentials));
  const again = both.seal(credentials, place);
  expect(revealed(new CredentialSeal([newer]).open(again, place))).toEqual(revealed(credentials));
  expect(() => new CredentialSeal([newer]).open(sealed, place)).toThrow(expect.objectContaining({ code: 'StorageError', transient: true }));
});

it.each([
  ['another project', { ...place, projectId: 'other' }],
  ['another place', { ...place, url: 's3://bucket/b/01890000-0000-7000-8000-000000000001' }],
])('what is sealed for one opens for no %s', (_what, elsewhere) => {
  const seal = new CredentialSeal([newer]);
  const sealed = seal.seal(credentials, place);
  expect(() => seal.open(sealed, elsewhere)).toThrow(expect.objectContaining({ code: 'StorageError', transient: false }));
});

it('what was changed, cut or is of another key with the same id does not open', () => {
  const seal = new CredentialSeal([newer]);
  const sealed = seal.seal(credentials, place);
  const bytes = Buffer.from(sealed.split('.')[2] ?? '', 'base64url');
  for (let at = 0; at < bytes.length; at += 7) {
    const changed = Buffer.from(bytes);
    changed[at] = (changed[at] ?? 0) ^ 1;
    expect(() => seal.open(`1.2026-b.${changed.toString('base64url')}`, place)).toThrow('damaged');
  }
  for (const length of [0, 5, 12, 28, bytes.length - 1]) {
    expect(() => seal.open(`1.2026-b.${bytes.subarray(0, length).toString('base64url')}`, place)).toThrow(expect.objectContaining({ code: 'StorageError' }));
  }
  expect(() => new CredentialSeal([newCredentialsKey('2026-b')]).open(sealed, place)).toThrow('damaged');
  expect(() => seal.open('nonsense', place)).toThrow(expect.objectContaining({ code: 'StorageError' }));
});

it('without a key nothing is sealed', () => {
  expect(() => new CredentialSeal([]).seal(credentials, place)).toThrow(expect.objectContaining({ code: 'ValidationError' }));
});

it.each<[string, string[]]>([
  ['no id', ['hunter2']],
  ['no base64 of 32 bytes', ['a:hunter2']],
  ['capital letters', [`A:${'A'.repeat(43)}=`]],
  ['33 bytes', [`a:${'A'.repeat(44)}`]],
  ['something behind it', [newer, `${newer}x`]],
  ['an id that is there already', [newer, newer]],
])('a key with %s is refused, and not repeated', (_what, keys) => {
  const secret = keys.at(-1)?.split(':').at(-1) ?? '';
  expect(() => new CredentialSeal(keys)).toThrow(expect.objectContaining({ code: 'ValidationError', message: expect.stringMatching(/^credentials keys: (number \d|"2026-b")/) }));
  expect(() => new CredentialSeal(keys)).not.toThrow(secret);
});
