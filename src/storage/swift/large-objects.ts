import { createHash, randomUUID } from 'node:crypto';
import { DomainError } from '../../kernel';
import type { ObjectSource } from '../object-store';
import { sourceBytes } from '../source-bytes';
import { listContainer, makeContainer } from './containers';
import { Digested, PartReader } from './sources';
import { SwiftClient, bodyHeaders, etagOf } from './swift-client';
import { explanationOf } from './swift-errors';

interface Segment extends Digested {
  readonly name: string;
}

/** Deletions under way at once. */
const PARALLEL = 8;

/**
 * Objects as segments and a manifest that names them (Swift's static large objects). Segments lie in a container of their own, under the object's
 * name, a tilde (which no object's name has) and an id of the upload: uploads of the same name at the same time never touch each other's. The
 * manifest comes last and carries the digest of all segments, so that an object is whole or not there.
 */
export class LargeObjects {
  private readonly segments: string;

  constructor(private readonly client: SwiftClient, private readonly container: string) {
    this.segments = `${container}_segments`;
  }

  async put(name: string, source: ObjectSource, segmentBytes: number, signal: AbortSignal | undefined): Promise<void> {
    await Promise.all([this.segments, this.container].map((container) => makeContainer(this.client, container, signal)));
    const stored: Segment[] = [];
    const parts = new PartReader(sourceBytes(source, signal));
    try {
      const upload = `${name}~${randomUUID()}/`;
      for (let offset = 0; offset < source.size; offset += segmentBytes) {
        const bytes = Math.min(segmentBytes, source.size - offset);
        stored.push(await this.putSegment(`${upload}${String(stored.length).padStart(8, '0')}`, parts, bytes, signal));
      }
      await parts.end();
      await this.putManifest(name, stored, signal);
    } catch (error) {
      // Also the one that broke off may have come through. What stays, because the store is away, goes when the object is deleted.
      await this.remove(stored.map((segment) => segment.name)).catch(() => undefined);
      throw error;
    } finally {
      await parts.close();
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

  private async putSegment(name: string, parts: PartReader, bytes: number, signal: AbortSignal | undefined): Promise<Segment> {
    const { body, digest } = parts.next(bytes);
    const answer = await this.client.ask({ path: [this.segments, name], method: 'PUT', headers: bodyHeaders(bytes), body: () => body, onlyOnce: true, signal }, 201);
    const sent = digest();
    if (etagOf(answer.headers) !== sent.md5) throw new DomainError('StorageError', 'a segment was damaged on its way to the object store', { transient: true });
    return { name, ...sent };
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
