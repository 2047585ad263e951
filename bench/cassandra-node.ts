import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Client } from 'cassandra-driver';
import { ROOT, runScript, watchOver } from '../demo/services';

const TICKS_PER_SECOND = 100;

/** CPU seconds that a process has used so far, with all its threads. */
export function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

/** A Cassandra node of the bench, in a temporary folder, by the script that the tests use; compiled fully, as a server is. */
export class BenchNode {
  private constructor(
    readonly folder: string,
    readonly port: number,
    readonly pid: number,
    readonly client: Client,
    private readonly clean: () => Promise<void>,
  ) {}

  static async start(): Promise<BenchNode> {
    const folder = await mkdtemp(join(tmpdir(), 'magnetodb-bench-'));
    const clean = watchOver(folder);
    try {
      const [port = ''] = (await runScript(folder, 'cassandra', ['cassandra/start.sh'], { CASS_HEAP: '1500M', CASS_TIERS: '4' })).slice(-1);
      const pid = Number.parseInt(readFileSync(join(folder, 'services/cassandra/run/cassandra.pid'), 'utf8'), 10);
      const client = new Client({ contactPoints: [`127.0.0.1:${port}`], localDataCenter: 'datacenter1', socketOptions: { readTimeout: 120_000 } });
      await client.connect();
      return new BenchNode(folder, Number(port), pid, client, clean);
    } catch (error) {
      await clean();
      throw error;
    }
  }

  get settings(): Record<string, string> {
    return { TABLES_BACKEND: 'cassandra', CASSANDRA_CONTACT_POINTS: `127.0.0.1:${this.port}`, CASSANDRA_REPLICATION: 'datacenter1:1' };
  }

  /** Keyspace and table of a MagnetoDB table of the bench's project. */
  async physical(project: string, name: string): Promise<{ keyspace: string; table: string }> {
    const { rows } = await this.client.execute('SELECT internal_name FROM magnetodb.table_info WHERE tenant = ? AND name = ?', [project, name]);
    const [, keyspace = '', table = ''] = /^"(.*)"\."(.*)"$/.exec(String(rows[0]?.['internal_name'])) ?? [];
    return { keyspace, table };
  }

  /** An empty table of the same structure. */
  async likeOf(keyspace: string, table: string, copy: string): Promise<void> {
    const { rows } = await this.client.execute(`DESCRIBE TABLE "${keyspace}"."${table}"`);
    await this.client.execute(`DROP TABLE IF EXISTS "${keyspace}"."${copy}"`);
    await this.client.execute(String(rows[0]?.['create_statement']).replaceAll(table, copy));
  }

  async stop(): Promise<void> {
    await this.client.shutdown();
    await this.clean();
  }
}

export interface PeerRun {
  /** From the start of its process to its end. */
  readonly seconds: number;
  /** Rows a second by its own word; 0: it said nothing. */
  readonly reported: number;
  readonly cpuSeconds: number;
}

/** DSBulk and cqlsh, of peers.sh. */
export class Peers {
  constructor(private readonly node: BenchNode) {}

  async prepare(): Promise<void> {
    await promisify(execFile)(join(ROOT, 'bench/peers/peers.sh'), ['prepare']);
  }

  dsbulk(what: 'load' | 'unload', at: { keyspace: string; table: string }, format: 'csv' | 'json', folder: string, more: readonly string[] = []): Promise<PeerRun> {
    const place = ['-h', '127.0.0.1', '-port', String(this.node.port), '-k', at.keyspace, '-t', at.table, '-c', format, '-url', folder];
    const report = ['--log.directory', join(this.node.folder, 'dsbulk-logs'), '--connector.csv.maxCharsPerColumn', '-1'];
    return this.timed(['dsbulk', what, ...place, ...(format === 'csv' ? report : report.slice(0, 2)), ...more], /^ *([\d,]+) \| +[\d,]+ \| +([\d,]+)/gm);
  }

  copy(direction: 'TO' | 'FROM', at: { keyspace: string; table: string }, file: string): Promise<PeerRun> {
    const statement = `COPY "${at.keyspace}"."${at.table}" ${direction} '${file}' WITH HEADER = true`;
    return this.timed(['cqlsh', '127.0.0.1', String(this.node.port), '--request-timeout', '600', '-e', statement], /Avg\. rate: +([\d]+) rows\/s/g);
  }

  private async timed(args: readonly string[], figure: RegExp): Promise<PeerRun> {
    const command = ['-c', 'TIMEFORMAT="@cpu %U %S"; time "$@"', 'bash', join(ROOT, 'bench/peers/peers.sh'), ...args];
    const began = performance.now();
    const { stdout, stderr } = await promisify(execFile)('bash', command, { maxBuffer: 64 << 20, cwd: this.node.folder });
    const seconds = (performance.now() - began) / 1000;
    const [, user = '0', system = '0'] = /@cpu ([\d.]+) ([\d.]+)/.exec(stderr) ?? [];
    const last = [...`${stdout}\n${stderr}`.matchAll(figure)].at(-1);
    return { seconds, reported: Number((last?.at(-1) ?? '0').replaceAll(',', '')), cpuSeconds: Number(user) + Number(system) };
  }
}
