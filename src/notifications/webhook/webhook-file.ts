import { EVENT_TYPES } from '../event';
import { SigningSecret } from './signature';
import { WebhookSender, matchesType } from './webhook-sender';

/** `http(s)://host[:port][/path][?query]`, no user, no password, no fragment. */
const URL_PATTERN = /^https?:\/\/[^\s/?#@\\]+([/?][^\s#]*)?$/;
const NAME_PATTERN = /^[a-z][a-z0-9-]{0,62}$/;
const KEYS = ['url', 'secrets', 'projects', 'events'];
const MAX_SECRETS = 8;

/** One hook as an operator writes it. */
type Hook = Readonly<Record<string, unknown>>;

/**
 * Reads hooks by name: `{"audit": {"url": "https://…", "secrets": ["whsec_…"], "projects": ["demo"], "events": ["magnetodb.restore.*"]}}`
 * (docs/notifications.md). Their senders are called `webhook-<name>`.
 *
 * @throws Error saying what is wrong with which hook; never a secret or a URL.
 */
export function parseWebhooks(content: unknown): WebhookSender[] {
  if (!isObject(content)) throw new Error('webhooks: one JSON object of hooks by name is expected.');
  return Object.entries(content).map(([name, hook]) => {
    if (!NAME_PATTERN.test(name)) throw new Error(`webhooks: ${JSON.stringify(name)} is no name: lower-case letters, digits and dashes.`);
    if (!isObject(hook)) throw new Error(`webhooks: "${name}" must be a JSON object.`);
    return webhookOf(`webhook-${name}`, hook, (what) => new Error(`webhooks: "${name}" ${what}.`));
  });
}

/**
 * One hook that gets everything; its sender is called `webhook`.
 * @throws Error as `parseWebhooks`
 */
export function webhook(url: string, secrets: readonly string[]): WebhookSender {
  return webhookOf('webhook', { url, secrets }, (what) => new Error(`the webhook ${what}.`));
}

function webhookOf(name: string, hook: Hook, wrong: (what: string) => Error): WebhookSender {
  const unknown = Object.keys(hook).filter((key) => !KEYS.includes(key));
  if (unknown.length > 0) throw wrong(`has unknown keys: ${unknown.join(', ')}`);
  const { url } = hook;
  if (typeof url !== 'string' || !URL_PATTERN.test(url) || !URL.canParse(url)) {
    throw wrong('needs a "url" like https://host/path, without user or password');
  }
  const secrets = textsOf(hook, 'secrets', wrong)?.map((text) => SigningSecret.parse(text));
  if (secrets === undefined || secrets.length > MAX_SECRETS || !secrets.every((secret) => secret !== undefined)) {
    throw wrong(`needs "secrets": 1 to ${MAX_SECRETS} times whsec_ and base64 of 24 to 64 random bytes`);
  }
  const [projects, events] = [textsOf(hook, 'projects', wrong), textsOf(hook, 'events', wrong)];
  const odd = events?.find((pattern) => !EVENT_TYPES.some((type) => matchesType(pattern, type)));
  if (odd !== undefined) throw wrong(`knows no event ${JSON.stringify(odd)}`);
  return new WebhookSender({ name, url, secrets, ...(projects === undefined ? {} : { projects }), ...(events === undefined ? {} : { events }) });
}

/** A list of texts, not empty; undefined if the key is absent. */
function textsOf(hook: Hook, key: string, wrong: (what: string) => Error): string[] | undefined {
  const value = Object.hasOwn(hook, key) ? hook[key] : undefined;
  if (value === undefined) return undefined;
  if (!Array.isArray(value) || value.length === 0 || !value.every((each) => typeof each === 'string')) throw wrong(`has no list of texts in "${key}"`);
  return value;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
