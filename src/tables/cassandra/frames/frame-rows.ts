import { TableDigest, WasmMemory, compareUtf8, instantiate } from '../../../kernel';
import { Layout } from '../layout';
import { CODE } from './rows.wasm';

/** As assembly/rows.ts exports them; addresses are of its memory. */
interface Rows {
  readonly memory: WasmMemory;
  heap(): number;
  grow(size: number): void;
  counts(): number;
  sums(): number;
  describe(definedAt: number, definedCount: number, columns: number, keys: number, ttls: number, scalarTtlsAt: number, scratch: number): void;
  begin(): void;
  run(at: number, end: number, rows: number, linesAt: number, blockBytes: number, mostRowBytes: number, cutoff: number, digestOnly: number): number;
}

/** Why a run ended. */
export enum Ended {
  AllRead = 0,
  /** The next row goes on behind the window. */
  CutRow = 1,
  BlockFull = 2,
  /** The next row is for the codec. */
  UnusualRow = 3,
}

/** What a run of rows came to. Places are of the frame. */
export interface Run {
  readonly ended: Ended;
  /** Where the next row begins. */
  readonly next: number;
  /** Rows read, those that have expired among them. */
  readonly rows: number;
  readonly items: number;
  readonly expiring: number;
  /** Bytes of the lines. */
  readonly bytes: number;
  /** Where the row of the last item stands; undefined: there was none. */
  readonly lastItem: number | undefined;
  readonly lastRow: number | undefined;
}

export interface RunOptions {
  readonly rows: number;
  /** Lines are written behind so many bytes of lines of the block. */
  readonly behind: number;
  /** The run ends when its lines are so many bytes or more. */
  readonly blockBytes: number;
  /** Items that expire at this second or before are left out. */
  readonly cutoff: number;
  readonly digestOnly: boolean;
}

/** Of a frame, so much is looked at at a time. */
const WINDOW_BYTES = 1024 * 1024;
/** Larger rows are for the codec. */
const MOST_ROW_BYTES = 128 * 1024;
/** Tables with more columns are for the codec. */
const MOST_COLUMNS = 64;
/** A byte of a row becomes so many of its line at most. */
const GROWTH = 6;
/** What a line and an attribute have beside names and values. */
const [LINE_ROOM, ATTRIBUTE_ROOM] = [128, 32];
/** Vectors of 16 bytes are read and written whole. */
const SLACK = 64;
const DESCRIPTION_WORDS = 6;
const BUCKETS = 256;

/**
 * The module in WebAssembly that makes lines and digests of rows as they stand in frames (docs/adr/0016-cassandra-frame-lane.md). One serves all tables of a
 * thread, a page at a time; its memory is a few MiB.
 */
export class FrameRows {
  private readonly module = instantiate<Rows>(CODE);
  private readonly windowAt: number;
  private linesAt = 0;
  private described: Layout | undefined;
  private roomOfNames = 0;
  private bytes = new Uint8Array(0);
  private results = new Uint32Array(0);
  private frame: Buffer | undefined;
  /** Of the frame: what the window shows. */
  private from = 0;
  private to = 0;
  /** Did the last run end at a row that goes on behind the window? */
  private isCut = false;

  constructor() {
    const scratch = GROWTH * MOST_ROW_BYTES + LINE_ROOM + SLACK;
    const descriptions = MOST_COLUMNS * (DESCRIPTION_WORDS * 4 + 1024) + MOST_COLUMNS;
    this.windowAt = aligned(this.module.heap() + scratch + descriptions);
    this.linesAt = aligned(this.windowAt + WINDOW_BYTES + SLACK);
    this.grow(this.linesAt);
  }

  /** Pages of this frame come. False: the table is for the codec alone. */
  load(frame: Buffer, layout: Layout): boolean {
    if (layout.keys.length + 4 + 2 * layout.others.length + 2 > MOST_COLUMNS) return false;
    if (this.described !== layout) this.describe(layout);
    this.frame = frame;
    this.from = this.to = 0;
    this.isCut = false;
    return true;
  }

  /** Begins a block. */
  begin(): void {
    this.module.begin();
  }

  /** Writes lines of rows from `at` on, as many as fit `options`. */
  run(at: number, { rows, behind, blockBytes, cutoff, digestOnly }: RunOptions): Run {
    this.show(at);
    const linesAt = this.linesAt + (digestOnly ? 0 : behind);
    this.grow(linesAt + (digestOnly ? 0 : blockBytes) + GROWTH * MOST_ROW_BYTES + this.roomOfNames + SLACK);
    const [start, end] = [this.windowAt + at - this.from, this.windowAt + this.to - this.from];
    const ended: Ended = this.module.run(start, end, rows, linesAt, blockBytes, MOST_ROW_BYTES, cutoff, digestOnly ? 1 : 0);
    this.isCut = ended === Ended.CutRow;
    const [next = 0, read = 0, items = 0, expiring = 0, bytes = 0, lastItem = 0, lastRow = 0] = this.results;
    const place = (address: number): number => address - this.windowAt + this.from;
    return { ended, next: place(next), rows: read, items, expiring, bytes, lastItem: items > 0 ? place(lastItem) : undefined, lastRow: read > 0 ? place(lastRow) : undefined };
  }

  /** Does the window begin here? Then a row that is cut is longer than it. */
  isFresh(at: number): boolean {
    return this.from === at;
  }

  /** Puts a line of somebody else behind so many bytes of lines of the block. */
  put(line: Uint8Array, behind: number): void {
    this.grow(this.linesAt + behind + line.length + SLACK);
    this.bytes.set(line, this.linesAt + behind);
  }

  /** Copies the block's lines. */
  copyLines(target: Buffer, bytes: number): void {
    target.set(this.bytes.subarray(this.linesAt, this.linesAt + bytes));
  }

  /** Of the items that were written since the block began, but for those of somebody else. */
  digest(): TableDigest {
    const { buffer } = this.module.memory;
    return TableDigest.ofWords(new Uint32Array(buffer, this.module.counts(), BUCKETS), new Uint32Array(buffer, this.module.sums(), 4 * BUCKETS));
  }

  /** Shows the frame from here on, unless that is in the window already. */
  private show(at: number): void {
    const { frame } = this;
    if (!frame || (!this.isCut && at >= this.from && at < this.to)) return;
    this.from = at;
    this.to = Math.min(frame.length, at + WINDOW_BYTES);
    this.bytes.set(frame.subarray(this.from, this.to), this.windowAt);
  }

  private grow(size: number): void {
    this.module.grow(size);
    const { buffer } = this.module.memory;
    if (this.bytes.buffer === buffer) return;
    this.bytes = new Uint8Array(buffer);
    this.results = new Uint32Array(buffer, 0, 7);
  }

  private describe(layout: Layout): void {
    const { keys, others } = layout;
    const first = keys.length + 4 + others.length;
    const columns = [...keys.map(({ name, type }, index) => ({ name, type, index })), ...others.map(({ name, type }, index) => ({ name, type, index: first + index }))];
    columns.sort((a, b) => compareUtf8(a.name, b.name));
    const definedAt = aligned(this.module.heap());
    let at = definedAt + columns.length * DESCRIPTION_WORDS * 4;
    const put = (bytes: Uint8Array): number => {
      this.bytes.set(bytes, at);
      at += bytes.length;
      return at - bytes.length;
    };
    const words = columns.flatMap(({ name, type, index }) => {
      const [nameBytes, prefix] = [Buffer.from(name), Buffer.from(`"${name}":{"${type}":`)];
      const [nameAt, prefixAt] = [put(nameBytes), put(prefix)];
      const letters = [...type].reduce((sum, letter, place) => sum + (letter.charCodeAt(0) << (8 * place)), 0);
      return [nameAt, nameAt + nameBytes.length, prefixAt, prefixAt + prefix.length, letters, index];
    });
    new Uint32Array(this.module.memory.buffer, definedAt, words.length).set(words);
    const scalarTtlsAt = put(Uint8Array.from([0, 0, ...others.map(({ type }) => (type.length === 1 ? 1 : 0))]));
    this.module.describe(definedAt, columns.length, first + others.length + 2, keys.length, 2 + others.length, scalarTtlsAt, aligned(at));
    this.roomOfNames = columns.reduce((sum, { name }) => sum + Buffer.byteLength(name) + ATTRIBUTE_ROOM, LINE_ROOM);
    this.described = layout;
  }
}

function aligned(address: number): number {
  return (address + 15) & ~15;
}
