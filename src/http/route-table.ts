import { Injectable, OnApplicationBootstrap, RequestMethod, Type } from '@nestjs/common';
import { METHOD_METADATA, PATH_METADATA } from '@nestjs/common/constants';
import { ApplicationConfig, DiscoveryService, MetadataScanner } from '@nestjs/core';
import { globalPrefixOf } from './global-prefix';

interface Route {
  readonly pattern: RegExp;
  readonly method: string;
}

/**
 * Every path that the application serves, with its methods: tells an unknown path (404) from a known one with another method
 * (405), which neither Fastify's nor Express's router does. It reads the controllers' decorators and the host's global prefix.
 */
@Injectable()
export class RouteTable implements OnApplicationBootstrap {
  private routes: Route[] = [];

  constructor(
    private readonly discovery: DiscoveryService,
    private readonly scanner: MetadataScanner,
    private readonly config: ApplicationConfig,
  ) {}

  onApplicationBootstrap(): void {
    this.routes = this.discovery.getControllers().flatMap((wrapper) => {
      const controller: unknown = wrapper.metatype;
      return typeof controller === 'function' ? this.routesOf(controller as Type) : [];
    });
  }

  /** The methods of a path, in the spelling of an `Allow` header's list; empty if the path is unknown. */
  methodsOf(path: string): string[] {
    const methods = new Set<string>();
    const route = path.slice(globalPrefixOf(path, this.config).length);
    for (const { method, pattern } of this.routes) {
      if (!pattern.test(route)) continue;
      methods.add(method);
      if (method === 'GET') methods.add('HEAD');
    }
    return [...methods].sort();
  }

  private routesOf(controller: Type): Route[] {
    const bases = pathsOf(Reflect.getMetadata(PATH_METADATA, controller));
    const prototype = controller.prototype as object;
    return this.scanner.getAllMethodNames(prototype).flatMap((name) => {
      const handler: unknown = Reflect.get(prototype, name);
      if (typeof handler !== 'function') return [];
      const verb: unknown = Reflect.getMetadata(METHOD_METADATA, handler);
      const paths: unknown = Reflect.getMetadata(PATH_METADATA, handler);
      if (typeof verb !== 'number' || paths === undefined) return [];
      const method = RequestMethod[verb] ?? 'ALL';
      return bases.flatMap((base) => pathsOf(paths).map((path) => ({ method, pattern: patternOf(`${base}/${path}`) })));
    });
  }
}

function pathsOf(metadata: unknown): string[] {
  const list: unknown[] = Array.isArray(metadata) ? metadata : [metadata ?? ''];
  return list.filter((path) => typeof path === 'string');
}

/** `:name` is one segment, `*` or `*name` is the rest. */
function patternOf(path: string): RegExp {
  const segments = path.split('/').filter((segment) => segment !== '');
  const source = segments.map((segment) => {
    if (segment.startsWith(':')) return '[^/]+';
    if (segment.startsWith('*')) return '.+';
    return segment.replace(/[^a-zA-Z0-9_-]/g, '\\$&');
  });
  return new RegExp(`^/${source.join('/')}/?$`);
}
