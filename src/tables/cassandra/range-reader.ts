import { types } from 'cassandra-driver';
import { ItemBlock, isDomainError } from '../../kernel';
import { KeyRange, ReadRangeOptions, TableHandle } from '../table-backend';
import { BlockPage, BlockPages, BlockRequest, DriverBlockPages } from './block-pages';
import { ReadRow, readRow } from './codec';
import { isVanished, tableChanged } from './errors';
import { Layout } from './layout';
import { MAX_PAGE_ROWS, PageWeight } from './page-weight';
import { Position, Slice, parsePosition, positionOf, slicesOf } from './positions';
import { Content, parseGeneration } from './registry';
import { Services, expiryCutoff } from './services';
import { Session, Values } from './session';
import { PATIENCE, PageAsk, Patience, SteadyPages } from './steady-pages';

const DEFAULT_BLOCK_BYTES = 1024 * 1024;
/** Pages come many times a second. */
const ASK_MILLIS = 250;

/** A row, and the position behind it. */
export interface RangeRow extends ReadRow {
  readonly position: Position;
}

export interface RowsOptions {
  /** A page holds about so many bytes. */
  readonly pageBytes: number;
  readonly maxPageRows?: number;
}

/** Reads stretches of a content in the order of the ring. */
export class RangeReader {
  constructor(
    private readonly services: Services,
    private readonly blockPages: BlockPages = new DriverBlockPages(services.session),
    private readonly patience: Patience = PATIENCE,
  ) {}

  /** As the port's `readRange`. */
  async *read(handle: TableHandle, range: KeyRange, options: ReadRangeOptions): AsyncGenerator<ItemBlock> {
    const { signal, digestOnly = false, blockBytes = DEFAULT_BLOCK_BYTES } = options;
    signal?.throwIfAborted();
    const cutoff = options.expiryCutoff ?? expiryCutoff(this.services);
    const content = await this.services.contents.requireReadable(handle.generation);
    const start = bound(options.after ?? range.start, content.layout);
    const end = bound(range.end, content.layout);
    const steady = this.steadyPages({ content, digestOnly, blockBytes, cutoff }, options);
    // What was read before the content went away is whole; what comes afterwards is not. So it is asked for now and then, lest work be in vain, and at the end.
    let askedAt = -Infinity;
    const stillThere = async (): Promise<void> => {
      askedAt = performance.now();
      await steady.patiently(() => this.services.contents.requireReadable(handle.generation));
    };
    try {
      for await (const { blocks } of steady.pages(start, end)) {
        signal?.throwIfAborted();
        if (performance.now() - askedAt > ASK_MILLIS) await stillThere();
        for (const block of blocks) {
          yield block;
          if (options.reuseMemory === true) this.blockPages.giveBack(block.lines);
          signal?.throwIfAborted();
        }
      }
      await stillThere();
    } catch (error) {
      throw isVanished(error) ? tableChanged() : error;
    }
  }

  private steadyPages(request: BlockRequest, { signal, pace }: ReadRangeOptions): SteadyPages<BlockPage> {
    const { session } = this.services;
    const { layout, generation } = request.content;
    const { keyspace = '' } = parseGeneration(generation) ?? {};
    const services = {
      layout,
      read: (ask: PageAsk) => (pace ? pace.inTurn(() => this.blockPages.read(request, { ...ask, ahead: !pace.countsRequests })) : this.blockPages.read(request, ask)),
      partitions: (where: string, params: Values) => partitionsOf(session, layout, where, params),
      tokenOf: (hash: Buffer) => session.ring.tokenOf(hash),
      replicas: (token: bigint) => session.ring.replicas(keyspace, token),
    };
    return new SteadyPages(services, { pageBytes: request.blockBytes, signal, patience: this.patience });
  }

  /** Pages of the rows behind `from`, up to and with `to`. */
  async *pages(layout: Layout, from: Position | undefined, to: Position | undefined, options: RowsOptions): AsyncGenerator<RangeRow[]> {
    const { session } = this.services;
    const siblings = (hash: unknown): Promise<unknown[]> => partitionsOf(session, layout, `token(${layout.hash.cql}) = token(?)`, [hash]);
    const weight = new PageWeight();
    for await (const slice of slicesOf(layout, from, to, siblings)) yield* this.slicePages(layout, slice, options, weight);
  }

  private async *slicePages(layout: Layout, slice: Slice, options: RowsOptions, weight: PageWeight): AsyncGenerator<RangeRow[]> {
    const query = `SELECT ${layout.selection} FROM ${layout.cqlName} WHERE ${slice.where}`;
    let pageState: string | undefined;
    do {
      const fetchSize = Math.min(options.maxPageRows ?? MAX_PAGE_ROWS, weight.fittingRows(options.pageBytes));
      const page = await this.services.session.page(query, slice.params, { fetchSize, ...(pageState === undefined ? {} : { pageState }) });
      const rows = page.rows.map((row) => rangeRow(layout, row));
      weight.add(rows.length, rows.reduce((sum, { bytes }) => sum + bytes, 0));
      if (rows.length > 0) yield rows;
      pageState = page.pageState;
    } while (pageState !== undefined);
  }
}

/** Hash keys of the partitions that have rows for which a condition is true. */
async function partitionsOf(session: Session, layout: Layout, where: string, params: Values): Promise<unknown[]> {
  const rows = await session.read(`SELECT ${layout.hash.cql} FROM ${layout.cqlName} WHERE ${where} PER PARTITION LIMIT 1 ALLOW FILTERING`, params);
  return rows.map((row) => (row.values() as unknown[])[0]);
}

function rangeRow(layout: Layout, row: types.Row): RangeRow {
  return { ...readRow(layout, row), position: positionOf(row.values() as unknown[], layout) };
}

function bound(text: string | null, layout: Layout): Position | undefined {
  return text === null ? undefined : parsePosition(text, layout);
}

/** The content of a handle, for calls that need no more. */
export async function readableContent({ contents }: Services, handle: TableHandle): Promise<Content> {
  try {
    return await contents.requireReadable(handle.generation);
  } catch (error) {
    throw isDomainError(error, 'ValidationError') ? tableChanged() : error;
  }
}
