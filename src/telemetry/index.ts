export { LoggedError, serializeError } from './error-serializer';
export { Logger, silentLogger } from './logger';
export { LogLevel, createLogger, httpLoggerOptions, loggerOptions } from './pino-logger';
export { PRODUCT_VERSION } from './product-version';
