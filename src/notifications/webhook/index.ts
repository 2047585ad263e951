export { SigningSecret } from './signature';
export { parseWebhooks, webhook } from './webhook-file';
export { WebhookOptions, WebhookSender } from './webhook-sender';
