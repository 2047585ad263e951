import { text } from 'node:stream/consumers';
import { DomainError } from '../../kernel';
import type { SwiftClient } from './swift-client';
import { explanationOf } from './swift-errors';

/** Names that one request lists; Swift's own bound. */
const PAGE_NAMES = 10_000;

/** Makes a container; of one that is there nothing changes. */
export async function makeContainer(client: SwiftClient, container: string, signal: AbortSignal | undefined): Promise<void> {
  await client.ask({ path: [container], method: 'PUT', headers: { 'content-length': '0' }, signal }, 201, 202);
}

/** Names of a container's objects. A listing is late where Swift is busy. */
export function listContainer(client: SwiftClient, container: string, prefix: string, signal?: AbortSignal): AsyncGenerator<string> {
  return listBelow(client, [container], prefix, signal);
}

/** Names of an account's containers. */
export function listAccount(client: SwiftClient, prefix: string): AsyncGenerator<string> {
  return listBelow(client, [], prefix);
}

async function* listBelow(client: SwiftClient, path: readonly [container: string] | readonly [], prefix: string, signal?: AbortSignal): AsyncGenerator<string> {
  for (let marker = ''; ; ) {
    const query = { format: 'json', limit: String(PAGE_NAMES), prefix, marker };
    const answer = await client.send({ path, method: 'GET', query, signal }, 200, 204, 404);
    const names = answer.status === 200 ? namesIn(await text(answer.body)) : [];
    if (answer.status !== 200) await explanationOf(answer);
    yield* names;
    const last = names.at(-1);
    if (last === undefined) return;
    marker = last;
  }
}

function namesIn(listing: string): string[] {
  let entries: unknown;
  try {
    entries = JSON.parse(listing);
  } catch (cause) {
    throw new DomainError('StorageError', 'the object store gives a listing that cannot be read', { cause });
  }
  if (!Array.isArray(entries)) return [];
  return entries.flatMap((entry: { name?: unknown }) => (typeof entry.name === 'string' ? [entry.name] : []));
}
