import { once } from 'node:events';
import { Socket, connect } from 'node:net';

/**
 * The limit: a client of the native protocol (version 4) that asks for pages as fast as it can and throws the rows away unseen. Two ranges on one connection;
 * the next page of a range is asked for as soon as the state of the last has arrived, while its rows are still coming.
 */
const VERSION = 4;
const OP = { startup: 0x01, ready: 0x02, query: 0x07, result: 0x08 } as const;
const LOCAL_QUORUM = 6;
const QUERY_FLAGS = { skipMetadata: 0x02, pageSize: 0x04, pagingState: 0x08 } as const;
const HAS_MORE_PAGES = 0x02;
const HEADER_BYTES = 9;
/** Before the rows: kind, flags, number of columns, paging state, number of rows. */
const LOOK_BYTES = 8192;

interface Stream {
  readonly query: string;
  ended: boolean;
}

/** Reads a whole table by ranges of tokens. @param columns what is asked for @returns how many rows there were */
export async function throwFramesAway(port: number, table: string, hashColumn: string, columns: string, pageRows = 5000): Promise<number> {
  const half = `SELECT ${columns} FROM ${table} WHERE token(${hashColumn})`;
  const streams: Stream[] = [
    { query: `${half} < 0`, ended: false },
    { query: `${half} >= 0`, ended: false },
  ];
  const socket = connect(port, '127.0.0.1');
  socket.setNoDelay(true);
  await once(socket, 'connect');
  try {
    return await new FrameReader(socket, streams, pageRows).run();
  } finally {
    socket.destroy();
  }
}

class FrameReader {
  private rows = 0;
  private header: Buffer | undefined;
  private look: Buffer[] = [];
  private looked = 0;
  private left = 0;
  private judged = false;
  private rest = Buffer.alloc(0);
  private settle: { done(rows: number): void; fail(error: Error): void } = { done: () => undefined, fail: () => undefined };

  constructor(
    private readonly socket: Socket,
    private readonly streams: readonly Stream[],
    private readonly pageRows: number,
  ) {}

  run(): Promise<number> {
    return new Promise((done, fail) => {
      this.settle = { done, fail };
      this.socket.on('error', fail).on('close', () => fail(new Error('the connection was closed')));
      this.socket.on('data', (piece: Buffer) => this.take(piece));
      const option = Buffer.concat([short(1), text('CQL_VERSION'), text('3.0.0')]);
      this.send(0, OP.startup, option);
    });
  }

  private take(piece: Buffer): void {
    let at = 0;
    while (at < piece.length) {
      if (this.header === undefined) {
        const needed = HEADER_BYTES - this.rest.length;
        this.rest = Buffer.concat([this.rest, piece.subarray(at, at + needed)]);
        at += needed;
        if (this.rest.length < HEADER_BYTES) return;
        this.header = this.rest;
        this.rest = Buffer.alloc(0);
        this.left = this.header.readInt32BE(5);
      }
      const part = piece.subarray(at, at + this.left);
      at += part.length;
      this.left -= part.length;
      if (!this.judged) {
        this.look.push(part);
        this.looked += part.length;
        if (this.looked >= LOOK_BYTES || this.left === 0) this.judge(this.header, Buffer.concat(this.look));
      }
      if (this.left > 0) return;
      this.header = undefined;
      this.look = [];
      this.looked = 0;
      this.judged = false;
    }
  }

  /** Looks at the beginning of a body. */
  private judge(header: Buffer, body: Buffer): void {
    this.judged = true;
    const opcode = header.readUInt8(4);
    if (opcode === OP.ready) return this.streams.forEach((_stream, index) => this.ask(index));
    if (opcode !== OP.result) return this.settle.fail(new Error(`the server answered with opcode ${opcode}: ${body.subarray(6, 200).toString()}`));
    const index = header.readInt16BE(2);
    const more = (body.readInt32BE(4) & HAS_MORE_PAGES) !== 0;
    const stateBytes = more ? body.readInt32BE(12) : 0;
    this.rows += body.readInt32BE(more ? 16 + stateBytes : 12);
    const stream = this.streams[index];
    if (stream === undefined) return;
    if (more) return this.ask(index, Buffer.from(body.subarray(16, 16 + stateBytes)));
    stream.ended = true;
    if (this.streams.every(({ ended }) => ended)) this.settle.done(this.rows);
  }

  private ask(index: number, state?: Buffer): void {
    const query = Buffer.from(this.streams[index]?.query ?? '');
    const flags = QUERY_FLAGS.skipMetadata | QUERY_FLAGS.pageSize | (state ? QUERY_FLAGS.pagingState : 0);
    const tail = state ? [int(state.length), state] : [];
    this.send(index, OP.query, Buffer.concat([int(query.length), query, short(LOCAL_QUORUM), Buffer.from([flags]), int(this.pageRows), ...tail]));
  }

  private send(stream: number, opcode: number, body: Buffer): void {
    this.socket.write(Buffer.concat([Buffer.from([VERSION, 0]), short(stream), Buffer.from([opcode]), int(body.length), body]));
  }
}

function short(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeInt16BE(value);
  return bytes;
}

function int(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

function text(value: string): Buffer {
  return Buffer.concat([short(Buffer.byteLength(value)), Buffer.from(value)]);
}
