import { execFile, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

const SCRIPTS = join(__dirname, '../services/cassandra');
const TOOLS = ['java', 'mvn', 'flock', 'setsid'];

/** A node of Cassandra on the loopback interface. */
export interface CassandraNode {
  /** `address:port` of its CQL. */
  readonly contactPoint: string;
  readonly dataCenter: string;
}

let started: Promise<CassandraNode> | undefined;

/** Can a node be started? With CI=true it must be; else it is said what is skipped. */
export function cassandraIsThere(what: string): boolean {
  const missing = TOOLS.filter((tool) => spawnSync('sh', ['-c', `command -v ${tool}`]).status !== 0);
  if (missing.length === 0) return true;
  if (process.env.CI === 'true') throw new Error(`${missing.join(', ')} missing, and with CI=true Cassandra must run`);
  process.stderr.write(`SKIPPED: ${what} is not tried on Cassandra, since there is no ${missing.join(', ')}\n`);
  return false;
}

/** The one node of the whole run of tests: the first caller starts it (10 seconds; with downloads, a minute more), the run's end stops it. */
export function startCassandra(): Promise<CassandraNode> {
  started ??= startNode('cassandra');
  return started;
}

/** For the scripts of test/services/cassandra. */
export function nodeEnvironment(name = 'cassandra'): NodeJS.ProcessEnv {
  const run = process.env.TEST_RUN_DIR;
  if (run === undefined) throw new Error('TEST_RUN_DIR is not set: run tests with jest');
  // Compiled less, it starts and warms up sooner.
  return { ...process.env, SERVICES_DIR: join(run, 'services', 'cassandra'), CASS_NAME: name, CASS_TIERS: process.env.CASS_TIERS ?? '1' };
}

/** Starts a node beside that of the run, or again after it was stopped: the run's end stops it if nobody did. @param settings of start.sh, `CASS_…` */
export async function startNode(name: string, settings: Readonly<Record<string, string>> = {}): Promise<CassandraNode> {
  const { stdout } = await promisify(execFile)(join(SCRIPTS, 'start.sh'), { env: { ...nodeEnvironment(name), ...settings } });
  return { contactPoint: `${settings['CASS_HOST'] ?? '127.0.0.1'}:${stdout.trim()}`, dataCenter: 'datacenter1' };
}

/** Its files stay. `kill`: by SIGKILL. */
export async function stopNode(name: string, { kill = false } = {}): Promise<void> {
  await promisify(execFile)(join(SCRIPTS, 'stop.sh'), kill ? ['--kill'] : [], { env: nodeEnvironment(name) });
}
