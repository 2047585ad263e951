import { ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';

/** One that makes its keyspaces, on a busy machine. */
const READY_SECONDS = 180;
const STOP_SECONDS = 30;
/** Of the project: this file is run as dist/demo/deployment.js. */
const ROOT = resolve(__dirname, '../..');
export const DEMO_TOKEN = 'demo-token';
export const DEMO_PROJECT = 'demo';

/** One gateway process with a database and an object store of its own, in a folder of its own. */
export class Deployment {
  private constructor(
    readonly name: string,
    readonly url: string,
    private readonly child: ChildProcess,
    private readonly dataDir: string,
    /** The last of what it printed: for when something fails. */
    readonly output: () => string,
  ) {}

  /** Starts `npm start`'s own program and waits until it says that it is ready. */
  static async start(name: string, settings: Record<string, string> = {}): Promise<Deployment> {
    const dataDir = await mkdtemp(join(tmpdir(), `magnetodb-demo-${name}-`));
    const port = await freePort();
    const child = spawn('/bin/sh', ['-c', startCommand()], {
      cwd: ROOT,
      env: {
        ...process.env,
        // This very Node, also where it is not in the path.
        PATH: [dirname(process.execPath), process.env['PATH']].join(delimiter),
        PORT: String(port),
        DATA_DIR: dataDir,
        DEV_TOKENS: `${DEMO_TOKEN}=${DEMO_PROJECT}:member`,
        DATABASE_URL: '',
        LOG_LEVEL: 'warn',
        ...settings,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    const keep = (data: Buffer): void => void (output = (output + data.toString()).slice(-20_000));
    child.stdout?.on('data', keep);
    child.stderr?.on('data', keep);
    const deployment = new Deployment(name, `http://127.0.0.1:${port}`, child, dataDir, () => output);
    try {
      await deployment.ready();
    } catch (error) {
      await deployment.stop();
      throw error;
    }
    return deployment;
  }

  /** Of the gateway's process. */
  get pid(): number {
    return this.child.pid ?? 0;
  }

  private async ready(): Promise<void> {
    const deadline = Date.now() + READY_SECONDS * 1000;
    while (Date.now() < deadline) {
      if (this.child.exitCode !== null) break;
      const answer = await fetch(`${this.url}/healthcheck`).catch(() => undefined);
      if (answer?.status === 200) return;
      await new Promise((done) => setTimeout(done, 100));
    }
    throw new Error(`deployment ${this.name} did not become ready:\n${this.output()}`);
  }

  /** SIGTERM, then (never needed so far) SIGKILL; removes the folder. */
  async stop(): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) {
      const exited = once(this.child, 'exit');
      this.child.kill('SIGTERM');
      const late = setTimeout(() => this.child.kill('SIGKILL'), STOP_SECONDS * 1000);
      await exited;
      clearTimeout(late);
    }
    await rm(this.dataDir, { recursive: true, force: true });
  }
}

/** `npm start` without its build; the shell gives its place to Node. */
function startCommand(): string {
  const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { scripts: { start: string } };
  return scripts.start;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  await new Promise((done) => server.close(done));
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}
