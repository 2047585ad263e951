import { once } from 'node:events';
import { access, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TestProcess } from '../setup/child-process';
import { createTestDatabase } from '../setup/database';
import { until } from '../setup/until';
import { expectStatus, ManagementClient } from './management-server';

// Other programs start here, beside whatever else the machine does: patience is not what is tested.
jest.setTimeout(300_000);

const READY = /^MagnetoDB gateway ready: (http:\/\/\S+) /m;
const MADE_UP = /^Development token.*: (\S+)$/gm;

/** `npm start`'s own program. */
class Gateway {
  private constructor(
    private readonly process: TestProcess,
    readonly url: string,
  ) {}

  static begin(settings: Record<string, string>): TestProcess {
    // Nothing of the run's own environment: an empty setting is one that is not given.
    const none = { DATABASE_URL: '', DEV_TOKENS: '', OBJECTS_URL: '', HOST: '', LOG_LEVEL: 'info', NODE_ENV: 'development' };
    const begun = TestProcess.start('src/gateway/main.ts', { ...none, PORT: '0', ...settings });
    processes.push(begun);
    return begun;
  }

  static async start(settings: Record<string, string>): Promise<Gateway> {
    const process = Gateway.begin(settings);
    await until(() => READY.test(process.stdout) || !process.running, 60_000, 'the gateway did not become ready');
    const url = READY.exec(process.stdout)?.[1];
    if (url === undefined) throw new Error(`the gateway did not start: ${process.stderr}`);
    return new Gateway(process, url);
  }

  /** Every made-up token that it printed. */
  get tokens(): string[] {
    return [...this.process.stdout.matchAll(MADE_UP)].map(([, token]) => token ?? '');
  }

  get output(): string {
    return this.process.stdout + this.process.stderr;
  }

  client(token: string): ManagementClient {
    return new ManagementClient(this.url, 'spec', token, 'demo');
  }

  /** As an operator stops it; its exit status. */
  async stop(): Promise<number | null> {
    this.process.signal('SIGTERM');
    return (await this.process.exited).code;
  }

  kill(): Promise<void> {
    return this.process.kill();
  }
}

const processes: TestProcess[] = [];
const folders: string[] = [];

async function dataDir(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'gateway-process-'));
  folders.push(folder);
  return folder;
}

/** Process number of the embedded server; undefined: it does not run. */
async function embeddedServer(folder: string): Promise<number | undefined> {
  const text = await readFile(join(folder, 'postgres/cluster/postmaster.pid'), 'utf8').catch(() => undefined);
  return text === undefined ? undefined : Number.parseInt(text, 10);
}

async function nothingStarted(folder: string): Promise<boolean> {
  return access(join(folder, 'postgres')).then(
    () => false,
    () => true,
  );
}

async function createTable(client: ManagementClient, name: string): Promise<void> {
  const body = { table_name: name, attribute_definitions: [{ attribute_name: 'id', attribute_type: 'S' }], key_schema: [{ attribute_name: 'id', key_type: 'HASH' }] };
  await expectStatus(client.send('POST', '/v1/data/demo/tables', body), 200);
  await expectStatus(client.send('POST', `/v1/data/demo/tables/${name}/put_item`, { item: { id: { S: 'one' } } }), 200);
}

afterEach(async () => {
  for (const each of processes.splice(0)) await each.kill();
  for (const folder of folders.splice(0)) {
    const server = await embeddedServer(folder);
    if (server !== undefined) process.kill(server, 'SIGINT');
    await until(async () => (await embeddedServer(folder)) === undefined);
    await rm(folder, { recursive: true, force: true });
  }
});

describe('the gateway’s process', () => {
  it('makes a token up, prints it once, keeps tables and backups over a restart, and stops its database', async () => {
    const folder = await dataDir();
    const first = await Gateway.start({ DATA_DIR: folder });
    const [token = '', ...more] = first.tokens;
    expect(token).toMatch(/^[0-9a-f]{48}$/);
    expect(more).toEqual([]);
    const client = first.client(token);
    await createTable(client, 'threads');
    const backup = await client.madeBackup('threads');
    expect(backup['item_count']).toBe(1);
    // Asked for health, briefly and in full; both without a token.
    const health = async (query: string): Promise<unknown> => (await fetch(`${first.url}/healthcheck${query}`)).json();
    expect(await health('')).toEqual({ API: 'OK' });
    expect(await health('?fullcheck=true')).toEqual({ API: 'OK', Identity: 'OK', Storage: 'OK', JobDatabase: 'OK', ObjectStore: 'OK', Jobs: 'OK', Messaging: 'OK' });
    expect(first.output.split(token)).toHaveLength(2);
    expect(await first.stop()).toBe(0);
    expect(await embeddedServer(folder)).toBeUndefined();

    const second = await Gateway.start({ DATA_DIR: folder });
    expect(second.tokens).toHaveLength(1);
    expect(second.tokens).not.toContain(token);
    expect((await second.client(token).get('/v1/demo/management/backups')).status).toBe(401);
    const again = second.client(second.tokens[0] ?? '');
    expect(await expectStatus(again.backup('threads', backup['id']), 200)).toMatchObject({ status: 'CREATED', item_count: 1 });
    expect(await expectStatus(again.get('/v1/data/demo/tables/threads'), 200)).toMatchObject({ table: { table_name: 'threads' } });
    expect(await second.stop()).toBe(0);
    expect(await embeddedServer(folder)).toBeUndefined();
  });

  it('takes given tokens and makes none up, and starts again after SIGKILL on the database that was left over', async () => {
    const settings = { DATA_DIR: await dataDir(), DEV_TOKENS: 'tokenA=demo:member;tokenB=other:admin,member' };
    const first = await Gateway.start(settings);
    expect(first.tokens).toEqual([]);
    expect(first.output).not.toContain('tokenA');
    await createTable(first.client('tokenA'), 'threads');
    expect((await new ManagementClient(first.url, 'spec', 'tokenB', 'other').get('/v1/other/management/backups')).status).toBe(200);
    await first.kill();
    const left = await embeddedServer(settings.DATA_DIR);
    expect(left).toBeGreaterThan(0);

    const second = await Gateway.start(settings);
    expect(await embeddedServer(settings.DATA_DIR)).toBe(left);
    expect((await second.client('tokenA').madeBackup('threads'))['item_count']).toBe(1);
    expect(await second.stop()).toBe(0);
    expect(await embeddedServer(settings.DATA_DIR)).toBeUndefined();
  });

  it('runs side by side with another that has its own port and folder, and refuses a port that is taken, leaving nothing behind', async () => {
    const folders = [await dataDir(), await dataDir(), await dataDir()] as const;
    const [one, two] = await Promise.all([
      Gateway.start({ DATA_DIR: folders[0], DEV_TOKENS: 'tokenA=demo:member' }),
      Gateway.start({ DATA_DIR: folders[1], DEV_TOKENS: 'tokenA=demo:member' }),
    ]);
    await createTable(one.client('tokenA'), 'only_here');
    expect((await one.client('tokenA').get('/v1/data/demo/tables/only_here')).status).toBe(200);
    expect((await two.client('tokenA').get('/v1/data/demo/tables/only_here')).status).toBe(404);

    const late = Gateway.begin({ DATA_DIR: folders[2], PORT: new URL(one.url).port });
    expect((await late.exited).code).toBe(1);
    expect(late.stderr).toMatch(/did not start: HOST or PORT: .*EADDRINUSE/);
    expect(late.stdout).toBe('');
    expect(await embeddedServer(folders[2])).toBeUndefined();
    expect(await Promise.all([one.stop(), two.stop()])).toEqual([0, 0]);
  });

  it('uses the database of DATABASE_URL, and then starts none', async () => {
    const database = await createTestDatabase();
    const folder = await dataDir();
    try {
      const settings = { DATA_DIR: folder, DATABASE_URL: database.url, DEV_TOKENS: 'tokenA=demo:member' };
      const [one, two] = await Promise.all([Gateway.start(settings), Gateway.start(settings)]);
      await createTable(one.client('tokenA'), 'shared');
      expect((await two.client('tokenA').madeBackup('shared'))['item_count']).toBe(1);
      expect(await Promise.all([one.stop(), two.stop()])).toEqual([0, 0]);
      expect(await nothingStarted(folder)).toBe(true);
    } finally {
      for (const each of processes.splice(0)) await each.kill();
      await database.drop();
    }
  });

  it('obeys SIGTERM that comes during its start, leaving no database behind', async () => {
    const folder = await dataDir();
    const starting = Gateway.begin({ DATA_DIR: folder });
    await until(async () => (await embeddedServer(folder)) !== undefined, 30_000);
    starting.signal('SIGTERM');
    expect((await starting.exited).code).toBe(0);
    expect(await embeddedServer(folder)).toBeUndefined();
  });
});

describe('a bad setting', () => {
  let folder: string;
  const refuses = async (settings: Record<string, string>, words: RegExp): Promise<void> => {
    const process = Gateway.begin({ DATA_DIR: folder, ...settings });
    expect((await process.exited).code).toBe(1);
    expect(process.stderr).toMatch(words);
    // One line, for a person.
    expect(process.stderr.trim().split('\n')).toHaveLength(1);
    expect(process.stdout).toBe('');
    expect(await nothingStarted(folder)).toBe(true);
  };
  beforeEach(async () => {
    folder = await dataDir();
  });

  it('keeps it from starting, by name: values', async () => {
    await Promise.all([
      refuses({ PORT: 'http', LEASE_SECONDS: '0', LOG_LEVEL: 'loud' }, /PORT must be an integer; LEASE_SECONDS must not be less than 1; LOG_LEVEL must be one of/),
      refuses({ DEV_TOKENS: 's3cret' }, /^(?!.*s3cret).*DEV_TOKENS must be token=project:role/),
    ]);
  });

  it('keeps it from starting, by name: development tokens in production', async () => {
    await Promise.all([
      refuses({ NODE_ENV: 'production' }, /DEV_TOKENS: .*NODE_ENV=production/),
      refuses({ NODE_ENV: 'production', DEV_TOKENS: 'tokenA=demo:member' }, /^(?!.*tokenA).*DEV_TOKENS: .*NODE_ENV=production/),
    ]);
  });

  it('keeps it from starting, by name: files', async () => {
    const bad = join(folder, 'bad.json');
    await writeFile(bad, '{');
    await Promise.all([
      refuses({ STRATEGIES_FILE: join(folder, 'absent.json') }, /STRATEGIES_FILE: /),
      refuses({ STRATEGIES_FILE: bad }, /STRATEGIES_FILE: /),
      refuses({ POLICY_FILE: bad }, /POLICY_FILE: /),
    ]);
  });

  it('keeps it from starting, by name: a database that is not there, without its password', async () => {
    const probe = createServer().listen(0, '127.0.0.1');
    await once(probe, 'listening');
    const address = probe.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    await new Promise((closed) => probe.close(closed));
    await refuses({ DATABASE_URL: `postgresql://someone:s3cret@127.0.0.1:${port}/none` }, /^(?!.*s3cret).*DATABASE_URL: /);
  });
});
