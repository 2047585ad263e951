import { Item, TableSchema, isDomainError, parseItem, validationError } from '../../kernel';
import { Json, namedObject } from './present';
import { checkedItem } from './requests/item';
import { Line, splitLines } from './split-lines';

/** Items written at once: bounded in number and in bytes of their lines, which are held until they are written. */
const BATCH_ITEMS = 500;
const BATCH_BYTES = 1024 * 1024;

interface Loaded {
  readonly item: Item;
  readonly text: string;
}

/** Writes items, later ones of the same key last. */
export type PutItems = (items: readonly Item[]) => Promise<void>;

/**
 * One bulk load, as MagnetoDB does it: items are stored in order until the first that fails; the rest is read, counted as
 * unprocessed, and not stored. One batch is written while the next is read; the stream is read no faster than that.
 */
export class BulkLoad {
  private read = 0;
  private processed = 0;
  private unprocessed = 0;
  private failed = 0;
  private lastItem: string | null = null;
  private readonly failedItems: [string, string][] = [];
  private stopped = false;
  private failedWrite = false;
  private batch: Loaded[] = [];
  private batchBytes = 0;
  private writing: Promise<void> = Promise.resolve();

  constructor(
    private readonly schema: TableSchema,
    private readonly maxItemBytes: number,
    private readonly putItems: PutItems,
  ) {}

  /** Reads the stream to its end. An error that hits before anything was stored is the whole call's. */
  async run(source: AsyncIterable<Buffer>): Promise<Json> {
    try {
      for await (const line of splitLines(source, this.maxItemBytes)) await this.take(line);
    } finally {
      await this.writing;
    }
    await this.flush();
    await this.writing;
    return {
      read: this.read,
      processed: this.processed,
      unprocessed: this.unprocessed,
      failed: this.failed,
      last_item: this.lastItem,
      failed_items: namedObject(this.failedItems),
    };
  }

  private async take(line: Line): Promise<void> {
    if (isBlank(line)) return;
    this.read++;
    if (this.stopped) {
      this.unprocessed++;
      return;
    }
    const text = line.bytes.toString('utf8');
    this.lastItem = text;
    try {
      this.batch.push({ item: this.parse(line), text });
      this.batchBytes += line.bytes.length;
    } catch (error) {
      if (!isDomainError(error)) throw error;
      this.fail(line.cut ? `${text}…` : text, error.message);
    }
    if (this.stopped || this.batch.length >= BATCH_ITEMS || this.batchBytes >= BATCH_BYTES) await this.flush();
  }

  private parse(line: Line): Item {
    if (line.cut) throw validationError(`The line is longer than ${this.maxItemBytes} bytes`);
    return checkedItem(this.schema, parseItem(parseJson(line.bytes)));
  }

  private fail(text: string, message: string): void {
    this.failed++;
    this.failedItems.push([text, message]);
    this.stopped = true;
  }

  /** Waits for the batch before, then begins to write this one. */
  private async flush(): Promise<void> {
    const batch = this.batch;
    this.batch = [];
    this.batchBytes = 0;
    await this.writing;
    if (batch.length > 0) this.writing = this.write(batch);
    // Whoever awaits it next sees the failure; until then it must not count as unhandled.
    this.writing.catch(() => undefined);
  }

  private async write(batch: readonly Loaded[]): Promise<void> {
    // A batch before this one failed while this one was read: the order of items is kept, so none of these is stored.
    if (this.failedWrite) {
      this.unprocessed += batch.length;
      return;
    }
    try {
      await this.putItems(batch.map(({ item }) => item));
      this.processed += batch.length;
    } catch (error) {
      if (!isDomainError(error)) throw error;
      if (error.code === 'ValidationError') await this.writeOneByOne(batch);
      else if (this.processed === 0) throw error;
      else this.failBatch(batch, error.message);
    }
  }

  /** Which item was refused? Those before it are stored, those behind it are not. */
  private async writeOneByOne(batch: readonly Loaded[]): Promise<void> {
    for (const [index, { item, text }] of batch.entries()) {
      try {
        await this.putItems([item]);
        this.processed++;
      } catch (error) {
        if (!isDomainError(error)) throw error;
        this.failedWrite = true;
        this.fail(text, error.message);
        this.unprocessed += batch.length - index - 1;
        return;
      }
    }
  }

  private failBatch(batch: readonly Loaded[], message: string): void {
    this.failedWrite = true;
    for (const { text } of batch) this.fail(text, message);
  }
}

function isBlank(line: Line): boolean {
  return !line.cut && line.bytes.every((byte) => byte === 0x20 || byte === 0x0d || byte === 0x09);
}

const UTF8 = new TextDecoder('utf-8', { fatal: true });

function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(UTF8.decode(bytes));
  } catch {
    throw validationError('The line is not JSON');
  }
}
