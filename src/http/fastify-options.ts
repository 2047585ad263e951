import { OutgoingHttpHeaders } from 'node:http';
import { errorAnswer } from './error-body';
import { REQUEST_ID_HEADER, requestIdOf } from './request-id';

/** The part of Fastify's reply that is used here; its own `send` has a type of its own for each route. */
interface Reply {
  hijack(): unknown;
  readonly raw: { writeHead(status: number, headers: OutgoingHttpHeaders): unknown; end(body: string): unknown };
}

/**
 * Options for Nest's `FastifyAdapter` that the calls of this service need:
 * - a name in a path may have 255 characters, three bytes each when percent-encoded (Fastify's own limit is 100);
 * - `__proto__` and `constructor` are legal attribute names, so bodies that hold them must pass: JSON.parse makes them plain
 *   own properties, which harm only code that copies by assignment;
 * - a URL that the router cannot read answers with the one error body, too: Fastify passes such errors by Nest's filters.
 *
 * @param bodyLimit bytes of a JSON body; above it, 413.
 */
export function fastifyServerOptions(bodyLimit: number) {
  return {
    bodyLimit,
    // The access log takes the id from here; answers and errors have the same one.
    genReqId: (request: object): string => requestIdOf(request),
    routerOptions: { maxParamLength: 1024 },
    onProtoPoisoning: 'ignore' as const,
    onConstructorPoisoning: 'ignore' as const,
    frameworkErrors: (_error: Error, request: object, reply: Reply): void => {
      const answer = errorAnswer('ValidationError', 'The URL is malformed.');
      reply.hijack();
      reply.raw.writeHead(answer.status, {
        ...answer.headers,
        'Content-Type': 'application/json; charset=utf-8',
        [REQUEST_ID_HEADER]: requestIdOf(request),
      });
      reply.raw.end(JSON.stringify(answer.body));
    },
  };
}
