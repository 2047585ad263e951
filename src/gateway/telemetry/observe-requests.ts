import { IncomingHttpHeaders } from 'node:http';
import { Span, SpanKind } from '@opentelemetry/api';
import { Histogram, Registry } from 'prom-client';
import { contextOf, endSpan, inSpan, requestIdOf, startSpan, withLogFields } from '../../index';

/** The parts of Fastify that are used here. */
interface Request {
  readonly method: string;
  readonly headers: IncomingHttpHeaders;
  readonly raw: object;
  readonly routeOptions: { readonly url?: string | undefined };
}
interface Reply {
  readonly statusCode: number;
  readonly elapsedTime: number;
}
type Hook = (request: Request, reply: Reply, done: () => void) => void;
interface FastifyServer {
  addHook(name: 'onRequest' | 'preValidation' | 'onResponse', hook: Hook): unknown;
}

const SECONDS = [0.005, 0.02, 0.1, 0.5, 2, 10, 60];

/** The methods that this service has; a client's invention is no label of a metric. */
const METHODS = new Set(['GET', 'POST', 'PATCH', 'DELETE', 'PUT', 'HEAD', 'OPTIONS']);

/**
 * Times and traces every call, by its route's pattern (never its path: that names projects and tables), and gives what is logged on the
 * way the request's id. A caller's own `traceparent` is gone on with only where the operator trusts what stands before this service.
 */
export function observeRequests(server: FastifyServer, registry: Registry, trustProxy: boolean): void {
  const duration = new Histogram({
    name: 'magnetodb_http_request_duration_seconds',
    help: 'Time to the end of the answer, by route',
    labelNames: ['method', 'route', 'status'],
    buckets: SECONDS,
    registers: [registry],
  });
  const spans = new WeakMap<object, Span>();

  server.addHook('onRequest', (request, _reply, done) => {
    const parent = contextOf(trustProxy ? [request.headers['traceparent']].flat()[0] : undefined);
    const { method, route } = labelsOf(request);
    const attributes = { 'http.request.method': method, 'http.route': route, 'magnetodb.request_id': requestIdOf(request) };
    spans.set(request.raw, startSpan(`${method} ${route}`, { kind: SpanKind.SERVER, parent, attributes }));
    done();
  });
  // Not in onRequest: what comes after the reading of a body would not be within.
  server.addHook('preValidation', (request, _reply, done) => {
    const span = spans.get(request.raw);
    const on = (): void => withLogFields({ request_id: requestIdOf(request) }, done);
    if (span === undefined) on();
    else inSpan(span, on);
  });
  server.addHook('onResponse', (request, reply, done) => {
    const status = reply.statusCode;
    const span = spans.get(request.raw);
    span?.setAttribute('http.response.status_code', status);
    if (span !== undefined) endSpan(span, status >= 500 ? String(status) : undefined);
    duration.observe({ ...labelsOf(request), status }, reply.elapsedTime / 1000);
    done();
  });
}

function labelsOf({ method, routeOptions }: Request): { method: string; route: string } {
  return { method: METHODS.has(method) ? method : 'other', route: routeOptions.url ?? 'none' };
}
