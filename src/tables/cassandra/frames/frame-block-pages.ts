import { errors, types } from 'cassandra-driver';
import { isArrayBuffer } from 'node:util/types';
import { TableDigest, validationError } from '../../../kernel';
import { BlockPage, BlockPages, BlockRequest } from '../block-pages';
import { keyBytes } from '../positions';
import { PageAsk } from '../steady-pages';
import { LaneFailure, LaneOptions, LanePage, LaneReply, LaneRequest } from './lane-messages';
import { Lane, openLane } from './lane';

/** The thread ends when nobody has asked for so long. */
const IDLE_MILLIS = 30_000;
/** Memory of lines that goes back to the thread: so many pieces, none that is small. */
const [MOST_SPARES, WORTH_KEEPING] = [8, 256 * 1024];
/** After so many connections that broke, one after the other, the driver reads for a while: it may know a way in that the lane does not. */
const [MOST_FAILURES, REST_MILLIS] = [4, 30_000];

interface Waiting {
  resolve(page: LanePage): void;
  reject(error: unknown): void;
}

/**
 * The fast lane (docs/adr/0016-cassandra-frame-lane.md): pages are read by a thread of its own, which makes lines of the bytes of frames. What it does not
 * understand is read by the driver.
 */
export class FrameBlockPages implements BlockPages {
  private readonly waiting = new Map<number, Waiting>();
  /** Contents that the driver has to read. */
  private readonly forDriver = new Set<string>();
  private lane: Lane | undefined;
  private idle: NodeJS.Timeout | undefined;
  private readonly spares: ArrayBuffer[] = [];
  private nextId = 1;
  private failures = 0;
  private restsUntil = 0;
  private closed = false;

  constructor(
    private readonly options: LaneOptions,
    private readonly driver: BlockPages,
    /** Node's own options for the thread, beside the process's. */
    private readonly execArgv: readonly string[] = [],
  ) {}

  async read(request: BlockRequest, ask: PageAsk): Promise<BlockPage> {
    const { content } = request;
    // The driver finds a node by itself.
    const isForDriver = ask.node === undefined || this.forDriver.has(content.generation) || performance.now() < this.restsUntil;
    if (isForDriver) return this.driver.read(request, ask);
    try {
      const page = await this.ask(request, ask, ask.node.address);
      this.failures = 0;
      return blockPage(page);
    } catch (error) {
      if (error instanceof errors.NoHostAvailableError && ++this.failures % MOST_FAILURES === 0) this.restsUntil = performance.now() + REST_MILLIS;
      if (!(error instanceof NotForLane)) throw error;
      this.forDriver.add(content.generation);
      return this.driver.read(request, ask);
    }
  }

  async close(): Promise<void> {
    this.closed = true;
    await this.end(new Error('the lane is closed'));
  }

  /** Nobody looks at these lines any more. */
  giveBack({ buffer }: Buffer): void {
    if (this.lane && isArrayBuffer(buffer) && buffer.byteLength >= WORTH_KEEPING && this.spares.length < MOST_SPARES) this.spares.push(buffer);
  }

  private ask(request: BlockRequest, { slice, fetchSize, pageState, ahead = true }: PageAsk, address: string): Promise<LanePage> {
    const { content, digestOnly, blockBytes, cutoff } = request;
    const { schema, cqlName, indexRows } = content.layout;
    const id = this.nextId++;
    const message: LaneRequest = {
      ...{ id, address, schema, cqlName, indexRows, digestOnly, blockBytes, cutoff, fetchSize, pageState, ahead },
      where: slice.where,
      values: slice.params.map(valueBytes),
      spares: this.spares.splice(0),
    };
    return new Promise((resolve, reject) => {
      if (this.closed) return reject(new Error('the lane is closed'));
      this.lane ??= this.start();
      clearTimeout(this.idle);
      this.lane.ref();
      this.waiting.set(id, { resolve, reject });
      this.lane.post(message);
    });
  }

  private start(): Lane {
    try {
      const lane: Lane = openLane(
        this.options,
        this.execArgv,
        (reply) => this.answered(reply),
        (error) => {
          if (this.lane === lane) void this.end(error);
        },
      );
      return lane;
    } catch (error) {
      // Options that no other thread can be given.
      throw new NotForLane('no thread', { cause: error });
    }
  }

  private answered(reply: LaneReply): void {
    const waiting = this.waiting.get(reply.id);
    this.waiting.delete(reply.id);
    if (this.waiting.size === 0) this.rest();
    if (!waiting) return;
    if ('page' in reply) waiting.resolve(reply.page);
    else waiting.reject(errorOf(reply.failure));
  }

  private rest(): void {
    this.lane?.unref();
    this.idle = setTimeout(() => void this.end(new Error('nobody asked')), IDLE_MILLIS);
    this.idle.unref();
  }

  /** What is asked for later begins a new one. */
  private async end(error: Error): Promise<void> {
    const { lane } = this;
    this.lane = undefined;
    this.spares.length = 0;
    clearTimeout(this.idle);
    for (const { reject } of this.waiting.values()) reject(new errors.NoHostAvailableError({ lane: error }));
    this.waiting.clear();
    await lane?.close();
  }
}

class NotForLane extends Error {}

/** As the driver would have said it. */
function errorOf({ kind, code, message }: LaneFailure): Error {
  if (kind === 'server') return new errors.ResponseError(code, message);
  if (kind === 'too-much') return new errors.OperationTimedOutError(message);
  if (kind === 'unsupported') return new NotForLane(message);
  return kind === 'item' ? validationError(message) : new errors.NoHostAvailableError({ node: new Error(message) });
}

function blockPage({ blocks, rows, bytes, last, pageState }: LanePage): BlockPage {
  return {
    blocks: blocks.map(({ lines, digest, ...block }) => ({ ...block, lines: bufferOf(lines), digest: TableDigest.fromJSON(digest) })),
    rows,
    bytes,
    pageState,
    last: last && 'hash' in last ? { hash: bufferOf(last.hash), range: last.range && bufferOf(last.range) } : undefined,
  };
}

/** What was a Buffer comes as plain bytes. */
function bufferOf({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}

/** A parameter as it stands in a frame. */
function valueBytes(value: unknown): Uint8Array {
  if (!(value instanceof types.Long)) return keyBytes(value);
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64BE(BigInt(value.toString()));
  return bytes;
}
