import { ItemBlock, LineBlockBuilder, canonicalItem, canonicalKey } from '../../kernel';
import { readRow } from './codec';
import { Position, formatPosition, positionOf } from './positions';
import { Content } from './registry';
import { Session } from './session';
import { PageAsk, PageFacts } from './steady-pages';

/** A page as blocks of lines, in order; none where all of its items have expired. */
export interface BlockPage extends PageFacts {
  readonly blocks: readonly ItemBlock[];
}

/** What is the same for all pages of one `readRange`. */
export interface BlockRequest {
  readonly content: Content;
  readonly digestOnly: boolean;
  readonly blockBytes: number;
  /** Items that expire at this second or before are left out. */
  readonly cutoff: number;
}

/** Reads pages as blocks: the driver's way, and the lane's, which must give the same bytes. */
export interface BlockPages {
  read(request: BlockRequest, ask: PageAsk): Promise<BlockPage>;
  /** Takes back the memory of a block's lines, which nobody looks at any more. */
  giveBack(lines: Buffer): void;
}

/** By the driver, which makes a value of each cell. */
export class DriverBlockPages implements BlockPages {
  constructor(private readonly session: Session) {}

  async read({ content, digestOnly, blockBytes, cutoff }: BlockRequest, ask: PageAsk): Promise<BlockPage> {
    const { layout, schema } = content;
    const { slice, fetchSize, pageState, node } = ask;
    const query = `SELECT ${layout.selection} FROM ${layout.cqlName} WHERE ${slice.where}`;
    const options = { fetchSize, ...(pageState === undefined ? {} : { pageState }), ...(node === undefined ? {} : { node }) };
    const page = await this.session.page(query, slice.params, options);
    const builder = new LineBlockBuilder({ digestOnly });
    const blocks: ItemBlock[] = [];
    let last: Position | undefined;
    let bytes = 0;
    for (const row of page.rows) {
      const { item, expiresAt } = readRow(layout, row);
      const canonical = canonicalItem(item);
      last = positionOf(row.values() as unknown[], layout);
      bytes += canonical.length;
      if (expiresAt !== undefined && expiresAt <= cutoff) continue;
      builder.add(canonical, canonicalKey(schema, item), expiresAt);
      if (builder.byteLength >= blockBytes) blocks.push(builder.take(formatPosition(last)));
    }
    if (builder.itemCount > 0 && last) blocks.push(builder.take(formatPosition(last)));
    return { blocks, rows: page.rows.length, bytes, last, pageState: page.pageState };
  }

  giveBack(): void {
    // Each block has memory of its own.
  }
}
