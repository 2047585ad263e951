import { once } from 'node:events';
import { AddressInfo, Server, Socket, connect, createServer } from 'node:net';

const HEADER_BYTES = 9;
const OPCODES = { startup: 0x01, execute: 0x0a };

/** Cuts a stream of the native protocol in frames. */
function frames(onFrame: (frame: Buffer) => void): (piece: Buffer) => void {
  let rest: Buffer = Buffer.alloc(0);
  return (piece) => {
    rest = Buffer.concat([rest, piece]);
    while (rest.length >= HEADER_BYTES && rest.length >= HEADER_BYTES + rest.readInt32BE(5)) {
      const end = HEADER_BYTES + rest.readInt32BE(5);
      onFrame(rest.subarray(0, end));
      rest = rest.subarray(end);
    }
  };
}

/**
 * Stands between a backend and its one node: sees the pages that the lane for frames asks for, on connections of its own, and withholds the answers while it is
 * told to.
 */
export class HeldCassandra {
  /** Pages asked for since the beginning. */
  asked = 0;
  /** Pages asked for and not answered. */
  private readonly waiting = new Map<string, (() => void) | undefined>();
  private holding = false;
  /** Answers that are given as soon as they are there. */
  private credit = 0;
  private connections = 0;
  private readonly sockets = new Set<Socket>();

  private constructor(
    private readonly server: Server,
    private readonly nodePort: number,
  ) {
    server.on('connection', (client: Socket) => this.connected(client));
  }

  /** @param contactPoint `127.0.0.1:port` */
  static async start(contactPoint: string): Promise<HeldCassandra> {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new HeldCassandra(server, Number(contactPoint.split(':')[1]));
  }

  get contactPoint(): string {
    return `127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  get pagesOnTheirWay(): number {
    return this.waiting.size;
  }

  hold(): void {
    this.holding = true;
  }

  /** Gives what was withheld, and withholds nothing more. */
  letGo(): void {
    this.holding = false;
    this.credit = 0;
    for (const answer of [...this.waiting.values()]) answer?.();
  }

  /** Gives one answer: the oldest that is there, or the next that comes. */
  answerOne(): void {
    const answer = [...this.waiting.values()].find((give) => give !== undefined);
    if (answer) answer();
    else this.credit++;
  }

  stop(): void {
    this.server.close();
    for (const socket of this.sockets) socket.destroy();
  }

  private connected(client: Socket): void {
    const node = connect(this.nodePort, '127.0.0.1');
    const name = this.connections++;
    let isLane = false;
    for (const [socket, other] of [[client, node], [node, client]] as const) {
      this.sockets.add(socket);
      socket.on('error', () => other.destroy());
      socket.on('close', () => {
        other.destroy();
        this.sockets.delete(socket);
        for (const key of this.waiting.keys()) if (key.startsWith(`${name}/`)) this.waiting.delete(key);
      });
    }
    const keyOf = (frame: Buffer): string => `${name}/${frame.readInt16BE(2)}`;
    client.on('data', frames((frame) => {
      // Drivers tell their name.
      if (frame[4] === OPCODES.startup) isLane = !frame.includes('DRIVER_NAME');
      if (isLane && frame[4] === OPCODES.execute) {
        this.asked++;
        this.waiting.set(keyOf(frame), undefined);
      }
      node.write(frame);
    }));
    node.on('data', frames((frame) => {
      const key = keyOf(frame);
      const give = (): void => {
        this.waiting.delete(key);
        client.write(frame);
      };
      if (this.waiting.has(key) && this.holding && this.credit === 0) {
        this.waiting.set(key, give);
        return;
      }
      if (this.waiting.has(key) && this.credit > 0) this.credit--;
      give();
    }));
  }
}
