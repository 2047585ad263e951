import { LineBlockBuilder, validationError } from '../../kernel';
import { KeyRange } from '../table-backend';
import { BinaryCopyParser, readBigint } from './binary-format';
import { isLive } from './content';
import { Connection } from './database';
import { tableChanged, vanishedAsChanged } from './errors';
import type { RangeRead, ReadPage } from './range-reader';
import { Content } from './registry';
import { Services } from './services';

/** Bytes of items a page: where lines are gathered, and where only digests are. */
const PAGE_BYTES = { lines: 1024 * 1024, digests: 4 * 1024 * 1024 };
/** Blocks of the first page, before the size of items is known. */
const FIRST_PAGE_BLOCKS = { lines: 16, digests: 256 };
const MAX_PAGE_BLOCKS = 2048;
/** Rows come from the table in its own order, by one process. */
const BY_BLOCK =
  'SET LOCAL enable_seqscan = off; SET LOCAL enable_indexscan = off; SET LOCAL enable_bitmapscan = off; SET LOCAL max_parallel_workers_per_gather = 0';
const EMPTY = Buffer.alloc(0);
/** What no bound by key begins with. */
const MARK = 'block:';
const BOUND = /^block:(0|[1-9][0-9]{0,9})$/;

/** Blocks `from` up to, not including, `to`; the last range has no end. */
interface Stretch {
  readonly from: number;
  readonly to: number | undefined;
}

export function isBlockRange(range: KeyRange): boolean {
  return range.start?.startsWith(MARK) ?? false;
}

/**
 * Reads a build back. Nobody writes to it, so its rows stay where they are, and ranges of blocks, read in the order of the heap, are disjoint and
 * together everything; no index is asked, and nothing is read twice. Pages are statements of their own, as those by key are.
 */
export class BuildReader {
  constructor(private readonly services: Services) {}

  async split(tx: Connection, content: Content, wanted: number, itemCount: number): Promise<KeyRange[]> {
    const blocks = await countBlocks(tx, content);
    const ranges = Math.max(1, Math.min(wanted, blocks));
    const bound = (index: number): string => `${MARK}${Math.floor((index * blocks) / ranges)}`;
    return Array.from({ length: ranges }, (_each, index) => ({
      start: bound(index),
      end: index + 1 < ranges ? bound(index + 1) : null,
      estimatedItems: Math.ceil(itemCount / ranges),
    }));
  }

  firstPage(read: RangeRead, range: KeyRange, after: string | undefined): Promise<ReadPage> {
    const stretch = {
      from: parseBound(after ?? range.start ?? ''),
      to: range.end === null ? undefined : parseBound(range.end),
    };
    return this.readPage(read, stretch, read.digestOnly ? FIRST_PAGE_BLOCKS.digests : FIRST_PAGE_BLOCKS.lines);
  }

  private async readPage(read: RangeRead, { from, to }: Stretch, blocks: number): Promise<ReadPage> {
    return vanishedAsChanged(() =>
      this.services.db.transaction({ maintenance: true, prelude: BY_BLOCK }, async (tx) => {
        const content = await this.requireBuild(tx, read.generation);
        const end = to ?? (await countBlocks(tx, content));
        const until = Math.min(from + blocks, end);
        const builder = new LineBlockBuilder({ digestOnly: read.digestOnly });
        const parser = new BinaryCopyParser(4, ([hash, range, item, expiresAt]) => {
          const key = content.layout.canonicalKey({ hash: hash ?? EMPTY, range: range ?? EMPTY });
          builder.add(item ?? EMPTY, key, expiresAt ? readBigint(expiresAt) : undefined);
        });
        await tx.copyOut(pageSql(content, from, until, read.cutoff), (piece) => void parser.write(piece), read.signal);
        if (!parser.ended) throw new Error('a copy ended before its end');
        // Published meanwhile, it may have been written to, and rows may have moved.
        await this.requireBuild(tx, read.generation);
        const wantedBytes = read.blockBytes ?? (read.digestOnly ? PAGE_BYTES.digests : PAGE_BYTES.lines);
        const fitting = Math.floor(((until - from) * wantedBytes) / Math.max(1, builder.byteLength));
        const following = Math.min(MAX_PAGE_BLOCKS, Math.max(1, fitting));
        return {
          block: builder.take(`${MARK}${until}`),
          next: until < end ? () => this.readPage(read, { from: until, to }, following) : undefined,
        };
      }),
    );
  }

  private async requireBuild(tx: Connection, generation: string): Promise<Content> {
    const { content, state } = await this.services.registry.requireReadableRow(tx, generation);
    if (state !== 'building') throw tableChanged();
    return content;
  }
}

async function countBlocks(tx: Connection, content: Content): Promise<number> {
  const found = await tx.query<{ blocks: number }>(
    `SELECT (pg_relation_size('${content.sqlName}'::regclass) / current_setting('block_size')::bigint)::int AS blocks`,
  );
  return found.rows[0]?.blocks ?? 0;
}

function pageSql(content: Content, from: number, until: number, cutoff: number): string {
  return `COPY (
    SELECT hash_key, range_key, item, expires_at FROM ${content.sqlName}
    WHERE ctid >= '(${from},0)'::tid AND ctid < '(${until},0)'::tid AND ${isLive(cutoff)}
  ) TO STDOUT (FORMAT binary)`;
}

/** @throws DomainError ValidationError */
function parseBound(text: string): number {
  const [, number] = BOUND.exec(text) ?? [];
  if (number === undefined) throw validationError('A bound of a build must be a block.');
  return Number(number);
}
