import { createHash, createHmac } from 'node:crypto';
import { parseUuid } from '../../kernel';

/**
 * One text for every JSON value that means the same: keys in order, ids in one spelling. `undefined` members are left out.
 */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (typeof value === 'object' && value !== null) {
    const members = Object.entries(value)
      .filter(([, member]) => member !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
      .map(([key, member]) => `${JSON.stringify(key)}:${canonicalJson(isId(key) ? oneSpelling(member) : member)}`);
    return `{${members.join(',')}}`;
  }
  return JSON.stringify(value);
}

function isId(key: string): boolean {
  return key === 'id' || key.endsWith('_id');
}

function oneSpelling(value: unknown): unknown {
  return typeof value === 'string' ? (parseUuid(value) ?? value) : value;
}

/** What is kept of a client's token. The token itself is not: it is the key of the body's fingerprint. */
export function tokenHash(token: string): string {
  return createHash('sha256').update(token, 'utf8').digest('hex');
}

/**
 * Tells one body from another among requests with the same token. The body may hold credentials or a passphrase: keyed with
 * the token, which is not kept, what is kept of them cannot be searched for.
 */
export function bodyFingerprint(token: string, body: unknown): string {
  return createHmac('sha256', token).update(canonicalJson(body), 'utf8').digest('hex');
}
