import { Channel, ChannelModel, GetMessage, connect } from 'amqplib';
import { newId } from '../../src/kernel';
import { AmqpOptions, NotificationEvent } from '../../src/notifications';

/** What a broker got under an exchange and a topic of this consumer's own. */
export class AmqpConsumer {
  readonly messages: GetMessage[] = [];
  readonly exchange = `exchange-${newId()}`;
  readonly topic = `topic-${newId()}`;
  private readonly queue = `all-${newId()}`;

  private constructor(
    private readonly model: ChannelModel,
    readonly channel: Channel,
  ) {}

  static async of(url: string): Promise<AmqpConsumer> {
    const model = await connect(url.replace('rabbit:', 'amqp:').replace(/\/$/, ''));
    model.on('error', () => undefined);
    const consumer = new AmqpConsumer(model, await model.createChannel());
    consumer.channel.on('error', () => undefined);
    await consumer.channel.assertExchange(consumer.exchange, 'topic', { durable: false });
    await consumer.channel.assertQueue(consumer.queue);
    await consumer.channel.bindQueue(consumer.queue, consumer.exchange, '#');
    return consumer;
  }

  /** For a sender to be heard here. */
  get options(): Pick<AmqpOptions, 'exchange' | 'topic'> {
    return { exchange: this.exchange, topic: this.topic };
  }

  /** So far, in order of arrival; what was confirmed is among them. */
  async events(): Promise<NotificationEvent[]> {
    for (let message = await this.next(); message !== false; message = await this.next()) this.messages.push(message);
    return this.messages.map(eventOf);
  }

  async stopListening(): Promise<void> {
    await this.channel.deleteQueue(this.queue);
  }

  async close(): Promise<void> {
    await this.model.close().catch(() => undefined);
  }

  private next(): Promise<GetMessage | false> {
    return this.channel.get(this.queue, { noAck: true });
  }
}

/** The event in the envelope: one of oslo.messaging's, and nothing else in it. */
function eventOf({ content, properties }: GetMessage): NotificationEvent {
  const { 'oslo.message': text, ...rest } = JSON.parse(content.toString()) as Record<string, string>;
  expect(rest).toEqual({ 'oslo.version': '2.0' });
  const { _unique_id, timestamp, ...event } = JSON.parse(text ?? '') as NotificationEvent & { _unique_id: string };
  expect(timestamp).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}$/);
  expect(_unique_id).toBe(event.message_id.replaceAll('-', ''));
  expect(properties.messageId).toBe(event.message_id);
  return { ...event, timestamp: timestamp.replace(' ', 'T').replace(/000$/, 'Z') };
}
