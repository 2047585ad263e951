import pino, { DestinationStream, Logger as PinoLogger, LoggerOptions } from 'pino';
import type { Options as PinoHttpOptions } from 'pino-http';
import { serializeError } from './error-serializer';
import { currentLogFields } from './log-context';
import { currentTraceFields } from './tracing';

export type LogLevel = 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace' | 'silent';

const SECRET_NAMES = [
  'authorization',
  '["x-auth-token"]',
  '["x-subject-token"]',
  'cookie',
  '["set-cookie"]',
  'token',
  'password',
  'passphrase',
  'secret',
  'secret_key',
  'credentials',
];

/** Wherever such a field turns up: at the top, or one or two levels down. */
const REDACTED_PATHS = SECRET_NAMES.flatMap((name) => {
  const below = name.startsWith('[') ? name : `.${name}`;
  return [name, `*${below}`, `*.*${below}`];
});

/**
 * Settings of every logger of the product: JSON lines, ISO times, secrets replaced by `***`, errors without what drivers attach; with the
 * ids of the job that is worked on, and of the trace where there is one.
 */
export function loggerOptions(level: LogLevel): LoggerOptions {
  return {
    level,
    base: undefined,
    timestamp: pino.stdTimeFunctions.isoTime,
    mixin: (_fields, _level, logger) => ({ ...unbound(currentLogFields(), logger), ...currentTraceFields() }),
    formatters: { level: (label) => ({ level: label }) },
    redact: { paths: REDACTED_PATHS, censor: '***' },
    serializers: { err: (error: unknown) => serializeError(error), error: (error: unknown) => serializeError(error) },
  };
}

/** A logger of a request has its id already: no line says a thing twice. */
function unbound(fields: object, logger: PinoLogger): object {
  const entries = Object.entries(fields);
  if (entries.length === 0) return fields;
  const bound = logger.bindings();
  return Object.fromEntries(entries.filter(([name]) => !Object.hasOwn(bound, name)));
}

/** The product's logger. Lines go to standard error unless a destination is given, so that standard output stays for results. */
export function createLogger(level: LogLevel, destination: DestinationStream = pino.destination({ fd: 2, sync: true })): PinoLogger {
  return pino(loggerOptions(level), destination);
}

/** Node's request; Express keeps the whole URL beside the one that its routers shorten. */
interface LoggedRequest {
  readonly method?: string;
  readonly url?: string;
  readonly originalUrl?: string;
}

/**
 * For nestjs-pino: one line a request, on top of `logger`. Neither headers nor bodies nor query strings are logged: tokens
 * turn up there. `requestId` says how the host names the request.
 */
export function httpLoggerOptions(logger: PinoLogger, requestId: (request: { id?: unknown }) => string): PinoHttpOptions {
  return {
    logger,
    genReqId: (request) => requestId(request),
    quietReqLogger: true,
    customAttributeKeys: { reqId: 'request_id' },
    // Wrapped, they would be given what pino's own have made of an error: no Error any more.
    wrapSerializers: false,
    serializers: {
      req: ({ method, url, originalUrl }: LoggedRequest) => ({ method, path: (originalUrl ?? url)?.split('?', 1)[0] }),
      res: (response: { statusCode?: number }) => ({ status: response.statusCode }),
      err: (error: unknown) => serializeError(error),
    },
    customLogLevel: (_request, response, error) => (error !== undefined || response.statusCode >= 500 ? 'error' : 'info'),
  };
}
