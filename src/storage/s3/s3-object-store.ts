import type { S3Client } from '@aws-sdk/client-s3';
import { Readable } from 'node:stream';
import { DomainError, LocationUrl, locationBelow } from '../../kernel';
import { GetOptions, ObjectInfo, ObjectSource, ObjectStore, ObjectStoreCapabilities } from '../object-store';
import { rangeHeader, rangeOf } from '../ranges';
import { sourceBytes } from '../source-bytes';
import type { StoreTarget } from '../locations';
import { S3Access, s3Access, s3Client } from './s3-client';
import { isBehindEnd, isMissing, s3Error } from './s3-errors';

type Sdk = typeof import('@aws-sdk/client-s3');

const PART_BYTES = 16 * 1024 * 1024;
/** As many parts as an upload may have (Amazon S3, and all that follow it). */
const MAX_PARTS = 10_000;
/** The clean-up of an upload that failed takes no longer. */
const ABORT_MILLIS = 10_000;

export interface S3Options {
  /** Objects larger than this are uploaded in parts of it; so much of an object is in memory while it is stored. Default 16 MiB. */
  readonly partBytes?: number;
}

/**
 * Objects in a bucket of S3 or of what speaks like it, below a prefix. An object appears when its (last) request is over, so it is whole or not
 * there; an upload in parts that fails is aborted. What is left of one whose process died costs room until the bucket's lifecycle rule removes it.
 */
export class S3ObjectStore implements ObjectStore {
  readonly capabilities: ObjectStoreCapabilities;
  private readonly access: S3Access;
  private readonly root: LocationUrl;
  private readonly bucket: string;
  private readonly partBytes: number;
  private opened: Promise<{ sdk: Sdk; client: S3Client }> | undefined;

  /** @throws DomainError `ValidationError` for credentials that cannot be. Makes no request. */
  constructor(
    private readonly target: Pick<StoreTarget, 'root' | 'credentials' | 'http'>,
    { partBytes = PART_BYTES }: S3Options = {},
  ) {
    const { root, credentials } = target;
    this.access = s3Access(root.service, credentials);
    this.root = root;
    this.bucket = root.container ?? '';
    this.partBytes = partBytes;
    this.capabilities = { kind: 's3', maxObjectBytes: partBytes * MAX_PARTS, writable: true };
  }

  async put(name: string, source: ObjectSource, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    const bytes = sourceBytes(source, signal);
    try {
      if (source.size > this.partBytes) await this.putInParts(name, bytes, signal);
      else await this.putWhole(name, await collect(bytes, source.size), signal);
    } catch (error) {
      signal?.throwIfAborted();
      throw s3Error(error);
    } finally {
      await bytes.return(undefined);
    }
  }

  async get(name: string, { start = 0, end, signal }: GetOptions = {}): Promise<Readable | undefined> {
    if (end !== undefined && end <= start) return (await this.head(name, signal)) && Readable.from([], { objectMode: false });
    const { sdk, client } = await this.open(signal);
    const range = rangeHeader(start, end);
    const command = new sdk.GetObjectCommand({ Bucket: this.bucket, Key: this.keyOf(name), ...(range && { Range: range }) });
    try {
      const { Body, ContentRange } = await client.send(command, { ...(signal && { abortSignal: signal }) });
      return rangeOf(Body as Readable, ContentRange, start, end);
    } catch (error) {
      signal?.throwIfAborted();
      if (isMissing(error)) return undefined;
      if (isBehindEnd(error)) return Readable.from([], { objectMode: false });
      throw s3Error(error);
    }
  }

  async head(name: string, signal?: AbortSignal): Promise<ObjectInfo | undefined> {
    return this.ask(signal, async ({ sdk, client }, options) => {
      try {
        const { ContentLength } = await client.send(new sdk.HeadObjectCommand({ Bucket: this.bucket, Key: this.keyOf(name) }), options);
        if (ContentLength === undefined) throw new DomainError('StorageError', 'the S3 service does not tell the size of an object');
        return { size: ContentLength };
      } catch (error) {
        if (isMissing(error)) return undefined;
        throw error;
      }
    });
  }

  async delete(name: string, signal?: AbortSignal): Promise<void> {
    await this.ask(signal, async ({ sdk, client }, options) => {
      try {
        await client.send(new sdk.DeleteObjectCommand({ Bucket: this.bucket, Key: this.keyOf(name) }), options);
      } catch (error) {
        // Amazon never says so; others do.
        if (!isMissing(error)) throw error;
      }
    });
  }

  async *list(prefix: string, signal?: AbortSignal): AsyncIterable<string> {
    const root = this.keyOf('');
    for (let token: string | undefined; ; ) {
      const page = await this.ask(signal, ({ sdk, client }, options) =>
        client.send(new sdk.ListObjectsV2Command({ Bucket: this.bucket, Prefix: `${root}${prefix}`, ...(token && { ContinuationToken: token }) }), options),
      );
      for (const { Key: key } of page.Contents ?? []) if (key?.startsWith(root)) yield key.slice(root.length);
      token = page.IsTruncated === true ? page.NextContinuationToken : undefined;
      if (token === undefined) return;
    }
  }

  url(name: string): string {
    return name === '' ? this.root.href : locationBelow(this.root, ...name.split('/')).href;
  }

  private keyOf(name: string): string {
    return this.root.segments.map((part) => `${part}/`).join('') + name;
  }

  private async open(signal: AbortSignal | undefined): Promise<{ sdk: Sdk; client: S3Client }> {
    signal?.throwIfAborted();
    this.opened ??= (async () => ({ sdk: await import('@aws-sdk/client-s3'), client: await s3Client(this.access, this.target.http) }))();
    const opened = await this.opened;
    signal?.throwIfAborted();
    return opened;
  }

  private async ask<T>(
    signal: AbortSignal | undefined,
    call: (s3: { sdk: Sdk; client: S3Client }, options: { abortSignal?: AbortSignal }) => Promise<T>,
  ): Promise<T> {
    try {
      return await call(await this.open(signal), { ...(signal && { abortSignal: signal }) });
    } catch (error) {
      signal?.throwIfAborted();
      throw s3Error(error);
    }
  }

  private async putWhole(name: string, body: Buffer, signal: AbortSignal | undefined): Promise<void> {
    const { sdk, client } = await this.open(signal);
    const command = new sdk.PutObjectCommand({ Bucket: this.bucket, Key: this.keyOf(name), Body: body, ContentLength: body.length, ContentType: 'application/octet-stream' });
    await client.send(command, { ...(signal && { abortSignal: signal }) });
  }

  private async putInParts(name: string, bytes: AsyncIterable<Buffer>, signal: AbortSignal | undefined): Promise<void> {
    const { sdk, client } = await this.open(signal);
    const options = { ...(signal && { abortSignal: signal }) };
    const place = { Bucket: this.bucket, Key: this.keyOf(name) };
    const { UploadId } = await client.send(new sdk.CreateMultipartUploadCommand({ ...place, ContentType: 'application/octet-stream' }), options);
    if (UploadId === undefined) throw new DomainError('StorageError', 'the S3 service did not begin an upload');
    try {
      const parts: { ETag: string | undefined; PartNumber: number }[] = [];
      for await (const body of partsOf(bytes, this.partBytes)) {
        const PartNumber = parts.length + 1;
        const { ETag } = await client.send(new sdk.UploadPartCommand({ ...place, UploadId, PartNumber, Body: body, ContentLength: body.length }), options);
        parts.push({ ETag, PartNumber });
      }
      await client.send(new sdk.CompleteMultipartUploadCommand({ ...place, UploadId, MultipartUpload: { Parts: parts } }), options);
    } catch (error) {
      // The signal may have been aborted: this has a time of its own. Where it fails, the first error is the one that matters.
      const abort = new sdk.AbortMultipartUploadCommand({ ...place, UploadId });
      await client.send(abort, { abortSignal: AbortSignal.timeout(ABORT_MILLIS) }).catch(() => undefined);
      throw error;
    }
  }
}

async function collect(bytes: AsyncIterable<Buffer>, size: number): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const chunk of bytes) pieces.push(chunk);
  return pieces.length === 1 && pieces[0] ? pieces[0] : Buffer.concat(pieces, size);
}

/** Parts of `size` bytes, but for the last. */
async function* partsOf(bytes: AsyncIterable<Buffer>, size: number): AsyncGenerator<Buffer> {
  let pieces: Buffer[] = [];
  let held = 0;
  for await (const chunk of bytes) {
    for (let rest = chunk; rest.length > 0; ) {
      const piece = rest.subarray(0, size - held);
      pieces.push(piece);
      held += piece.length;
      rest = rest.subarray(piece.length);
      if (held < size) continue;
      yield Buffer.concat(pieces, held);
      [pieces, held] = [[], 0];
    }
  }
  if (held > 0) yield Buffer.concat(pieces, held);
}
