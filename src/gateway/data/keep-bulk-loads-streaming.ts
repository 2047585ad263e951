import { IncomingHttpHeaders } from 'node:http';

/** The part of a Fastify server that is used here. */
interface FastifyServer {
  addHook(name: 'onRequest', hook: (request: RawCarrier, reply: unknown, done: () => void) => void): unknown;
  addContentTypeParser(
    type: string,
    parser: (request: unknown, payload: unknown, done: (error: null, body: undefined) => void) => void,
  ): unknown;
}

interface RawCarrier {
  readonly raw: { readonly url?: string; readonly headers: IncomingHttpHeaders };
}

/** Newline-separated items, whose reading is the handler's. */
const STREAMED = 'application/x-ndjson';

/** What DynamoDB's clients send; nobody reads it, but their answer must be that of the handler. */
const DYNAMODB = 'application/x-amz-json-1.0';

const BULK_LOAD = /\/bulk_load\/?(?:\?|$)/;

/**
 * Leaves the bodies of bulk loads to the controller, unread and without a limit on their length, whatever media type the
 * client names (MagnetoDB's own says application/json). Call it before `listen`, on Nest's Fastify instance.
 */
export function keepBulkLoadsStreaming(server: FastifyServer): void {
  server.addHook('onRequest', (request, _reply, done) => {
    if (BULK_LOAD.test(request.raw.url ?? '')) request.raw.headers['content-type'] = STREAMED;
    done();
  });
  for (const type of [STREAMED, DYNAMODB]) {
    server.addContentTypeParser(type, (_request, _payload, done) => done(null, undefined));
  }
}
