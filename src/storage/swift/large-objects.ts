import { createHash, randomUUID } from 'node:crypto';
import { DomainError } from '../../kernel';
import type { ObjectSource } from '../object-store';
import { partsOf } from '../source-bytes';
import { listContainer, makeContainer } from './containers';
import { DigestedBody } from './sources';
import { SwiftClient, bodyHeaders, etagOf } from './swift-client';
import { explanationOf } from './swift-errors';

interface Segment {
  readonly name: string;
  readonly bytes: number;
  readonly md5: string;
}

/** Deletions under way at once. */
const PARALLEL = 8;
/** Segments of an object on their way at once. */
const PARALLEL_SEGMENTS = 4;

/**
 * Objects as segments and a manifest that names them (Swift's static large objects). Segments lie in a container of their own, under the object's
 * name, a tilde (which no object's name has) and an id of the upload: uploads of the same name at the same time never touch each other's. They are
 * digested as they are sent, some at a time, and nobody sees one that was damaged: the manifest comes last, with the digests of all segments.
 */
export class LargeObjects {
  private readonly segments: string;

  constructor(private readonly client: SwiftClient, private readonly container: string) {
    this.segments = `${container}_segments`;
  }

  async put(name: string, source: ObjectSource, segmentBytes: number, signal: AbortSignal | undefined): Promise<void> {
    await Promise.all([this.segments, this.container].map((container) => makeContainer(this.client, container, signal)));
    const begun: string[] = [];
    try {
      const segments = await this.putSegments(`${name}~${randomUUID()}/`, partsOf(source, segmentBytes), begun, signal);
      await this.putManifest(name, segments, signal);
    } catch (error) {
      // Also one that broke off may have come through. What stays, because the store is away, goes when the object is deleted.
      await this.remove(begun).catch(() => undefined);
      throw error;
    }
  }

  /** Manifest and segments, by what the manifest says. */
  async delete(name: string, signal: AbortSignal | undefined): Promise<void> {
    const query = { 'multipart-manifest': 'delete' };
    const answer = await this.client.send({ path: [this.container, name], method: 'DELETE', query, headers: { accept: 'application/json' }, signal }, 200, 404);
    const report = await explanationOf(answer);
    if (answer.status === 404) return;
    const status = /"Response Status": *"(\d+)/.exec(report)?.[1];
    if (status !== '200' && status !== '404') throw new DomainError('StorageError', 'the object store could not delete all of a large object', { transient: true });
  }

  /** Every segment of any upload of this name that a listing shows. */
  async deleteSegments(name: string, signal: AbortSignal | undefined): Promise<void> {
    let batch: string[] = [];
    for await (const segment of listContainer(this.client, this.segments, `${name}~`, signal)) {
      batch.push(segment);
      if (batch.length < PARALLEL) continue;
      await this.remove(batch, signal);
      batch = [];
    }
    await this.remove(batch, signal);
  }

  /** Some at a time. One that fails ends the others, and all are over when this rejects. */
  private async putSegments(upload: string, parts: readonly ObjectSource[], begun: string[], signal: AbortSignal | undefined): Promise<Segment[]> {
    signal?.throwIfAborted();
    const ended = new AbortController();
    const end = (): void => ended.abort(signal?.reason);
    signal?.addEventListener('abort', end, { once: true });
    const segments: Segment[] = [];
    const work = async (): Promise<void> => {
      for (let index = begun.length; index < parts.length; index = begun.length) {
        ended.signal.throwIfAborted();
        const name = `${upload}${String(index).padStart(8, '0')}`;
        begun.push(name);
        segments[index] = await this.putSegment(name, parts[index] as ObjectSource, ended.signal);
      }
    };
    const workers = Array.from({ length: PARALLEL_SEGMENTS }, () =>
      work().catch((error: unknown) => {
        ended.abort(error);
        throw error;
      }),
    );
    await Promise.allSettled(workers);
    signal?.removeEventListener('abort', end);
    // Whatever came first.
    ended.signal.throwIfAborted();
    return segments;
  }

  private async putSegment(name: string, part: ObjectSource, signal: AbortSignal): Promise<Segment> {
    const body = new DigestedBody(part, signal);
    const answer = await this.client.ask({ path: [this.segments, name], method: 'PUT', headers: bodyHeaders(part.size), body: () => body.open(), signal }, 201);
    const md5 = body.digest();
    if (etagOf(answer.headers) !== md5) throw new DomainError('StorageError', 'a segment was damaged on its way to the object store', { transient: true });
    return { name, bytes: part.size, md5 };
  }

  /** Swift compares every segment that it has with what is said of it here. */
  private async putManifest(name: string, segments: readonly Segment[], signal: AbortSignal | undefined): Promise<void> {
    const manifest = Buffer.from(
      JSON.stringify(segments.map((segment) => ({ path: `/${this.segments}/${segment.name}`, etag: segment.md5, size_bytes: segment.bytes }))),
    );
    const etag = createHash('md5').update(segments.map(({ md5 }) => md5).join('')).digest('hex');
    const headers = { ...bodyHeaders(manifest.length), etag };
    const query = { 'multipart-manifest': 'put' };
    await this.client.ask({ path: [this.container, name], method: 'PUT', query, headers, body: () => manifest, signal }, 201);
  }

  private async remove(names: readonly string[], signal?: AbortSignal): Promise<void> {
    for (let at = 0; at < names.length; at += PARALLEL) {
      const batch = names.slice(at, at + PARALLEL);
      await Promise.all(batch.map((name) => this.client.ask({ path: [this.segments, name], method: 'DELETE', signal }, 204, 404)));
    }
  }
}
