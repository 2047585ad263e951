import { execFile, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const SCRIPT = join(__dirname, '../services/openstack/rabbitmq.sh');
const SERVER = '/usr/lib/rabbitmq/bin/rabbitmq-server';

/** Is there a RabbitMQ to be started? With CI=true there must be; else it is said what is skipped. */
export function rabbitmqIsThere(what: string): boolean {
  const installed = existsSync(SERVER) && ['epmd', 'setsid', 'openssl'].every((tool) => spawnSync('sh', ['-c', `command -v ${tool}`]).status === 0);
  if (!installed && process.env.CI === 'true') throw new Error(`${SERVER} or a tool beside it is not there, and with CI=true it must be`);
  if (!installed) process.stderr.write(`SKIPPED: ${what} is not tried on a real RabbitMQ, since rabbitmq-server is not installed\n`);
  return installed;
}

/** A real RabbitMQ of the caller's own. */
export class RabbitmqService {
  /** Of connections with TLS; both sides show a certificate. */
  readonly tls: { readonly port: number; readonly ca: string; readonly cert: string; readonly key: string };

  private constructor(
    private readonly folder: string,
    /** As oslo.messaging writes it: `rabbit://user:password@127.0.0.1:port/`. */
    readonly url: string,
    tls: RabbitmqService['tls'],
  ) {
    this.tls = tls;
  }

  /** Takes 4 to 10 seconds; the end of the run stops it, if nobody else does. */
  static async start(): Promise<RabbitmqService> {
    const run = process.env.TEST_RUN_DIR;
    if (run === undefined) throw new Error('TEST_RUN_DIR is not set: run tests with jest');
    const folder = join(run, 'services', `rabbitmq-${randomBytes(6).toString('hex')}`);
    const url = await rabbitmq(folder, 'start');
    const read = (file: string): Promise<string> => readFile(join(folder, 'rabbitmq', file), 'utf8');
    const [port, ca, cert, key] = await Promise.all(['tls-port', 'tls/ca.pem', 'tls/client.pem', 'tls/client.key'].map(read));
    return new RabbitmqService(folder, url, { port: Number(port), ca: ca ?? '', cert: cert ?? '', key: key ?? '' });
  }

  get port(): number {
    return Number(new URL(this.url.replace('rabbit:', 'http:')).port);
  }

  /** Where it keeps its files. */
  file(name: string): string {
    return join(this.folder, 'rabbitmq', name);
  }

  /** As an operator stops it: it says goodbye to its clients. */
  async stop(): Promise<void> {
    await rabbitmq(this.folder, 'stop');
  }

  /** SIGKILL. */
  async kill(): Promise<void> {
    await rabbitmq(this.folder, 'kill');
  }

  /** Again, with all that is durable. */
  async startAgain(): Promise<void> {
    await rabbitmq(this.folder, 'start');
  }

  /** Evaluates Erlang in the server. */
  async evaluate(expression: string): Promise<string> {
    return rabbitmq(this.folder, 'ctl', 'eval', expression);
  }
}

/** Runs the script; resolves with the last line that it prints. */
async function rabbitmq(folder: string, ...args: readonly string[]): Promise<string> {
  const { stdout } = await promisify(execFile)('bash', [SCRIPT, ...args], { env: { ...process.env, SERVICES_DIR: folder, RABBITMQ_TLS: '1' } });
  return stdout.trim().split('\n').at(-1) ?? '';
}
