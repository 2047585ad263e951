import { rm } from 'node:fs/promises';
import { cpus, loadavg } from 'node:os';
import { join } from 'node:path';
import { ApiClient } from '../demo/api-client';
import { WireItem } from '../demo/cities';
import { DEMO_PROJECT, Deployment } from '../demo/deployment';
import { EmbeddedServer } from '../src/database';
import { throwFramesAway } from './cassandra-frames';
import { fillFast } from './cassandra-load';
import { BenchNode, PeerRun, Peers, cpuSeconds } from './cassandra-node';
import { CassandraReport, Neighbours, Turn, summarise } from './cassandra-report';
import { BenchRequest } from './command-line';
import { say, withGateway } from './gateway';
import { Latency, measureGetItem } from './latency';
import { peakMemoryMiB } from './memory';
import { JobRun, backUp, restore } from './ours';
import { Stops, started } from './stops';
import { BenchTable, generatedTable } from './tables';

const GET_ITEMS_PER_SECOND = 100;
const IDLE_SECONDS = 20;
/** How fast we can be is measured without the limit that backups have by default. */
const FULL_SPEED = { BACKUP_BYTES_PER_SECOND: '0', BACKUP_REQUESTS_IN_FLIGHT: '0' };
const SMALL_ITEMS = 100_000;
/** Rows whose values those of a large table have. */
const PATTERNS = 2_000;
/** Calls of bulk_load at a time. */
const LOADERS = 4;
/** As many rows of one partition as keep below the server's limit for a batch; as few queries as keep it busy. */
const DSBULK_BEST = ['--batch.mode', 'REPLICA_SET', '--batch.maxBatchStatements', '40', '--batch.maxSizeInBytes', '40000', '-maxConcurrentQueries', '64'];

interface Sizes {
  readonly items: number;
  readonly rounds: number;
  /** Also measured for memory, if it is not 0. */
  readonly largeItems: number;
  /** Of reads, writes, memory, latency. */
  readonly parts: readonly string[];
}

/**
 * `npm run bench -- cassandra`: a table in MagnetoDB's layout, backed up and restored by us, DSBulk and cqlsh COPY in turns, beside the reading of raw frames that
 * are thrown away; peak memory at two or three sizes; latency of get_item, idle, during a backup under the default limit, and at full speed.
 * @param stops gets what an interrupted bench must stop, last things first
 */
export async function benchCassandra({ quick, only, rounds, items, large }: BenchRequest, stops: Stops): Promise<CassandraReport> {
  const sizes: Sizes = { items: items ?? (quick ? 20_000 : 1_000_000), rounds: rounds ?? (quick ? 1 : 3), largeItems: large ?? 0, parts: only };
  say('Starting Cassandra and PostgreSQL');
  const node = await started(stops, BenchNode.start());
  const database = await started(stops, EmbeddedServer.start({ dataDir: join(node.folder, 'postgres') }));
  return new CassandraBench(node, database.url, stops, sizes).run();
}

class CassandraBench {
  private readonly table: BenchTable;
  private readonly peers: Peers;

  constructor(
    private readonly node: BenchNode,
    private readonly databaseUrl: string,
    private readonly stops: Stops,
    private readonly sizes: Sizes,
  ) {
    this.table = generatedTable(sizes.items);
    this.peers = new Peers(node);
  }

  async run(): Promise<CassandraReport> {
    const loadBefore = loadavg()[0] ?? 0;
    const loadPerSecond = await this.load(this.table);
    const { reads, writes } = this.has('reads') || this.has('writes') ? await this.speeds() : { reads: [], writes: [] };
    const memory = [];
    const { items: whole, largeItems } = this.sizes;
    if (this.has('memory')) for (const items of new Set([Math.min(SMALL_ITEMS, whole), whole, ...(largeItems === 0 ? [] : [largeItems])])) {
      memory.push({ items, mebibytes: await this.memory(items) });
    }
    const latency = this.has('latency') ? await this.latency() : undefined;
    const machine = `${cpus().length} cores, load ${loadBefore.toFixed(1)} before, ${(loadavg()[0] ?? 0).toFixed(1)} afterwards`;
    return summarise({ machine, items: this.sizes.items, loadPerSecond, reads, writes, memory, latency });
  }

  private has(part: string): boolean {
    return this.sizes.parts.includes(part);
  }

  private withGateway<T>(work: (gateway: Deployment, api: ApiClient) => Promise<T>, env: Readonly<Record<string, string>> = FULL_SPEED): Promise<T> {
    return withGateway({ DATABASE_URL: this.databaseUrl, ...this.node.settings, ...env }, this.stops, work);
  }

  /** @param first so many of its items only */
  private load(table: BenchTable, first = table.items): Promise<number> {
    return this.withGateway(async (_gateway, api) => {
      await api.createTable(table.definition);
      const began = performance.now();
      const answers = await Promise.all(Array.from({ length: LOADERS }, (_each, loader) => api.bulkLoad(table.name, partOf(table, loader, first))));
      const processed = answers.reduce((sum, answer) => sum + answer.processed, 0);
      if (processed !== first) throw new Error(`bulk_load stored ${processed} of ${first} items`);
      const perSecond = Math.round((first * 1000) / (performance.now() - began));
      say(`${table.name}: loaded, ${perSecond} items/s`);
      return perSecond;
    });
  }

  /** In turns, on one gateway; what others load is dropped again. */
  private async speeds(): Promise<{ reads: Turn[]; writes: Turn[] }> {
    say('Fetching DSBulk and cqlsh if they are not there');
    await this.peers.prepare();
    return this.withGateway(async (gateway, api) => {
      const reads: Turn[] = [];
      const writes: Turn[] = [];
      const at = await this.node.physical(DEMO_PROJECT, this.table.name);
      const folder = (name: string): string => join(this.node.folder, name);
      const read = async (name: string, work: () => Promise<Partial<PeerRun> & Pick<PeerRun, 'seconds'>>): Promise<void> => {
        reads.push(await this.turn(name, work));
      };
      const job = async (work: () => Promise<JobRun>): Promise<PeerRun & { stages: JobRun['stages']; source: string }> => {
        const before = cpuSeconds(gateway.pid);
        const { seconds, stages, source } = await work();
        return { seconds, reported: 0, cpuSeconds: cpuSeconds(gateway.pid) - before, stages, source };
      };
      let source = '';
      await this.limit(at);
      for (let round = 0; round < this.sizes.rounds; round++) {
        await read('limit', () => this.limit(at));
        await read('ours', async () => {
          const run = await job(() => backUp(api, this.databaseUrl, this.table.name));
          source = run.source;
          return run;
        });
        for (const format of ['json', 'csv'] as const) {
          await rm(folder(format), { recursive: true, force: true });
          await read(`dsbulk ${format}`, () => this.peers.dsbulk('unload', at, format, folder(format)));
        }
      }
      await read('copy', () => this.peers.copy('TO', at, folder('copy.csv')));

      const write = async (name: string, work: (copy: { keyspace: string; table: string }) => Promise<PeerRun>): Promise<void> => {
        const copy = { keyspace: at.keyspace, table: `copy_${name.replaceAll(' ', '_')}` };
        await this.node.likeOf(at.keyspace, at.table, copy.table);
        writes.push(await this.turn(name, () => work(copy)));
        await this.check(copy);
        await this.node.client.execute(`DROP TABLE "${copy.keyspace}"."${copy.table}"`);
      };
      if (!this.has('writes')) return { reads, writes };
      for (let round = 0; round < this.sizes.rounds; round++) {
        writes.push(
          await this.turn('ours', async () => job(() => restore(api, this.databaseUrl, `restored_${round}`, source))),
        );
        await this.check(await this.node.physical(DEMO_PROJECT, `restored_${round}`));
        await api.dropTable(`restored_${round}`);
        await write('dsbulk best', (copy) => this.peers.dsbulk('load', copy, 'csv', folder('csv'), DSBULK_BEST));
      }
      await write('dsbulk default', (copy) => this.peers.dsbulk('load', copy, 'csv', folder('csv')));
      await write('copy', (copy) => this.peers.copy('FROM', copy, folder('copy.csv')));
      return { reads, writes };
    });
  }

  private async turn(name: string, work: () => Promise<Partial<Turn> & Pick<Turn, 'seconds'>>): Promise<Turn> {
    const before = cpuSeconds(this.node.pid);
    const { seconds, reported = 0, cpuSeconds: used = 0, stages } = await work();
    const server = cpuSeconds(this.node.pid) - before;
    const perSecond = reported === 0 ? this.sizes.items / seconds : reported;
    const turn: Turn = { name, seconds, reported, perSecond, cpuSeconds: used, serverCpuSeconds: server, ...(stages ? { stages } : {}) };
    say(`${name}: ${Math.round(perSecond)} rows/s in ${seconds.toFixed(1)} s; CPU s: ${used.toFixed(1)}, the server's ${server.toFixed(1)}${stages ? `; ${JSON.stringify(stages)}` : ''}`);
    return turn;
  }

  private async limit({ keyspace, table }: { keyspace: string; table: string }): Promise<{ seconds: number; cpuSeconds: number }> {
    const [began, used] = [performance.now(), process.cpuUsage()];
    const columns = '"u_device", "u_seq", token("u_device"), TTL(attr_exist), TTL(dyn_attr_typ), dyn_attr_typ, dyn_attr_dat';
    const rows = await throwFramesAway(this.node.port, `"${keyspace}"."${table}"`, '"u_device"', columns);
    if (rows !== this.sizes.items) throw new Error(`${rows} rows were read instead of ${this.sizes.items}`);
    const { user, system } = process.cpuUsage(used);
    return { seconds: (performance.now() - began) / 1000, cpuSeconds: (user + system) / 1e6 };
  }

  /** What was loaded is all there. */
  private async check({ keyspace, table }: { keyspace: string; table: string }, items = this.sizes.items): Promise<void> {
    const rows = await throwFramesAway(this.node.port, `"${keyspace}"."${table}"`, '"u_device"', '"u_device"');
    if (rows !== items) throw new Error(`${rows} rows were loaded into ${table} instead of ${items}`);
  }

  /** More rows than the table of all else has. */
  private async loadLarge(table: BenchTable): Promise<void> {
    const began = performance.now();
    await this.load(table, PATTERNS);
    const at = await this.node.physical(DEMO_PROJECT, table.name);
    await fillFast(`127.0.0.1:${this.node.port}`, at, table);
    await this.check(at, table.items);
    say(`${table.name}: there after ${Math.round((performance.now() - began) / 1000)} s`);
  }

  /** Peak of a fresh gateway that makes one backup and one restore (of a large table, if that is asked for). */
  private async memory(items: number): Promise<{ backup: number; both: number | undefined }> {
    const table = generatedTable(items);
    const isLarge = items > this.sizes.items;
    if (isLarge) await this.loadLarge(table);
    else if (items !== this.sizes.items) await this.load(table);
    return this.withGateway(async (gateway, api) => {
      const { source } = await backUp(api, this.databaseUrl, table.name);
      const backup = peakMemoryMiB(gateway.pid);
      say(`${table.name}: peak memory ${backup} MiB after a backup`);
      if (isLarge && !this.has('large-restore')) return { backup, both: undefined };
      await restore(api, this.databaseUrl, `memory_${items}`, source);
      const both = peakMemoryMiB(gateway.pid);
      await api.dropTable(`memory_${items}`);
      say(`${table.name}: peak memory ${both} MiB after a restore, too`);
      return { backup, both };
    });
  }

  /** On a machine with too much else to do calls may fail: that is said, and the rest stays measured. */
  private async latency(): Promise<Neighbours | undefined> {
    const during = async (gateway: Deployment, work: () => Promise<unknown>): Promise<Latency> => {
      let ended = false;
      const working = work().finally(() => (ended = true));
      const latency = await measureGetItem(gateway.url, this.table, GET_ITEMS_PER_SECOND, () => ended);
      await working;
      return latency;
    };
    const pause = (seconds: number): Promise<void> => new Promise((done) => setTimeout(done, seconds * 1000));
    const besideBackup = async (gateway: Deployment, api: ApiClient): Promise<{ latency: Latency; rowsPerSecond: number }> => {
      let seconds = 0;
      const latency = await during(gateway, async () => {
        const run = await backUp(api, this.databaseUrl, this.table.name);
        // Planning and sealing read no rows.
        seconds = run.stages['copy'] ?? run.seconds;
      });
      return { latency, rowsPerSecond: this.table.items / seconds };
    };
    const warmUp = (gateway: Deployment): Promise<Latency> => during(gateway, () => pause(5));
    try {
      const limited = await this.withGateway(async (gateway, api) => {
        await warmUp(gateway);
        const idle = await during(gateway, () => pause(IDLE_SECONDS));
        const backup = await besideBackup(gateway, api);
        return { idle, duringBackup: backup.latency, limitedRowsPerSecond: backup.rowsPerSecond };
      }, {});
      const duringFastBackup = await this.withGateway(async (gateway, api) => {
        await warmUp(gateway);
        return (await besideBackup(gateway, api)).latency;
      });
      const { idle, duringBackup, limitedRowsPerSecond } = limited;
      const said = [idle, duringBackup, duringFastBackup].map(({ p50, p99 }) => `${p50} / ${p99}`);
      say(`get_item, p50 / p99 ms: idle ${said[0]}, during a backup ${said[1]} (${Math.round(limitedRowsPerSecond)} rows/s), at full speed ${said[2]}`);
      return { ...limited, duringFastBackup };
    } catch (error) {
      say(`get_item could not be measured: ${String(error)}`);
      return undefined;
    }
  }
}

/** Of partitions and their neighbours, what one of the loaders loads. */
function* partOf(table: BenchTable, loader: number, first: number): Generator<WireItem> {
  let index = 0;
  for (const item of table.generate()) {
    if (index >= first) return;
    if (Math.floor(index++ / 100) % LOADERS === loader) yield item;
  }
}
