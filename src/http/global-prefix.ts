import { ApplicationConfig } from '@nestjs/core';

/**
 * The part of a path that comes of the host's `setGlobalPrefix`: `/api`, or an empty text where the host has none or leaves this call
 * out of it.
 */
export function globalPrefixOf(path: string, config: ApplicationConfig): string {
  const prefix = config.getGlobalPrefix().replace(/^\/+|\/+$/g, '');
  return prefix !== '' && path.startsWith(`/${prefix}/`) ? `/${prefix}` : '';
}
