import { setImmediate as otherWork } from 'node:timers/promises';
import { DecodedItem, DomainError, TableDigest, TableSchema, decodeLine } from '../kernel';
import { ArchiveStore, damaged, readObject } from './archive-store';
import { compressBytes, decompressBytes } from './compression';
import { Fields } from './fields';
import { Compression, chunkName, parseChunkName, sha256Hex } from './object-names';

/** Bytes of lines that a chunk aims at. */
export const CHUNK_RAW_BYTES = 16 * 1024 * 1024;
/** Bytes of lines that a chunk holds at most. */
export const MAX_CHUNK_RAW_BYTES = 64 * 1024 * 1024;
/** A little more, for what does not compress. */
export const MAX_CHUNK_STORED_BYTES = 66 * 1024 * 1024;
/** Decoded items are handed over in batches of so many, or so many bytes of lines, whichever comes first. */
const BATCH_ITEMS = 4000;
const BATCH_BYTES = 1024 * 1024;
/** Lines decoded before other work of this process has its turn: about a millisecond. */
const LINES_AT_ONCE = 200;
const NEWLINE = 0x0a;

/** A chunk as a chunk list describes it (docs/archive-format.md, "Chunk lists"). Plain JSON. */
export interface ChunkEntry {
  /** Object name below the backup's root. */
  readonly name: string;
  /** Of the bytes as stored; hex. */
  readonly sha256: string;
  readonly stored_bytes: number;
  /** Bytes of the lines, before compression. */
  readonly raw_bytes: number;
  readonly items: number;
  /** How many of them have an expiry. */
  readonly expiring: number;
  /** Sum of the item digests modulo 2^128; 32 hex digits. */
  readonly digest: string;
  /** Index of the key range that it is part of. */
  readonly range: number;
}

/** A chunk ready to be stored under its name. */
export interface EncodedChunk {
  readonly name: string;
  readonly sha256: string;
  /** Bytes of the lines, before compression. */
  readonly rawBytes: number;
  /** The bytes to store. */
  readonly body: Buffer;
}

/**
 * Packs lines (each buffer holds whole ones) into a chunk.
 * @throws DomainError InternalError if they are more than a chunk may hold
 */
export async function encodeChunk(lines: readonly Buffer[], compression: Compression): Promise<EncodedChunk> {
  const raw = lines.length === 1 && lines[0] ? lines[0] : Buffer.concat(lines);
  if (raw.length > MAX_CHUNK_RAW_BYTES) throw new DomainError('InternalError', 'a chunk holds at most 64 MiB of lines');
  const body = await compressBytes(raw, compression);
  const sha256 = sha256Hex(body);
  return { name: chunkName(sha256, compression), sha256, rawBytes: raw.length, body };
}

/**
 * Reads a chunk's entry; unknown members are dropped. `object` names where it is from, for errors.
 * @throws DomainError ArchiveDamaged
 */
export function chunkEntryFromJson(json: unknown, object = 'a chunk entry'): ChunkEntry {
  const fields = new Fields(json, object);
  const name = fields.text('name');
  const sha256 = fields.sha256('sha256');
  if (parseChunkName(name)?.sha256 !== sha256) throw fields.wrong('name', 'is not that of a chunk with this SHA-256');
  const items = fields.count('items');
  return {
    name,
    sha256,
    stored_bytes: fields.count('stored_bytes', MAX_CHUNK_STORED_BYTES),
    raw_bytes: fields.count('raw_bytes', MAX_CHUNK_RAW_BYTES),
    items,
    expiring: fields.count('expiring', items),
    digest: fields.digest('digest'),
    range: fields.count('range'),
  };
}

/**
 * The items of a chunk, in batches. Its stored bytes are proved before the first item comes; counts and digest, which need every
 * line, before the last batch does.
 * @throws DomainError ArchiveDamaged naming the chunk (and line) if it is missing or not what the entry says
 */
export async function* readChunk(
  store: ArchiveStore,
  entry: ChunkEntry,
  schema: TableSchema,
  signal?: AbortSignal,
): AsyncGenerator<DecodedItem[]> {
  const raw = await fetchChunk(store, entry, signal);
  const digest = new TableDigest();
  let expiring = 0;
  let batch: DecodedItem[] = [];
  let batchStart = 0;
  let line = 0;
  for (let start = 0; start < raw.length;) {
    const end = raw.indexOf(NEWLINE, start);
    line++;
    if (line % LINES_AT_ONCE === 0) await otherWork();
    if (end < 0) throw damaged(entry.name, `is damaged: line ${line} has no end`);
    const item = decodeAt(entry, schema, raw.subarray(start, end), line);
    digest.add(item.bucket, item.digest);
    if (item.expiresAt !== undefined) expiring++;
    batch.push(item);
    start = end + 1;
    const full = batch.length >= BATCH_ITEMS || start - batchStart >= BATCH_BYTES;
    if (full && start < raw.length) {
      signal?.throwIfAborted();
      yield batch;
      batch = [];
      batchStart = start;
    }
  }
  if (line !== entry.items) throw damaged(entry.name, 'is damaged: its number of items differs');
  if (expiring !== entry.expiring) throw damaged(entry.name, 'is damaged: its number of expiring items differs');
  if (digest.totalHex() !== entry.digest) throw damaged(entry.name, 'is damaged: its set digest differs');
  if (batch.length > 0) yield batch;
}

/** The lines of a chunk, its stored bytes proved. */
async function fetchChunk(store: ArchiveStore, entry: ChunkEntry, signal?: AbortSignal): Promise<Buffer> {
  const named = parseChunkName(entry.name);
  if (named === undefined) throw damaged(entry.name, 'is not a chunk');
  const body = await readObject(store, entry.name, entry.stored_bytes, signal);
  if (body === undefined) throw damaged(entry.name, 'is missing');
  if (body.length !== entry.stored_bytes) throw damaged(entry.name, 'is damaged: its size differs');
  if (sha256Hex(body) !== entry.sha256) throw damaged(entry.name, 'is damaged: its SHA-256 differs');
  return decompressBytes(entry.name, body, named.compression, entry.raw_bytes);
}

function decodeAt(entry: ChunkEntry, schema: TableSchema, bytes: Buffer, line: number): DecodedItem {
  try {
    return decodeLine(schema, bytes);
  } catch (error) {
    if (error instanceof DomainError) throw damaged(entry.name, `is damaged: line ${line}: ${error.message}`);
    throw error;
  }
}
