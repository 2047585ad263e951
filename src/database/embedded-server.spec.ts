import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { EmbeddedServer } from './embedded-server';

async function ask(url: string, sql: string): Promise<unknown[]> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await client.end();
  }
}

describe('EmbeddedServer', () => {
  let folder: string;
  const started: EmbeddedServer[] = [];
  const start = async (): Promise<EmbeddedServer> => {
    const server = await EmbeddedServer.start({ dataDir: join(folder, 'private', 'postgres'), settings: { fsync: 'off' } });
    started.push(server);
    return server;
  };
  const serverPid = async (): Promise<number> =>
    Number.parseInt(await readFile(join(folder, 'private', 'postgres', 'cluster', 'postmaster.pid'), 'utf8'), 10);

  beforeEach(async () => {
    // mkdtemp makes a folder that only its owner may enter: the server's own account has to be let in.
    folder = await mkdtemp(join(tmpdir(), 'embedded-server-'));
  });
  afterEach(async () => {
    for (const server of started.splice(0)) await server.stop();
    await rm(folder, { recursive: true, force: true });
  });

  it('says at once that its folder cannot be made', async () => {
    await expect(EmbeddedServer.start({ dataDir: '/proc/magnetodb/postgres' })).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('keeps what was stored from one start to the next, on the same port', async () => {
    const first = await start();
    await ask(first.url, 'CREATE TABLE kept AS SELECT 42 AS answer');
    await first.stop();
    await expect(ask(first.url, 'SELECT 1')).rejects.toThrow();
    const second = await start();
    expect(await ask(second.url, 'SELECT answer FROM kept')).toEqual([{ answer: 42 }]);
    expect(second.url).toBe(first.url);
  });

  it('is shared by all who start it on one folder, at once even, and stopped by the last', async () => {
    const [first, second] = await Promise.all([start(), start()]);
    expect(second.url).toBe(first.url);
    await first.stop();
    expect(await ask(second.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    await second.stop();
    await expect(ask(second.url, 'SELECT 1')).rejects.toThrow();
  });

  it('takes over a server whose starter was killed', async () => {
    const first = await start();
    const pid = await serverPid();
    // What a killed process leaves: the server runs, and nobody holds the users' lock.
    await ask(first.url, `SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'`);
    const second = await start();
    expect(await serverPid()).toBe(pid);
    await second.stop();
    await expect(ask(second.url, 'SELECT 1')).rejects.toThrow();
  });

  it('starts again after the server itself was killed', async () => {
    const first = await start();
    process.kill(await serverPid(), 'SIGKILL');
    const second = await start();
    expect(await ask(second.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    await first.stop();
  });
});
