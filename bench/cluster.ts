import { SpawnOptions, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, existsSync, mkdtempSync, openSync, readdirSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';

const DEBIAN_VERSIONS = '/usr/lib/postgresql';

/** The newest of Debian's PostgreSQL installations that has server and client tools; undefined: none. */
export function findDebianPostgres(): string | undefined {
  if (!existsSync(DEBIAN_VERSIONS)) return undefined;
  const versions = readdirSync(DEBIAN_VERSIONS).sort((a, b) => Number(b) - Number(a));
  return versions
    .map((version) => join(DEBIAN_VERSIONS, version, 'bin'))
    .find((bin) => ['initdb', 'pg_ctl', 'pg_dump', 'pg_restore'].every((tool) => existsSync(join(bin, tool))));
}

/** A PostgreSQL server of our own in a temporary folder, with the settings that initdb gives. */
export class Cluster {
  private constructor(
    private readonly bin: string,
    readonly folder: string,
    private readonly port: number,
    private readonly user: { uid: number; gid: number } | undefined,
  ) {}

  static async start(bin: string): Promise<Cluster> {
    const folder = mkdtempSync(join(tmpdir(), 'magnetodb-bench-'));
    // The server refuses to run as root.
    const user = process.getuid?.() === 0 ? { uid: numberOf('-u'), gid: numberOf('-g') } : undefined;
    if (user) chownSync(folder, user.uid, user.gid);
    const cluster = new Cluster(bin, folder, await freePort(), user);
    try {
      await cluster.run('initdb', ['-D', cluster.data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C']);
      const options = `-p ${cluster.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories=${folder}`;
      await cluster.run('pg_ctl', ['-D', cluster.data, '-w', '-l', join(folder, 'server.log'), '-o', options, 'start']);
      return cluster;
    } catch (error) {
      await cluster.stop();
      throw error;
    }
  }

  get version(): string {
    return execFileSync(join(this.bin, 'postgres'), ['--version'], { encoding: 'utf8' }).trim();
  }

  url(database: string): string {
    return `postgresql://postgres@127.0.0.1:${this.port}/${database}`;
  }

  /** An empty database of this name, whatever was there. */
  async recreate(database: string): Promise<void> {
    await this.query('postgres', `DROP DATABASE IF EXISTS ${database} WITH (FORCE)`);
    await this.query('postgres', `CREATE DATABASE ${database}`);
  }

  async query(database: string, text: string, values: readonly unknown[] = []): Promise<Record<string, unknown>[]> {
    const client = new Client({ connectionString: this.url(database) });
    await client.connect();
    try {
      return (await client.query<Record<string, unknown>>(text, [...values])).rows;
    } finally {
      await client.end();
    }
  }

  /** Runs one of PostgreSQL's programs to its end; its standard error if it fails. */
  async run(tool: string, args: readonly string[]): Promise<void> {
    const log = join(this.folder, `${tool}.err`);
    const output = openSync(log, 'w');
    const options: SpawnOptions = { stdio: ['ignore', output, output], cwd: this.folder, ...this.user };
    const child = spawn(join(this.bin, tool), [...args], options);
    const [code] = (await once(child, 'exit')) as [number | null];
    if (code !== 0) throw new Error(`${tool} failed: ${execFileSync('tail', ['-n', '5', log], { encoding: 'utf8' })}`);
  }

  async stop(): Promise<void> {
    if (existsSync(join(this.data, 'postmaster.pid'))) await this.run('pg_ctl', ['-D', this.data, '-m', 'fast', '-w', 'stop']);
    rmSync(this.folder, { recursive: true, force: true });
  }

  private get data(): string {
    return join(this.folder, 'data');
  }
}

function numberOf(option: string): number {
  return Number(execFileSync('id', [option, 'postgres'], { encoding: 'utf8' }));
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  await new Promise((done) => server.close(done));
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}
