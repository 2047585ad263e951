import { Agent as HttpAgent, IncomingMessage, request as httpRequest } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { Clock, systemClock } from '../../kernel';
import type { NotificationEvent } from '../event';
import { DeliveryError, EventSubject, NotificationSender } from '../notification-sender';
import { SigningSecret } from './signature';

/** A receiver of webhooks, as the operator names it. */
export interface WebhookOptions {
  /** Of the sender: deliveries are kept under it, and dead letters shown with it. */
  readonly name: string;
  /** `https://…`. The operator's word: a user's URL must never come here. */
  readonly url: string;
  /** The new one first. Each signs, so that a receiver may know any of them. */
  readonly secrets: readonly SigningSecret[];
  /** Only events of these projects. Default: of all. */
  readonly projects?: readonly string[];
  /** Only events of these types; `magnetodb.restore.*` stands for all that begin so. Default: all. */
  readonly events?: readonly string[];
  readonly clock?: Clock;
}

/** Idle connections are let go of before common servers let go of them (5 s), so that few are found closed when used again. */
const IDLE_MILLIS = 4000;
/** An answer's body says nothing to us. What is read of it, and for how long, only keeps the connection for the next event. */
const DRAIN_BYTES = 16 * 1024;
const DRAIN_MILLIS = 1000;

/**
 * Posts each event to a URL, signed after the Standard Webhooks specification. Only 2xx means delivered; the answer's head decides. Every
 * other answer means again later, but 410 (Gone), which means never. Redirects are not followed.
 */
export class WebhookSender implements NotificationSender {
  readonly name: string;
  private readonly url: URL;
  private readonly agent: HttpAgent;
  private readonly clock: Clock;

  constructor(private readonly options: WebhookOptions) {
    this.name = options.name;
    this.url = new URL(options.url);
    this.clock = options.clock ?? systemClock;
    const keep = { keepAlive: true, timeout: IDLE_MILLIS };
    this.agent = this.url.protocol === 'https:' ? new HttpsAgent(keep) : new HttpAgent(keep);
  }

  wants({ event_type, payload }: EventSubject): boolean {
    const { projects, events } = this.options;
    if (projects !== undefined && !projects.some((project) => project === payload['project_id'])) return false;
    return events === undefined || events.some((pattern) => matchesType(pattern, event_type));
  }

  send(event: NotificationEvent, signal: AbortSignal): Promise<void> {
    const body = Buffer.from(JSON.stringify(event));
    const headers = { ...this.signedHeaders(event.message_id, body.toString()), 'content-length': body.length };
    const options = { method: 'POST', agent: this.agent, signal, headers };
    const start = this.url.protocol === 'https:' ? httpsRequest : httpRequest;
    return new Promise((resolve, reject) => {
      const request = start(this.url, options, (response) => {
        letGo(response);
        const failure = failureOf(response, this.clock.now());
        if (failure === undefined) resolve();
        else reject(failure);
      });
      // Its message names hosts.
      request.on('error', (error: NodeJS.ErrnoException) => reject(new DeliveryError(`the receiver cannot be reached (${error.code ?? error.name})`)));
      request.end(body);
    });
  }

  private signedHeaders(id: string, body: string): Record<string, string> {
    const timestamp = Math.floor(this.clock.now() / 1000);
    return {
      'content-type': 'application/json',
      'user-agent': 'magnetodb-webhooks',
      'webhook-id': id,
      'webhook-timestamp': String(timestamp),
      'webhook-signature': this.options.secrets.map((secret) => secret.sign(id, timestamp, body)).join(' '),
    };
  }
}

/** A type, or the beginning of types with a `*` behind it. */
export function matchesType(pattern: string, eventType: string): boolean {
  return pattern.endsWith('*') ? eventType.startsWith(pattern.slice(0, -1)) : eventType === pattern;
}

/** Undefined: delivered. */
function failureOf({ statusCode = 0, headers }: IncomingMessage, now: number): DeliveryError | undefined {
  if (statusCode >= 200 && statusCode < 300) return undefined;
  const busy = statusCode === 429 || statusCode >= 500;
  return new DeliveryError(`the receiver answered ${statusCode}`, {
    refused: statusCode === 410,
    retryAfterMillis: busy ? retryAfterOf(headers['retry-after'], now) : undefined,
  });
}

/** Seconds, or a date of HTTP; undefined if it is neither. */
function retryAfterOf(text: string | undefined, now: number): number | undefined {
  if (text === undefined) return undefined;
  if (/^[0-9]{1,9}$/.test(text)) return Number(text) * 1000;
  const date = text.endsWith(' GMT') ? Date.parse(text) : NaN;
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}

/** Reads a short body to its end, so that its connection can be used again, and cuts off any other. */
function letGo(response: IncomingMessage): void {
  let left = DRAIN_BYTES;
  const timer = setTimeout(() => response.destroy(), DRAIN_MILLIS);
  timer.unref();
  response.on('error', () => undefined);
  response.once('close', () => clearTimeout(timer));
  response.on('data', (chunk: Buffer) => {
    left -= chunk.length;
    if (left < 0) response.destroy();
  });
}
