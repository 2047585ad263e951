import { Clock, DomainError } from '../../kernel';
import { ResolvedKeystoneOptions } from './keystone-options';

/** What Keystone says of a token (identity API v3, `GET /v3/auth/tokens`), as far as it is used here. */
export interface KeystoneToken {
  readonly userId: string;
  readonly projectId: string | undefined;
  readonly roles: readonly string[];
  readonly systemScoped: boolean;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
}

interface ServiceToken {
  readonly token: string;
  /** Not used any more from then on, in milliseconds since the epoch. */
  readonly renewAt: number;
}

/** A token's description, the catalogue left out, is some kilobytes long; more than this is not Keystone. */
const MAX_ANSWER_BYTES = 1024 * 1024;
/** The own token is renewed this long before its end, or after 90 % of a shorter life. */
const RENEW_MARGIN_MS = 60_000;
const RETRY_AFTER_SECONDS = 5;

/** Asks Keystone about tokens, with a token of its own that it renews by itself. */
export class KeystoneClient {
  private service: Promise<ServiceToken> | undefined;
  /** The own token that Keystone answered 401 to. */
  private refused: ServiceToken | undefined;

  constructor(
    private readonly options: ResolvedKeystoneOptions,
    private readonly clock: Clock,
  ) {}

  /** @returns undefined if Keystone does not know the token, or no longer. @throws DomainError `ServiceUnavailable`. */
  async describe(subject: string): Promise<KeystoneToken | undefined> {
    for (let attempt = 1; ; attempt++) {
      const own = await this.serviceToken();
      // nocatalog: the endpoints are most of the answer, and not wanted.
      const response = await this.call(`${this.options.tokensUrl}?nocatalog`, {
        headers: { 'X-Auth-Token': own.token, 'X-Subject-Token': subject },
      });
      if (response.status === 200) return parseToken(await readJson(response));
      await response.body?.cancel();
      if (response.status === 404) return undefined;
      // 401 is about the own token (revoked, or Keystone lost its keys): once more with a new one.
      if (response.status === 401 && attempt === 1) {
        this.refused = own;
        continue;
      }
      throw unavailable(new Error(`Keystone answered ${response.status} when asked about a token`));
    }
  }

  /** One request for all callers that need it at the same time. */
  private async serviceToken(): Promise<ServiceToken> {
    const current = this.service;
    if (current !== undefined) {
      const known = await current.catch(() => undefined);
      if (known !== undefined && known !== this.refused && this.clock.now() < known.renewAt) return known;
      // Another caller was faster, and has begun the request that this one would make.
      if (this.service !== current) return this.serviceToken();
    }
    const requested = this.requestServiceToken();
    this.service = requested;
    return requested;
  }

  private async requestServiceToken(): Promise<ServiceToken> {
    const { username, password, userDomainName, projectName, projectDomainName } = this.options;
    const user = { name: username, password, domain: { name: userDomainName } };
    const scope = { project: { name: projectName, domain: { name: projectDomainName } } };
    const response = await this.call(`${this.options.tokensUrl}?nocatalog`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ auth: { identity: { methods: ['password'], password: { user } }, scope } }),
    });
    const token = response.headers.get('x-subject-token');
    if (response.status !== 201 || token === null) {
      await response.body?.cancel();
      throw unavailable(new Error(`Keystone answered ${response.status} to the service user's log-in`));
    }
    const { expiresAt } = parseToken(await readJson(response));
    const life = expiresAt - this.clock.now();
    return { token, renewAt: expiresAt - Math.min(RENEW_MARGIN_MS, life / 10) };
  }

  private async call(url: string, init: RequestInit): Promise<Response> {
    try {
      // A redirect would carry tokens to wherever it points.
      return await fetch(url, { ...init, redirect: 'manual', signal: AbortSignal.timeout(this.options.timeoutMs) });
    } catch (error) {
      throw unavailable(error);
    }
  }
}

function unavailable(cause: unknown): DomainError {
  return new DomainError('ServiceUnavailable', 'Tokens cannot be checked at the moment.', {
    cause,
    transient: true,
    retryAfterSeconds: RETRY_AFTER_SECONDS,
  });
}

async function readJson(response: Response): Promise<unknown> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  try {
    for await (const chunk of response.body ?? []) {
      length += chunk.length;
      if (length > MAX_ANSWER_BYTES) throw new Error('Keystone’s answer is too long');
      chunks.push(chunk);
    }
    return JSON.parse(Buffer.concat(chunks).toString('utf8'));
  } catch (error) {
    // A syntax error's message quotes the text.
    throw unavailable(error instanceof SyntaxError ? new Error('Keystone’s answer is not JSON') : error);
  }
}

function parseToken(body: unknown): KeystoneToken {
  const token = member(body, 'token');
  const userId = member(member(token, 'user'), 'id');
  const expiresAt = member(token, 'expires_at');
  const millis = typeof expiresAt === 'string' ? Date.parse(expiresAt) : NaN;
  if (typeof userId !== 'string' || Number.isNaN(millis))
    throw unavailable(new Error('Keystone’s answer describes no token'));
  const projectId = member(member(token, 'project'), 'id');
  const roles = member(token, 'roles');
  const names = Array.isArray(roles) ? roles.map((role) => member(role, 'name')) : [];
  return {
    userId,
    projectId: typeof projectId === 'string' ? projectId : undefined,
    roles: names.filter((name) => typeof name === 'string'),
    systemScoped: member(member(token, 'system'), 'all') === true,
    expiresAt: millis,
  };
}

function member(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    ? (value as Record<string, unknown>)[name]
    : undefined;
}
