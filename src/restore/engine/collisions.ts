import { ChunkEntry } from '../../archive';
import { DecodedItem, TableDigest, TableSchema, itemDigest } from '../../kernel';
import { ChunkLoad, LoadControl, RestoreContext } from './portable-restore';

/** Keys that are remembered at a time: about 20 MiB. */
const MAX_KEYS = 200_000;
/** Room for an expiry beside a digest. */
const EXPIRY_BITS = 64n;

/**
 * One of two different items of one key, if there are such in the archive and that is why fewer were found than loaded: backends that do not look make one
 * row of them. Reads the archive again; of a very large table it may not find it.
 */
export async function findCollision(
  context: RestoreContext,
  archive: { readonly schema: TableSchema; readonly chunks: readonly ChunkEntry[]; readonly expiryCutoff: number },
  { loaded, found }: { readonly loaded: TableDigest; readonly found: TableDigest },
  control: LoadControl,
): Promise<DecodedItem | undefined> {
  const buckets = new Set(loaded.bucketsWithMore(found));
  if (buckets.size === 0) return undefined;
  const seen = new Map<bigint, bigint>();
  for (const entry of archive.chunks) {
    const chunk = new ChunkLoad(context, archive.schema, entry, archive.expiryCutoff, control.signal);
    for await (const items of chunk.read((amount) => control.throttle(amount))) {
      for (const item of items) {
        if (!buckets.has(item.bucket)) continue;
        const key = itemDigest(item.canonicalKey).value;
        const value = (item.digest.value << EXPIRY_BITS) + BigInt(item.expiresAt ?? 0);
        const earlier = seen.get(key);
        if (earlier !== undefined && earlier !== value) return item;
        if (seen.size < MAX_KEYS) seen.set(key, value);
      }
    }
  }
  return undefined;
}
