import { TableDigest, bucketOf, canonicalItem, canonicalKey, encodeLine, itemDigest } from '../../../kernel';
import { Layout } from '../layout';
import { Position, formatPosition } from '../positions';
import { Ended, FrameRows } from './frame-rows';
import { LineMemory } from './line-memory';
import { RawRow } from './raw-row';
import type { PageHead } from './wire';

const EMPTY = Buffer.alloc(0);

/** Blocks of a page, as they go from one thread to another. */
export interface EncodedBlock {
  /** Memory of its own. */
  readonly lines: Buffer;
  readonly itemCount: number;
  readonly expiringCount: number;
  /** As `TableDigest` writes itself. */
  readonly digest: readonly string[];
  readonly cursor: string;
}

export interface EncodedPage {
  readonly blocks: readonly EncodedBlock[];
  readonly rows: number;
  readonly bytes: number;
  readonly last: Position | undefined;
}

export interface LineOptions {
  readonly digestOnly: boolean;
  readonly blockBytes: number;
  /** Items that expire at this second or before are left out. */
  readonly cutoff: number;
}

/**
 * Makes lines of an archive, and their digests, of a page's bytes, without values of JavaScript between them. A row that is not of the common kind (an attribute with
 * an unusual name, text that is no UTF-8, …) is read by the codec: the outcome is always that of the codec, to the byte.
 */
export class PageLines {
  constructor(
    private readonly layout: Layout,
    private readonly memory = new LineMemory(),
    private readonly rows = new FrameRows(),
  ) {}

  /** @throws DomainError ValidationError: a row holds what the data model has not */
  encode(body: Buffer, head: PageHead, options: LineOptions): EncodedPage {
    const page = new OpenPage(body, this.layout, options, this.rows, this.memory);
    page.read(head.at, head.rows);
    return page.close(head.rows);
  }
}

/** A page that is being read. */
class OpenPage {
  private readonly row: RawRow;
  private readonly blocks: EncodedBlock[] = [];
  private bytes = 0;
  private lastRow: number | undefined;
  // Of the block:
  private items = 0;
  private expiring = 0;
  private used = 0;
  private lastItem = 0;
  /** Of items that the codec read. */
  private codecs = new TableDigest();

  constructor(
    private readonly body: Buffer,
    private readonly layout: Layout,
    private readonly options: LineOptions,
    private readonly rows: FrameRows,
    private readonly memory: LineMemory,
  ) {
    this.row = new RawRow(layout, body);
  }

  read(at: number, left: number): void {
    const { blockBytes, cutoff, digestOnly } = this.options;
    const isCommon = this.rows.load(this.body, this.layout);
    this.rows.begin();
    while (left > 0) {
      if (isCommon) {
        const run = this.rows.run(at, { rows: left, behind: this.used, blockBytes: blockBytes - this.used, cutoff, digestOnly });
        this.add(run);
        left -= run.rows;
        at = run.next;
        if (run.ended === Ended.AllRead || run.ended === Ended.BlockFull) continue;
        if (run.ended === Ended.CutRow && !this.rows.isFresh(at)) continue;
      }
      at = this.thoroughRow(at);
      left--;
    }
  }

  close(rows: number): EncodedPage {
    this.closeBlock();
    return { blocks: this.blocks, rows, bytes: this.bytes, last: this.lastRow === undefined ? undefined : this.positionAt(this.lastRow) };
  }

  /** @returns where the next row begins */
  private thoroughRow(at: number): number {
    const next = this.row.find(at);
    const { item, expiresAt } = this.row.decode();
    const isItem = expiresAt === undefined || expiresAt > this.options.cutoff;
    if (!isItem) {
      this.lastRow = at;
      return next;
    }
    const canonical = canonicalItem(item);
    const line = encodeLine(canonical, expiresAt);
    if (!this.options.digestOnly) this.rows.put(line, this.used);
    this.codecs.add(bucketOf(canonicalKey(this.layout.schema, item)), itemDigest(canonical));
    this.add({ items: 1, expiring: expiresAt === undefined ? 0 : 1, bytes: line.length, lastItem: at, lastRow: at });
    return next;
  }

  private add(part: { readonly items: number; readonly expiring: number; readonly bytes: number; readonly lastItem: number | undefined; readonly lastRow: number | undefined }): void {
    this.items += part.items;
    this.expiring += part.expiring;
    this.used += part.bytes;
    this.bytes += part.bytes;
    this.lastItem = part.lastItem ?? this.lastItem;
    this.lastRow = part.lastRow ?? this.lastRow;
    if (this.used >= this.options.blockBytes) this.closeBlock();
  }

  private closeBlock(): void {
    if (this.items === 0) return;
    const digest = this.rows.digest();
    digest.merge(this.codecs);
    const cursor = formatPosition(this.positionAt(this.lastItem));
    this.blocks.push({ lines: this.lines(), itemCount: this.items, expiringCount: this.expiring, digest: digest.toJSON(), cursor });
    this.items = this.expiring = this.used = 0;
    this.codecs = new TableDigest();
    this.rows.begin();
  }

  private lines(): Buffer {
    if (this.options.digestOnly) return EMPTY;
    const lines = this.memory.give(this.used);
    this.rows.copyLines(lines, this.used);
    return lines.subarray(0, this.used);
  }

  /** The key of a row as bytes of their own: the page's memory is used again. */
  private positionAt(at: number): Position {
    this.row.find(at);
    const cell = (column: number): Buffer => {
      const start = this.row.starts[column] ?? 0;
      return Buffer.from(this.body.subarray(start, start + (this.row.lengths[column] ?? 0)));
    };
    return { hash: cell(0), range: this.layout.range === undefined ? undefined : cell(1) };
  }
}
