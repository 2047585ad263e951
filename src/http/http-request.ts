import { IncomingHttpHeaders, IncomingMessage } from 'node:http';

/** What Fastify's and Express's requests have in common, as far as this room looks. */
export interface HttpRequest {
  readonly method: string;
  /** Path and query. */
  readonly url: string;
  /** Express only: `url` before routers shortened it. */
  readonly originalUrl?: string;
  readonly headers: IncomingHttpHeaders;
  /** Fastify only: Node's own request. */
  readonly raw?: IncomingMessage;
  readonly socket?: { readonly encrypted?: boolean; readonly localAddress?: string; readonly localPort?: number };
}

/** The path without the query (a query may hold what must not be logged). */
export function requestPath(request: HttpRequest): string {
  const url = request.originalUrl ?? request.url;
  const query = url.indexOf('?');
  return query < 0 ? url : url.slice(0, query);
}
