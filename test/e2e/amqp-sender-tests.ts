import { readFileSync } from 'node:fs';
import { inspect } from 'node:util';
import { AmqpOptions, AmqpSender, DeliveryError, NotificationEvent, amqp } from '../../src/notifications';
import { notificationSenderContract, sampleEvent } from '../contract/notification-sender.contract';
import { TcpProxy } from '../fakes/tcp-proxy';
import { RabbitmqService } from '../setup/rabbitmq-service';
import { until } from '../setup/until';
import { AmqpConsumer } from './amqp-consumer';

const PASSWORD = 'openstack-secret';

const send = (to: AmqpSender, event: NotificationEvent, signal = new AbortController().signal): Promise<void> => to.send(event, signal);
const eventually = (to: AmqpSender, event: NotificationEvent): Promise<boolean> => until(() => send(to, event).then(() => true, () => false));

/** What AmqpSender does with a real broker; those who run them start it. */
export function amqpSenderTests(running: () => RabbitmqService): void {
  let broker: RabbitmqService;
  let consumer: AmqpConsumer;
  const senders: AmqpSender[] = [];
  const proxies: TcpProxy[] = [];
  beforeEach(async () => {
    broker = running();
    consumer = await AmqpConsumer.of(broker.url);
  });
  afterEach(async () => {
    await Promise.all(senders.splice(0).map((sender) => sender.close()));
    await Promise.all(proxies.splice(0).map((proxy) => proxy.close()));
    await consumer.close();
  });

  const sender = (url = broker.url, options: AmqpOptions = {}): AmqpSender => {
    const made = amqp(url, { ...consumer.options, ...options });
    senders.push(made);
    return made;
  };
  const proxyOf = async (): Promise<TcpProxy> => {
    const made = await TcpProxy.to(broker.port);
    proxies.push(made);
    return made;
  };
  const urlAt = (...ports: number[]): string => `rabbit://openstack:${PASSWORD}@${ports.map((port) => `127.0.0.1:${port}`).join(',')}/`;
  const failure = async (to: AmqpSender): Promise<DeliveryError> => {
    const error: unknown = await send(to, sampleEvent('end')).catch((caught: unknown) => caught);
    if (!(error instanceof DeliveryError)) throw new Error(`it was delivered, or ${inspect(error)}`);
    expect(inspect(error)).not.toMatch(/127\.0\.0\.1|openstack|secret|exchange-|topic-/);
    expect(error.refused).toBe(false);
    return error;
  };

  notificationSenderContract('amqp', true, async () => {
    const own = await AmqpConsumer.of(running().url);
    const proxy = await TcpProxy.to(running().port);
    const tested = amqp(urlAt(proxy.port), own.options);
    return {
      sender: tested,
      received: () => own.events(),
      receiver: { refuse: async (refusing) => proxy.refuse(refusing), hang: async (hanging) => proxy.hang(hanging) },
      close: async () => {
        await tested.close();
        await Promise.all([proxy.close(), own.close()]);
      },
    };
  });

  it('are persistent JSON under the keys that oslo’s listeners bind', async () => {
    const all = [sampleEvent('start'), sampleEvent('error')];
    const to = sender();
    for (const event of all) await send(to, event);
    expect(await consumer.events()).toEqual(all);
    expect(consumer.messages.map(({ fields }) => fields.routingKey)).toEqual([`${consumer.topic}.info`, `${consumer.topic}.error`]);
    for (const { properties } of consumer.messages) expect(properties).toMatchObject({ contentType: 'application/json', contentEncoding: 'utf-8', deliveryMode: 2 });
  });

  it('wait in a queue for each priority until somebody listens', async () => {
    const [start, error] = [sampleEvent('start'), sampleEvent('error')];
    const to = sender();
    await send(to, start);
    await send(to, error);
    for (const [key, event] of [['info', start], ['error', error]] as const) {
      const message = await consumer.channel.get(`${consumer.topic}.${key}`, { noAck: true });
      expect(message === false ? 'none' : message.properties.messageId).toBe(event.message_id);
    }
  });

  it('are kept by a queue again after somebody deleted it', async () => {
    const to = sender();
    await send(to, sampleEvent('start'));
    const queue = `${consumer.topic}.info`;
    await consumer.channel.deleteQueue(queue);
    await consumer.stopListening();
    expect((await failure(to)).message).toBe('no queue took the message; the queues are declared again');
    await send(to, sampleEvent('end'));
    expect((await consumer.channel.checkQueue(queue)).messageCount).toBe(1);
  });

  it('need no queue where none is to be declared', async () => {
    const to = sender(undefined, { queues: 'none', topic: 'nobody' });
    await send(to, sampleEvent('start'));
    expect(await consumer.events()).toHaveLength(1);
    await consumer.stopListening();
    await send(to, sampleEvent('end'));
    await expect(consumer.channel.checkQueue('nobody.info')).rejects.toThrow('NOT_FOUND');
  });

  it('go to quorum queues, which are durable', async () => {
    const durable = { exchange: `${consumer.exchange}-durable`, queues: 'quorum' } as const;
    await send(sender(undefined, durable), sampleEvent('start'));
    // Otherwise declared, it would be refused.
    await consumer.channel.assertQueue(`${consumer.topic}.info`, { durable: true, arguments: { 'x-queue-type': 'quorum' } });
    await consumer.channel.deleteQueue(`${consumer.topic}.info`);
    await consumer.channel.deleteQueue(`${consumer.topic}.error`);
    await consumer.channel.assertExchange(durable.exchange, 'topic', { durable: true });
  });

  it('say that the exchange was declared otherwise, and go on once it is not', async () => {
    const to = sender(undefined, { durable: true });
    expect((await failure(to)).message).toBe('the exchange or a queue is there already with other properties: see AMQP_DURABLE and AMQP_QUEUES');
    await consumer.channel.deleteExchange(consumer.exchange);
    await send(to, sampleEvent('end'));
  });

  it('say that the exchange is gone, and declare it again', async () => {
    const to = sender();
    await send(to, sampleEvent('start'));
    await consumer.channel.deleteExchange(consumer.exchange);
    expect((await failure(to)).message).toBe('the broker does not know the exchange or queue any more');
    await send(to, sampleEvent('end'));
  });

  it.each<[string, (url: string) => string, string]>([
    ['a wrong password', (url) => url.replace(PASSWORD, 'wr0ng'), 'the broker refuses the user, its password, or what it may configure and write'],
    ['a virtual host that is not there', (url) => `${url}nowhere`, 'the broker refuses the virtual host, or has reached a limit'],
    ['a broker that is not there', () => urlAt(1), 'the broker cannot be reached (ECONNREFUSED)'],
    ['a host that is not there', () => 'rabbit://no-such-host.invalid/', 'the broker cannot be reached (ENOTFOUND)'],
  ])('say that there is %s', async (_title, change, message) => {
    const to = sender(change(broker.url));
    expect((await failure(to)).message.replace('EAI_AGAIN', 'ENOTFOUND')).toBe(message);
    expect(inspect(to, { depth: 10, showHidden: true })).not.toMatch(/wr0ng|openstack/);
  });

  it('need no more permissions than docs/openstack.md gives', async () => {
    const [, ...patterns] = /set_permissions -p \/ magnetodb '(.*)' '(.*)' '(.*)'/.exec(readFileSync('docs/openstack.md', 'utf8')) ?? [];
    expect(patterns).toHaveLength(3);
    const erlang = patterns.map((pattern) => `<<${JSON.stringify(pattern)}>>`).join(', ');
    const user = '<<"limited">>';
    await broker.evaluate(`rabbit_auth_backend_internal:add_user(${user}, <<"its-secret">>, ${user}), rabbit_auth_backend_internal:set_permissions(${user}, <<"/">>, ${erlang}, ${user}).`);
    const url = broker.url.replace('openstack:', 'limited:').replace(PASSWORD, 'its-secret');
    await send(sender(url, { exchange: 'magnetodb', topic: 'notifications' }), sampleEvent('start'));
    expect((await failure(sender(url, { exchange: 'other', topic: 'notifications' }))).message).toBe('the broker refuses the user, its password, or what it may configure and write');
    for (const queue of ['notifications.info', 'notifications.error']) await consumer.channel.deleteQueue(queue);
    await consumer.channel.deleteExchange('magnetodb');
  });

  it('go to the next broker when one is lost, and back', async () => {
    const [one, two] = [await proxyOf(), await proxyOf()];
    const to = sender(urlAt(1, one.port, two.port));
    await send(to, sampleEvent('start'));
    expect([one.connections, two.connections]).toEqual([1, 0]);
    one.refuse(true);
    await eventually(to, sampleEvent('end'));
    expect([one.connections, two.connections]).toEqual([0, 1]);
    one.refuse(false);
    two.refuse(true);
    await eventually(to, sampleEvent('end'));
    expect([one.connections, two.connections]).toEqual([1, 0]);
  });

  it('leave a broker that is silent for two heartbeats, and one that does not confirm in time', async () => {
    const proxy = await proxyOf();
    const to = sender(urlAt(proxy.port), { heartbeatSeconds: 1 });
    await send(to, sampleEvent('start'));
    proxy.hang(true);
    await until(() => proxy.connections === 0);
    proxy.hang(false);
    const patient = sender(urlAt(proxy.port));
    await send(patient, sampleEvent('start'));
    proxy.hang(true);
    const abort = new AbortController();
    const sending = send(patient, sampleEvent('end'), abort.signal);
    setImmediate(() => abort.abort());
    await expect(sending).rejects.toThrow('the broker did not confirm in time');
    await until(() => proxy.connections === 0);
    proxy.hang(false);
    await send(patient, sampleEvent('end'));
  });

  it('say that the broker closed the connection, and open another', async () => {
    const to = sender();
    await send(to, sampleEvent('start'));
    await broker.evaluate('[rabbit_networking:close_connection(P, "goodbye") || P <- rabbit_networking:connections()].');
    await consumer.close();
    consumer = await AmqpConsumer.of(broker.url);
    await eventually(to, sampleEvent('end'));
  });

  it('open one connection, however many come at once, and let go of it in the end', async () => {
    const proxy = await proxyOf();
    const to = sender(urlAt(proxy.port));
    await Promise.all(Array.from({ length: 8 }, () => send(to, sampleEvent('start'))));
    expect(proxy.connections).toBe(1);
    expect(await consumer.events()).toHaveLength(8);
    await to.close();
    await until(() => proxy.connections === 0);
    await send(to, sampleEvent('end'));
    expect(proxy.connections).toBe(1);
  });

  it('use TLS, with a broker whose certificate they can trust only, and show their own', async () => {
    const { port, ca, cert, key } = broker.tls;
    const url = urlAt(port).replace('rabbit:', 'amqps:');
    await send(sender(url, { tls: { ca, cert, key } }), sampleEvent('start'));
    await send(sender(`${urlAt(port)}?ssl=1`, { tls: { ca, cert, key } }), sampleEvent('end'));
    expect(await consumer.events()).toHaveLength(2);
    expect((await failure(sender(url, { tls: { cert, key } }))).message).toMatch(/^the broker cannot be reached \((SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_VERIFY_LEAF_SIGNATURE|UNABLE_TO_GET_ISSUER_CERT_LOCALLY)\)$/);
    expect((await failure(sender(url, { tls: { ca } }))).message).toMatch(/^the (broker cannot be reached|connection to the broker was lost)/);
    expect((await failure(sender(urlAt(port)))).message).toMatch(/^the (broker cannot be reached|connection to the broker was lost)/);
  });

  it('are held back while the broker is short of memory, and come once', async () => {
    const to = sender();
    const [first, second] = [sampleEvent('start'), sampleEvent('end')];
    await broker.evaluate('rabbit_alarm:set_alarm({{resource_limit, memory, node()}, []}).');
    try {
      await expect(send(to, first, AbortSignal.timeout(500))).rejects.toThrow('the broker did not confirm in time');
      for (const event of [first, second]) await expect(send(to, event)).rejects.toThrow('the broker takes no messages for now: it is short of memory or disk');
    } finally {
      await broker.evaluate('rabbit_alarm:clear_alarm({resource_limit, memory, node()}).');
    }
    for (const event of [first, second]) await eventually(to, event);
    expect(await consumer.events()).toEqual([first, second]);
  });
}
