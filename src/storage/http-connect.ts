import { lookup as dnsLookup } from 'node:dns/promises';
import { once } from 'node:events';
import http, { ClientRequest, IncomingHttpHeaders, IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import https from 'node:https';
import { LookupFunction, isIP } from 'node:net';
import { Readable, addAbortSignal } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { DomainError, isDomainError } from '../kernel';

/** An address of a host, as the resolver gives it. */
export interface ResolvedAddress {
  readonly address: string;
  readonly family: number;
}

export interface HttpConnectOptions {
  /** May `host` or `host:port` (without the scheme's own port) be asked? Judged for every request and every redirect. Default: every host. */
  readonly isAllowedHost?: (host: string) => boolean;
  /** May `host`, which is allowed, be reached at this address? Judged at every connection, for all addresses that its name has. Default: every address. */
  readonly isAllowedAddress?: (address: string, host: string) => boolean;
  /** All addresses of a name. Default: the machine's resolver. */
  readonly resolve?: (hostname: string) => Promise<readonly ResolvedAddress[]>;
  /** A connection (name, TCP and TLS) that takes longer has failed. Default 10,000. */
  readonly connectMillis?: number;
  /** An answer, its next bytes, or room for ours that takes longer has failed. Default 60,000. */
  readonly idleMillis?: number;
}

export interface HttpRequestOptions {
  readonly method?: string;
  readonly headers?: OutgoingHttpHeaders;
  /**
   * A stream comes with its `content-length`; without one it is sent in chunks. With the header `expect: 100-continue` it is sent once the server wants
   * it, so that a refusal costs nothing. It is destroyed when the call ends badly.
   */
  readonly body?: Readable | Uint8Array;
  /** Ends the call and breaks the answer's body. */
  readonly signal?: AbortSignal;
  /** Of GET and HEAD, so many redirects are followed. Default 0: they are answers as any other. */
  readonly maxRedirects?: number;
  /** An answer with more bytes breaks its body with a `StorageError`. Default: any number. */
  readonly maxBodyBytes?: number;
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** To be read to its end, or destroyed. An answer that is cut short breaks it with a transient `StorageError`. */
  readonly body: Readable;
  /** Whose answer it is, after redirects. */
  readonly url: URL;
}

const REDIRECTS = new Set([301, 302, 303, 307, 308]);
/** What a redirect to another origin takes along: none of these is a secret. */
const HARMLESS_HEADERS = new Set(['accept', 'accept-encoding', 'range', 'if-match', 'user-agent']);
const MAX_ANSWER_HEADERS = 32 * 1024;
/** Who announces a body by `expect: 100-continue` waits so long for the server's word, and then sends it unasked. */
const CONTINUE_MILLIS = 1000;
/** Below what servers wait for the next request before they close a connection (5 seconds in Node.js and Apache). */
const IDLE_CONNECTION_MILLIS = 4000;

/**
 * Where every request goes out that a user may have aimed. The name of a host is resolved once a connection, all its addresses are judged, and
 * the connection goes to one of them: a name that changes in between changes nothing. Neither proxies nor anything else of the environment are heeded.
 * Connections are kept and used again; idle ones keep no process alive.
 */
export class HttpConnect {
  private readonly agents: { readonly http: http.Agent; readonly https: https.Agent };

  constructor(private readonly options: HttpConnectOptions = {}) {
    // `timeout` ends connections that nobody uses; requests are watched one by one.
    const shared = { keepAlive: true, maxFreeSockets: 16, timeout: IDLE_CONNECTION_MILLIS, lookup: this.lookup };
    this.agents = { http: new http.Agent(shared), https: new https.Agent({ ...shared, maxCachedSessions: 100 }) };
  }

  /**
   * One request. Any status is an answer.
   * @throws DomainError `Forbidden` for a host or address that is not allowed, naming the host alone; `StorageError`, mostly `transient`, for
   * what fails on the way; the abort's reason; what the body's own stream throws.
   */
  async request(url: string | URL, options: HttpRequestOptions = {}): Promise<HttpAnswer> {
    const { signal, method = 'GET', maxRedirects = 0 } = options;
    let target = new URL(url);
    let headers = options.headers ?? {};
    for (let redirects = 0; ; redirects++) {
      signal?.throwIfAborted();
      this.check(target);
      const answer = await this.exchange(target, { ...options, method, headers });
      const { location } = answer.headers;
      const followed = maxRedirects > 0 && REDIRECTS.has(answer.status) && location !== undefined && /^(GET|HEAD)$/.test(method);
      if (!followed) return answer;
      answer.body.destroy();
      if (redirects >= maxRedirects) throw new DomainError('StorageError', 'the storage host redirects too often');
      const next = redirectTarget(location, target);
      if (next.origin !== target.origin) headers = harmless(headers);
      target = next;
    }
  }

  /** Closes idle connections. Those in use go on. */
  close(): void {
    this.agents.http.destroy();
    this.agents.https.destroy();
  }

  private check({ protocol, host, hostname, username, password }: URL): void {
    if ((protocol !== 'http:' && protocol !== 'https:') || username !== '' || password !== '') {
      throw new DomainError('StorageError', 'a storage host may be asked by http and https only, and without a user in the URL');
    }
    const { isAllowedHost, isAllowedAddress } = this.options;
    if (isAllowedHost?.(host) === false) throw hostNotAllowed(host);
    const literal = hostname.replace(/^\[|\]$/g, '');
    // A literal address is never looked up.
    if (isIP(literal) !== 0 && isAllowedAddress?.(literal, literal) === false) throw addressNotAllowed(literal);
  }

  private readonly lookup: LookupFunction = (hostname, { all }, done) => {
    this.resolve(hostname).then(
      (addresses) => {
        const [first] = addresses;
        if (first === undefined) done(notFound(), '');
        else if (all) done(null, [...addresses]);
        else done(null, first.address, first.family);
      },
      (error: unknown) => done(error instanceof Error ? error : notFound(), ''),
    );
  };

  private async resolve(hostname: string): Promise<readonly ResolvedAddress[]> {
    const { isAllowedAddress, resolve = (name) => dnsLookup(name, { all: true }) } = this.options;
    const addresses = await resolve(hostname);
    if (isAllowedAddress && !addresses.every(({ address }) => isAllowedAddress(address, hostname))) throw addressNotAllowed(hostname);
    return addresses;
  }

  private async exchange(url: URL, { method, headers, body, signal, maxBodyBytes }: HttpRequestOptions): Promise<HttpAnswer> {
    const secure = url.protocol === 'https:';
    const settings = { method, headers, maxHeaderSize: MAX_ANSWER_HEADERS };
    const request = secure
      ? https.request(url, { ...settings, agent: this.agents.https })
      : http.request(url, { ...settings, agent: this.agents.http });
    // Whoever awaits something of the request hears of the error there.
    request.on('error', () => undefined);
    const abort = (): void => void request.destroy(new Error('aborted'));
    signal?.addEventListener('abort', abort, { once: true });
    const { connectMillis = 10_000, idleMillis = 60_000 } = this.options;
    const watch = new Watch(request, connectMillis, idleMillis, secure);
    const answered = once(request, 'response') as Promise<[IncomingMessage]>;
    answered.catch(() => undefined);
    try {
      const sent = send(request, body, answered, watch);
      const [response] = await Promise.race([answered, sent.then(() => answered)]);
      // An answer that says yes before it has all the bytes is waited for: nothing may be left out.
      if ((response.statusCode ?? 0) < 300) await sent;
      watch.stop();
      return { status: response.statusCode ?? 0, headers: response.headers, body: bodyOf(response, idleMillis, maxBodyBytes, signal), url };
    } catch (error) {
      watch.stop();
      request.destroy();
      if (body instanceof Readable) body.destroy();
      signal?.throwIfAborted();
      throw error instanceof BodyFailure ? error.error : failureOf(error);
    } finally {
      signal?.removeEventListener('abort', abort);
    }
  }
}

/** Ends a request that does not come on: while it connects, and between any two signs of life behind that. */
class Watch {
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly request: ClientRequest,
    connectMillis: number,
    private readonly idleMillis: number,
    secure: boolean,
  ) {
    this.expect(connectMillis);
    request.once('socket', (socket) => {
      if (!socket.connecting) this.alive();
      else socket.once(secure ? 'secureConnect' : 'connect', () => this.alive());
    });
  }

  /** Something went on: the time begins anew. */
  alive(): void {
    if (this.timer !== undefined) this.expect(this.idleMillis);
  }

  stop(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
  }

  private expect(millis: number): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.request.destroy(timedOut()), millis);
  }
}

/** A body's own failure, told apart from the connection's. */
class BodyFailure {
  constructor(readonly error: unknown) {}
}

/** Sends the body with back-pressure. A refusal that comes before its end, ends it: nobody wants the rest. */
async function send(request: ClientRequest, body: Readable | Uint8Array | undefined, answered: Promise<[IncomingMessage]>, watch: Watch): Promise<void> {
  if (!(body instanceof Readable)) {
    request.end(body);
    return;
  }
  let over = false;
  const end = answered.then(
    ([response]) => {
      if (request.writableEnded || (response.statusCode ?? 0) < 300) return;
      over = true;
      body.destroy();
      // Too little was sent for this connection to be used again: it goes with the answer.
      response.once('close', () => request.destroy());
    },
    () => {
      over = true;
      // A source that waits for something would hold us for ever.
      body.destroy();
    },
  );
  try {
    if (request.hasHeader('expect')) await wanted(request, end);
    for await (const chunk of body as AsyncIterable<Uint8Array>) {
      if (over) return;
      if (!request.write(chunk)) await Promise.race([once(request, 'drain'), end]);
      watch.alive();
    }
    if (!over) request.end();
  } catch (error) {
    if (!over) throw new BodyFailure(error);
  }
}

/** Resolves when the server asks for the body, has answered without it, or says nothing. */
async function wanted(request: ClientRequest, end: Promise<void>): Promise<void> {
  const waiting = new AbortController();
  const { signal } = waiting;
  try {
    await Promise.race([once(request, 'continue', { signal }), end, delay(CONTINUE_MILLIS, undefined, { signal })]);
  } finally {
    waiting.abort();
  }
}

/** The answer's bytes; what breaks them is told in our words. Only our own waiting counts as idle: a reader may take its time. */
function bodyOf(response: IncomingMessage, idleMillis: number, maxBytes = Number.POSITIVE_INFINITY, signal?: AbortSignal): Readable {
  let timer: NodeJS.Timeout | undefined;
  let bytes = 0;
  const output = new Readable({
    read: () => {
      clearTimeout(timer);
      timer = setTimeout(() => output.destroy(timedOut()), idleMillis);
      response.resume();
    },
    destroy: (error, done) => {
      clearTimeout(timer);
      response.destroy();
      done(error);
    },
  });
  response.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > maxBytes) return void output.destroy(new DomainError('StorageError', 'the storage host answered with more bytes than expected'));
    if (output.push(chunk)) return void timer?.refresh();
    clearTimeout(timer);
    response.pause();
  });
  response.pause();
  response.once('end', () => output.push(null));
  response.once('error', (error) => output.destroy(failureOf(error)));
  // An error before somebody listens is not lost: whoever reads finds it.
  output.on('error', () => undefined);
  return signal ? addAbortSignal(signal, output) : output;
}

function redirectTarget(location: string, from: URL): URL {
  let next: URL;
  try {
    next = new URL(location, from);
  } catch {
    throw new DomainError('StorageError', 'the storage host redirects to something that is no URL');
  }
  if (from.protocol === 'https:' && next.protocol !== 'https:') {
    throw new DomainError('StorageError', 'the storage host redirects from https to something else');
  }
  return next;
}

function harmless(headers: OutgoingHttpHeaders): OutgoingHttpHeaders {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => HARMLESS_HEADERS.has(name.toLowerCase())));
}

/** What is said of any host that the operator did not list. */
export function hostNotAllowed(host: string): DomainError {
  return new DomainError('Forbidden', `the host ${host} is not on the operator's list of allowed storage locations`);
}

/** The address is not named: it would tell how the deployment's network is made. */
function addressNotAllowed(host: string): DomainError {
  return new DomainError('Forbidden', `the host ${host} has an address that is not on the operator's list of allowed storage locations`);
}

function notFound(): DomainError {
  return new DomainError('StorageError', "the storage host's name is not known", { transient: true });
}

function timedOut(): DomainError {
  return new DomainError('StorageError', 'the storage host did not answer in time', { transient: true });
}

function failureOf(error: unknown): DomainError {
  if (isDomainError(error)) return error;
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return notFound();
  if (/CERT|SELF_SIGNED|UNABLE_TO|ALTNAME/.test(code)) return new DomainError('StorageError', "the storage host's certificate is not trusted", { cause: error });
  if (code.startsWith('HPE_')) return new DomainError('StorageError', 'the storage host does not speak HTTP', { cause: error });
  return new DomainError('StorageError', 'the connection to the storage host failed', { transient: true, cause: error });
}
