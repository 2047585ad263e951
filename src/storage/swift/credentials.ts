import { Credentials, validationError } from '../../kernel';
import type { HttpConnect } from '../http-connect';
import { EndpointChoice, KeystoneRef, KeystoneScope, KeystoneUser, logInAtKeystone, logInAtSwift } from './log-in';
import type { Login } from './token-session';

const NAMES = [
  'auth_url',
  'username',
  'password',
  'user_domain_id',
  'user_domain_name',
  'project_id',
  'project_name',
  'project_domain_id',
  'project_domain_name',
  'application_credential_id',
  'application_credential_secret',
] as const;
type Name = (typeof NAMES)[number];

/**
 * Says what is wrong with credentials for a Swift: unknown names, missing ones.
 * @throws DomainError `ValidationError`, naming keys and never values
 */
export function checkSwiftCredentials(credentials: Credentials): void {
  const unknown = [...credentials.keys()].find((name) => !NAMES.some((known) => known === name));
  if (unknown !== undefined) throw validationError(`credentials of a Swift have no "${unknown}"; they have: ${NAMES.join(', ')}`);
  readWho(credentials);
}

/** Logs in as the credentials say: at Keystone, or at a Swift with users of its own (`auth_url` ends in `/auth/v1.0`). @throws DomainError */
export function logInBy(http: HttpConnect, credentials: Credentials, wanted: { scope?: KeystoneScope; endpoint?: EndpointChoice } = {}): Promise<Login> {
  const who = readWho(credentials);
  if (who.kind === 'swift') return logInAtSwift(http, who.authUrl, who.user, who.key);
  return logInAtKeystone(http, who.authUrl, { user: who.user, scope: who.scope, ...wanted });
}

type Who =
  | { readonly kind: 'swift'; readonly authUrl: string; readonly user: string; readonly key: string }
  | { readonly kind: 'keystone'; readonly authUrl: string; readonly user: KeystoneUser; readonly scope: KeystoneScope };

function readWho(credentials: Credentials): Who {
  const has = (name: Name): boolean => credentials.has(name);
  const need = (name: Name): string => {
    const value = credentials.get(name)?.reveal() ?? '';
    if (value === '') throw validationError(`credentials of a Swift need "${name}"`);
    return value;
  };
  const authUrl = need('auth_url');
  if (!URL.canParse(authUrl) || !/^https?:\/\/[^?#@]+$/.test(authUrl)) throw validationError('"auth_url" must be an http or https URL without user, query or fragment');
  if (/\/auth\/v1(\.0)?\/*$/.test(authUrl)) return { kind: 'swift', authUrl, user: need('username'), key: need('password') };
  if (has('application_credential_id')) {
    const user: KeystoneUser = { kind: 'application_credential', id: need('application_credential_id'), secret: need('application_credential_secret') };
    return { kind: 'keystone', authUrl, user, scope: { kind: 'own' } };
  }
  const domainOf = (id: Name, name: Name): KeystoneRef => (has(id) ? { id: need(id) } : { name: has(name) ? need(name) : 'Default' });
  const user: KeystoneUser = { kind: 'password', username: need('username'), domain: domainOf('user_domain_id', 'user_domain_name'), password: need('password') };
  const project = has('project_id') ? { id: need('project_id') } : { name: need('project_name'), domain: domainOf('project_domain_id', 'project_domain_name') };
  return { kind: 'keystone', authUrl, user, scope: { kind: 'project', project } };
}
