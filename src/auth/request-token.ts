import { IncomingHttpHeaders } from 'node:http';
import { DomainError } from '../kernel';

/** What Fastify's and Express's requests have in common, as far as tokens are looked for. */
export interface TokenRequest {
  readonly headers: IncomingHttpHeaders;
  /** Name, value, name, value, …, as received; Fastify keeps it in `raw`. */
  readonly rawHeaders?: readonly string[];
  readonly raw?: { readonly rawHeaders?: readonly string[] };
  readonly query?: unknown;
  readonly body?: unknown;
}

/** Printable ASCII without space: what every kind of Keystone token and RFC 6750's `b64token` is made of. */
const TOKEN = /^[\x21-\x7e]{1,4096}$/;

/**
 * The one token of a request, from `X-Auth-Token` or `Authorization: Bearer`. Other schemes of `Authorization` are none of
 * this service's business (a proxy before it may use them).
 *
 * @throws DomainError `Unauthorized` if there is none, or two different ones, or a malformed one, or one where tokens end up in logs.
 */
export function readToken(request: TokenRequest): string {
  if (holdsAccessToken(request.query) || holdsAccessToken(request.body)) {
    throw new DomainError(
      'Unauthorized',
      'A token is taken from the headers X-Auth-Token or Authorization only, never from query or body.',
    );
  }
  const tokens = new Set([...headerTokens(request)]);
  const [token] = tokens;
  if (token === undefined)
    throw new DomainError('Unauthorized', 'A token is needed, in X-Auth-Token or as Authorization: Bearer.');
  if (tokens.size > 1) throw new DomainError('Unauthorized', 'Two different tokens were given.');
  if (!TOKEN.test(token)) throw malformed();
  return token;
}

/** All that were given: Node itself keeps only the first of several Authorization headers, and joins several X-Auth-Token. */
function* headerTokens(request: TokenRequest): Generator<string> {
  for (const [name, value] of headerPairs(request)) {
    if (name === 'x-auth-token') yield value.trim();
    if (name !== 'authorization' || !/^\s*bearer(\s|$)/i.test(value)) continue;
    const [, credentials] = /^\s*bearer +(\S+)\s*$/i.exec(value) ?? [];
    if (credentials === undefined) throw malformed();
    yield credentials;
  }
}

function* headerPairs(request: TokenRequest): Generator<[string, string]> {
  const raw = request.raw?.rawHeaders ?? request.rawHeaders;
  if (raw === undefined) {
    for (const [name, value] of Object.entries(request.headers)) yield [name.toLowerCase(), String(value)];
    return;
  }
  for (let index = 0; index + 1 < raw.length; index += 2)
    yield [(raw[index] ?? '').toLowerCase(), raw[index + 1] ?? ''];
}

/** `access_token` is RFC 6750's name for a token in a query or a form. */
function holdsAccessToken(parameters: unknown): boolean {
  return typeof parameters === 'object' && parameters !== null && Object.hasOwn(parameters, 'access_token');
}

function malformed(): DomainError {
  return new DomainError('Unauthorized', 'The token is malformed.');
}
