import { Readable } from 'node:stream';
import { DomainError, LocationUrl, locationBelow } from '../../kernel';
import { GetOptions, ObjectInfo, ObjectSource, ObjectStore, ObjectStoreCapabilities } from '../object-store';
import { listContainer, makeContainer } from './containers';
import { LargeObjects } from './large-objects';
import { bodyOf, digestOf } from './sources';
import { SwiftCall, SwiftClient, bodyHeaders, etagOf, lengthOf } from './swift-client';
import { explanationOf } from './swift-errors';

/** 1000 segments, the usual bound, of 5 GiB. */
const MAX_OBJECT_BYTES = 5000 * 1024 ** 3;

export interface SwiftStoreOptions {
  readonly client: SwiftClient;
  /** A container, and a prefix in it. */
  readonly root: LocationUrl;
  /** Objects that are longer are stored in segments of so many bytes, or of what the Swift takes, if that is less. */
  readonly segmentBytes: number;
}

/**
 * Objects in a container of OpenStack Swift. The container is made by the first `put`. What is sent carries its MD5, and Swift refuses what arrives
 * otherwise; objects too long for one request are static large objects (large-objects.ts).
 */
export class SwiftObjectStore implements ObjectStore {
  readonly capabilities: ObjectStoreCapabilities = { kind: 'swift', maxObjectBytes: MAX_OBJECT_BYTES, writable: true };
  private readonly client: SwiftClient;
  private readonly container: string;
  /** Nothing, or a prefix with its slash. */
  private readonly prefix: string;
  private readonly large: LargeObjects;

  constructor(private readonly options: SwiftStoreOptions) {
    const { client, root } = options;
    this.client = client;
    this.container = root.container ?? '';
    this.prefix = root.segments.map((part) => `${part}/`).join('');
    this.large = new LargeObjects(client, this.container);
  }

  async put(name: string, source: ObjectSource, signal?: AbortSignal): Promise<void> {
    const { maxObjectBytes, maxSegments } = await this.client.limits();
    const plainBytes = Math.min(this.options.segmentBytes, maxObjectBytes);
    if (source.size <= plainBytes) return this.putPlain(name, source, signal);
    const segmentBytes = Math.max(plainBytes, Math.ceil(source.size / maxSegments));
    return this.large.put(this.prefix + name, source, segmentBytes, signal);
  }

  private async putPlain(name: string, source: ObjectSource, signal: AbortSignal | undefined): Promise<void> {
    const md5 = await digestOf(source, signal);
    const call: SwiftCall = {
      ...this.object(name, signal),
      method: 'PUT',
      headers: { ...bodyHeaders(source.size), etag: md5 },
      body: () => (source.size === 0 ? Buffer.alloc(0) : bodyOf(source, signal)),
    };
    let answer = await this.client.ask(call, 201, 404);
    if (answer.status === 404) {
      await makeContainer(this.client, this.container, signal);
      answer = await this.client.ask(call, 201);
    }
    if (etagOf(answer.headers) !== md5) throw new DomainError('StorageError', 'the object store has stored other bytes than it was sent', { transient: true });
  }

  async get(name: string, { start = 0, end, signal }: GetOptions = {}): Promise<Readable | undefined> {
    signal?.throwIfAborted();
    // Swift has no word for a range of no bytes.
    if (start === end) return (await this.head(name, signal)) && empty();
    const headers: Record<string, string> = start === 0 && end === undefined ? {} : { range: `bytes=${start}-${end === undefined ? '' : end - 1}` };
    const answer = await this.client.send({ ...this.object(name, signal), method: 'GET', headers }, 200, 206, 404, 416);
    if (answer.status === 404 || answer.status === 416) {
      await explanationOf(answer);
      return answer.status === 404 ? undefined : empty();
    }
    if (answer.status === 200 && start > 0 && lengthOf(answer.headers) > 0) {
      answer.body.destroy();
      throw new DomainError('StorageError', 'the object store does not read parts of objects');
    }
    return answer.body;
  }

  async head(name: string, signal?: AbortSignal): Promise<ObjectInfo | undefined> {
    const answer = await this.client.ask({ ...this.object(name, signal), method: 'HEAD' }, 200, 404);
    return answer.status === 404 ? undefined : { size: lengthOf(answer.headers) };
  }

  async delete(name: string, signal?: AbortSignal): Promise<void> {
    const there = await this.client.ask({ ...this.object(name, signal), method: 'HEAD' }, 200, 404);
    const isLarge = there.headers['x-static-large-object'] !== undefined;
    if (isLarge) await this.large.delete(this.prefix + name, signal);
    else if (there.status === 200) await this.client.ask({ ...this.object(name, signal), method: 'DELETE' }, 204, 404);
    // Of a put that broke off, or of one that another overtook.
    if (isLarge || there.status === 404) await this.large.deleteSegments(this.prefix + name, signal);
  }

  async *list(prefix: string, signal?: AbortSignal): AsyncIterable<string> {
    for await (const name of listContainer(this.client, this.container, this.prefix + prefix, signal)) yield name.slice(this.prefix.length);
  }

  url(name: string): string {
    return name === '' ? this.options.root.href : locationBelow(this.options.root, ...name.split('/')).href;
  }

  private object(name: string, signal: AbortSignal | undefined): Pick<SwiftCall, 'path' | 'signal'> {
    return { path: [this.container, this.prefix + name], signal };
  }
}

function empty(): Readable {
  return Readable.from([], { objectMode: false });
}
