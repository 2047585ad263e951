import { text } from 'node:stream/consumers';
import { DomainError } from '../../kernel';
import type { HttpAnswer } from '../http-connect';

/** Longest explanation of a refusal that is read. */
const MAX_EXPLANATION_BYTES = 64 * 1024;
/** Nobody is sent away for longer, whatever the server says. */
const MAX_RETRY_AFTER_SECONDS = 300;
/** Between two tries of a put whose container Swift does not know yet. */
const MISSING_CONTAINER_SECONDS = 2;

/** What an answer that is no success means. The answer's body is read away. */
export async function swiftError(answer: HttpAnswer): Promise<DomainError> {
  const explanation = await explanationOf(answer);
  const { status } = answer;
  const asked = retryAfterOf(answer);
  const transient = (message: string, retryAfterSeconds = asked): DomainError =>
    new DomainError('StorageError', message, { transient: true, ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }) });
  switch (status) {
    case 401:
      return transient('the object store does not accept the credentials');
    case 403:
      return new DomainError('StorageError', 'the object store denies access to the container');
    case 404:
      // Swift's proxies remember for seconds that a container was not there, also of one that was made since (recheck_container_existence / 10).
      return transient('the container is not there', MISSING_CONTAINER_SECONDS);
    case 413:
      return /quota/i.test(explanation)
        ? new DomainError('StorageFull', "the object store's quota is used up")
        : new DomainError('StorageFull', 'the object store takes no more: a quota is used up, or an object is larger than it allows');
    case 507:
      return new DomainError('StorageFull', 'no room left in the object store');
    case 422:
      return transient('an object was damaged on its way to the object store');
    case 429:
    case 498:
      return transient('the object store asks to come more slowly');
  }
  // 408: the request was too slow; 409: somebody else wrote the same name at the same time; 499: the store lost the connection.
  if (status >= 500 || [408, 409, 499].includes(status)) return transient(`the object store answered ${status}`);
  return new DomainError('StorageError', `the object store answered ${status}`);
}

/** Reads an answer's body away, so that its connection can be used again. Too long a one is cut off. */
export async function explanationOf({ body }: HttpAnswer): Promise<string> {
  try {
    return await text(bounded(body));
  } catch {
    return '';
  }
}

async function* bounded(body: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > MAX_EXPLANATION_BYTES) return;
    yield chunk;
  }
}

function retryAfterOf({ headers }: HttpAnswer): number | undefined {
  const given = headers['retry-after'];
  if (given === undefined) return undefined;
  const seconds = /^\d{1,9}$/.test(given) ? Number(given) : (Date.parse(given) - Date.now()) / 1000;
  return Number.isFinite(seconds) ? Math.min(MAX_RETRY_AFTER_SECONDS, Math.max(0, Math.ceil(seconds))) : undefined;
}
