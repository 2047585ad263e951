import { KeyRange, SplitOptions, TableHandle } from '../table-backend';
import { isVanished, tableChanged } from './errors';
import { Layout } from './layout';
import { MAX_TOKEN, MIN_TOKEN, Position, formatPosition, fractionOf } from './positions';
import { RangeReader } from './range-reader';
import { parseGeneration } from './registry';
import { Ring, TokenWeight } from './ring';
import { cutRing, totalWeight } from './ring-cuts';
import { Services } from './services';

/** A table up to so many rows and bytes is walked, and cut evenly; of a larger one, so much is looked at: more of it, up to the second figure, while it is all of few partitions. */
const [WALK_ROWS, MOST_WALK_ROWS] = [4_000, 20_000];
const [WALK_BYTES, MOST_WALK_BYTES] = [2 * 1024 * 1024, 8 * 1024 * 1024];
const PAGE_BYTES = 512 * 1024;
/** Fewer partitions say nothing of how many there are: then only what was seen is counted. */
const TELLING_PARTITIONS = 8;
/** The nodes' estimates are not believed if a look says so many times more or less: they are late. */
const MOST_WRONG = 10;

/** What a look at the beginning of a table shows. */
export interface Walk {
  readonly rows: readonly { readonly position: Position; readonly bytes: number; readonly expiresAt: number | undefined }[];
  readonly bytes: number;
  /** Was that all? */
  readonly complete: boolean;
  /** How much of the whole it was, 0 … 1, by the ring; undefined: of too few partitions to tell. */
  readonly fraction: number | undefined;
}

/**
 * Cuts contents into ranges. How a large table is cut is a matter of speed only: each range is read to its end, whatever it turns out to weigh.
 */
export class RangeSplitter {
  constructor(
    private readonly services: Pick<Services, 'contents'> & { readonly session: { readonly ring: Pick<Ring, 'ends' | 'estimates'> } },
    private readonly reader: Pick<RangeReader, 'pages'>,
  ) {}

  async split(handle: TableHandle, { targetBytes, maxRanges }: SplitOptions): Promise<KeyRange[]> {
    const content = await this.services.contents.requireReadable(handle.generation);
    const walk = await this.walk(content.layout, MOST_WALK_ROWS, WALK_ROWS).catch((error: unknown) => {
      throw isVanished(error) ? tableChanged() : error;
    });
    const weights = walk.complete ? [evenly(walk.bytes)] : await this.weigh(handle.generation, walk);
    const totalBytes = totalWeight(weights);
    const wanted = Math.max(1, Math.min(maxRanges, Math.ceil(totalBytes / targetBytes)));
    const bounds = walk.complete ? evenBounds(walk, wanted) : cutRing(weights, this.services.session.ring.ends(), wanted).map((token) => ({ token }));
    const edges = [null, ...bounds.map(formatPosition), null];
    const totalItems = walk.bytes === 0 ? 0 : (walk.rows.length * totalBytes) / walk.bytes;
    const estimatedItems = Math.ceil(totalItems / (edges.length - 1));
    return edges.slice(1).map((end, index) => ({ start: edges[index] ?? null, end, estimatedItems }));
  }

  /** Where in the ring a large table's bytes are. */
  private async weigh(generation: string, { bytes, fraction }: Walk): Promise<TokenWeight[]> {
    const { keyspace = '', table = '' } = parseGeneration(generation) ?? {};
    const estimates = await this.services.session.ring.estimates(keyspace, table);
    const estimated = totalWeight(estimates);
    const looked = bytes / (fraction ?? 1);
    const tooLittle = fraction === undefined ? estimated < looked : estimated < looked / MOST_WRONG;
    const tooMuch = fraction !== undefined && estimated > looked * MOST_WRONG;
    return tooLittle || tooMuch ? [evenly(looked)] : estimates;
  }

  /**
   * Reads a table's first rows: all of them, if they are few.
   * @param enoughRows if they are of enough partitions to tell how many there are
   */
  async walk(layout: Layout, maxRows: number, enoughRows = maxRows): Promise<Walk> {
    const rows: { position: Position; bytes: number; expiresAt: number | undefined }[] = [];
    let bytes = 0;
    const tokens = new Set<bigint>();
    let lastToken = 0n;
    for await (const page of this.reader.pages(layout, undefined, undefined, { pageBytes: PAGE_BYTES, maxPageRows: enoughRows })) {
      for (const row of page) {
        rows.push({ position: row.position, bytes: row.bytes, expiresAt: row.expiresAt });
        bytes += row.bytes;
        tokens.add((lastToken = row.token));
      }
      const tells = tokens.size >= TELLING_PARTITIONS;
      if (rows.length < (tells ? enoughRows : maxRows) && bytes < (tells ? WALK_BYTES : MOST_WALK_BYTES)) continue;
      return { rows, bytes, complete: false, fraction: tells ? Math.max(1e-6, fractionOf(lastToken)) : undefined };
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

/** As tokens are spread, but for huge partitions: those are gone on with from any block. */
function evenly(bytes: number): TokenWeight {
  return { after: MIN_TOKEN, upTo: MAX_TOKEN, bytes };
}
