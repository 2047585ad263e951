const rows = require('../rows');

const BOUNDS = 'src/archive/bounds.spec.ts';

module.exports = [
  ...rows('src/archive/chunk.ts', 'src/archive/archive.spec.ts', [
    ['chunk-sha256', 'a chunk’s stored bytes are proved', "if (sha256Hex(body) !== entry.sha256) throw damaged(entry.name, 'is damaged: its SHA-256 differs');", '', 'one flipped bit anywhere'],
    ['chunk-set-digest', 'a chunk’s items are proved', "if (digest.totalHex() !== entry.digest) throw damaged(entry.name, 'is damaged: its set digest differs');", '', 'within a chunk is noticed'],
    ['chunk-expiring-count', 'a chunk’s expiring items are counted', 'if (expiring !== entry.expiring) throw', 'if (expiring < 0) throw', 'within a chunk is noticed|a list that says something else'],
    ['chunk-missing', 'a missing chunk is noticed', 'const { raw, contents } = await fetchChunk(store, entry, signal);\n  const items =', 'const fetched = await fetchChunk(store, entry, signal).catch(() => undefined);\n  if (fetched === undefined) return;\n  const { raw, contents } = fetched;\n  const items =', 'a missing chunk is noticed'],
    ['chunk-of-any-size', 'chunks are bounded when they are written', 'if (raw.length > MAX_CHUNK_RAW_BYTES) throw', 'if (raw.length < 0) throw', 'hold 64 MiB of lines at most'],
    ['chunk-not-stopped', 'reading stops when it is told to', '      signal?.throwIfAborted();\n', '', 'stops when told to'],
  ]),
  ...rows('src/archive/reader.ts', 'src/archive/archive.spec.ts', [
    ['list-sha256', 'a chunk list’s bytes are proved', "if (sha256Hex(bytes) !== list.sha256) throw damaged(list.name, 'is damaged: its SHA-256 differs');", '', 'one flipped bit anywhere'],
    ['list-missing', 'a missing list is noticed', "if (bytes === undefined) throw damaged(list.name, 'is missing');", 'if (bytes === undefined) return [];', 'a missing list is noticed'],
    ['buckets-not-compared', 'the buckets are compared with the items', 'if (differing.length > 0)', 'if (differing.length > 256)', 'the buckets are compared'],
    ['ranges-not-compared', 'the ranges are compared with the chunks', 'if (!same) throw', 'if (found === undefined) throw', 'a list that says something else|a chunk left out of a list'],
    ['manifest-missing', 'without a manifest there is no backup', "if (bytes === undefined) throw new DomainError('BackupNotExists', 'there is no finished backup at this location');", "if (bytes === undefined) throw new DomainError('ArchiveDamaged', 'there is no finished backup at this location');", 'is no backup without its manifest'],
  ]),
  ...rows('src/archive/manifest.ts', 'src/archive/archive.spec.ts', [
    ['manifest-own-digest', 'a manifest proves itself', '  checkOwnDigest(bytes);\n', '', 'a manifest that was changed by hand'],
    ['newer-version', 'a newer version is refused as such', 'if (version > FORMAT_VERSION) {', 'if (version > FORMAT_VERSION + 1) {', 'a newer version is refused'],
    ['unknown-requirement', 'an unknown requirement is refused', 'requires.find((feature) => !KNOWN_FEATURES.has(feature))', 'requires.find((feature) => feature.length > 64)', 'an unknown requirement is refused'],
    ['hostile-table-name', 'table names of archives are checked', "fields.matching('table_name', TABLE_NAME_PATTERN, 'a table name')", "fields.text('table_name')", 'a manifest whose'],
    ['manifest-does-not-add-up', 'a manifest adds up', '  checkAddsUp(manifest, fields);\n', '', 'a manifest whose'],
  ]),
  ...rows('src/archive/archive-store.ts', BOUNDS, [
    ['object-of-any-size', 'no more of an object is read than it may have', "if (size > maxBytes) throw damaged(name, 'is longer than it may be');", '', 'no more of an object'],
  ]),
  ...rows('src/archive/chunk.ts', BOUNDS, [
    ['entry-of-any-size', 'chunks are bounded when they are read', "fields.count('raw_bytes', MAX_CHUNK_RAW_BYTES)", "fields.count('raw_bytes')", 'an entry with'],
    ['entry-of-any-name', 'a chunk’s name is its digest', 'if (parseChunkName(name)?.sha256 !== sha256) throw', "if (name === '') throw", 'an entry with'],
  ]),
  ...rows('src/archive/manifest.ts', BOUNDS, [
    ['list-of-any-name', 'a list’s name is its digest', 'if (!isListName(name) || name !== listName(sha256))', "if (name === '')", 'a list whose name'],
  ]),
  ...rows('src/archive/reader.ts', BOUNDS, [
    ['totals-not-compared', 'the totals are compared with the chunks', 'if (!totals) throw', 'if (totals === undefined) throw', 'is what the chunks add up to'],
  ]),
  ...rows('src/archive/writer.ts', 'src/archive/archive.spec.ts', [
    ['manifest-before-lists', 'data first, manifest last', '  await flush();\n  await putBytes(', '  await putBytes(store, MANIFEST_NAME, encodeManifest(draft, lists), signal);\n  await flush();\n  await putBytes(', 'data first, manifest last'],
    ['list-of-any-length', 'chunk lists are bounded', 'if (lines.length === MAX_LIST_ENTRIES) await flush();', '', 'lists of at most 4096'],
  ]),
  ...rows('src/archive/compression.ts', 'src/archive/compression.spec.ts', [
    ['gzip-bomb', 'a gzip chunk expands no further than it says', 'maxOutputLength: Math.max(1, rawBytes), info', 'info', 'expands further than it says'],
    ['gzip-tail', 'nothing lies behind a gzip chunk’s end', 'if (engine.bytesWritten !== body.length)', 'if (engine.bytesWritten < 0)', 'gzip from outside is refused'],
    ['zstd-frame-unchecked', 'a zstd chunk is looked at before it is expanded', 'const problem = checkZstdFrame(body);', 'const problem: string | undefined = undefined;', 'zstd from outside is refused'],
    ['raw-size-unchecked', 'a chunk expands to what its entry says', 'if (raw.length !== rawBytes) throw', 'if (raw.length < 0) throw', 'gives back what it was given'],
  ]),
  ...rows('src/archive/zstd-frame.ts', 'src/archive/compression.spec.ts', [
    ['zstd-bomb', 'a zstd chunk’s blocks are bounded', 'const MAX_BLOCKS = 1024;', 'const MAX_BLOCKS = 10_000_000;', 'zstd from outside is refused'],
    ['zstd-window', 'a zstd chunk’s window is bounded', 'const MAX_WINDOW_BYTES = 8 * 1024 * 1024;', 'const MAX_WINDOW_BYTES = 8 * 1024 ** 3;', 'zstd from outside is refused'],
  ]),
  ...rows('src/archive/deletion.ts', 'src/archive/deletion.spec.ts', [
    ['manifest-deleted-last', 'a backup stops being one with the first delete', '    return { manifest, copied: true };\n  } catch', '    return { manifest, copied: false };\n  } catch', 'stops being a backup with its first delete'],
    ['deletion-without-tombstone', 'a deletion goes on after a crash', '    await putBytes(store, DELETED_NAME, manifest, signal);\n', '', 'goes on after a crash at any point'],
    ['deletion-forgets-intents', 'what was intended is deleted', 'new Set((options.names ?? []).filter(isArchiveName))', 'new Set<string>()', 'goes by the recorded names'],
    ['deletion-of-anything', 'nothing but an archive’s objects is deleted', '(options.names ?? []).filter(isArchiveName)', 'options.names ?? []', 'goes by the recorded names'],
    ['deletion-on-a-full-store', 'a full store can be cleared', "if (!isDomainError(error, 'StorageFull')) throw error;", 'throw error;', 'needs no room on a full store'],
    ['deletion-not-stopped', 'a deletion stops when told to', '      options.signal?.throwIfAborted();\n', '', 'stops when told to'],
  ]),
  ...rows('src/kernel/bounded-json.ts', 'test/fuzz/archive.spec.ts', [
    ['json-of-any-depth', 'JSON of archives is bounded in depth', 'if (isDeeper(text, maxDepth)) throw', 'if (maxDepth < 0) throw', 'bombs'],
  ]),
  ...rows('src/kernel/item-lines.ts', 'test/archive-reader/independent-reader.spec.ts', [
    ['lines-for-jq', 'jq reads a backup', `const HEAD = Buffer.from('{"Item":');`, `const HEAD = Buffer.from('{"item":');`, 'zstd and jq alone'],
  ]),
];
