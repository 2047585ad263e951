import { once } from 'node:events';
import { IncomingMessage, Server, ServerResponse, createServer, request } from 'node:http';
import { AddressInfo } from 'node:net';
import { pipeline } from 'node:stream/promises';

export interface ProxiedRequest {
  readonly method: string;
  /** Path and query. */
  readonly url: string;
  readonly token: string | undefined;
}

/**
 * What becomes of a request: it goes through; it is answered at once; its connection is cut before anything was done, or in mid-body after some bytes
 * of it (of the answer, for reads); one byte of its body goes through as another; it waits for something and goes through.
 */
export type Fate = 'pass' | { readonly status: number; readonly headers?: Record<string, string>; readonly text?: string } | 'cut' | { readonly cutAfter: number } | { readonly damageAt: number } | { readonly after: () => Promise<unknown> };

/** An HTTP server before another, on the loopback interface, that lets things go wrong. */
export class HttpProxy {
  readonly seen: ProxiedRequest[] = [];
  private decide: (request: ProxiedRequest) => Fate | undefined = () => undefined;

  private constructor(
    private readonly server: Server,
    private readonly target: string,
  ) {
    server.on('request', (incoming, answer) => void this.take(incoming, answer).catch(() => incoming.destroy()));
    // Who announces a body is told to go on by whoever stands behind.
    server.on('checkContinue', (incoming, answer) => void this.take(incoming, answer).catch(() => incoming.destroy()));
  }

  static async before(target: string): Promise<HttpProxy> {
    const server = createServer();
    await once(server.listen(0, '127.0.0.1'), 'listening');
    return new HttpProxy(server, target);
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** Judges every request from now on; undefined lets it pass. */
  judge(decide: (request: ProxiedRequest) => Fate | undefined): void {
    this.decide = decide;
  }

  /** The next `times` requests that fit have this fate. Resolves when they had it. */
  next(times: number, fits: (request: ProxiedRequest) => boolean, fate: Fate): Promise<void> {
    return new Promise((resolve) => {
      let left = times;
      this.judge((one) => {
        if (left === 0 || !fits(one)) return undefined;
        left--;
        if (left === 0) resolve();
        return fate;
      });
    });
  }

  /** Everything passes again. */
  heal(): void {
    this.judge(() => undefined);
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, 'close');
  }

  private async take(incoming: IncomingMessage, answer: ServerResponse): Promise<void> {
    const { method = '', url = '', headers, socket } = incoming;
    const one = { method, url, token: headers['x-auth-token']?.toString() };
    this.seen.push(one);
    const fate = this.decide(one) ?? 'pass';
    if (fate === 'cut') {
      socket.destroy();
      return;
    }
    if (typeof fate === 'object' && 'status' in fate) {
      incoming.resume();
      answer.writeHead(fate.status, fate.headers).end(fate.text ?? '');
      return;
    }
    if (typeof fate === 'object' && 'after' in fate) await fate.after();
    const limit = typeof fate === 'object' && 'cutAfter' in fate ? fate.cutAfter : Infinity;
    const damageAt = typeof fate === 'object' && 'damageAt' in fate ? fate.damageAt : Infinity;
    await this.pass(incoming, answer, limit, damageAt);
  }

  private async pass(incoming: IncomingMessage, answer: ServerResponse, limit: number, damageAt: number): Promise<void> {
    const { socket } = incoming;
    const { expect: expected, ...headers } = incoming.headers;
    const outgoing = request(this.target + (incoming.url ?? ''), { method: incoming.method, headers, agent: false });
    outgoing.on('error', () => socket.destroy());
    if (expected !== undefined) answer.writeContinue();
    const cut = cutting(limit, () => {
      outgoing.destroy();
      socket.destroy();
    });
    const response = once(outgoing, 'response') as Promise<[IncomingMessage]>;
    await Promise.race([pipeline(incoming, damaging(damageAt), cut, outgoing), response]);
    const [given] = await response;
    answer.writeHead(given.statusCode ?? 500, given.headers);
    await pipeline(given, cutting(limit, () => socket.destroy()), answer);
  }
}

function cutting(limit: number, cut: () => void): (chunks: AsyncIterable<Buffer>) => AsyncGenerator<Buffer> {
  return async function* (chunks) {
    let left = limit;
    for await (const chunk of chunks) {
      if (chunk.length > left) {
        yield chunk.subarray(0, left);
        cut();
        return;
      }
      left -= chunk.length;
      yield chunk;
    }
  };
}

function damaging(at: number): (chunks: AsyncIterable<Buffer>) => AsyncGenerator<Buffer> {
  return async function* (chunks) {
    let offset = 0;
    for await (const chunk of chunks) {
      const here = at - offset;
      if (here >= 0 && here < chunk.length) chunk.writeUInt8((chunk[here] ?? 0) ^ 1, here);
      offset += chunk.length;
      yield chunk;
    }
  };
}
