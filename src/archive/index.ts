export { ArchiveSource, ArchiveStore } from './archive-store';
export {
  CHUNK_RAW_BYTES,
  ChunkEntry,
  EncodedChunk,
  MAX_CHUNK_RAW_BYTES,
  chunkEntryFromJson,
  encodeChunk,
  encodeNativeChunk,
  readChunk,
  readNativeChunk,
} from './chunk';
export { DeleteOptions, archiveObjectNames, deleteArchive } from './deletion';
export { ArchiveManifest, ChunkListEntry, FORMAT_VERSION, ManifestDraft, NativeFacts, RangeSummary } from './manifest';
export { NATIVE_POSTGRESQL } from './native-rows';
export { COMPRESSIONS, Compression, DELETED_NAME, MANIFEST_NAME, STARTED_NAME } from './object-names';
export { checkBuckets, digestChunk, readChunkEntries, readManifest, verifyArchive } from './reader';
export { writeManifest, writeStarted } from './writer';
