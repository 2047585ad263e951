import { createHmac, timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import { createServer, IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { AddressInfo, Socket } from 'node:net';
import type { NotificationEvent } from '../../src/notifications';

export const SECRET = `whsec_${Buffer.alloc(32, 'first').toString('base64')}`;
export const OTHER_SECRET = `whsec_${Buffer.alloc(24, 'second').toString('base64')}`;

/** What a receiver got. */
export interface Delivery {
  readonly headers: IncomingMessage['headers'];
  readonly method: string | undefined;
  readonly path: string | undefined;
  readonly body: string;
  readonly event: NotificationEvent;
}

/** Answers a request, or does something worse; `nth` counts from 0. */
export type Behaviour = (response: ServerResponse, nth: number, delivery: Delivery) => void;

/** Answers with that status and nothing else. */
export const answering =
  (status: number, headers: Record<string, string> = {}): Behaviour =>
  (response) =>
    void response.writeHead(status, headers).end();

/** A real HTTP server that keeps what it is sent. */
export class WebhookReceiver {
  /** What it accepted (2xx). */
  readonly accepted: Delivery[] = [];
  /** Everything. */
  readonly requests: Delivery[] = [];
  behaviour: Behaviour = answering(204);
  connections = 0;
  private readonly sockets = new Set<Socket>();

  private constructor(
    private readonly server: Server,
    private readonly scheme: string,
  ) {
    server.on('connection', (socket: Socket) => {
      this.connections += 1;
      this.sockets.add(socket);
      socket.once('close', () => this.sockets.delete(socket));
      socket.on('error', () => undefined);
    });
  }

  static async start(options: { readonly port?: number; readonly tls?: { key: string; cert: string } } = {}): Promise<WebhookReceiver> {
    let receiver: WebhookReceiver | undefined = undefined;
    const listener: RequestListener = (request, response) => void receiver?.take(request, response);
    const server = options.tls === undefined ? createServer(listener) : createTlsServer(options.tls, listener);
    receiver = new WebhookReceiver(server, options.tls === undefined ? 'http' : 'https');
    server.listen(options.port ?? 0, '127.0.0.1');
    await once(server, 'listening');
    return receiver;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  get url(): string {
    return `${this.scheme}://127.0.0.1:${this.port}/hooks/magnetodb?tenant=1`;
  }

  /** Events in the order in which they were first accepted, without repetitions. */
  get events(): NotificationEvent[] {
    return firstOfEach(this.accepted);
  }

  /** The same, of those that were not accepted, too. */
  get seen(): NotificationEvent[] {
    return firstOfEach(this.requests);
  }

  private async take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    request.on('error', () => undefined);
    response.on('error', () => undefined);
    try {
      for await (const chunk of request) chunks.push(chunk as Buffer);
    } catch {
      return;
    }
    const body = Buffer.concat(chunks).toString('utf8');
    const { headers, method, url: path } = request;
    const delivery = { headers, method, path, body, event: JSON.parse(body) as NotificationEvent };
    const nth = this.requests.push(delivery) - 1;
    this.behaviour(response, nth, delivery);
    if (response.headersSent && response.statusCode < 300) this.accepted.push(delivery);
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    this.server.close();
    await once(this.server, 'close');
  }
}

function firstOfEach(deliveries: readonly Delivery[]): NotificationEvent[] {
  const events = new Map<string, NotificationEvent>();
  for (const { event } of deliveries) if (!events.has(event.message_id)) events.set(event.message_id, event);
  return [...events.values()];
}

/** Verifies after the published scheme, by itself: `v1,` and base64 of HMAC-SHA256 over id, seconds and body, joined by full stops. */
export function isSigned({ headers, body }: Delivery, secret: string, now = Date.now()): boolean {
  const [id, seconds, signatures] = ['webhook-id', 'webhook-timestamp', 'webhook-signature'].map((name) => String(headers[name]));
  if (Math.abs(now / 1000 - Number(seconds)) > 300) return false;
  const key = Buffer.from(secret.replace('whsec_', ''), 'base64');
  const expected = createHmac('sha256', key).update(Buffer.from(`${id}.${seconds}.${body}`, 'utf8')).digest();
  return String(signatures)
    .split(' ')
    .map((text) => /^v1,(.+)$/.exec(text)?.[1] ?? '')
    .some((text) => {
      const given = Buffer.from(text, 'base64');
      return given.length === expected.length && timingSafeEqual(given, expected);
    });
}
