import { LoggerService } from '@nestjs/common';
import type { Logger } from '../index';

/**
 * Nest's logger until the application stands: what goes wrong, and nothing else. Nest's own account of how it puts itself together (a line
 * a module, a line a route) is of no use to an operator.
 */
export function startLogger(logger: Logger): LoggerService {
  const fields = (message: unknown, rest: readonly unknown[]): object => ({
    context: rest.at(-1),
    ...(message instanceof Error ? { err: message } : {}),
  });
  const text = (message: unknown): string => (message instanceof Error ? 'the start failed' : String(message));
  return {
    log: () => undefined,
    warn: (message: unknown, ...rest: unknown[]) => logger.warn(fields(message, rest), text(message)),
    error: (message: unknown, ...rest: unknown[]) => logger.error(fields(message, rest), text(message)),
  };
}
