import { readFile } from 'node:fs/promises';
import { NotificationSender, amqp } from '../index';
import { naming } from './setting';
import { GatewaySettings } from './settings';

/** The sender to RabbitMQ, if the operator names one. @throws Error naming the setting that is wrong */
export async function amqpSenders(settings: GatewaySettings): Promise<NotificationSender[]> {
  const { amqpUrl: url, amqpExchange: exchange, amqpTopic: topic, amqpDurable: durable, amqpQueues: queues } = settings;
  if ((settings.amqpCertFile === undefined) !== (settings.amqpKeyFile === undefined)) throw new Error('AMQP_CERT_FILE and AMQP_KEY_FILE need each other');
  const files = [
    await readPem('AMQP_CA_FILE', 'ca', settings.amqpCaFile),
    await readPem('AMQP_CERT_FILE', 'cert', settings.amqpCertFile),
    await readPem('AMQP_KEY_FILE', 'key', settings.amqpKeyFile),
  ];
  const tls = Object.assign({}, ...files) as Record<string, string>;
  return url === undefined ? [] : [await naming('AMQP_URL', () => amqp(url, { exchange, topic, durable, queues, tls }))];
}

async function readPem(env: string, name: 'ca' | 'cert' | 'key', file: string | undefined): Promise<Record<string, string>> {
  if (file === undefined) return {};
  const text = await naming(env, () => readFile(file, 'utf8'));
  if (!text.includes('-----BEGIN ')) throw new Error(`${env}: the file is not PEM`);
  return { [name]: text };
}
