import { Readable } from 'node:stream';
import {
  ArchiveStore,
  ChunkEntry,
  Compression,
  ManifestDraft,
  NativeFacts,
  encodeChunk,
  encodeNativeChunk,
  writeManifest,
  writeStarted,
} from '../../src/archive';
import {
  AttributeType,
  LineBlockBuilder,
  TableDigest,
  TableSchema,
  canonicalItem,
  canonicalKey,
  parseItem,
} from '../../src/kernel';

/** An item as the wire has it, and its expiry. */
export interface SampleItem {
  readonly item: Record<string, unknown>;
  readonly expiresAt?: number;
}

/** A table with a number as range key, a defined set and map, and an index on a binary attribute. */
export const sampleSchema: TableSchema = {
  attributes: new Map<string, AttributeType>([
    ['city', 'S'],
    ['rank', 'N'],
    ['photo', 'B'],
    ['tags', 'SS'],
    ['names', 'SSM'],
  ]),
  hashKey: 'city',
  rangeKey: 'rank',
  indexes: [{ name: 'by.photo', rangeAttribute: 'photo', projection: { type: 'INCLUDE', attributes: ['tags'] } }],
};

const EVERY_TYPE = {
  tags: { SS: ['\uffee', 'a', '😀', ''] },
  names: { SSM: { de: 'Köln', '': '', '10': 'ten', '9': 'nine', '😀': 'smile', '\uffee': 'before it' } },
  photo: { B: '/+8AAQ==' },
  ns: { NS: ['1', '-2.5', '1E39', '0'] },
  bs: { BS: ['', 'AA==', '/w=='] },
  snm: { SNM: { k: '12345678901234567890123456789012345678' } },
  sbm: { SBM: { k: 'AA==' } },
  nsm: { NSM: { '10': 'ten', '9': 'nine', '1E50': 'big' } },
  nnm: { NNM: { '-1': '-1.5E-40' } },
  nbm: { NBM: { '0': '' } },
  bsm: { BSM: { 'AA==': 'nul' } },
  bnm: { BNM: { '/w==': '255' } },
  bbm: { BBM: { '': 'AA==' } },
  'a.b-c_d': { S: '"quoted" \\ \u0000\u001f\n\t\u007f\u2028' },
};

/** Items of every type, with what breaks careless readers. All keys differ. */
export function sampleItems(): SampleItem[] {
  // JSON.parse, not a literal: there `__proto__` would set the prototype.
  const proto = JSON.parse('{"__proto__":{"S":"own"},"constructor":{"SSM":{"__proto__":"x"}}}') as Record<
    string,
    unknown
  >;
  const special: SampleItem[] = [
    { item: { city: { S: 'every type' }, rank: { N: '1' }, ...EVERY_TYPE } },
    { item: Object.assign(proto, { city: { S: 'prototype' }, rank: { N: '2' } }) },
    { item: { city: { S: '' }, rank: { N: '0' }, empty: { S: '' }, zero: { N: '0' } } },
    { item: { city: { S: '😀 ünïcode \u0000' }, rank: { N: '-0.00000000000000000000000000000000000000001' } } },
    { item: { city: { S: 'digits' }, rank: { N: '1.2345678901234567890123456789012345678' } }, expiresAt: 4102444800 },
    { item: { city: { S: 'huge' }, rank: { N: '1E999999999' } }, expiresAt: 1 },
  ];
  const plain = Array.from({ length: 44 }, (_, index): SampleItem => {
    const item = { city: { S: `city ${index % 7}` }, rank: { N: String(index) }, note: { S: 'x'.repeat(index) } };
    return index % 5 === 0 ? { item, expiresAt: 4000000000 + index } : { item };
  });
  return [...special, ...plain];
}

export interface ArchiveOptions {
  readonly compression: Compression;
  readonly items?: readonly SampleItem[];
  readonly itemsPerChunk?: number;
  readonly draft?: Partial<ManifestDraft>;
}

/** Writes a whole archive of the sample table: two ranges, several chunks. Everything in it is fixed. */
export async function writeSampleArchive(store: ArchiveStore, options: ArchiveOptions): Promise<ManifestDraft> {
  const items = options.items ?? sampleItems();
  const perChunk = options.itemsPerChunk ?? 11;
  const backupId = '018f0000-0000-7000-8000-000000000001';
  const entries: ChunkEntry[] = [];
  const ranges = [new TableDigest(), new TableDigest()];
  const total = new TableDigest();
  await writeStarted(store, { backupId, startedAt: Date.UTC(2026, 0, 1) });
  for (let start = 0; start < items.length; start += perChunk) {
    const range = start < items.length / 2 ? 0 : 1;
    const { entry, digest } = await writeChunk(store, items.slice(start, start + perChunk), range, options);
    entries.push(entry);
    ranges[range]?.merge(digest);
    total.merge(digest);
  }
  const sum = (key: 'stored_bytes' | 'raw_bytes' | 'expiring') => entries.reduce((all, entry) => all + entry[key], 0);
  const draft: ManifestDraft = {
    backup_id: backupId,
    backup_name: 'sample "ünïcode" 😀',
    project_id: 'demo',
    table_id: '018f0000-0000-7000-8000-000000000002',
    table_name: 'Cities.v1',
    schema: sampleSchema,
    backend: 'postgresql',
    type: 'full',
    data_format: 'db-agnostic',
    base_backup_id: null,
    compression: options.compression,
    started_at: Date.UTC(2026, 0, 1),
    finished_at: Date.UTC(2026, 0, 1, 0, 0, 1, 234),
    item_count: total.itemCount,
    expiring_count: sum('expiring'),
    table_size_bytes: sum('raw_bytes'),
    size_bytes: sum('stored_bytes'),
    buckets: total.toJSON(),
    ranges: ranges.map((digest, index) => ({
      items: digest.itemCount,
      digest: digest.totalHex(),
      chunks: entries.filter((entry) => entry.range === index).length,
    })),
    strategy: { name: 'default', compression: options.compression, location: { type: 'internal' } },
    writer: '0.1.0',
    ...options.draft,
  };
  await writeManifest(store, draft, arrayOf(entries));
  return draft;
}

export const NATIVE_FACTS: NativeFacts = { format: 'postgresql-1', server_version: '15.18' };

/** The item as a row of a native chunk; its key columns are spelt somehow. */
export function rowOf({ item, expiresAt }: SampleItem): Buffer {
  const parsed = parseItem(item);
  const key = (name: string): Buffer | null => (parsed.has(name) ? Buffer.from(String(parsed.get(name)?.value)) : null);
  const expiry = Buffer.alloc(8);
  expiry.writeBigInt64BE(BigInt(expiresAt ?? 0));
  const fields = [
    key('city'),
    key('rank'),
    canonicalItem(parsed),
    expiresAt === undefined ? null : expiry,
    key('photo'),
  ];
  const parts: Buffer[] = [Buffer.from([0, fields.length])];
  for (const field of fields) {
    const length = Buffer.alloc(4);
    length.writeInt32BE(field?.length ?? -1);
    parts.push(length, field ?? Buffer.alloc(0));
  }
  return Buffer.concat(parts);
}

async function writeChunk(
  store: ArchiveStore,
  items: readonly SampleItem[],
  range: number,
  { compression, draft }: ArchiveOptions,
): Promise<{ entry: ChunkEntry; digest: TableDigest }> {
  const builder = new LineBlockBuilder();
  for (const { item, expiresAt } of items) {
    const parsed = parseItem(item);
    builder.add(canonicalItem(parsed), canonicalKey(sampleSchema, parsed), expiresAt);
  }
  const block = builder.take('');
  const { name, sha256, rawBytes, body } =
    draft?.data_format === 'native'
      ? await encodeNativeChunk(items.map(rowOf), compression)
      : await encodeChunk([block.lines], compression);
  await store.put(name, { size: body.length, open: (start, end) => Readable.from([body.subarray(start, end)], { objectMode: false }) });
  const entry: ChunkEntry = {
    name,
    sha256,
    stored_bytes: body.length,
    raw_bytes: rawBytes,
    items: block.itemCount,
    expiring: block.expiringCount,
    digest: block.digest.totalHex(),
    range,
  };
  return { entry, digest: block.digest };
}

async function* arrayOf<T>(values: readonly T[]): AsyncGenerator<T> {
  yield* values;
}
