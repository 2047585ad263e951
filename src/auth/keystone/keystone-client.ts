import { Clock, DomainError } from '../../kernel';
import { ResolvedKeystoneOptions } from './keystone-options';

/** What Keystone says of a token (identity API v3, `GET /v3/auth/tokens`), as far as it is used here. */
export interface KeystoneToken {
  readonly userId: string;
  readonly projectId: string | undefined;
  readonly roles: readonly string[];
  readonly systemScoped: boolean;
  /** Milliseconds since the epoch, by this machine's clock: if Keystone's tells another time, as much later or earlier. */
  readonly expiresAt: number;
}

/** An answer, and by how many milliseconds Keystone's clock is ahead of this machine's; 0 unless it surely is not the same. */
interface KeystoneAnswer {
  readonly response: Response;
  readonly aheadMs: number;
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
      const { response, aheadMs } = await this.call(`${this.options.tokensUrl}?nocatalog`, {
        headers: { 'X-Auth-Token': own.token, 'X-Subject-Token': subject },
      });
      if (response.status === 200) return parseToken(await readJson(response), aheadMs);
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
    const { response, aheadMs } = await this.call(`${this.options.tokensUrl}?nocatalog`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(this.options.logIn),
    });
    const token = response.headers.get('x-subject-token');
    if (response.status !== 201 || token === null) {
      await response.body?.cancel();
      throw unavailable(new Error(`Keystone answered ${response.status} to the service user's log-in`));
    }
    const { expiresAt } = parseToken(await readJson(response), aheadMs);
    const life = expiresAt - this.clock.now();
    return { token, renewAt: expiresAt - Math.min(RENEW_MARGIN_MS, life / 10) };
  }

  private async call(url: string, init: RequestInit): Promise<KeystoneAnswer> {
    const signal = AbortSignal.timeout(this.options.timeoutMs);
    const ask = async (): Promise<KeystoneAnswer> => {
      const sent = this.clock.now();
      // A redirect would carry tokens to wherever it points.
      const response = await fetch(url, { ...init, redirect: 'manual', signal });
      return { response, aheadMs: aheadOf(sent, this.clock.now(), response.headers.get('date')) };
    };
    try {
      // Keystone may close an idle connection in the moment in which it is used.
      return await ask().catch((error: unknown) => (wasCut(error) ? ask() : Promise.reject(error)));
    } catch (error) {
      throw unavailable(error);
    }
  }
}

/**
 * By how much the clock that wrote the `Date` of an answer is ahead of the one that saw the request off and the answer in. Where the two may
 * agree (`Date` has whole seconds), 0; else the most that it may be, so that no token is believed beyond its end.
 */
function aheadOf(sent: number, received: number, date: string | null): number {
  const written = Date.parse(date ?? '');
  const [least, most] = [written - received, written + 1000 - sent];
  return least > 0 || most < 0 ? most : 0;
}

function wasCut(error: unknown): boolean {
  return ['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET'].includes(String(member(member(error, 'cause'), 'code')));
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

function parseToken(body: unknown, aheadMs: number): KeystoneToken {
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
    expiresAt: millis - aheadMs,
  };
}

function member(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    ? (value as Record<string, unknown>)[name]
    : undefined;
}
