import { request as httpRequest, IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';

/** Whose certificates are believed in, beside those that Node.js trusts by itself. */
export interface Trust {
  /** PEM: these authorities, and no others. */
  readonly ca?: string;
  /** Any certificate at all. */
  readonly insecure?: boolean;
}

export interface HttpCall {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly trust: Trust;
  readonly signal: AbortSignal;
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

/** A call that is not answered by then has failed. */
const TIMEOUT_MILLIS = 60_000;
/** No answer that makes sense is longer. */
const MAX_ANSWER_BYTES = 64 * 1024 * 1024;

/**
 * One request on a connection of its own. (`fetch` cannot be told whose certificates to believe in.) Redirections are answers like any other:
 * following them would carry the token elsewhere.
 * @throws Error of the system; the signal's reason once it is aborted
 */
export async function httpCall({ method, url, headers, body, trust, signal }: HttpCall): Promise<HttpAnswer> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MILLIS)]);
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const common = { method, headers: { ...headers, ...lengthOf(body) }, agent: false as const, signal: limit };
    const tls = { ...(trust.ca === undefined ? {} : { ca: trust.ca }), rejectUnauthorized: trust.insecure !== true };
    const request = url.startsWith('https:') ? httpsRequest(url, { ...common, ...tls }) : httpRequest(url, common);
    request.on('response', resolve).on('error', reject).end(body);
  });
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > MAX_ANSWER_BYTES) throw new Error('the answer is too long');
    chunks.push(chunk);
  }
  return { status: response.statusCode ?? 0, headers: response.headers, text: Buffer.concat(chunks).toString('utf8') };
}

function lengthOf(body: string | undefined): Record<string, string> {
  return body === undefined ? {} : { 'Content-Length': String(Buffer.byteLength(body)) };
}

/** What the system calls an error of `httpCall`: `ECONNREFUSED`, `CERT_HAS_EXPIRED`, `TimeoutError` … */
export function connectionErrorCode(error: unknown): string {
  const { name, code, cause } = error as NodeJS.ErrnoException;
  if (name === 'AbortError' && cause !== undefined) return connectionErrorCode(cause);
  return typeof code === 'string' ? code : name;
}

/** The object that a text is as JSON; undefined if it is none. */
export function jsonObject(text: string): Record<string, unknown> | undefined {
  try {
    const json: unknown = JSON.parse(text);
    return typeof json === 'object' && json !== null && !Array.isArray(json) ? (json as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
