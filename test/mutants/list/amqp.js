const rows = require('../rows');

const BROKER = 'test/e2e/amqp.e2e-spec.ts';
const URLS = 'src/notifications/amqp/broker-url.spec.ts';

module.exports = [
  ...rows('src/notifications/amqp/envelope.ts', BROKER, [
    ['envelope-of-our-own', 'listeners get oslo’s envelope', "'oslo.version': '2.0', ", '', 'are persistent JSON'],
    ['time-of-our-own', 'times are written as oslo writes them', ".replace('T', ' ')", '', 'are persistent JSON'],
    ['one-routing-key', 'errors go to listeners of errors', '${priority.toLowerCase()}', 'info', 'wait in a queue for each priority'],
  ]),
  ...rows('src/notifications/amqp/broker-link.ts', BROKER, [
    ['no-content-type', 'messages say that they are JSON, else listeners drop them', "contentType: 'application/json', ", '', 'are persistent JSON'],
    ['messages-in-memory', 'messages are persistent', 'deliveryMode: 2', 'deliveryMode: 1', 'are persistent JSON'],
    ['no-queues', 'what comes before the first listener waits for it', "if (queues === 'none') return;", "if (queues !== 'x') return;", 'wait in a queue for each priority'],
    ['returned-is-delivered', 'what no queue took comes again', 'if (this.returned.delete(id)) reject', 'if (this.returned.has(`${id}?`)) reject', 'are kept by a queue again'],
    ['queues-declared-once', 'a deleted queue is declared again', 'this.declared = this.declare().catch((error: unknown) => this.end(error));', '', 'are kept by a queue again'],
    ['queues-where-none-are-wanted', 'no queue is declared where none is wanted', "if (queues === 'none') return;", '', 'need no queue where none'],
    ['classic-for-quorum', 'quorum queues are declared as such', "{ 'x-queue-type': 'quorum' }", "{ 'x-queue-type': 'classic' }", 'go to quorum queues'],
    ['written-while-blocked', 'nothing is written to a broker that is short of memory', 'if (this.blocked && earlier', 'if (this.blocked && !earlier && earlier', 'are held back while'],
    ['written-twice', 'what was written before an alarm comes once', 'const written = earlier ?? this.write(message);', 'const written = this.write(message);', 'are held back while'],
    ['cut-while-blocked', 'the connection to a blocked broker is kept', 'if (!this.blocked) this.cut();', 'this.cut();', 'are held back while'],
    ['kept-unconfirmed', 'a broker that does not confirm is left', 'if (!this.blocked) this.cut();', '', 'leave a broker that is silent'],
    ['sent-is-delivered', 'an event is delivered once the broker has confirmed it', 'properties, answer);', 'properties, answer); resolve();', 'lose nothing'],
    ['no-heartbeat', 'a silent broker is left', 'heartbeat: options.heartbeatSeconds', 'heartbeat: 0', 'leave a broker that is silent'],
    ['no-certificate-shown', 'the gateway shows its certificate', '...(broker.tls ? options.tls : {}),', '...(broker.tls ? { ca: options.tls.ca ?? [] } : {}),', 'use TLS'],
    ['any-certificate', 'a broker’s certificate is verified', '...(broker.tls ? options.tls : {}),', '...(broker.tls ? { ...options.tls, rejectUnauthorized: false } : {}),', 'use TLS'],
  ]),
  ...rows('src/notifications/amqp/failure.ts', BROKER, [
    ['failure-without-reason', 'what is wrong with a set-up is said', "if (typeof code === 'number') return", "if (code === 0) return", 'say that the exchange was declared otherwise'],
    ['broker-in-errors', 'nothing of the broker is in errors', "return new DeliveryError(code === undefined ? 'the connection", "return new DeliveryError(code === 'ECONNREFUSED' ? String(error) : code === undefined ? 'the connection", 'a broker that is not there'],
  ]),
  ...rows('src/notifications/amqp/amqp-sender.ts', BROKER, [
    ['first-broker-only', 'when a broker is lost, the next takes its place', 'tried < this.#brokers.length', 'tried < 1', 'go to the next broker'],
    ['link-for-ever', 'a lost connection is replaced', 'if (this.#link === opening) this.#link = undefined;', '', 'say that the broker closed the connection'],
    ['broker-connection-an-event', 'one connection is enough', 'if (this.#link !== undefined) return this.#link;', '', 'open one connection'],
    ['connection-kept', 'the connection is let go of in the end', '(open) => open.close(),', '() => undefined,', 'open one connection'],
    ['transient-quorum', 'what quorum queues are bound to is durable', "durable: durable || queues === 'quorum'", 'durable', 'go to quorum queues'],
  ]),
  ...rows('src/notifications/outbox-dispatcher.ts', 'src/notifications/notifications.spec.ts', [
    ['sender-not-closed', 'a gateway that stops lets go of its receivers', 'await this.sender.close?.()', 'await Promise.resolve()', 'lets go of its receivers'],
  ]),
  ...rows('src/notifications/amqp/broker-url.ts', URLS, [
    ['guest-for-the-rest', 'a host without a user has that of the host before it', 'if (at >= 0) user =', "if (at < 0) user = { username: 'guest', password: new Secret('guest') };\n    else user =", ''],
    ['options-ignored', 'an unknown option is refused', 'if (unknown.length > 0) throw', 'if (unknown.length > 9) throw', ''],
    ['vhost-as-written', 'a virtual host is decoded', 'decoded(path) ||', 'path ||', ''],
    ['plain-for-tls', 'ssl=true has TLS', 'tlsOf(query) ??', '', ''],
  ]),
  ...rows('demo/stack.ts', 'test/e2e/stack.e2e-spec.ts', [
    ['stack-without-rabbitmq', 'the stack’s gateway tells RabbitMQ', 'AMQP_URL: rabbitmq,', '', 'prints what makes'],
  ]),
  ...rows('src/gateway/amqp.ts', BROKER, [
    ['half-a-certificate', 'a certificate needs its key', '(settings.amqpCertFile === undefined) !== (settings.amqpKeyFile === undefined)', "settings.amqpCertFile === ''", 'keep it from starting'],
    ['durable-ignored', 'AMQP_DURABLE is heeded', 'exchange, topic, durable, queues, tls }', 'exchange, topic, queues, tls }', 'with the names and payloads'],
  ]),
];
