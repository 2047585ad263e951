import { once } from 'node:events';
import { IncomingMessage, Server, ServerResponse, createServer } from 'node:http';
import { AddressInfo } from 'node:net';

export type Serve = (request: IncomingMessage, response: ServerResponse) => unknown;

/** Small web servers on the loopback interface, which end together. */
export class TestServers {
  private readonly servers: Server[] = [];

  /** @returns its URL, without a path */
  async start(serve: Serve): Promise<string> {
    const server = createServer((request, response) => void serve(request, response));
    this.servers.push(server);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    for (const server of this.servers.splice(0)) {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    }
  }
}
