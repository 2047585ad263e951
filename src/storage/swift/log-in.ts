import { text } from 'node:stream/consumers';
import { DomainError } from '../../kernel';
import type { HttpAnswer, HttpConnect } from '../http-connect';
import type { Login } from './token-session';

/** Who logs in at Keystone (identity API v3). An application credential brings its own scope. */
export type KeystoneUser =
  | { readonly kind: 'password'; readonly username: string; readonly domain: KeystoneRef; readonly password: string }
  | { readonly kind: 'application_credential'; readonly id: string; readonly secret: string };

/** By id, or by name. */
export type KeystoneRef = { readonly id: string } | { readonly name: string };

/** What the token is for. */
export type KeystoneScope =
  | { readonly kind: 'project'; readonly project: { readonly id: string } | { readonly name: string; readonly domain: KeystoneRef } }
  | { readonly kind: 'trust'; readonly id: string }
  | { readonly kind: 'own' };

/** Which endpoint of the catalogue is meant. */
export interface EndpointChoice {
  /** Default: any; the catalogue's first. */
  readonly region?: string;
  /** Default `public`. */
  readonly interface?: string;
}

/** Keystone's catalogue grows with its services; tokens that are larger are no tokens. */
const MAX_ANSWER_BYTES = 4 * 1024 * 1024;

/**
 * Logs in at Keystone.
 * @param authUrl with `/v3` at its end, or without
 * @throws DomainError StorageError; transient if Keystone is away
 */
export async function logInAtKeystone(
  http: HttpConnect,
  authUrl: string,
  { user, scope, endpoint = {} }: { user: KeystoneUser; scope: KeystoneScope; endpoint?: EndpointChoice },
): Promise<Login> {
  const body = Buffer.from(JSON.stringify({ auth: { identity: identityOf(user), ...scopeOf(scope) } }));
  const headers = { 'content-type': 'application/json', 'content-length': String(body.length) };
  const answer = await http.request(`${versioned(authUrl)}/auth/tokens`, { method: 'POST', headers, body });
  const token = answer.headers['x-subject-token'];
  if (answer.status !== 201 || typeof token !== 'string') throw await refusal(answer, 'the identity service');
  const described = member(await jsonOf(answer), 'token');
  // By our clock: only the length of its life is Keystone's.
  const life = Date.parse(String(member(described, 'expires_at'))) - Date.parse(String(member(described, 'issued_at')));
  const storageUrl = endpointIn(member(described, 'catalog'), endpoint);
  const userId = member(member(described, 'user'), 'id');
  const projectId = member(member(described, 'project'), 'id');
  return {
    token,
    expiresAt: Number.isNaN(life) ? undefined : Date.now() + life,
    ...(storageUrl === undefined ? {} : { storageUrl }),
    ...(typeof userId === 'string' ? { userId } : {}),
    ...(typeof projectId === 'string' ? { projectId } : {}),
  };
}

/** Logs in at a Swift that keeps its own users (`…/auth/v1.0`). @throws DomainError as `logInAtKeystone` */
export async function logInAtSwift(http: HttpConnect, authUrl: string, user: string, key: string): Promise<Login> {
  const answer = await http.request(authUrl, { headers: { 'x-auth-user': user, 'x-auth-key': key } });
  const { 'x-auth-token': token, 'x-storage-url': storageUrl, 'x-auth-token-expires': life } = answer.headers;
  if (answer.status >= 300 || typeof token !== 'string') throw await refusal(answer, 'the object store');
  answer.body.resume();
  const seconds = typeof life === 'string' ? Number(life) : NaN;
  return {
    token,
    expiresAt: Number.isFinite(seconds) ? Date.now() + seconds * 1000 : undefined,
    ...(typeof storageUrl === 'string' ? { storageUrl: storageUrl.replace(/\/+$/, '') } : {}),
  };
}

async function refusal(answer: HttpAnswer, who: string): Promise<DomainError> {
  answer.body.destroy();
  const transient = answer.status >= 500 || answer.status === 429 || answer.status === 408;
  const what = [401, 403, 404].includes(answer.status) ? 'does not accept the credentials' : `answered ${answer.status} to the log-in`;
  return new DomainError('StorageError', `${who} ${what}`, { transient });
}

function identityOf(user: KeystoneUser): object {
  if (user.kind === 'application_credential') {
    return { methods: ['application_credential'], application_credential: { id: user.id, secret: user.secret } };
  }
  const { username: name, domain, password } = user;
  return { methods: ['password'], password: { user: { name, domain, password } } };
}

function scopeOf(scope: KeystoneScope): object {
  switch (scope.kind) {
    case 'project':
      return { scope: { project: scope.project } };
    case 'trust':
      return { scope: { 'OS-TRUST:trust': { id: scope.id } } };
    case 'own':
      return {};
  }
}

/** Keystone's URL with its version. */
export function versioned(authUrl: string): string {
  const plain = authUrl.replace(/\/+$/, '');
  return plain.endsWith('/v3') ? plain : `${plain}/v3`;
}

function endpointIn(catalogue: unknown, { region, interface: wanted = 'public' }: EndpointChoice): string | undefined {
  const services = listOf(catalogue).filter((service) => member(service, 'type') === 'object-store');
  const endpoints = services.flatMap((service) => listOf(member(service, 'endpoints')));
  const fits = (endpoint: unknown): boolean =>
    member(endpoint, 'interface') === wanted && (region === undefined || member(endpoint, 'region_id') === region || member(endpoint, 'region') === region);
  const url = member(endpoints.find(fits), 'url');
  return typeof url === 'string' ? url.replace(/\/+$/, '') : undefined;
}

/** An answer of Keystone's. @throws DomainError StorageError if it is too long or no JSON */
export async function jsonOf({ body }: HttpAnswer): Promise<unknown> {
  let size = 0;
  const bounded = async function* (): AsyncGenerator<Buffer> {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > MAX_ANSWER_BYTES) throw new DomainError('StorageError', "the identity service's answer is too long");
      yield chunk;
    }
  };
  const json = await text(bounded());
  try {
    return JSON.parse(json);
  } catch {
    // A syntax error's message quotes the text.
    throw new DomainError('StorageError', "the identity service's answer is not JSON", { transient: true });
  }
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

export function member(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name) ? (value as Record<string, unknown>)[name] : undefined;
}
