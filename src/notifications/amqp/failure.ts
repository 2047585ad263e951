import { DeliveryError } from '../notification-sender';

/** Reply codes of AMQP with which a broker closes a channel or a connection, as far as an operator can do something about them. */
const REPLIES: ReadonlyMap<number, string> = new Map([
  [320, 'the broker is being shut down, or somebody closed the connection'],
  [403, 'the broker refuses the user, its password, or what it may configure and write'],
  [404, 'the broker does not know the exchange or queue any more'],
  [405, 'the queue is locked: somebody has it for himself alone'],
  [406, 'the exchange or a queue is there already with other properties: see AMQP_DURABLE and AMQP_QUEUES'],
  [530, 'the broker refuses the virtual host, or has reached a limit'],
]);

/** What an operator is told: never the broker's or the socket's own words, which name hosts, users and queues. */
export function failureOf(error: unknown): DeliveryError {
  if (error instanceof DeliveryError) return error;
  const code = codeOf(error);
  if (typeof code === 'number') return new DeliveryError(REPLIES.get(code) ?? `the broker answered ${code}`);
  return new DeliveryError(code === undefined ? 'the connection to the broker was lost' : `the broker cannot be reached (${code})`);
}

/** AMQP's as a number, the system's or OpenSSL's as a text. */
function codeOf(error: unknown): number | string | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  if ('code' in error && (typeof error.code === 'number' || (typeof error.code === 'string' && /^[A-Z0-9_]+$/.test(error.code)))) return error.code;
  // Of the handshake amqplib tells in words only, and of its last step only that the virtual host was not opened.
  const words = 'message' in error ? String(error.message) : '';
  if (words.startsWith('Expected ConnectionOpenOk; got ')) return 530;
  const code = /^Handshake terminated by server: (\d{3}) /.exec(words)?.[1];
  return code === undefined ? undefined : Number(code);
}
