import { ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { AddressInfo, Server, Socket, connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { Client } from 'pg';
import { TestDatabase, createTestDatabase } from '../setup/database';
import { until } from '../setup/until';
import { DataApiClient, hash, ok } from './data-api-server';
import { Answer, Json, ManagementClient, expectStatus, refused } from './management-server';

const ROOT = join(__dirname, '../..');
/** More than the first page of a range: under a rate limit a backup waits before the second. */
const ITEMS = 9000;

/** A gateway in a process of its own. */
class GatewayProcess {
  /** All that it printed. */
  output = '';
  url = '';

  private constructor(readonly process: ChildProcess) {
    for (const stream of [process.stdout, process.stderr]) stream?.on('data', (text: Buffer) => (this.output += text.toString()));
  }

  static async start(env: Record<string, string>): Promise<GatewayProcess> {
    const gateway = new GatewayProcess(
      spawn(process.execPath, ['-r', join(ROOT, 'test/setup/swc-register.js'), 'src/gateway/main.ts'], {
        cwd: ROOT,
        env: { PATH: process.env['PATH'], TEST_RUN_DIR: process.env['TEST_RUN_DIR'], PORT: '0', DEV_TOKENS: 'demo-token=demo:member', ...env },
        stdio: ['ignore', 'pipe', 'pipe'],
      }),
    );
    gateway.url = await until(() => {
      if (gateway.process.exitCode !== null) throw new Error(`the gateway ended: ${gateway.output}`);
      return /ready: (http:\S+)/.exec(gateway.output)?.[1];
    }, 40_000);
    return gateway;
  }

  get client(): ManagementClient {
    return new ManagementClient(this.url, 'spec', 'demo-token', 'demo');
  }

  get data(): DataApiClient {
    return new DataApiClient(this.url, 'demo-token', 'demo');
  }

  /** Ends it with the signal, unless it has ended; its exit code. */
  async end(signal: NodeJS.Signals): Promise<number | null> {
    if (this.process.exitCode === null && this.process.signalCode === null) {
      const ended = once(this.process, 'exit');
      this.process.kill(signal);
      await ended;
    }
    return this.process.exitCode;
  }
}

/** Stands between a gateway and its database, and can be away. */
class Cable {
  private readonly sockets = new Set<Socket>();
  private plugged = true;

  private constructor(
    private readonly server: Server,
    readonly url: string,
  ) {}

  static async to(databaseUrl: string): Promise<Cable> {
    const { hostname, port } = new URL(databaseUrl);
    const server = createServer();
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const url = new URL(databaseUrl);
    url.port = String((server.address() as AddressInfo).port);
    const cable = new Cable(server, url.href);
    server.on('connection', (socket) => cable.join(socket, () => connect(Number(port), hostname)));
    return cable;
  }

  private join(near: Socket, open: () => Socket): void {
    near.on('error', () => undefined);
    if (!this.plugged) return void near.destroy();
    const far = open();
    for (const socket of [near, far]) {
      this.sockets.add(socket);
      socket.once('close', () => this.sockets.delete(socket));
    }
    pipeline(near, far, near).catch(() => undefined);
  }

  cut(): void {
    this.plugged = false;
    for (const socket of this.sockets) socket.destroy();
  }

  mend(): void {
    this.plugged = true;
  }

  async close(): Promise<void> {
    this.cut();
    this.server.close();
    await once(this.server, 'close');
  }
}

// Processes are started, and a database is away for ten seconds.
jest.setTimeout(300_000);

let database: TestDatabase;
let sql: Client;
let folder: string;
const running: GatewayProcess[] = [];
beforeAll(async () => {
  database = await createTestDatabase();
  sql = new Client({ connectionString: database.url });
  await sql.connect();
  folder = await mkdtemp(join(tmpdir(), 'outage-'));
});
afterEach(async () => {
  await Promise.all(running.splice(0).map((gateway) => gateway.end('SIGKILL')));
});
afterAll(async () => {
  await sql.end();
  await database.drop();
  await rm(folder, { recursive: true, force: true });
});

async function startGateway(env: Record<string, string> = {}): Promise<GatewayProcess> {
  const gateway = await GatewayProcess.start({ DATABASE_URL: database.url, DATA_DIR: folder, ...env });
  running.push(gateway);
  return gateway;
}

const line = (index: number): string => `${JSON.stringify({ id: { N: String(index) }, text: { S: `item ${index}` } })}\n`;

async function loadTable(data: DataApiClient, name: string, items = ITEMS): Promise<void> {
  await ok(data.createTable(name, [{ attribute_name: 'id', attribute_type: 'N' }], [hash('id')]));
  const lines = Array.from({ length: items }, (_, index) => line(index)).join('');
  expect(await ok(data.bulkLoad(name, lines))).toMatchObject({ processed: items, failed: 0 });
}

/** A backup that has read its first page and now waits, for longer than any test lasts. */
async function slowBackup(client: ManagementClient, table: string): Promise<unknown> {
  const { id } = await expectStatus(client.createBackup(table), 202);
  await patch(client, table, id, { rate_limit: { items_per_second: 20 } });
  await until(async () => (await holders(id)).length === 1);
  return id;
}

const patch = (client: ManagementClient, table: string, id: unknown, body: Json): Promise<Json> =>
  expectStatus(client.send('PATCH', `${client.table(table)}/backups/${String(id)}`, body), 200);

/** Which processes work on the copying of a backup. */
async function holders(backupId: unknown): Promise<string[]> {
  const { rows } = await sql.query<{ holder: string }>(
    `SELECT holder FROM magnetodb_backup.job_steps s JOIN magnetodb_backup.jobs j ON j.id = s.job_id
      WHERE j.subject_id = $1 AND j.stage = 'copy' AND holder IS NOT NULL`,
    [backupId],
  );
  return rows.map((row) => row.holder);
}

async function finishes(client: ManagementClient, table: string, id: unknown): Promise<void> {
  await patch(client, table, id, { rate_limit: null });
  const made = await client.finished(() => client.backup(table, id), 'CREATING');
  expect(made).toMatchObject({ status: 'CREATED', item_count: ITEMS });
  const { rows } = await sql.query(`SELECT operation || '.' || phase AS name FROM magnetodb_backup.events WHERE payload->>'backup_id' = $1 ORDER BY seq`, [id]);
  expect(rows).toEqual([{ name: 'backup.create.start' }, { name: 'backup.create.end' }]);
}

describe('a database that is gone for ten seconds', () => {
  let cable: Cable;
  beforeAll(async () => {
    cable = await Cable.to(database.url);
  });
  afterAll(() => cable.close());

  it('is told by 503, and then everything goes on, a running backup too', async () => {
    const gateway = await startGateway({ DATABASE_URL: cable.url, LEASE_SECONDS: '2', RANGE_BYTES: '1000000000' });
    const { client, data } = gateway;
    await loadTable(data, 'outlasting');
    const id = await slowBackup(client, 'outlasting');
    const calls: (() => Promise<Answer>)[] = [
      () => data.call('outlasting', 'get_item', { key: { id: { N: '7' } } }),
      () => data.call('outlasting', 'put_item', { item: { id: { N: '8' }, text: { S: 'written' } } }),
      () => data.call('outlasting', 'scan', { limit: 1 }),
      () => data.get('tables/outlasting'),
      () => data.get('tables'),
      () => client.backup('outlasting', id),
      () => client.createBackup('outlasting', 'meanwhile', { client_request_token: 'once' }),
      () => client.createRestore('elsewhere', { id }),
      () => client.get(`${client.projectPath}/backups`),
      () => client.get(`${client.projectPath}/restores`),
    ];

    cable.cut();
    const mended = delay(10_000).then(() => cable.mend());
    let away = true;
    void mended.then(() => (away = false));
    let answers = 0;
    while (away) {
      for (const call of calls) {
        if (!away) break;
        const answer = await call();
        // The last one may have met the database again.
        if (!away) break;
        await refused(Promise.resolve(answer), 503, 'ServiceUnavailable');
        expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
        expect(JSON.stringify(answer.body)).not.toMatch(/127\.0\.0\.1|postgres|ECONN|password/i);
        answers += 1;
      }
    }
    expect(answers).toBeGreaterThan(calls.length);
    await mended;

    await until(async () => (await calls[0]?.())?.status === 200);
    for (const call of calls) expect([200, 202, 409]).toContain((await call()).status);
    expect((await ok(data.call('outlasting', 'get_item', { key: { id: { N: '8' } } })))['item']).toMatchObject({ text: { S: 'written' } });
    // Somebody works on it again: this process, once it has noticed.
    await until(async () => (await holders(id)).length === 1);
    await finishes(client, 'outlasting', id);
    const list = await expectStatus(client.get(`${client.table('outlasting')}/backups?name=meanwhile`), 200);
    expect(list['backups']).toHaveLength(1);
    expect(gateway.process.exitCode).toBeNull();
    expect(gateway.output).not.toContain('demo-token');
  });
});

describe('SIGTERM', () => {
  it('hands a running step over to another process, long before its lease ends', async () => {
    const env = { LEASE_SECONDS: '3600', RANGE_BYTES: '1000000000' };
    const first = await startGateway(env);
    await loadTable(first.data, 'handed_over');
    const id = await slowBackup(first.client, 'handed_over');
    const [holder] = await holders(id);
    const second = await startGateway(env);
    expect(await first.end('SIGTERM')).toBe(0);
    await until(async () => (await holders(id)).some((each) => each !== holder));
    await finishes(second.client, 'handed_over', id);
  });

  it('lets a call end that is under way, takes no new one, and exits with 0', async () => {
    const gateway = await startGateway();
    await loadTable(gateway.data, 'last_words', 10);
    const body = new Readable({ read: () => undefined });
    const answer = gateway.data.bulkLoad('last_words', body);
    for (let index = 100; index < 200; index += 1) body.push(line(index));
    // Under way: the server has begun to answer another call on a connection that came later.
    await ok(gateway.data.call('last_words', 'get_item', { key: { id: { N: '1' } } }));
    const ended = once(gateway.process, 'exit');
    gateway.process.kill('SIGTERM');
    await until(() => fetch(`${gateway.url}/healthcheck`, { headers: { connection: 'close' } }).then((response) => response.status === 503, () => true));
    for (let index = 200; index < 300; index += 1) body.push(line(index));
    body.push(null);
    expect(await ok(answer)).toMatchObject({ read: 200, processed: 200, failed: 0 });
    const [code] = (await ended) as [number];
    expect(code).toBe(0);
    await expect(fetch(gateway.url)).rejects.toThrow();
  });
});
