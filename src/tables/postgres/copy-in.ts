import { setImmediate as otherCalls } from 'node:timers/promises';
import { DecodedItem } from '../../kernel';
import { BinaryCopyWriter } from './binary-format';
import { contentColumns } from './content';
import { Connection } from './database';
import { Content } from './registry';

/** Rows encoded before other calls of this process have their turn: about a millisecond. */
const ROWS_AT_ONCE = 500;

/** Copies batches of items into a content as they come, in one statement. @param writtenAt of every row, in microseconds */
export async function copyBatches(
  tx: Connection,
  content: Content,
  writtenAt: number,
  first: readonly DecodedItem[],
  rest: AsyncIterator<readonly DecodedItem[]>,
  signal?: AbortSignal,
): Promise<void> {
  const text = `COPY ${content.sqlName} (${contentColumns(content.layout).join(', ')}) FROM STDIN (FORMAT binary)`;
  await tx.copyIn(text, encodeBatches(content, writtenAt, first, rest), signal);
}

/** Pieces of a binary copy; each is written by the time that the next one is asked for. */
async function* encodeBatches(
  { layout }: Content,
  writtenAt: number,
  first: readonly DecodedItem[],
  rest: AsyncIterator<readonly DecodedItem[]>,
): AsyncGenerator<Buffer> {
  const writer = new BinaryCopyWriter();
  let rows = 0;
  let items: readonly DecodedItem[] | undefined = first;
  while (items !== undefined) {
    for (const decoded of items) {
      const { hash, range, indexed } = layout.rowKeysOf(decoded);
      writer.row([hash, range, decoded.canonical, decoded.expiresAt ?? null, writtenAt, ...indexed]);
      if (writer.holdsFull) yield* writer.takeFull();
      if (++rows % ROWS_AT_ONCE === 0) await otherCalls();
    }
    const next: IteratorResult<readonly DecodedItem[]> = await rest.next();
    items = next.done === true ? undefined : next.value;
  }
  yield* writer.end();
}
