import { ItemBlock, LineBlockBuilder } from '../../kernel';
import { KeyRange, ReadRangeOptions, SplitOptions, TableHandle } from '../table-backend';
import { BinaryCopyParser, readBigint } from './binary-format';
import { BuildReader, isBlockRange } from './build-reader';
import { isLive, measure } from './content';
import { vanishedAsChanged } from './errors';
import { Position, formatPosition, parsePosition } from './key-layout';
import { Content } from './registry';
import { Services, expiryCutoff } from './services';

const DEFAULT_BLOCK_BYTES = 1024 * 1024;
const MAX_PAGE_ROWS = 20_000;
const MIN_PAGE_ROWS = 16;
/** Of the first page, before the size of items is known. */
const FIRST_PAGE_ROWS = 4_000;
/** Rows that a split looks at for each range that it makes: bounds are then right to some percent. */
const SAMPLED_ROWS_PER_RANGE = 200;
/** A page is a stretch of the primary key. Without statistics the planner may rather sort the whole table, for each page. */
const BY_KEY =
  'SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off; SET LOCAL max_parallel_workers_per_gather = 0';
/** Of a line, beside its item: the longest there is, so that buffers are made large enough at once. */
const LINE_OVERHEAD_BYTES = 32;
/** Blocks of the table that a sample takes at least for each range; smaller tables are read whole. */
const SAMPLED_PAGES_PER_RANGE = 50;

const EMPTY = Buffer.alloc(0);

interface PageStart extends Position {
  /** May an item at this very position be read? */
  readonly inclusive: boolean;
}

/** A block, and how to read the one behind it; undefined: the range is done. */
export interface ReadPage {
  readonly block: ItemBlock;
  readonly next: (() => Promise<ReadPage>) | undefined;
}

/** Everything that is the same for all pages of one `readRange`. */
export interface RangeRead {
  readonly generation: string;
  readonly digestOnly: boolean;
  /** Undefined: as the reader thinks best. */
  readonly blockBytes: number | undefined;
  readonly cutoff: number;
  readonly signal: AbortSignal;
}

/** The same, of a stretch of keys. */
interface KeyRangeRead extends RangeRead {
  readonly end: Position | undefined;
  readonly blockBytes: number;
}

/** Reads a content for a backup: splits it into ranges, and reads a range as blocks of lines. */
export class RangeReader {
  private readonly builds: BuildReader;

  constructor(private readonly services: Services) {
    this.builds = new BuildReader(services);
  }

  /**
   * Bounds are keys of items that there are, chosen so that ranges hold about the same bytes, in one partition or in many. Of a build they are
   * blocks.
   */
  async split(handle: TableHandle, options: SplitOptions): Promise<KeyRange[]> {
    return vanishedAsChanged(() =>
      this.services.db.transaction({ maintenance: true }, async (tx) => {
        const { content, state } = await this.services.registry.requireReadableRow(tx, handle.generation);
        const usage = await measure(tx, content, expiryCutoff(this.services));
        const wanted = Math.ceil(usage.sizeBytes / Math.max(1, options.targetBytes));
        const ranges = Math.max(1, Math.min(wanted, options.maxRanges, usage.itemCount));
        if (state === 'building') return this.builds.split(tx, content, ranges, usage.itemCount);
        if (ranges === 1) return [{ start: null, end: null, estimatedItems: usage.itemCount }];
        const share = Math.max(
          (ranges * SAMPLED_ROWS_PER_RANGE) / usage.itemCount,
          (ranges * SAMPLED_PAGES_PER_RANGE * 8192) / usage.sizeBytes,
        );
        const sample = share >= 0.5 ? '' : `TABLESAMPLE SYSTEM (${(share * 100).toFixed(6)})`;
        const found = await tx.query<{ hash_key: Buffer; range_key: Buffer }>(splitSql(content, sample, ranges));
        const bounds = found.rows.map((row) => formatPosition({ hash: row.hash_key, range: row.range_key }));
        const estimatedItems = Math.ceil(usage.itemCount / (bounds.length + 1));
        return [null, ...bounds].map((start, index) => ({ start, end: bounds[index] ?? null, estimatedItems }));
      }),
    );
  }

  /**
   * Each block is one page, read by a statement of its own, so that no connection is held while the consumer takes its time. One page is
   * read ahead.
   */
  async *read(handle: TableHandle, range: KeyRange, options: ReadRangeOptions): AsyncGenerator<ItemBlock> {
    const stop = new AbortController();
    const abort = (): void => stop.abort(options.signal?.reason);
    options.signal?.addEventListener('abort', abort);
    const read: RangeRead = {
      generation: handle.generation,
      digestOnly: options.digestOnly ?? false,
      blockBytes: options.blockBytes,
      cutoff: options.expiryCutoff ?? expiryCutoff(this.services),
      signal: stop.signal,
    };
    const inTurn = (page: () => Promise<ReadPage>): Promise<ReadPage> => (options.pace ? options.pace.inTurn(page) : page());
    let ahead: Promise<ReadPage> | undefined;
    try {
      options.signal?.throwIfAborted();
      ahead = inTurn(() => this.firstPage(read, range, options));
      while (ahead) {
        const page: ReadPage = await ahead;
        ahead = page.next && inTurn(page.next);
        // Whoever awaits it hears of its failure; until then it must not count as unheard.
        ahead?.catch(() => undefined);
        if (page.block.itemCount > 0) yield page.block;
        options.signal?.throwIfAborted();
      }
    } finally {
      options.signal?.removeEventListener('abort', abort);
      if (ahead) {
        stop.abort();
        await ahead.catch(() => undefined);
      }
    }
  }

  /** PostgreSQL reads what it has in memory or in one sweep over its disk: backups are not slowed down unless somebody says so. */
  limit(): null {
    return null;
  }

  private firstPage(read: RangeRead, range: KeyRange, options: ReadRangeOptions): Promise<ReadPage> {
    if (isBlockRange(range)) return this.builds.firstPage(read, range, options.after);
    const end = range.end === null ? undefined : parsePosition(range.end);
    const byKey = { ...read, end, blockBytes: read.blockBytes ?? DEFAULT_BLOCK_BYTES };
    return this.readPage(byKey, firstPosition(range, options), FIRST_PAGE_ROWS);
  }

  private async readPage(read: KeyRangeRead, start: PageStart, rows: number): Promise<ReadPage> {
    return vanishedAsChanged(() =>
      this.services.db.transaction({ maintenance: true, prelude: BY_KEY }, async (tx) => {
        const content = await this.services.registry.requireReadable(tx, read.generation);
        const builder = new LineBlockBuilder({
          digestOnly: read.digestOnly,
          expectedBytes: read.blockBytes + rows * LINE_OVERHEAD_BYTES,
        });
        const { layout } = content;
        let hash: Buffer = EMPTY;
        let range: Buffer = EMPTY;
        let bytes = 0;
        const parser = new BinaryCopyParser(4, ([hashKey, rangeKey, item, expiresAt]) => {
          hash = hashKey ?? EMPTY;
          range = rangeKey ?? EMPTY;
          const canonical = item ?? EMPTY;
          bytes += canonical.length;
          builder.add(canonical, layout.canonicalKey({ hash, range }), expiresAt ? readBigint(expiresAt) : undefined);
        });
        await tx.copyOut(pageSql(content, read, start, rows), (piece) => parser.write(piece), read.signal);
        if (!parser.ended) throw new Error('a copy ended before its end');
        // Asked again behind the page: a swap that came before it is noticed, so what is handed out was current when it was read.
        await this.services.registry.requireReadable(tx, read.generation);
        const last = { hash: Buffer.from(hash), range: Buffer.from(range) };
        const { itemCount } = builder;
        const more = itemCount === rows || bytes >= read.blockBytes;
        const next = (): Promise<ReadPage> =>
          this.readPage(read, { ...last, inclusive: false }, nextRows(itemCount, bytes, read.blockBytes));
        return { block: builder.take(formatPosition(last)), next: more ? next : undefined };
      }),
    );
  }
}

function firstPosition(range: KeyRange, options: ReadRangeOptions): PageStart {
  if (options.after !== undefined) return { ...parsePosition(options.after), inclusive: false };
  if (range.start !== null) return { ...parsePosition(range.start), inclusive: true };
  return { hash: EMPTY, range: EMPTY, inclusive: true };
}

/** As many rows as fill a block, by what the last page's items weighed. */
function nextRows(itemCount: number, bytes: number, blockBytes: number): number {
  const rows = Math.ceil((itemCount * blockBytes) / Math.max(1, bytes));
  return Math.min(MAX_PAGE_ROWS, Math.max(MIN_PAGE_ROWS, rows));
}

/** COPY takes no parameters; what goes in here are bytes in hexadecimal and numbers. */
function pageSql(content: Content, read: KeyRangeRead, start: PageStart, rows: number): string {
  const columns = 'hash_key, range_key, item, expires_at';
  const conditions = [
    isLive(read.cutoff),
    `(hash_key, range_key) ${start.inclusive ? '>=' : '>'} ${positionSql(start)}`,
  ];
  if (read.end) conditions.push(`(hash_key, range_key) < ${positionSql(read.end)}`);
  return `COPY (
    SELECT ${columns} FROM (
      SELECT ${columns}, sum(octet_length(item)) OVER (ORDER BY hash_key, range_key ROWS UNBOUNDED PRECEDING) - octet_length(item) AS before
      FROM (
        SELECT ${columns} FROM ${content.sqlName} WHERE ${conditions.join(' AND ')} ORDER BY hash_key, range_key LIMIT ${rows}
      ) page
    ) sized WHERE before < ${read.blockBytes} ORDER BY hash_key, range_key
  ) TO STDOUT (FORMAT binary)`;
}

function positionSql({ hash, range }: Position): string {
  return `('\\x${hash.toString('hex')}'::bytea, '\\x${range.toString('hex')}'::bytea)`;
}

/** Weighs the (sampled) rows and takes the first one of each slice but the first. */
function splitSql(content: Content, sample: string, ranges: number): string {
  return `
    SELECT hash_key, range_key FROM (
      SELECT hash_key, range_key, slice, lag(slice) OVER (ORDER BY hash_key, range_key) AS slice_before FROM (
        SELECT hash_key, range_key,
          ${ranges} * (sum(weight) OVER (ORDER BY hash_key, range_key ROWS UNBOUNDED PRECEDING) - weight) / sum(weight) OVER () AS slice
        FROM (
          SELECT hash_key, range_key, coalesce(octet_length(item), 0) + 64 AS weight FROM ${content.sqlName} ${sample}
        ) weighed
      ) sliced
    ) compared WHERE slice > slice_before ORDER BY hash_key, range_key`;
}
