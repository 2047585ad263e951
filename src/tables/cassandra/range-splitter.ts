import { KeyRange, SplitOptions, TableHandle } from '../table-backend';
import { isVanished, tableChanged } from './errors';
import { Layout } from './layout';
import { Position, formatPosition, fractionOf, tokenAt } from './positions';
import { RangeReader } from './range-reader';
import { Services } from './services';

/** A table up to so many rows and bytes is walked, and cut evenly; of a larger one, so much is looked at. */
const WALK_ROWS = 20_000;
const WALK_BYTES = 8 * 1024 * 1024;
const PAGE_BYTES = 512 * 1024;
/** Fewer partitions say nothing of how many there are: then only what was seen is counted. */
const TELLING_PARTITIONS = 8;

/** What a look at the beginning of a table shows. */
export interface Walk {
  readonly rows: readonly { readonly position: Position; readonly bytes: number; readonly expiresAt: number | undefined }[];
  readonly bytes: number;
  /** Was that all? */
  readonly complete: boolean;
  /** How much of the whole it was, 0 … 1, by the ring. */
  readonly fraction: number;
}

/** Cuts contents into ranges. */
export class RangeSplitter {
  constructor(
    private readonly services: Pick<Services, 'contents'>,
    private readonly reader: Pick<RangeReader, 'pages'>,
  ) {}

  async split(handle: TableHandle, { targetBytes, maxRanges }: SplitOptions): Promise<KeyRange[]> {
    const content = await this.services.contents.requireReadable(handle.generation);
    const walk = await this.walk(content.layout, WALK_ROWS).catch((error: unknown) => {
      throw isVanished(error) ? tableChanged() : error;
    });
    const totalBytes = walk.bytes / walk.fraction;
    const totalItems = walk.rows.length / walk.fraction;
    const wanted = Math.max(1, Math.min(maxRanges, Math.ceil(totalBytes / targetBytes)));
    const bounds = walk.complete ? evenBounds(walk, wanted) : ringBounds(wanted);
    const edges = [null, ...bounds.map(formatPosition), null];
    const estimatedItems = Math.ceil(totalItems / (edges.length - 1));
    return edges.slice(1).map((end, index) => ({ start: edges[index] ?? null, end, estimatedItems }));
  }

  /** Reads a table's first rows: all of them, if they are few. */
  async walk(layout: Layout, maxRows: number): Promise<Walk> {
    const rows: { position: Position; bytes: number; expiresAt: number | undefined }[] = [];
    let bytes = 0;
    const tokens = new Set<bigint>();
    let lastToken = 0n;
    for await (const page of this.reader.pages(layout, undefined, undefined, { pageBytes: PAGE_BYTES, maxPageRows: maxRows })) {
      for (const row of page) {
        rows.push({ position: row.position, bytes: row.bytes, expiresAt: row.expiresAt });
        bytes += row.bytes;
        tokens.add((lastToken = row.token));
      }
      if (rows.length >= maxRows || bytes >= WALK_BYTES) {
        return { rows, bytes, complete: false, fraction: tokens.size < TELLING_PARTITIONS ? 1 : Math.max(1e-6, fractionOf(lastToken)) };
      }
    }
    return { rows, bytes, complete: true, fraction: 1 };
  }
}

/** Behind which rows to cut, so that ranges weigh about the same. */
function evenBounds(walk: Walk, wanted: number): Position[] {
  const bounds: Position[] = [];
  let bytes = 0;
  for (const [index, row] of walk.rows.entries()) {
    bytes += row.bytes;
    const isLast = index === walk.rows.length - 1;
    if (!isLast && bounds.length < wanted - 1 && bytes >= ((bounds.length + 1) * walk.bytes) / wanted) bounds.push(row.position);
  }
  return bounds;
}

/** Tokens are spread evenly, but for huge partitions: those are gone on with from any block. */
function ringBounds(wanted: number): Position[] {
  return Array.from({ length: wanted - 1 }, (_each, index) => ({ token: tokenAt(index + 1, wanted) }));
}
