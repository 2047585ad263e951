/** Cassandra's native protocol, version 4, as far as reading pages needs it: https://cassandra.apache.org/doc/latest/cassandra/reference/native-protocol.html */

const VERSION = 4;
const HEADER_BYTES = 9;
export const OPCODES = { error: 0, startup: 1, ready: 2, authenticate: 3, result: 8, prepare: 9, execute: 10, authChallenge: 14, authResponse: 15, authSuccess: 16 } as const;
export const RESULTS = { rows: 2, prepared: 4 } as const;
/** Flags of a header: what stands before a body. */
const [TRACED, PAYLOAD, WARNED] = [0x02, 0x04, 0x08];
/** Flags of an EXECUTE's parameters, and of a result's metadata. */
const [VALUES, SKIP_METADATA, PAGE_SIZE, PAGE_STATE] = [0x01, 0x02, 0x04, 0x08];
const [GLOBAL_TABLE, MORE_PAGES, NO_METADATA] = [0x01, 0x02, 0x04];
const [CUSTOM, LIST, MAP, SET] = [0x00, 0x20, 0x21, 0x22];

/** A response: its body may lie in memory that is used again once it has been looked at. */
export interface Frame {
  readonly opcode: number;
  readonly body: Buffer;
  /** Where the body proper begins, behind warnings and the like. */
  readonly start: number;
}

/** What is to be executed. */
export interface Execution {
  readonly id: Buffer;
  readonly consistency: number;
  /** As they stand in a frame; null is none. */
  readonly values: readonly Uint8Array[];
  readonly pageSize: number;
  readonly pageState: Buffer | undefined;
}

/** An answer that the server calls an error. */
export class ServerError extends Error {
  constructor(
    readonly code: number,
    message: string,
  ) {
    super(message);
  }
}

export function request(stream: number, opcode: number, ...parts: readonly Uint8Array[]): Buffer {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const frame = Buffer.allocUnsafe(HEADER_BYTES + length);
  frame[0] = VERSION;
  frame[1] = 0;
  frame.writeInt16BE(stream, 2);
  frame[4] = opcode;
  frame.writeInt32BE(length, 5);
  let at = HEADER_BYTES;
  for (const part of parts) {
    frame.set(part, at);
    at += part.length;
  }
  return frame;
}

export function startupBody(): Buffer {
  return Buffer.concat([uint16(1), text('CQL_VERSION'), text('3.0.0')]);
}

/** What a password authenticator asks for (SASL PLAIN). */
export function plainBody({ username, password }: { readonly username: string; readonly password: string }): Buffer {
  return sized(Buffer.from(`\0${username}\0${password}`));
}

export function prepareBody(query: string): Buffer {
  return sized(Buffer.from(query));
}

export function executeBody({ id, consistency, values, pageSize, pageState }: Execution): Buffer {
  const flags = SKIP_METADATA | PAGE_SIZE | (values.length > 0 ? VALUES : 0) | (pageState ? PAGE_STATE : 0);
  return Buffer.concat([
    uint16(id.length),
    id,
    uint16(consistency),
    Buffer.of(flags),
    ...(values.length > 0 ? [uint16(values.length), ...values.map(sized)] : []),
    int32(pageSize),
    ...(pageState ? [sized(pageState)] : []),
  ]);
}

/** Cuts what a socket gives into frames. */
export class FrameReader {
  private readonly header = Buffer.alloc(HEADER_BYTES);
  private headed = 0;
  private body: Buffer | undefined;
  private used = 0;
  private length = 0;
  private spare: Buffer | undefined;

  /**
   * @param onFrame is done with a body when it returns
   * @param mayTake is asked before memory is made for a body
   */
  constructor(
    private readonly onFrame: (stream: number, frame: Frame) => void,
    private readonly mayTake: (stream: number, bytes: number) => void,
  ) {}

  take(piece: Buffer): void {
    for (let at = 0; at < piece.length; ) {
      if (this.body === undefined) {
        const taken = piece.copy(this.header, this.headed, at, at + HEADER_BYTES - this.headed);
        this.headed += taken;
        at += taken;
        if (this.headed < HEADER_BYTES) return;
        this.begin();
      }
      if (this.body === undefined) continue;
      const end = Math.min(piece.length, at + this.length - this.used);
      this.body.set(piece.subarray(at, end), this.used);
      this.used += end - at;
      at = end;
      if (this.used === this.length) this.end();
    }
    if (this.body !== undefined && this.used === this.length) this.end();
  }

  private begin(): void {
    this.length = this.header.readInt32BE(5);
    this.mayTake(this.header.readInt16BE(2), this.length);
    // Pages are of like size: the memory of the last one does for the next.
    this.body = this.spare && this.spare.length >= this.length ? this.spare : Buffer.allocUnsafeSlow(this.length + (this.length >> 3));
    this.spare = undefined;
    this.used = this.headed = 0;
  }

  private end(): void {
    const { body, header } = this;
    if (body === undefined) return;
    this.body = undefined;
    const whole = body.subarray(0, this.length);
    const flags = header[1] ?? 0;
    this.onFrame(header.readInt16BE(2), { opcode: header[4] ?? 0, body: whole, start: afterExtras(whole, flags) });
    if (this.spare === undefined || this.spare.length < body.length) this.spare = body;
  }
}

export function errorOf({ body, start }: Frame): ServerError {
  const code = body.readInt32BE(start);
  const length = body.readUInt16BE(start + 4);
  return new ServerError(code, body.toString('utf8', start + 6, start + 6 + length));
}

/** The id of a prepared statement, and the types of the columns that it gives. */
export function preparedOf({ body, start }: Frame): { id: Buffer; types: string[] } {
  const reader = new BodyReader(body, start + 4);
  const id = Buffer.from(reader.bytes(reader.uint16()));
  reader.variables();
  return { id, types: reader.columns() };
}

/** Where the rows of a page begin, and where to go on. */
export interface PageHead {
  readonly rows: number;
  readonly columns: number;
  readonly pageState: Buffer | undefined;
  readonly at: number;
}

export function pageHeadOf({ body, start }: Frame): PageHead {
  const flags = body.readInt32BE(start + 4);
  const columns = body.readInt32BE(start + 8);
  const reader = new BodyReader(body, start + 12);
  // Copied: the frame's memory is used again.
  const pageState = (flags & MORE_PAGES) === 0 ? undefined : Buffer.from(reader.bytes(reader.int32()));
  if ((flags & NO_METADATA) === 0) throw new Error('a page came with metadata');
  const rows = reader.int32();
  return { rows, columns, pageState, at: reader.at };
}

class BodyReader {
  constructor(
    private readonly body: Buffer,
    public at: number,
  ) {}

  int32(): number {
    this.at += 4;
    return this.body.readInt32BE(this.at - 4);
  }

  uint16(): number {
    this.at += 2;
    return this.body.readUInt16BE(this.at - 2);
  }

  bytes(length: number): Buffer {
    this.at += Math.max(0, length);
    return this.body.subarray(this.at - Math.max(0, length), this.at);
  }

  text(): string {
    return this.bytes(this.uint16()).toString();
  }

  /** Skips what is said of a statement's parameters. */
  variables(): void {
    const flags = this.int32();
    const count = this.int32();
    const keys = this.int32();
    this.at += 2 * keys;
    this.specs(flags, count);
  }

  columns(): string[] {
    const flags = this.int32();
    const count = this.int32();
    if ((flags & MORE_PAGES) !== 0) this.bytes(this.int32());
    return (flags & NO_METADATA) !== 0 ? [] : this.specs(flags, count);
  }

  private specs(flags: number, count: number): string[] {
    const isGlobal = (flags & GLOBAL_TABLE) !== 0;
    const table = (): string => this.text() + this.text();
    if (isGlobal && count > 0) table();
    return Array.from({ length: count }, () => {
      if (!isGlobal) table();
      this.text();
      return this.type();
    });
  }

  /** A type as text: `13`, `list(9)`. */
  private type(): string {
    const code = this.uint16();
    if (code === CUSTOM) return `custom(${this.text()})`;
    if (code === LIST) return `list(${this.type()})`;
    if (code === SET) return `set(${this.type()})`;
    if (code === MAP) return `map(${this.type()},${this.type()})`;
    return String(code);
  }
}

function afterExtras(body: Buffer, flags: number): number {
  const reader = new BodyReader(body, 0);
  if ((flags & TRACED) !== 0) reader.bytes(16);
  if ((flags & WARNED) !== 0) for (let left = reader.uint16(); left > 0; left--) reader.text();
  if ((flags & PAYLOAD) !== 0) {
    for (let left = reader.uint16(); left > 0; left--) {
      reader.text();
      reader.bytes(reader.int32());
    }
  }
  return reader.at;
}

function uint16(value: number): Buffer {
  return Buffer.of((value >> 8) & 0xff, value & 0xff);
}

function int32(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeInt32BE(value);
  return bytes;
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([uint16(bytes.length), bytes]);
}

function sized(bytes: Uint8Array): Buffer {
  return Buffer.concat([int32(bytes.length), bytes]);
}
