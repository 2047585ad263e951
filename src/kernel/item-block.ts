import { Item, TableSchema } from './model';
import { TableDigest } from './table-digest';
import { Digest128 } from './xxh3';

/** A run of items, encoded as archive lines by the backend that read them, with what proves them. */
export interface ItemBlock {
  /** JSON lines (`{"Item":{…}}` or `{"Item":{…},"Expires":1234567890}`), each ended by `\n`; empty if only digests were asked for. */
  readonly lines: Buffer;
  readonly itemCount: number;
  /** How many of them have an expiry. */
  readonly expiringCount: number;
  /** Counts and digests of these items by hash bucket. */
  readonly digest: TableDigest;
  /** Opaque: reading the same range `after` this goes on behind the block's last item. */
  readonly cursor: string;
}

/** One archive line, read and checked. */
export interface DecodedItem {
  /** The whole item, parsed when it is asked for. */
  readonly item: Item;
  /** The schema that it was read by. */
  readonly schema: TableSchema;
  /** Those of its attributes that the schema defines, the key's among them; parsed when they are asked for. */
  readonly defined: Item;
  /**
   * Where the values of these attributes stand in `canonical`, spelt as they are and free of escapes: start and end of each, quotes aside, in the
   * schema's order; 0, 0: the item has no such attribute. Undefined: not known.
   */
  readonly places: readonly number[] | undefined;
  /** Canonical JSON of the item in UTF-8: what is hashed. */
  readonly canonical: Buffer;
  /** Canonical JSON of the key in UTF-8: what chooses the bucket. */
  readonly canonicalKey: Buffer;
  /** Seconds since the epoch after which the item no longer exists; undefined: it never expires. */
  readonly expiresAt: number | undefined;
  /** XXH3-128 of `canonical`. */
  readonly digest: Digest128;
  /** 0 … BUCKET_COUNT-1. */
  readonly bucket: number;
}
