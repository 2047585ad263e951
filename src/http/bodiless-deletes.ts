import { Injectable, OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { IncomingMessage } from 'node:http';

/** The part of a Fastify server that is used here. */
interface FastifyServer {
  addHook(name: 'onRequest', hook: (request: { readonly raw: IncomingMessage }, reply: unknown, done: () => void) => void): unknown;
}

/**
 * MagnetoDB's clients name application/json in every request, DELETEs without a body included. Express takes that; Fastify would answer
 * 400, since nothing is no JSON.
 */
@Injectable()
export class BodilessDeletes implements OnModuleInit {
  constructor(private readonly adapterHost: HttpAdapterHost) {}

  onModuleInit(): void {
    const adapter = this.adapterHost.httpAdapter;
    if (adapter?.getType() !== 'fastify') return;
    adapter.getInstance<FastifyServer>().addHook('onRequest', ({ raw }, _reply, done) => {
      if (raw.method === 'DELETE' && !hasBody(raw)) delete raw.headers['content-type'];
      done();
    });
  }
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0';
}
