import { Readable } from 'node:stream';
import { Credentials, DomainError, LocationUrl, locationBelow, validationError } from '../../kernel';
import type { HttpAnswer } from '../http-connect';
import type { StoreTarget } from '../locations';
import { GetOptions, ObjectInfo, ObjectStore, ObjectStoreCapabilities } from '../object-store';
import { rangeHeader, rangeOf } from '../ranges';

const MAX_REDIRECTS = 5;

/**
 * Objects on a plain web server, to be read. The server need know neither ranges nor HEAD; where it redirects to, the operator must have allowed.
 * Nothing is listed: what a backup is made of stands in its manifest.
 */
export class HttpObjectStore implements ObjectStore {
  readonly capabilities: ObjectStoreCapabilities = { kind: 'http', maxObjectBytes: Number.MAX_SAFE_INTEGER, writable: false };
  private readonly authorization: string | undefined;
  private readonly root: LocationUrl;

  /** @throws DomainError `ValidationError` for credentials that cannot be. Makes no request. */
  constructor(private readonly target: Pick<StoreTarget, 'root' | 'credentials' | 'http'>) {
    this.root = target.root;
    this.authorization = authorizationOf(target.credentials);
  }

  async put(): Promise<void> {
    throw readOnly();
  }

  async get(name: string, { start = 0, end, signal }: GetOptions = {}): Promise<Readable | undefined> {
    if (end !== undefined && end <= start) return (await this.head(name, signal)) && Readable.from([], { objectMode: false });
    const range = rangeHeader(start, end);
    const { status, headers, body } = await this.ask('GET', name, range === undefined ? {} : { range }, signal);
    if (status === 200) return rangeOf(body, undefined, start, end);
    if (status === 206) return rangeOf(body, headers['content-range'] ?? '', start, end);
    body.destroy();
    if (status === 404 || status === 410) return undefined;
    if (status === 416) return Readable.from([], { objectMode: false });
    throw refusal(status, headers['retry-after']);
  }

  async head(name: string, signal?: AbortSignal): Promise<ObjectInfo | undefined> {
    let answer = await this.ask('HEAD', name, {}, signal);
    answer.body.destroy();
    const told = answer.status === 200 && answer.headers['content-length'] !== undefined;
    if (!told && [200, 403, 405, 501].includes(answer.status)) {
      // No HEAD, or none that tells the size: the beginning of the object does, or all of it.
      answer = await this.ask('GET', name, {}, signal);
      if (answer.status === 200 && answer.headers['content-length'] === undefined) return { size: await sizeOf(answer.body) };
      answer.body.destroy();
    }
    const { status, headers } = answer;
    if (status === 200) return { size: Number(headers['content-length']) };
    if (status === 404 || status === 410) return undefined;
    throw refusal(status, headers['retry-after']);
  }

  async delete(): Promise<void> {
    throw readOnly();
  }

  async *list(): AsyncIterable<string> {
    // A listing is a hint; a web server gives none.
  }

  url(name: string): string {
    return name === '' ? this.root.href : locationBelow(this.root, ...name.split('/')).href;
  }

  private async ask(method: 'GET' | 'HEAD', name: string, headers: Record<string, string>, signal: AbortSignal | undefined): Promise<HttpAnswer> {
    return this.target.http.request(this.url(name), {
      method,
      headers: {
        // An object is what is stored: a server that packs it on the way would change its bytes and its size.
        'accept-encoding': 'identity',
        ...(this.authorization === undefined ? {} : { authorization: this.authorization }),
        ...headers,
      },
      maxRedirects: MAX_REDIRECTS,
      ...(signal && { signal }),
    });
  }
}

function authorizationOf(credentials: Credentials | undefined): string | undefined {
  if (credentials === undefined) return undefined;
  const { username, password, token, ...others } = Object.fromEntries([...credentials].map(([name, secret]) => [name, secret.reveal()]));
  if (Object.keys(others).length === 0) {
    if (token !== undefined && username === undefined && password === undefined && /^[\x21-\x7e]+$/.test(token)) return `Bearer ${token}`;
    if (token === undefined && username !== undefined && password !== undefined && !username.includes(':')) {
      return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
    }
  }
  throw validationError('credentials of an http(s):// location are username and password, or token');
}

async function sizeOf(body: Readable): Promise<number> {
  let size = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) size += chunk.length;
  return size;
}

function readOnly(): DomainError {
  return new DomainError('StorageError', 'a web server is only read: nothing can be stored on it');
}

function refusal(status: number, retryAfter: string | undefined): DomainError {
  if (status === 408 || status === 429 || status >= 500) {
    const after = Number(retryAfter);
    return new DomainError('StorageError', `the web server cannot answer at the moment (${status})`, {
      transient: true,
      ...(after > 0 && after <= 3600 ? { retryAfterSeconds: after } : {}),
    });
  }
  if (status === 401 || status === 403) return new DomainError('StorageError', 'the web server refuses the credentials, or asks for some');
  return new DomainError('StorageError', `the web server refuses the request (${status})`);
}
