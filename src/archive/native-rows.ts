import { TableSchema } from '../kernel';
import { damaged } from './archive-store';

/**
 * The layout `postgresql-1` of native chunks (docs/archive-format.md, "Native chunks"): a file of PostgreSQL's binary copy format. Columns:
 * hash key, range key, item (canonical JSON), expiry, then one for each index.
 */

/** The format that a manifest names, and what readers of it must know. */
export const NATIVE_POSTGRESQL = 'postgresql-1';

/** Signature, flags (none), length of the header's extension (none). */
export const PGCOPY_HEADER = Buffer.from('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1');
export const PGCOPY_TRAILER = Buffer.from([0xff, 0xff]);

/** Hash key, range key and the longest indexed attribute together: a B-tree entry must hold them. */
const MAX_KEY_BYTES = 2600;
const MAX_ITEM_BYTES = 4 * 1024 * 1024;
const FIXED_COLUMNS = 4;
const TWO_32 = 2 ** 32;

/** Where a row's item lies in its file, and its expiry. The same object for every row. */
export interface WalkedRow {
  itemStart: number;
  itemEnd: number;
  /** Seconds since the epoch; undefined: never. */
  expiresAt: number | undefined;
}

/** Walks a file of rows from outside, frame by frame; whatever is not exactly as the layout says is `ArchiveDamaged`. */
export class RowWalk {
  private at = PGCOPY_HEADER.length;
  private row = 0;
  private readonly columns: number;

  /** @param object names the chunk, for errors */
  constructor(
    private readonly raw: Buffer,
    private readonly object: string,
    schema: TableSchema,
  ) {
    this.columns = FIXED_COLUMNS + schema.indexes.length;
  }

  *rows(): Generator<WalkedRow> {
    const { raw } = this;
    if (raw.compare(PGCOPY_HEADER, 0, PGCOPY_HEADER.length, 0, PGCOPY_HEADER.length) !== 0)
      throw damaged(this.object, 'is damaged: it does not begin as a binary copy does');
    const found: WalkedRow = { itemStart: 0, itemEnd: 0, expiresAt: undefined };
    for (;;) {
      if (this.at + 2 > raw.length) throw damaged(this.object, 'is damaged: it has no end');
      const columns = raw.readInt16BE(this.at);
      this.at += 2;
      if (columns === -1) break;
      this.row++;
      if (columns !== this.columns) throw this.wrong(`has ${columns} columns instead of ${this.columns}`);
      const hash = this.field('hash key', MAX_KEY_BYTES);
      const left = MAX_KEY_BYTES - hash - this.field('range key', MAX_KEY_BYTES - hash);
      const length = this.field('item', MAX_ITEM_BYTES);
      found.itemStart = this.at - length;
      found.itemEnd = this.at;
      found.expiresAt = this.expiry();
      for (let index = FIXED_COLUMNS; index < columns; index++) this.optional('indexed attribute', left);
      yield found;
    }
    if (this.at !== raw.length) throw damaged(this.object, 'is damaged: something lies behind its end');
  }

  private expiry(): number | undefined {
    const length = this.optional('expiry', 8);
    if (length === undefined) return undefined;
    const seconds = length === 8 ? this.raw.readInt32BE(this.at - 8) * TWO_32 + this.raw.readUInt32BE(this.at - 4) : -1;
    if (!Number.isSafeInteger(seconds) || seconds < 0) throw this.wrong('has an invalid expiry');
    return seconds;
  }

  private field(what: string, maxBytes: number): number {
    const length = this.optional(what, maxBytes);
    if (length === undefined) throw this.wrong(`has no ${what}`);
    return length;
  }

  /** Moves behind the field; its length, undefined if it is NULL. */
  private optional(what: string, maxBytes: number): number | undefined {
    if (this.at + 4 > this.raw.length) throw this.wrong('is cut off');
    const length = this.raw.readInt32BE(this.at);
    this.at += 4;
    if (length === -1) return undefined;
    if (length < 0 || length > maxBytes) throw this.wrong(`has a ${what} of impossible length`);
    this.at += length;
    if (this.at > this.raw.length) throw this.wrong('is cut off');
    return length;
  }

  private wrong(what: string): Error {
    return damaged(this.object, `is damaged: row ${this.row} ${what}`);
  }
}
