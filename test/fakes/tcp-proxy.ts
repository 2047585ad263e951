import { once } from 'node:events';
import { AddressInfo, Server, Socket, connect, createServer } from 'node:net';

/** Stands before a server on the loopback interface, and troubles its clients. */
export class TcpProxy {
  private readonly sockets = new Set<Socket>();
  private refusing = false;
  private hanging = false;
  private patience: (() => number) | undefined;

  private constructor(
    private readonly server: Server,
    private readonly target: number,
  ) {
    server.on('connection', (client) => this.take(client));
  }

  static async to(port: number): Promise<TcpProxy> {
    const server = createServer();
    await once(server.listen(0, '127.0.0.1'), 'listening');
    return new TcpProxy(server, port);
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  /** Of clients, at present. */
  get connections(): number {
    return this.sockets.size / 2;
  }

  /** Cuts every connection off, and all that come, until told otherwise. */
  refuse(refusing: boolean): void {
    this.refusing = refusing;
    if (refusing) this.cut();
  }

  /** Lets nothing through, in neither direction, until told otherwise. */
  hang(hanging: boolean): void {
    this.hanging = hanging;
    for (const socket of this.sockets) {
      if (hanging) socket.pause();
      else socket.resume();
    }
  }

  /** Cuts each connection that comes off after so many pieces of data, in either direction; undefined: none any more. */
  cutAfter(pieces: (() => number) | undefined): void {
    this.patience = pieces;
  }

  cut(): void {
    for (const socket of this.sockets) socket.destroy();
  }

  async close(): Promise<void> {
    this.server.close();
    this.cut();
    await once(this.server, 'close');
  }

  private take(client: Socket): void {
    const server = connect(this.target, '127.0.0.1');
    let left = this.patience?.() ?? Infinity;
    for (const [from, to] of [[client, server], [server, client]] as const) {
      this.sockets.add(from);
      from.on('data', (chunk: Buffer) => {
        left -= 1;
        if (left < 0 && this.patience !== undefined) from.destroy();
        else to.write(chunk);
      });
      from.on('error', () => undefined);
      from.once('close', () => {
        this.sockets.delete(from);
        to.destroy();
      });
      if (this.hanging) from.pause();
    }
    if (this.refusing) client.destroy();
  }
}
