import { hostname } from 'node:os';
import type { NotificationEvent } from '../event';
import { DeliveryError, NotificationSender } from '../notification-sender';
import { BrokerLink, LinkOptions } from './broker-link';
import { Broker, parseBrokers } from './broker-url';
import { envelope, routingKey } from './envelope';
import { unlessAborted } from './unless-aborted';

/** How notifications go to RabbitMQ. The defaults are oslo.messaging's. */
export interface AmqpOptions {
  /** Of the sender: deliveries are kept under it. Default `amqp`. */
  readonly name?: string;
  /** A topic exchange, which is declared. Default `magnetodb`. */
  readonly exchange?: string;
  /** Messages have the routing keys `<topic>.info` and `<topic>.error`. Default `notifications`. */
  readonly topic?: string;
  /** Do exchange and queues survive a restart of the broker (oslo: `amqp_durable_queues`)? Always, with quorum queues. Default false. */
  readonly durable?: boolean;
  /**
   * Queues that are declared, one for each routing key and named as it, so that nothing is lost before a listener comes: `classic`, `quorum`
   * (oslo: `rabbit_quorum_queue`), or `none`: what no queue is bound to take is lost. Default `classic`.
   */
  readonly queues?: 'classic' | 'quorum' | 'none';
  /** A broker that has been silent for about twice that is left. Default 60. */
  readonly heartbeatSeconds?: number;
  /** Of TLS, in PEM: authorities beside those that Node.js trusts otherwise, a certificate of our own and its key. */
  readonly tls?: { readonly ca?: string; readonly cert?: string; readonly key?: string };
}

const DEFAULTS = { name: 'amqp', exchange: 'magnetodb', topic: 'notifications', durable: false, queues: 'classic', heartbeatSeconds: 60, tls: {} } as const;

/**
 * Publishes each event to RabbitMQ in oslo.messaging's envelope. Delivered means that the broker confirmed it. There is one connection, made
 * when the first event comes, to one of the brokers; when it is lost, the next event goes to the next of them.
 */
export class AmqpSender implements NotificationSender {
  readonly name: string;
  readonly #brokers: readonly Broker[];
  readonly #options: LinkOptions;
  readonly #topic: string;
  #link: Promise<BrokerLink> | undefined;
  /** Index of the broker to begin with. */
  #first = 0;

  constructor(brokers: readonly Broker[], options: AmqpOptions = {}) {
    const { name, exchange, topic, durable, queues, heartbeatSeconds, tls } = { ...DEFAULTS, ...options };
    this.name = name;
    this.#brokers = brokers;
    this.#topic = topic;
    const routingKeys = (['INFO', 'ERROR'] as const).map((priority) => routingKey(topic, priority));
    this.#options = { topology: { exchange, durable: durable || queues === 'quorum', queues, routingKeys }, heartbeatSeconds, tls, connectionName: `magnetodb.${hostname()}` };
  }

  wants(): boolean {
    return true;
  }

  async send(event: NotificationEvent, signal: AbortSignal): Promise<void> {
    const link = await unlessAborted(this.#connected(), signal);
    await link.publish({ id: event.message_id, routingKey: routingKey(this.#topic, event.priority), body: envelope(event) }, signal);
  }

  /** Lets go of the connection; a later event makes another. */
  async close(): Promise<void> {
    const link = this.#link;
    this.#link = undefined;
    await link?.then(
      (open) => open.close(),
      () => undefined,
    );
  }

  #connected(): Promise<BrokerLink> {
    if (this.#link !== undefined) return this.#link;
    const opening = this.#open();
    const forget = (): void => {
      if (this.#link === opening) this.#link = undefined;
    };
    opening.then((link) => void link.ended.then(forget), forget);
    this.#link = opening;
    return opening;
  }

  /** To the first broker that lets us in, beginning with the one after that which was lost. */
  async #open(): Promise<BrokerLink> {
    let failure: unknown;
    for (let tried = 0; tried < this.#brokers.length; tried += 1) {
      const broker = this.#brokers[this.#first % this.#brokers.length];
      if (broker === undefined) break;
      this.#first += 1;
      try {
        return await BrokerLink.open(broker, this.#options);
      } catch (error) {
        failure = error;
      }
    }
    throw failure ?? new DeliveryError('no broker is configured');
  }
}

/** A sender of that URL, in the form of oslo.messaging's `transport_url`. @throws Error as `parseBrokers`; nothing of the URL in it */
export function amqp(transportUrl: string, options: AmqpOptions = {}): AmqpSender {
  return new AmqpSender(parseBrokers(transportUrl), options);
}
