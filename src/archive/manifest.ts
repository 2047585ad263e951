import { isUtf8 } from 'node:buffer';
import {
  DomainError,
  TABLE_NAME_PATTERN,
  TableDigest,
  TableSchema,
  digestFromHex,
  digestHex,
  isoTime,
  parseBoundedJson,
  schemaFromJson,
  schemaToJson,
} from '../kernel';
import { damaged } from './archive-store';
import { Fields } from './fields';
import { NATIVE_POSTGRESQL } from './native-rows';
import { COMPRESSIONS, Compression, MANIFEST_NAME, isListName, listName, sha256Hex } from './object-names';

export const FORMAT_NAME = 'magnetodb-backup';
/** The version that is written, and the newest that is read. */
export const FORMAT_VERSION = 1;
export const MAX_MANIFEST_BYTES = 8 * 1024 * 1024;
/** Chunks in a list. */
export const MAX_LIST_ENTRIES = 4096;
const MAX_DEPTH = 32;
const MAX_RANGES = 65_536;
const MAX_LISTS = 4096;
/** Chunks of an archive: 4 TiB of lines in chunks of 16 MiB. A restore plans a step for each. */
const MAX_CHUNKS = 262_144;
/** The feature that a native backup's reader must know, by its format. */
const NATIVE_FEATURES: ReadonlyMap<string, string> = new Map([[NATIVE_POSTGRESQL, `native-${NATIVE_POSTGRESQL}`]]);
const KNOWN_FEATURES: ReadonlySet<string> = new Set(['zstd', 'gzip', ...NATIVE_FEATURES.values()]);
const HASHES = { object: 'sha256', item: 'xxh3-128', bucket: 'xxh3-128-top8' };

/** A key range that was read: what it held. */
export interface RangeSummary {
  readonly items: number;
  /** Sum of the item digests modulo 2^128; 32 hex digits. */
  readonly digest: string;
  readonly chunks: number;
}

/** A chunk list as the manifest describes it. */
export interface ChunkListEntry {
  readonly name: string;
  readonly sha256: string;
  readonly size: number;
  readonly chunks: number;
}

/** What a native backup's rows are. */
export interface NativeFacts {
  /** The layout of its rows: it is restored as it is only where the tables' is the same. */
  readonly format: string;
  /** Version of the server that wrote the rows, for people. */
  readonly server_version: string;
}

/** What the writer of a backup says of it; see docs/archive-format.md, "Manifest". */
export interface ManifestDraft {
  readonly backup_id: string;
  readonly backup_name: string;
  readonly project_id: string;
  readonly table_id: string;
  readonly table_name: string;
  readonly schema: TableSchema;
  /** Kind of the backend that the table lived in. */
  readonly backend: string;
  readonly type: 'full';
  readonly data_format: 'db-agnostic' | 'native';
  /** Exactly if it is native. */
  readonly native?: NativeFacts;
  readonly base_backup_id: null;
  readonly compression: Compression;
  /** Milliseconds since the epoch. */
  readonly started_at: number;
  readonly finished_at: number;
  readonly item_count: number;
  readonly expiring_count: number;
  /** Bytes of all lines, or of all files of rows. */
  readonly table_size_bytes: number;
  /** Bytes of all chunks as stored. */
  readonly size_bytes: number;
  /** `TableDigest.toJSON()` of all items. */
  readonly buckets: readonly string[];
  readonly ranges: readonly RangeSummary[];
  /** The resolved strategy, without secrets. Plain JSON. */
  readonly strategy: Readonly<Record<string, unknown>>;
  /** Name or version of the product that wrote it. */
  readonly writer: string;
}

/** A backup's manifest, read and checked. */
export interface ArchiveManifest extends ManifestDraft {
  readonly format_version: number;
  readonly chunk_lists: readonly ChunkListEntry[];
}

const TAIL_START = ',\n "manifest_sha256": "';
const TAIL_END = '"\n}\n';
const TAIL_BYTES = TAIL_START.length + 64 + TAIL_END.length;

/** The manifest's bytes, its own digest at the end. */
export function encodeManifest(draft: ManifestDraft, lists: readonly ChunkListEntry[]): Buffer {
  const json = {
    format: FORMAT_NAME,
    format_version: FORMAT_VERSION,
    requires: [...(draft.compression === 'none' ? [] : [draft.compression]), ...nativeFeature(draft)],
    backup_id: draft.backup_id,
    backup_name: draft.backup_name,
    project_id: draft.project_id,
    table_id: draft.table_id,
    table_name: draft.table_name,
    table: schemaToJson(draft.schema),
    backend: draft.backend,
    type: draft.type,
    data_format: draft.data_format,
    ...(draft.native && { native: draft.native }),
    base_backup_id: draft.base_backup_id,
    started_at: isoTime(draft.started_at),
    finished_at: isoTime(draft.finished_at),
    compression: draft.compression,
    hashes: HASHES,
    item_count: draft.item_count,
    expiring_count: draft.expiring_count,
    table_size_bytes: draft.table_size_bytes,
    size_bytes: draft.size_bytes,
    buckets: draft.buckets,
    ranges: draft.ranges.map(({ items, digest, chunks }) => ({ items, digest, chunks })),
    chunk_lists: lists,
    strategy: draft.strategy,
    writer: draft.writer,
  };
  const body = Buffer.from(JSON.stringify(json, null, 1).slice(0, -'\n}'.length), 'utf8');
  return Buffer.concat([body, Buffer.from(TAIL_START + sha256Hex(body) + TAIL_END, 'utf8')]);
}

/**
 * Reads a manifest from outside: version and features first, then its own digest, then every member, then whether they add up.
 * @throws DomainError ArchiveUnsupported naming what this reader does not know; ArchiveDamaged
 */
export function decodeManifest(bytes: Buffer): ArchiveManifest {
  const json = parseManifestJson(bytes);
  const fields = new Fields(json, MANIFEST_NAME);
  if (fields.raw('format') !== FORMAT_NAME)
    throw damaged(MANIFEST_NAME, `is not a manifest: format is not ${FORMAT_NAME}`);
  const version = fields.count('format_version');
  if (version > FORMAT_VERSION) {
    throw new DomainError(
      'ArchiveUnsupported',
      `the archive has format version ${version}; this reader knows ${FORMAT_VERSION}`,
    );
  }
  if (version !== FORMAT_VERSION) throw fields.wrong('format_version', 'was never one');
  checkOwnDigest(bytes);
  const requires = readRequires(fields);
  const manifest = readManifestFields(fields);
  const needed = manifest.compression === 'none' || requires.includes(manifest.compression);
  if (!needed) throw fields.wrong('requires', 'lacks the compression');
  if (!nativeFeature(manifest).every((feature) => requires.includes(feature)))
    throw fields.wrong('requires', 'lacks the native format');
  checkAddsUp(manifest, fields);
  return manifest;
}

function parseManifestJson(bytes: Buffer): unknown {
  if (bytes.length > MAX_MANIFEST_BYTES || !isUtf8(bytes)) throw damaged(MANIFEST_NAME, 'is too long or not UTF-8');
  try {
    return parseBoundedJson(bytes.toString('utf8'), MAX_DEPTH);
  } catch (error) {
    if (error instanceof DomainError) throw damaged(MANIFEST_NAME, `is damaged: ${error.message}`);
    throw error;
  }
}

function checkOwnDigest(bytes: Buffer): void {
  const body = bytes.subarray(0, Math.max(0, bytes.length - TAIL_BYTES));
  const tail = Buffer.from(TAIL_START + sha256Hex(body) + TAIL_END, 'utf8');
  if (!bytes.subarray(body.length).equals(tail)) throw damaged(MANIFEST_NAME, 'is damaged: its SHA-256 differs');
}

function readRequires(fields: Fields): readonly string[] {
  const requires = fields.list('requires', 64).map((feature) => {
    if (typeof feature !== 'string' || !/^[ -~]{1,64}$/.test(feature))
      throw fields.wrong('requires', 'is not a list of names');
    return feature;
  });
  const unknown = requires.find((feature) => !KNOWN_FEATURES.has(feature));
  if (unknown !== undefined) {
    throw new DomainError(
      'ArchiveUnsupported',
      `the archive requires ${JSON.stringify(unknown)}, which this reader does not know`,
    );
  }
  return requires;
}

function nativeFeature({ native }: Pick<ManifestDraft, 'native'>): string[] {
  const feature = native && NATIVE_FEATURES.get(native.format);
  return feature === undefined ? [] : [feature];
}

function readNative(fields: Fields): { native?: NativeFacts } {
  if (fields.raw('data_format') !== 'native') return {};
  const native = new Fields(fields.raw('native'), MANIFEST_NAME);
  return {
    native: {
      format: native.oneOf('format', [...NATIVE_FEATURES.keys()]),
      server_version: native.text('server_version', 255),
    },
  };
}

function readManifestFields(fields: Fields): ArchiveManifest {
  const hashes = new Fields(fields.raw('hashes'), MANIFEST_NAME);
  for (const [use, name] of Object.entries(HASHES)) hashes.oneOf(use, [name]);
  if (fields.raw('base_backup_id') !== null) throw fields.wrong('base_backup_id', 'is not null');
  const strategy = fields.raw('strategy');
  if (typeof strategy !== 'object' || strategy === null || Array.isArray(strategy))
    throw fields.wrong('strategy', 'is not an object');
  return {
    format_version: FORMAT_VERSION,
    backup_id: fields.uuid('backup_id'),
    backup_name: fields.text('backup_name'),
    project_id: fields.text('project_id'),
    table_id: fields.uuid('table_id'),
    table_name: fields.matching('table_name', TABLE_NAME_PATTERN, 'a table name'),
    schema: fields.read('table', schemaFromJson),
    backend: fields.text('backend'),
    type: fields.oneOf('type', ['full']),
    data_format: fields.oneOf('data_format', ['db-agnostic', 'native']),
    ...readNative(fields),
    base_backup_id: null,
    compression: fields.oneOf('compression', COMPRESSIONS),
    started_at: fields.time('started_at'),
    finished_at: fields.time('finished_at'),
    item_count: fields.count('item_count'),
    expiring_count: fields.count('expiring_count'),
    table_size_bytes: fields.count('table_size_bytes'),
    size_bytes: fields.count('size_bytes'),
    buckets: fields.read('buckets', (json) => TableDigest.fromJSON(json).toJSON()),
    ranges: fields.list('ranges', MAX_RANGES).map(readRange),
    chunk_lists: fields.list('chunk_lists', MAX_LISTS).map(readListEntry),
    strategy: strategy as Record<string, unknown>,
    writer: fields.text('writer'),
  };
}

function readRange(json: unknown): RangeSummary {
  const fields = new Fields(json, MANIFEST_NAME);
  return { items: fields.count('items'), digest: fields.digest('digest'), chunks: fields.count('chunks') };
}

function readListEntry(json: unknown): ChunkListEntry {
  const fields = new Fields(json, MANIFEST_NAME);
  const sha256 = fields.sha256('sha256');
  const name = fields.text('name');
  if (!isListName(name) || name !== listName(sha256))
    throw fields.wrong('name', 'is not that of a list with this SHA-256');
  return { name, sha256, size: fields.count('size'), chunks: fields.count('chunks', MAX_LIST_ENTRIES) };
}

function checkAddsUp(manifest: ArchiveManifest, fields: Fields): void {
  const total = TableDigest.fromJSON(manifest.buckets).total();
  // Named twice, a small list would stand for any number of chunks.
  if (new Set(manifest.chunk_lists.map((list) => list.name)).size < manifest.chunk_lists.length)
    throw fields.wrong('chunk_lists', 'names a list twice');
  if (addUp(manifest.chunk_lists, 'chunks') > MAX_CHUNKS) throw fields.wrong('chunk_lists', 'has too many chunks');
  const sum = manifest.ranges.reduce((each, range) => each + (digestFromHex(range.digest) ?? 0n), 0n);
  if (total.count !== manifest.item_count) throw fields.wrong('buckets', 'does not add up to item_count');
  if (addUp(manifest.ranges, 'items') !== manifest.item_count)
    throw fields.wrong('ranges', 'does not add up to item_count');
  if (digestHex(sum) !== digestHex(total.sum)) throw fields.wrong('ranges', 'does not add up to the buckets');
  if (addUp(manifest.ranges, 'chunks') !== addUp(manifest.chunk_lists, 'chunks')) {
    throw fields.wrong('chunk_lists', 'does not add up to the chunks of the ranges');
  }
  if (manifest.expiring_count > manifest.item_count) throw fields.wrong('expiring_count', 'is more than item_count');
}

function addUp<K extends string>(parts: readonly Readonly<Record<K, number>>[], key: K): number {
  return parts.reduce((sum, part) => sum + part[key], 0);
}
