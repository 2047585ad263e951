import { createHash } from 'node:crypto';

/** Names of an archive's objects, relative to the backup's root (docs/archive-format.md, "Layout"). */
export const STARTED_NAME = 'started.json';
export const MANIFEST_NAME = 'manifest.json';
export const DELETED_NAME = 'deleted.json';

export const COMPRESSIONS = ['zstd', 'gzip', 'none'] as const;
export type Compression = (typeof COMPRESSIONS)[number];

const EXTENSIONS: Readonly<Record<Compression, string>> = { zstd: '.jsonl.zst', gzip: '.jsonl.gz', none: '.jsonl' };
const CHUNK_NAME = /^chunks\/([0-9a-f]{64})(\.jsonl(?:\.zst|\.gz)?)$/;
const LIST_NAME = /^lists\/([0-9a-f]{64})\.jsonl$/;

export function chunkName(sha256: string, compression: Compression): string {
  return `chunks/${sha256}${EXTENSIONS[compression]}`;
}

export function listName(sha256: string): string {
  return `lists/${sha256}.jsonl`;
}

/** What a chunk's name says of it; undefined if it is no chunk's name. */
export function parseChunkName(name: string): { sha256: string; compression: Compression } | undefined {
  const [, sha256, extension] = CHUNK_NAME.exec(name) ?? [];
  const compression = COMPRESSIONS.find((each) => EXTENSIONS[each] === extension);
  return sha256 === undefined || compression === undefined ? undefined : { sha256, compression };
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
