import type { IncomingHttpHeaders } from 'node:http';
import { Readable } from 'node:stream';
import { DomainError } from '../../kernel';
import type { HttpAnswer, HttpConnect } from '../http-connect';
import { explanationOf, swiftError } from './swift-errors';
import type { TokenSession } from './token-session';

/** One request to an account. */
export interface SwiftCall {
  readonly method: 'GET' | 'HEAD' | 'PUT' | 'DELETE';
  /** Container, and the object's name behind it; none for the account. */
  readonly path: readonly [container: string, object?: string] | readonly [];
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  /** Opened anew each time that the request is sent. */
  readonly body?: () => Readable | Uint8Array;
  readonly signal?: AbortSignal | undefined;
}

/** What every Swift is said to take at least, where it does not say itself what it takes. */
const USUAL_LIMITS = { maxObjectBytes: 5 * 1024 ** 3, maxSegments: 1000 };
export type SwiftLimits = typeof USUAL_LIMITS;

/** Requests to one Swift account, with a token that is renewed when Swift refuses it. */
export class SwiftClient {
  private known: Promise<SwiftLimits> | undefined;

  /** @param storageUrl the account: `https://host/v1/AUTH_…`, without a slash at its end */
  constructor(
    private readonly http: HttpConnect,
    private readonly storageUrl: string,
    private readonly session: TokenSession,
    /** Another client of the same service, who may know its limits already. */
    private readonly informed?: SwiftClient,
  ) {}

  /**
   * Sends a request; gives back answers of the statuses that are named, with their bodies.
   * @throws DomainError of every other status, of the connection and of the log-in
   */
  async send(call: SwiftCall, ...expected: number[]): Promise<HttpAnswer> {
    for (let renewed = false; ; renewed = true) {
      call.signal?.throwIfAborted();
      const login = await this.session.login();
      const answer = await this.request(call, login.token);
      if (answer.status === 401) this.session.refused(login);
      if (answer.status !== 401 || renewed) {
        if (expected.includes(answer.status)) return answer;
        throw await swiftError(answer);
      }
      await explanationOf(answer);
    }
  }

  /** As `send`, with an answer whose body is of no interest. */
  async ask(call: SwiftCall, ...expected: number[]): Promise<{ status: number; headers: IncomingHttpHeaders }> {
    const answer = await this.send(call, ...expected);
    await explanationOf(answer);
    return answer;
  }

  /** What this Swift takes; the usual where it does not say. */
  async limits(): Promise<SwiftLimits> {
    if (this.informed !== undefined) return this.informed.limits();
    this.known ??= this.askLimits().catch((error: unknown) => {
      this.known = undefined;
      throw error;
    });
    return this.known;
  }

  private async askLimits(): Promise<SwiftLimits> {
    const answer = await this.http.request(`${this.storageUrl.replace(/\/v1[^/]*\/[^/]*$/, '')}/info`);
    if (answer.status >= 500) throw await swiftError(answer);
    const text = await explanationOf(answer);
    return answer.status === 200 ? limitsIn(text) : USUAL_LIMITS;
  }

  private request({ method, path, query, headers, body, signal }: SwiftCall, token: string): Promise<HttpAnswer> {
    const opened = body?.();
    return this.http.request(this.urlOf(path, query), {
      method,
      headers: { ...headers, 'x-auth-token': token, ...(opened instanceof Readable ? { expect: '100-continue' } : {}) },
      ...(opened === undefined ? {} : { body: opened }),
      ...(signal === undefined ? {} : { signal }),
    });
  }

  private urlOf(path: readonly (string | undefined)[], query: Readonly<Record<string, string>> = {}): string {
    const parts = path.map((part = '') => `/${part.split('/').map(encodeURIComponent).join('/')}`);
    const search = new URLSearchParams(query).toString();
    return `${this.storageUrl}${parts.join('')}${search === '' ? '' : `?${search}`}`;
  }
}

function limitsIn(text: string): SwiftLimits {
  let info: unknown;
  try {
    info = JSON.parse(text);
  } catch {
    return USUAL_LIMITS;
  }
  const { swift, slo } = info as { swift?: { max_file_size?: unknown }; slo?: { max_manifest_segments?: unknown } };
  return {
    maxObjectBytes: positive(swift?.max_file_size) ?? USUAL_LIMITS.maxObjectBytes,
    maxSegments: positive(slo?.max_manifest_segments) ?? USUAL_LIMITS.maxSegments,
  };
}

function positive(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0 ? value : undefined;
}

/** A number of bytes that Swift says in a header. */
export function lengthOf(headers: IncomingHttpHeaders): number {
  const length = Number(headers['content-length']);
  if (!Number.isSafeInteger(length) || length < 0) throw new DomainError('StorageError', 'the object store does not say how long an object is');
  return length;
}

/** The MD5 that Swift gives as ETag. */
export function etagOf(headers: IncomingHttpHeaders): string | undefined {
  return headers.etag?.replaceAll('"', '');
}

/** What goes with every body. */
export function bodyHeaders(bytes: number): Record<string, string> {
  return { 'content-length': String(bytes), 'content-type': 'application/octet-stream' };
}
