import { Socket, connect as connectPlain } from 'node:net';
import { ConnectionOptions, connect as connectTls } from 'node:tls';
import { Execution, Frame, FrameReader, OPCODES, errorOf, executeBody, plainBody, prepareBody, preparedOf, request, startupBody } from './wire';

/** How to reach nodes: what the driver was told, too. Must survive being sent to a worker. */
export interface NodeOptions {
  readonly credentials?: { readonly username: string; readonly password: string } | undefined;
  readonly tls?: ConnectionOptions | undefined;
  readonly connectMillis: number;
  readonly requestMillis: number;
}

/** No answer in time, or one that is too large to take: less must be asked for. */
export class TooMuch extends Error {}

/** A larger frame than this is not taken where fewer rows could be asked for. */
const MAX_FRAME_BYTES = 64 * 1024 * 1024;
const MAX_STREAM = 32_767;
const READ_BYTES = 256 * 1024;
const UNPREPARED = 0x2500;

/** Where a socket's bytes go: good until it returns. */
interface Incoming {
  onPiece(piece: Buffer): void;
}

interface Waiting {
  /** Of one row there is no less. */
  readonly smallest: boolean;
  readonly timer: NodeJS.Timeout;
  /** Is done with the frame when it returns. */
  resolve(frame: Frame): void;
  reject(error: unknown): void;
}

/** A connection to one node of the cluster, for reading pages of rows whose cells nobody looks at. */
export class NodeConnection {
  private readonly waiting = new Map<number, Waiting>();
  private readonly statements = new Map<string, Promise<{ id: Buffer; types: string[] }>>();
  private stream = 0;
  private failure: Error | undefined;

  private constructor(
    private readonly socket: Socket,
    incoming: Incoming,
    private readonly options: NodeOptions,
  ) {
    const reader = new FrameReader(
      (stream, frame) => this.answered(stream, frame),
      (stream, bytes) => this.checkSize(stream, bytes),
    );
    incoming.onPiece = (piece) => {
      try {
        reader.take(piece);
      } catch (error) {
        socket.destroy(error instanceof Error ? error : new Error(String(error)));
      }
    };
    socket.on('error', (error) => this.fail(error));
    socket.on('close', () => this.fail(new Error('a node closed its connection')));
  }

  /** @param address `host:port` */
  static async open(address: string, options: NodeOptions): Promise<NodeConnection> {
    const incoming: Incoming = { onPiece: () => undefined };
    const socket = await connected(address, options, incoming);
    const connection = new NodeConnection(socket, incoming, options);
    try {
      await connection.start();
      return connection;
    } catch (error) {
      socket.destroy();
      throw error;
    }
  }

  get isOpen(): boolean {
    return this.failure === undefined;
  }

  /** The types of a statement's columns: see `preparedOf`. */
  async columnTypes(query: string): Promise<readonly string[]> {
    return (await this.prepared(query)).types;
  }

  /**
   * Executes a statement and gives its answer to `read`, as long as its memory is good.
   * @throws ServerError; TooMuch; Error if the connection broke
   */
  async execute<T>(query: string, execution: Omit<Execution, 'id'>, read: (frame: Frame) => T): Promise<T> {
    for (let tries = 1; ; tries++) {
      const { id } = await this.prepared(query);
      try {
        return await this.send(OPCODES.execute, executeBody({ ...execution, id }), read, execution.pageSize <= 1);
      } catch (error) {
        // The node has forgotten it: since it was started anew, for one.
        if (!(error instanceof Error && 'code' in error && error.code === UNPREPARED) || tries > 1) throw error;
        this.statements.delete(query);
      }
    }
  }

  close(): void {
    this.socket.destroy();
  }

  private async start(): Promise<void> {
    const opcode = await this.send(OPCODES.startup, startupBody(), (frame) => frame.opcode);
    if (opcode === OPCODES.ready) return;
    const { credentials } = this.options;
    if (opcode !== OPCODES.authenticate || !credentials) throw new Error('a node wants another beginning');
    const answer = await this.send(OPCODES.authResponse, plainBody(credentials), (frame) => frame.opcode);
    if (answer !== OPCODES.authSuccess) throw new Error('a node wants another kind of proof');
  }

  private prepared(query: string): Promise<{ id: Buffer; types: string[] }> {
    const known = this.statements.get(query);
    if (known) return known;
    const made = this.send(OPCODES.prepare, prepareBody(query), preparedOf);
    this.statements.set(query, made);
    made.catch(() => this.statements.delete(query));
    return made;
  }

  private send<T>(opcode: number, body: Buffer, read: (frame: Frame) => T, smallest = true): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (this.failure) return reject(this.failure);
      const stream = this.freeStream();
      const timer = setTimeout(() => {
        this.waiting.delete(stream);
        reject(new TooMuch('a node did not answer in time'));
      }, this.options.requestMillis);
      const take = (frame: Frame): void => {
        try {
          if (frame.opcode === OPCODES.error) reject(errorOf(frame));
          else resolve(read(frame));
        } catch (error) {
          reject(error);
        }
      };
      this.waiting.set(stream, { smallest, timer, resolve: take, reject });
      this.socket.write(request(stream, opcode, body));
    });
  }

  /** Those of requests that took too long are not given out again for a long time. */
  private freeStream(): number {
    do this.stream = this.stream === MAX_STREAM ? 0 : this.stream + 1;
    while (this.waiting.has(this.stream));
    return this.stream;
  }

  private answered(stream: number, frame: Frame): void {
    const waiting = this.waiting.get(stream);
    if (!waiting) return;
    this.waiting.delete(stream);
    clearTimeout(waiting.timer);
    waiting.resolve(frame);
  }

  private checkSize(stream: number, bytes: number): void {
    const waiting = this.waiting.get(stream);
    if (bytes <= MAX_FRAME_BYTES || !waiting || waiting.smallest) return;
    this.waiting.delete(stream);
    clearTimeout(waiting.timer);
    const error = new TooMuch('a page is too large');
    waiting.reject(error);
    throw error;
  }

  private fail(error: Error): void {
    this.failure ??= error;
    for (const { reject, timer } of this.waiting.values()) {
      clearTimeout(timer);
      reject(error);
    }
    this.waiting.clear();
  }
}

/** Of plain connections: no memory is made for each piece. */
function intoOneBuffer(incoming: Incoming): { buffer: Uint8Array; callback(bytes: number, buffer: Uint8Array): boolean } {
  return {
    buffer: Buffer.allocUnsafeSlow(READ_BYTES),
    callback: (bytes, { buffer, byteOffset }) => {
      incoming.onPiece(Buffer.from(buffer, byteOffset, bytes));
      return true;
    },
  };
}

function connected(address: string, { tls, connectMillis }: NodeOptions, incoming: Incoming): Promise<Socket> {
  const colon = address.lastIndexOf(':');
  const [host, port] = [address.slice(0, colon).replace(/^\[|\]$/g, ''), Number(address.slice(colon + 1))];
  return new Promise((resolve, reject) => {
    // As the driver does it: whether a certificate is looked at is for the options to say.
    const socket = tls ? connectTls({ rejectUnauthorized: false, ...tls, host, port }) : connectPlain({ host, port, onread: intoOneBuffer(incoming) });
    if (tls) socket.on('data', (piece: Buffer) => incoming.onPiece(piece));
    const timer = setTimeout(() => socket.destroy(new Error('a node did not let in in time')), connectMillis);
    socket.once('error', (error) => {
      clearTimeout(timer);
      reject(error);
    });
    socket.once(tls ? 'secureConnect' : 'connect', () => {
      clearTimeout(timer);
      socket.setNoDelay(true);
      resolve(socket);
    });
  });
}
