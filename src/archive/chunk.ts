import { setImmediate as otherWork } from 'node:timers/promises';
import { DecodedItem, DomainError, TableDigest, TableSchema, decodeItem, decodeLine } from '../kernel';
import { ArchiveStore, damaged, readObject } from './archive-store';
import { compressBytes, decompressBytes } from './compression';
import { Fields } from './fields';
import { PGCOPY_HEADER, PGCOPY_TRAILER, RowWalk } from './native-rows';
import { ChunkContents, Compression, chunkName, parseChunkName, sha256Hex } from './object-names';

/** Bytes of lines that a chunk aims at. */
export const CHUNK_RAW_BYTES = 16 * 1024 * 1024;
/** Bytes of lines that a chunk holds at most. */
export const MAX_CHUNK_RAW_BYTES = 64 * 1024 * 1024;
/** A little more, for what does not compress. */
export const MAX_CHUNK_STORED_BYTES = 66 * 1024 * 1024;
/** Decoded items are handed over in batches of so many, or so many bytes of lines, whichever comes first. */
const BATCH_ITEMS = 1000;
const BATCH_BYTES = 1024 * 1024;
/** Lines decoded before other work of this process has its turn: about a millisecond. */
const LINES_AT_ONCE = 200;
/** The same for rows that are only walked. */
const ROWS_AT_ONCE = 5000;
const NEWLINE = 0x0a;

/** A chunk as a chunk list describes it (docs/archive-format.md, "Chunk lists"). Plain JSON. */
export interface ChunkEntry {
  /** Object name below the backup's root. */
  readonly name: string;
  /** Of the bytes as stored; hex. */
  readonly sha256: string;
  readonly stored_bytes: number;
  /** Bytes of the lines (of the file of rows, if the backup is native), before compression. */
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
  return pack(lines, compression, 'jsonl');
}

/**
 * Packs rows (each buffer holds whole ones, without header and trailer) into a chunk of a native backup.
 * @throws DomainError InternalError if they are more than a chunk may hold
 */
export async function encodeNativeChunk(rows: readonly Buffer[], compression: Compression): Promise<EncodedChunk> {
  return pack([PGCOPY_HEADER, ...rows, PGCOPY_TRAILER], compression, 'pgcopy');
}

async function pack(
  parts: readonly Buffer[],
  compression: Compression,
  contents: ChunkContents,
): Promise<EncodedChunk> {
  const raw = parts.length === 1 && parts[0] ? parts[0] : Buffer.concat(parts);
  if (raw.length > MAX_CHUNK_RAW_BYTES) throw new DomainError('InternalError', 'a chunk holds at most 64 MiB');
  const body = await compressBytes(raw, compression);
  const sha256 = sha256Hex(body);
  return { name: chunkName(sha256, compression, contents), sha256, rawBytes: raw.length, body };
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
 * @param digest an empty one, which takes in every item
 * @throws DomainError ArchiveDamaged naming the chunk (and line) if it is missing or not what the entry says
 */
export async function* readChunk(
  store: ArchiveStore,
  entry: ChunkEntry,
  schema: TableSchema,
  signal?: AbortSignal,
  digest = new TableDigest(),
): AsyncGenerator<DecodedItem[]> {
  const { raw, contents } = await fetchChunk(store, entry, signal);
  const items = contents === 'pgcopy' ? itemsOfRows(raw, entry, schema) : itemsOfLines(raw, entry, schema);
  let expiring = 0;
  let batch: DecodedItem[] = [];
  let batchBytes = 0;
  let count = 0;
  for (const item of items) {
    // Handed over only now that another item is there: counts and digest are proved before the last batch is.
    if (batch.length >= BATCH_ITEMS || batchBytes >= BATCH_BYTES) {
      signal?.throwIfAborted();
      yield batch;
      batch = [];
      batchBytes = 0;
    }
    count++;
    if (count % LINES_AT_ONCE === 0) await otherWork();
    digest.add(item.bucket, item.digest);
    if (item.expiresAt !== undefined) expiring++;
    batch.push(item);
    batchBytes += item.canonical.length;
  }
  checkCounts(entry, count, expiring);
  if (digest.totalHex() !== entry.digest) throw damaged(entry.name, 'is damaged: its set digest differs');
  if (batch.length > 0) yield batch;
}

/**
 * The file of rows of a native chunk, ready for `COPY … FROM STDIN (FORMAT binary)`: its stored bytes and the frame of every row are
 * proved, and counted; what the rows say is not looked at.
 * @throws DomainError ArchiveDamaged naming the chunk (and row) if it is missing or not what the entry says
 */
export async function readNativeChunk(
  store: ArchiveStore,
  entry: ChunkEntry,
  schema: TableSchema,
  signal?: AbortSignal,
): Promise<Buffer> {
  const { raw, contents } = await fetchChunk(store, entry, signal);
  if (contents !== 'pgcopy') throw damaged(entry.name, 'is not a native chunk');
  let items = 0;
  let expiring = 0;
  for (const row of new RowWalk(raw, entry.name, schema).rows()) {
    items++;
    if (items % ROWS_AT_ONCE === 0) await otherWork();
    if (row.expiresAt !== undefined) expiring++;
  }
  checkCounts(entry, items, expiring);
  return raw;
}

function checkCounts(entry: ChunkEntry, items: number, expiring: number): void {
  if (items !== entry.items) throw damaged(entry.name, 'is damaged: its number of items differs');
  if (expiring !== entry.expiring) throw damaged(entry.name, 'is damaged: its number of expiring items differs');
}

function* itemsOfLines(raw: Buffer, entry: ChunkEntry, schema: TableSchema): Generator<DecodedItem> {
  let line = 0;
  for (let start = 0; start < raw.length;) {
    const end = raw.indexOf(NEWLINE, start);
    line++;
    if (end < 0) throw damaged(entry.name, `is damaged: line ${line} has no end`);
    let item: DecodedItem;
    try {
      item = decodeLine(schema, raw.subarray(start, end));
    } catch (error) {
      throw damagedAt(entry, `line ${line}`, error);
    }
    yield item;
    start = end + 1;
  }
}

function* itemsOfRows(raw: Buffer, entry: ChunkEntry, schema: TableSchema): Generator<DecodedItem> {
  let count = 0;
  for (const row of new RowWalk(raw, entry.name, schema).rows()) {
    const { expiresAt } = row;
    count++;
    let item: DecodedItem;
    try {
      item = decodeItem(schema, raw.subarray(row.itemStart, row.itemEnd), expiresAt);
    } catch (error) {
      throw damagedAt(entry, `row ${count}`, error);
    }
    yield item;
  }
}

/** What a chunk holds, its stored bytes proved. */
async function fetchChunk(
  store: ArchiveStore,
  entry: ChunkEntry,
  signal?: AbortSignal,
): Promise<{ raw: Buffer; contents: ChunkContents }> {
  const named = parseChunkName(entry.name);
  if (named === undefined) throw damaged(entry.name, 'is not a chunk');
  const body = await readObject(store, entry.name, entry.stored_bytes, signal);
  if (body === undefined) throw damaged(entry.name, 'is missing');
  if (body.length !== entry.stored_bytes) throw damaged(entry.name, 'is damaged: its size differs');
  if (sha256Hex(body) !== entry.sha256) throw damaged(entry.name, 'is damaged: its SHA-256 differs');
  return {
    raw: await decompressBytes(entry.name, body, named.compression, entry.raw_bytes),
    contents: named.contents,
  };
}

function damagedAt(entry: ChunkEntry, where: string, error: unknown): unknown {
  return error instanceof DomainError ? damaged(entry.name, `is damaged: ${where}: ${error.message}`) : error;
}
