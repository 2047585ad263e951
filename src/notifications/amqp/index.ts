export { AmqpOptions, AmqpSender, amqp } from './amqp-sender';
export { Broker, parseBrokers } from './broker-url';
