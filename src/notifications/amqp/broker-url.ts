import { isIP } from 'node:net';
import { Secret } from '../../kernel';

/** A RabbitMQ node, and who we are to it. */
export interface Broker {
  readonly host: string;
  readonly port: number;
  readonly username: string;
  readonly password: Secret;
  readonly virtualHost: string;
  readonly tls: boolean;
}

/** Scheme, authority, path, query: hosts separated by commas are beyond `URL`. */
const URL_PATTERN = /^(rabbit|amqp|amqps):\/\/([^/?#]*)(?:\/([^?#]*))?(?:\?([^#]*))?$/;
/** What oslo.config takes for a boolean, lower case. */
const BOOLEANS: ReadonlyMap<string, boolean> = new Map([
  ...['1', 'true', 'on', 'yes'].map((text) => [text, true] as const),
  ...['0', 'false', 'off', 'no'].map((text) => [text, false] as const),
]);
const PORTS = { plain: 5672, tls: 5671 };

/**
 * Reads oslo.messaging's `transport_url`: `rabbit://user:password@host:5672,host2:5672/virtual-host?ssl=true`; `amqp://` is the same,
 * and `amqps://` has TLS. A host without a user has that of the host before it; with none anywhere, RabbitMQ's `guest`. Without a virtual
 * host it is `/`.
 *
 * @throws Error saying what is wrong; nothing of the URL in it but the names of unknown options
 */
export function parseBrokers(url: string): Broker[] {
  const match = URL_PATTERN.exec(url);
  if (match === null) throw new Error('it must be rabbit://user:password@host:port,host2:port/virtual-host');
  const [, scheme, authority = '', path = '', query = ''] = match;
  const tls = tlsOf(query) ?? scheme === 'amqps';
  const virtualHost = decoded(path) || '/';
  let user = { username: 'guest', password: new Secret('guest') };
  return authority.split(',').map((node) => {
    const at = node.lastIndexOf('@');
    if (at >= 0) user = userOf(node.slice(0, at));
    return { ...addressOf(node.slice(at + 1), tls ? PORTS.tls : PORTS.plain), ...user, virtualHost, tls };
  });
}

function userOf(text: string): { username: string; password: Secret } {
  const colon = text.indexOf(':');
  if (colon < 1) throw new Error('a host has a user without a name or password (user:password@host)');
  return { username: decoded(text.slice(0, colon)), password: new Secret(decoded(text.slice(colon + 1))) };
}

function addressOf(text: string, defaultPort: number): { host: string; port: number } {
  const [, literal, name, digits] = /^(?:\[([^\]]+)\]|([^:[\]\s]+))(?::([0-9]{1,5}))?$/.exec(text) ?? [];
  const host = literal ?? name;
  const port = digits === undefined ? defaultPort : Number(digits);
  if (host === undefined || (literal !== undefined && isIP(literal) !== 6) || port < 1 || port > 65_535) {
    throw new Error('each host must be host, host:port or [IPv6]:port, separated by commas');
  }
  return { host, port };
}

function tlsOf(query: string): boolean | undefined {
  const options = new URLSearchParams(query);
  const unknown = [...options.keys()].filter((key) => key !== 'ssl');
  if (unknown.length > 0) throw new Error(`it has unknown options: ${unknown.join(', ')}`);
  const text = options.get('ssl');
  if (text === null) return undefined;
  const value = BOOLEANS.get(text.toLowerCase());
  if (value === undefined) throw new Error('its option ssl must be true or false');
  return value;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new Error('a % in it is not followed by two hexadecimal digits: write %25');
  }
}
