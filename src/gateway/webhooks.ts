import { readFile } from 'node:fs/promises';
import { NotificationSender, parseWebhooks, webhook } from '../index';
import { naming } from './setting';
import { GatewaySettings } from './settings';

/** The senders of the operator's webhooks. @throws Error naming the setting that is wrong */
export async function webhookSenders({ webhookUrl, webhookSecret, webhooksFile }: GatewaySettings): Promise<NotificationSender[]> {
  if (webhookUrl === undefined && webhookSecret.length > 0) throw new Error('WEBHOOK_SECRET needs WEBHOOK_URL beside it');
  const simple = webhookUrl === undefined ? [] : [await naming('WEBHOOK_URL and WEBHOOK_SECRET', () => webhook(webhookUrl, webhookSecret))];
  const named = webhooksFile === undefined ? [] : await naming('WEBHOOKS_FILE', async () => parseWebhooks(await readJson(webhooksFile)));
  return [...simple, ...named];
}

/** The parser's own words would quote the file, and with it a secret. */
async function readJson(file: string): Promise<unknown> {
  const text = await readFile(file, 'utf8');
  try {
    return JSON.parse(text);
  } catch {
    throw new Error('the file is not JSON');
  }
}
