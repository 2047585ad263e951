import { CallHandler, ExecutionContext, Injectable, NestInterceptor } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { randomUUID } from 'node:crypto';
import { Observable } from 'rxjs';

/** OpenStack's header for the id of a request, in every answer. */
export const REQUEST_ID_HEADER = 'x-openstack-request-id';

const ids = new WeakMap<object, string>();

/**
 * The request's id: `req-` and a UUID, as OpenStack's services write it. Made at first asking, and the same for Node's request
 * and the platform's wrapper of it, so that the access log, the error filter and the answer agree. A client's own id is never
 * taken over: it would let a client forge another's lines in the log.
 */
export function requestIdOf(request: object): string {
  const raw = 'raw' in request && typeof request.raw === 'object' && request.raw !== null ? request.raw : request;
  let id = ids.get(raw);
  if (id === undefined) {
    id = `req-${randomUUID()}`;
    ids.set(raw, id);
  }
  return id;
}

/** Puts the request's id on answers that are no errors; the error filter does so for the others. */
@Injectable()
export class RequestIdInterceptor implements NestInterceptor {
  constructor(private readonly adapterHost: HttpAdapterHost) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const http = context.switchToHttp();
    this.adapterHost.httpAdapter.setHeader(
      http.getResponse(),
      REQUEST_ID_HEADER,
      requestIdOf(http.getRequest<object>()),
    );
    return next.handle();
  }
}
