import { randomBytes } from 'node:crypto';
import { createServer, IncomingMessage, Server, ServerResponse } from 'node:http';
import { AddressInfo } from 'node:net';
import { Clock, systemClock } from '../../src/kernel';

/** What a token of the fake is for; everything left out is absent from Keystone's answer, too. */
export interface FakeToken {
  readonly userId: string;
  readonly projectId?: string;
  readonly domainId?: string;
  readonly system?: boolean;
  readonly roles?: readonly string[];
  /** Milliseconds from now; default one hour. */
  readonly lifeMs?: number;
}

interface IssuedToken extends FakeToken {
  readonly expiresAt: number;
}

/**
 * How the fake misbehaves: `error` 500, `hang` no answer, `redirect` 302, `garbage` 200 that is no JSON, `html` 200 with JSON that is no token, `huge` endless, `cut` the
 * connection ends, `cut once` so does the next one only. */
export type Outage = 'none' | 'cut' | 'cut once' | 'error' | 'hang' | 'redirect' | 'garbage' | 'html' | 'huge';

/**
 * Keystone v3, as far as a service that validates tokens sees it: password log-in of one service user, and validation. As the
 * real one does, it answers 404 for a garbage, revoked or expired subject token, and 401 for a bad X-Auth-Token.
 */
export class FakeKeystone {
  static readonly SERVICE = { username: 'magnetodb', password: 'magnetodb-secret', projectName: 'service' } as const;

  outage: Outage = 'none';
  logins = 0;
  validations = 0;
  /** Requests that came to where the outage `redirect` points. */
  redirected = 0;
  /** Bytes sent by the outage `huge`. */
  floodedBytes = 0;
  /** How long the service user's own tokens live, in milliseconds. */
  serviceTokenLifeMs = 3_600_000;
  private readonly issued = new Map<string, IssuedToken>();
  private readonly serviceTokens = new Set<string>();

  private constructor(
    private readonly server: Server,
    private readonly clock: Clock,
  ) {
    server.on('request', (request, response) => {
      this.serve(request, response).catch((error: unknown) =>
        response.destroy(error instanceof Error ? error : undefined),
      );
    });
  }

  /** Listens on a free port of the loopback address. */
  static async start(clock: Clock = systemClock): Promise<FakeKeystone> {
    const server = createServer();
    const fake = new FakeKeystone(server, clock);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return fake;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.server.close(resolve));
    this.server.closeAllConnections();
    await closed;
  }

  /** A new token, in a Fernet token's alphabet. */
  issue(token: FakeToken): string {
    const text = `gAAAAA${randomBytes(60).toString('base64url')}`;
    this.issued.set(text, { ...token, expiresAt: this.clock.now() + (token.lifeMs ?? 3_600_000) });
    return text;
  }

  revoke(token: string): void {
    this.issued.delete(token);
  }

  /** The service user's own tokens are no longer accepted, as after a rotation of keys. */
  revokeServiceTokens(): void {
    for (const token of this.serviceTokens) this.issued.delete(token);
    this.serviceTokens.clear();
  }

  private async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.setHeader('Date', new Date(this.clock.now()).toUTCString());
    const body = await readBody(request);
    const { pathname } = new URL(request.url ?? '/', this.url);
    if (request.method === 'POST') this.logins++;
    else this.validations++;
    if (pathname === '/elsewhere') {
      this.redirected++;
      return answer(response, 404, undefined);
    }
    if (this.misbehaves(request, response)) return;
    if (pathname !== '/v3/auth/tokens') return answer(response, 404, { error: { code: 404 } });
    if (request.method === 'POST') return this.logIn(body, response);
    return this.describe(request, response);
  }

  private logIn(body: string, response: ServerResponse): void {
    const { username, password, projectName } = FakeKeystone.SERVICE;
    const domain = { name: 'Default' };
    const identity = { methods: ['password'], password: { user: { name: username, password, domain } } };
    const expected = JSON.stringify({ auth: { identity, scope: { project: { name: projectName, domain } } } });
    if (JSON.stringify(JSON.parse(body)) !== expected) return answer(response, 401, { error: { code: 401 } });
    const token = this.issue({
      userId: username,
      projectId: projectName,
      roles: ['service'],
      lifeMs: this.serviceTokenLifeMs,
    });
    this.serviceTokens.add(token);
    response.setHeader('X-Subject-Token', token);
    answer(response, 201, this.description(token));
  }

  private describe(request: IncomingMessage, response: ServerResponse): void {
    const own = String(request.headers['x-auth-token']);
    if (!this.serviceTokens.has(own) || this.description(own) === undefined)
      return answer(response, 401, { error: { code: 401 } });
    const description = this.description(String(request.headers['x-subject-token']));
    if (description === undefined) return answer(response, 404, { error: { code: 404, title: 'Not Found' } });
    answer(response, 200, description);
  }

  private description(text: string): object | undefined {
    const token = this.issued.get(text);
    if (token === undefined || token.expiresAt <= this.clock.now()) return undefined;
    const named = (id: string | undefined): object | undefined =>
      id === undefined ? undefined : { id, name: id, domain: { id: 'default', name: 'Default' } };
    return {
      token: {
        methods: ['password'],
        user: named(token.userId),
        project: named(token.projectId),
        domain: token.domainId === undefined ? undefined : { id: token.domainId },
        system: token.system === true ? { all: true } : undefined,
        roles: token.roles?.map((name) => ({ id: `id-${name}`, name })),
        // Keystone writes microseconds.
        expires_at: new Date(token.expiresAt).toISOString().replace('Z', '000Z'),
        issued_at: new Date(this.clock.now()).toISOString(),
      },
    };
  }

  private misbehaves(request: IncomingMessage, response: ServerResponse): boolean {
    switch (this.outage) {
      case 'none':
        return false;
      case 'hang':
        return true;
      case 'error':
        answer(response, 500, { error: { code: 500 } });
        return true;
      case 'redirect':
        response.writeHead(302, { Location: `${this.url}/elsewhere` }).end();
        return true;
      case 'garbage':
        response.end(`${String(request.headers['x-subject-token'])} is no JSON`);
        return true;
      case 'html':
        answer(response, 200, { hello: 'world' });
        return true;
      case 'huge':
        this.flood(response);
        return true;
      case 'cut once':
      case 'cut':
        if (this.outage === 'cut once') this.outage = 'none';
        request.socket.destroy();
        return true;
    }
  }

  private flood(response: ServerResponse): void {
    const chunk = Buffer.alloc(64 * 1024, ' ');
    const more = (): void => {
      let going = !response.destroyed;
      while (going) {
        this.floodedBytes += chunk.length;
        going = response.write(chunk) && !response.destroyed;
      }
    };
    response.on('drain', more);
    more();
  }
}

function answer(response: ServerResponse, status: number, body: object | undefined): void {
  response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(body ?? {}));
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}
