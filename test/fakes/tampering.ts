import { createHash } from 'node:crypto';
import { ChunkEntry, Compression, encodeChunk } from '../../src/archive';
import { MapArchiveStore } from './map-archive-store';

/** Any JSON object: what an attacker makes of it. */
export type Loose = Record<string, unknown>;

export function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

export function manifestOf(store: MapArchiveStore): Loose {
  return JSON.parse(String(store.objects.get('manifest.json'))) as Loose;
}

/** Puts a manifest whose own digest is right, whatever it says: what somebody who can rewrite the archive would do. */
export function forgeManifest(store: MapArchiveStore, manifest: Loose): void {
  const { manifest_sha256: _, ...rest } = manifest;
  const body = Buffer.from(JSON.stringify(rest, null, 1).slice(0, -2));
  store.objects.set(
    'manifest.json',
    Buffer.concat([body, Buffer.from(`,\n "manifest_sha256": "${sha256(body)}"\n}\n`)]),
  );
}

/** Changes the manifest and makes its digest right again. */
export function editManifest(store: MapArchiveStore, edit: (manifest: Loose) => void): void {
  const manifest = manifestOf(store);
  edit(manifest);
  forgeManifest(store, manifest);
}

/** The entries of all chunk lists. */
export function entriesOf(store: MapArchiveStore): ChunkEntry[] {
  const lists = manifestOf(store)['chunk_lists'] as { name: string }[];
  return lists.flatMap(({ name }) =>
    String(store.objects.get(name))
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as ChunkEntry),
  );
}

/** Replaces all lists by one of these lines, and makes every digest above right again. */
export function forgeList(
  store: MapArchiveStore,
  lines: readonly string[],
  edit: (manifest: Loose) => void = () => undefined,
): void {
  const body = Buffer.from(lines.map((line) => `${line}\n`).join(''));
  const name = `lists/${sha256(body)}.jsonl`;
  store.objects.set(name, body);
  editManifest(store, (manifest) => {
    manifest['chunk_lists'] = [{ name, sha256: sha256(body), size: body.length, chunks: lines.length }];
    edit(manifest);
  });
}

/** Replaces the first chunk by these stored bytes, and makes every digest of objects above right again; the set digests stay. */
export function forgeChunkBytes(store: MapArchiveStore, body: Buffer, rawBytes: number, extension: string): void {
  const [first, ...others] = entriesOf(store);
  if (first === undefined) throw new Error('no chunk');
  const name = `chunks/${sha256(body)}${extension}`;
  store.objects.delete(first.name);
  store.objects.set(name, body);
  const forged = { ...first, name, sha256: sha256(body), stored_bytes: body.length, raw_bytes: rawBytes };
  forgeList(
    store,
    [forged, ...others].map((entry) => JSON.stringify(entry)),
    (manifest) => {
      manifest['table_size_bytes'] = Number(manifest['table_size_bytes']) - first.raw_bytes + rawBytes;
      manifest['size_bytes'] = Number(manifest['size_bytes']) - first.stored_bytes + body.length;
    },
  );
}

/** Replaces the first chunk's lines, likewise. */
export async function forgeChunkLines(store: MapArchiveStore, lines: Buffer): Promise<void> {
  const compression = manifestOf(store)['compression'] as Compression;
  const encoded = await encodeChunk([lines], compression);
  forgeChunkBytes(store, encoded.body, lines.length, encoded.name.slice('chunks/'.length + 64));
}
