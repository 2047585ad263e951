import type { ChannelModel, ConfirmChannel, Message } from 'amqplib';
import { DeliveryError } from '../notification-sender';
import type { Broker } from './broker-url';
import { failureOf } from './failure';
import { unlessAborted } from './unless-aborted';

/** What a listener of oslo.messaging declares, too: both sides must say the same. */
export interface Topology {
  readonly exchange: string;
  readonly durable: boolean;
  readonly queues: 'classic' | 'quorum' | 'none';
  /** Each has a queue of its name, unless there are to be none. */
  readonly routingKeys: readonly string[];
}

export interface LinkOptions {
  readonly topology: Topology;
  readonly heartbeatSeconds: number;
  /** As in `tls.connect`. */
  readonly tls: { readonly ca?: string; readonly cert?: string; readonly key?: string };
  /** Shown by RabbitMQ's tools. */
  readonly connectionName: string;
}

export interface OutgoingMessage {
  readonly id: string;
  readonly routingKey: string;
  readonly body: Buffer;
}

interface Written {
  readonly confirmed: Promise<void>;
  answered: boolean;
}

/** A broker that has not let us in by then is left for the next, in milliseconds. */
const OPEN_MILLIS = 5000;
/** Longest wait for a broker to say goodbye, in milliseconds. */
const CLOSE_MILLIS = 1000;

/** One connection with one channel, on which the broker confirms each message. Whatever becomes of either ends both. */
export class BrokerLink {
  /** Resolves when it has ended, for whatever reason. */
  readonly ended: Promise<void>;
  private failure: DeliveryError | undefined;
  private blocked = false;
  /** Message ids that no queue took. The broker says so before it confirms them. */
  private readonly returned = new Set<string>();
  private declared: Promise<void> = Promise.resolve();
  /** By message id, until it was heard what became of them. */
  private readonly written = new Map<string, Written>();

  private constructor(
    private readonly model: ChannelModel,
    private readonly channel: ConfirmChannel,
    private readonly socket: AbortController,
    private readonly topology: Topology,
  ) {
    this.ended = new Promise((resolve) => {
      model.once('close', (error?: Error) => resolve(this.end(error)));
      channel.once('close', () => resolve(this.end(undefined)));
    });
    model.on('error', (error) => this.end(error));
    channel.on('error', (error) => this.end(error));
    model.on('blocked', () => (this.blocked = true));
    model.on('unblocked', () => (this.blocked = false));
    channel.on('return', (message) => this.noteReturned(message));
  }

  /** Connects and declares. @throws DeliveryError */
  static async open(broker: Broker, options: LinkOptions): Promise<BrokerLink> {
    const { connect, credentials } = await import('amqplib');
    const socket = new AbortController();
    // Node's sockets take it, and amqplib lets it through: the only way to cut a connection of its off.
    const cutOff = { signal: socket.signal };
    const tooLate = new DeliveryError('the broker did not let us in in time');
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      socket.abort();
    }, OPEN_MILLIS);
    const address = { protocol: broker.tls ? 'amqps' : 'amqp', hostname: broker.host, port: broker.port, vhost: encodeURIComponent(broker.virtualHost), heartbeat: options.heartbeatSeconds };
    try {
      const model = await connect(address, {
        ...(broker.tls ? options.tls : {}),
        ...cutOff,
        noDelay: true,
        credentials: credentials.plain(broker.username, broker.password.reveal()),
        clientProperties: { connection_name: options.connectionName },
      });
      model.on('error', () => undefined);
      const channel = await model.createConfirmChannel();
      const link = new BrokerLink(model, channel, socket, options.topology);
      await link.declare();
      return link;
    } catch (error) {
      socket.abort();
      throw late ? tooLate : failureOf(error);
    } finally {
      clearTimeout(timer);
    }
  }

  /**
   * Resolves once the broker has it; where there are queues, only if one of them has. A message that was given up before the broker
   * confirmed it is not written a second time: the confirmation of the first counts.
   *
   * @throws DeliveryError
   */
  async publish(message: OutgoingMessage, signal: AbortSignal): Promise<void> {
    await unlessAborted(this.declared, signal);
    if (this.failure !== undefined) throw this.failure;
    const earlier = this.written.get(message.id);
    // What were written now would lie in a buffer, to arrive whenever the alarm is over.
    if (this.blocked && earlier?.answered !== true) throw new DeliveryError('the broker takes no messages for now: it is short of memory or disk');
    const written = earlier ?? this.write(message);
    await unlessAborted(written.confirmed, signal, () => this.giveUp()).finally(() => {
      if (written.answered) this.written.delete(message.id);
    });
  }

  /** Says goodbye, if the broker still listens. */
  async close(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const patience = new Promise<void>((resolve) => (timer = setTimeout(resolve, CLOSE_MILLIS)));
    await Promise.race([this.model.close().catch(() => undefined), this.ended, patience]);
    clearTimeout(timer);
    this.cut();
  }

  /** What oslo's notifiers declare: the exchange, and a queue for each priority, so that nothing is lost before somebody listens. */
  private async declare(): Promise<void> {
    const { exchange, durable, queues, routingKeys } = this.topology;
    await this.channel.assertExchange(exchange, 'topic', { durable, autoDelete: false });
    if (queues === 'none') return;
    const type = queues === 'quorum' ? { arguments: { 'x-queue-type': 'quorum' } } : {};
    for (const key of routingKeys) {
      await this.channel.assertQueue(key, { durable, autoDelete: false, ...type });
      await this.channel.bindQueue(key, exchange, key);
    }
  }

  /** Somebody deleted a queue, or its binding. */
  private noteReturned({ properties }: Message): void {
    this.returned.add(String(properties.messageId));
    this.declared = this.declare().catch((error: unknown) => this.end(error));
  }

  private write({ id, routingKey, body }: OutgoingMessage): Written {
    const mandatory = this.topology.queues !== 'none';
    const properties = { contentType: 'application/json', contentEncoding: 'utf-8', messageId: id, deliveryMode: 2, priority: 0, mandatory };
    const confirmed = new Promise<void>((resolve, reject) => {
      const answer = (error: unknown): void => {
        written.answered = true;
        if (this.returned.delete(id)) reject(new DeliveryError('no queue took the message; the queues are declared again'));
        else if (error === null) resolve();
        else reject(this.failure ?? new DeliveryError('the broker did not take the message'));
      };
      try {
        this.channel.publish(this.topology.exchange, routingKey, body, properties, answer);
      } catch (error) {
        reject(failureOf(error));
      }
    });
    const written = { confirmed, answered: false };
    // It may be answered when nobody waits any more.
    confirmed.catch(() => undefined);
    this.written.set(id, written);
    return written;
  }

  /**
   * The broker did not confirm in time. Its connection is cut off, so that nothing is left in a buffer that would come behind later events;
   * but not while the broker is short of something: then it would read that buffer to the end, and there would be one with each attempt.
   */
  private giveUp(): void {
    if (!this.blocked) this.cut();
  }

  private cut(): void {
    this.socket.abort();
  }

  private end(error: unknown): void {
    this.failure ??= failureOf(error);
    this.cut();
  }
}
