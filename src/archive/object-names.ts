import { createHash } from 'node:crypto';

/** Names of an archive's objects, relative to the backup's root (docs/archive-format.md, "Layout"). */
export const STARTED_NAME = 'started.json';
export const MANIFEST_NAME = 'manifest.json';
export const DELETED_NAME = 'deleted.json';

export const COMPRESSIONS = ['zstd', 'gzip', 'none'] as const;
export type Compression = (typeof COMPRESSIONS)[number];

/** What a chunk holds: lines of items, or rows in PostgreSQL's binary copy format. */
export const CHUNK_CONTENTS = ['jsonl', 'pgcopy'] as const;
export type ChunkContents = (typeof CHUNK_CONTENTS)[number];

const EXTENSIONS: Readonly<Record<Compression, string>> = { zstd: '.zst', gzip: '.gz', none: '' };
const CHUNK_NAME = /^chunks\/([0-9a-f]{64})\.(jsonl|pgcopy)((?:\.zst|\.gz)?)$/;
const LIST_NAME = /^lists\/([0-9a-f]{64})\.jsonl$/;

export function chunkName(sha256: string, compression: Compression, contents: ChunkContents = 'jsonl'): string {
  return `chunks/${sha256}.${contents}${EXTENSIONS[compression]}`;
}

export function listName(sha256: string): string {
  return `lists/${sha256}.jsonl`;
}

/** What a chunk's name says of it; undefined if it is no chunk's name. */
export function parseChunkName(
  name: string,
): { sha256: string; compression: Compression; contents: ChunkContents } | undefined {
  const [, sha256, kind, extension] = CHUNK_NAME.exec(name) ?? [];
  const compression = COMPRESSIONS.find((each) => EXTENSIONS[each] === extension);
  const contents = CHUNK_CONTENTS.find((each) => each === kind);
  if (sha256 === undefined || compression === undefined || contents === undefined) return undefined;
  return { sha256, compression, contents };
}

export function isListName(name: string): boolean {
  return LIST_NAME.test(name);
}

/** Could this be an object of an archive? */
export function isArchiveName(name: string): boolean {
  return [STARTED_NAME, MANIFEST_NAME, DELETED_NAME].includes(name) || CHUNK_NAME.test(name) || LIST_NAME.test(name);
}

export function sha256Hex(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
