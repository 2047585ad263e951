import { ApiClient } from '../demo/api-client';
import { Deployment } from '../demo/deployment';
import { benchAuthentication } from './auth';
import { benchCassandra } from './cassandra';
import { cassandraMarkdown } from './cassandra-report';
import { Cluster, findDebianPostgres } from './cluster';
import { BenchRequest, HELP, UsageError, parseBench } from './command-line';
import { say, withGateway } from './gateway';
import { Latency, measureGetItem } from './latency';
import { peakMemoryMiB } from './memory';
import { JobRun, backUp, restore } from './ours';
import { Memory, Report, Speed, markdown } from './report';
import { Stops, started, withStops } from './stops';
import { benchSwift } from './swift';
import { BenchTable, citiesTable, generatedTable } from './tables';
import { PostgresTools, SOURCE_DATABASE, countRows, physicalTable } from './theirs';

interface Sizes {
  readonly cities: number;
  readonly small: number;
  readonly large: number;
  readonly cityPairs: number;
  readonly largePairs: number;
  readonly idleSeconds: number;
}

const QUICK: Sizes = { cities: 20_000, small: 10_000, large: 100_000, cityPairs: 1, largePairs: 1, idleSeconds: 3 };
const WHOLE: Sizes = { cities: Infinity, small: 100_000, large: 1_000_000, cityPairs: 3, largePairs: 2, idleSeconds: 20 };
const GET_ITEMS_PER_SECOND = 100;

/** What an interrupted bench must stop, last things first. */
const running: Stops = [];

function gatewayOn<T>(cluster: Cluster, work: (gateway: Deployment, api: ApiClient) => Promise<T>): Promise<T> {
  return withGateway({ DATABASE_URL: cluster.url(SOURCE_DATABASE) }, running, work);
}

/** Loads the table through bulk_load and brings its statistics and visibility up to date, as a table at rest has them. */
async function load(cluster: Cluster, table: BenchTable): Promise<number> {
  return gatewayOn(cluster, async (_gateway, api) => {
    await api.createTable(table.definition);
    const start = performance.now();
    const answer = await api.bulkLoad(table.name, table.generate());
    const seconds = (performance.now() - start) / 1000;
    if (answer.processed !== table.items) throw new Error(`bulk_load stored ${answer.processed} of ${table.items} items`);
    await cluster.query(SOURCE_DATABASE, `VACUUM ANALYZE ${await physicalTable(cluster, table.name)}`);
    say(`${table.name}: loaded ${table.items} items, ${rate(table.items, seconds)}`);
    return Math.round(table.items / seconds);
  });
}

/** Ours and theirs in turns, each turn after a checkpoint. */
async function compare(cluster: Cluster, table: BenchTable, pairs: number): Promise<Speed> {
  const loadPerSecond = await load(cluster, table);
  const url = cluster.url(SOURCE_DATABASE);
  const peer = new PostgresTools(cluster, await physicalTable(cluster, table.name));
  return gatewayOn(cluster, async (gateway, api) => {
    const backups: JobRun[] = [];
    const restores: JobRun[] = [];
    const nativeBackups: JobRun[] = [];
    const nativeRestores: JobRun[] = [];
    const ours = { backups, restores, nativeBackups, nativeRestores };
    const speed: Speed = { table: table.name, items: table.items, loadPerSecond, ...ours, dumps: [], restoresOfDumps: [], memoryMiB: 0 };
    const restoreOurs = async (name: string, backup: JobRun): Promise<JobRun> => {
      await checkpoint(cluster);
      const run = await restore(api, url, name, backup.source);
      checkCount(table, await countRows(cluster, SOURCE_DATABASE, await physicalTable(cluster, name)));
      await api.dropTable(name);
      return run;
    };
    for (let pair = 0; pair < pairs; pair++) {
      await checkpoint(cluster);
      const portable = await backUp(api, url, table.name);
      backups.push(portable);
      await checkpoint(cluster);
      speed.dumps.push(await peer.dump());
      await checkpoint(cluster);
      const native = await backUp(api, url, table.name, 'native');
      nativeBackups.push(native);
      restores.push(await restoreOurs(`restored_${pair}`, portable));
      nativeRestores.push(await restoreOurs(`native_${pair}`, native));
      await checkpoint(cluster);
      speed.restoresOfDumps.push(await peer.restore());
      checkCount(table, await peer.countRestored());
      say(`${table.name}, pair ${pair + 1}: ${describePair(speed)}`);
    }
    return { ...speed, memoryMiB: gatewayMemory(gateway) };
  });
}

/** Peak memory of a fresh gateway that makes one backup and one restore. */
async function measureMemory(cluster: Cluster, table: BenchTable): Promise<Memory> {
  const url = cluster.url(SOURCE_DATABASE);
  return gatewayOn(cluster, async (gateway, api) => {
    const { source } = await backUp(api, url, table.name);
    const backupMiB = gatewayMemory(gateway);
    await restore(api, url, 'restored', source);
    const bothMiB = gatewayMemory(gateway);
    await api.dropTable('restored');
    say(`${table.name}: peak memory ${backupMiB} MiB after a backup, ${bothMiB} MiB after a restore, too`);
    return { items: table.items, backupMiB, bothMiB };
  });
}

async function measureLatency(cluster: Cluster, table: BenchTable, idleSeconds: number): Promise<{ idle: Latency; duringBackup: Latency; duringRestore: Latency }> {
  const url = cluster.url(SOURCE_DATABASE);
  return gatewayOn(cluster, async (gateway, api) => {
    const during = async <T>(work: () => Promise<T>): Promise<{ latency: Latency; result: T }> => {
      let ended = false;
      const working = work().finally(() => (ended = true));
      const latency = await measureGetItem(gateway.url, table, GET_ITEMS_PER_SECOND, () => ended);
      return { latency, result: await working };
    };
    const pause = (seconds: number): Promise<void> => new Promise((done) => setTimeout(done, seconds * 1000));
    await during(() => pause(2));
    const { latency: idle } = await during(() => pause(idleSeconds));
    const { latency: duringBackup, result } = await during(() => backUp(api, url, table.name));
    const { latency: duringRestore } = await during(() => restore(api, url, 'restored', result.source));
    await api.dropTable('restored');
    say(`get_item, p50 / p99 ms: idle ${idle.p50} / ${idle.p99}, during a backup ${duringBackup.p50} / ${duringBackup.p99}`);
    return { idle, duringBackup, duringRestore };
  });
}

function gatewayMemory(gateway: Deployment): number {
  const memory = peakMemoryMiB(gateway.pid);
  if (memory === 0) throw new Error('the peak memory of the gateway cannot be read');
  return memory;
}

function checkCount(table: BenchTable, rows: number): void {
  if (rows !== table.items) throw new Error(`${table.name}: ${rows} items were restored instead of ${table.items}`);
}

async function checkpoint(cluster: Cluster): Promise<void> {
  await cluster.query(SOURCE_DATABASE, 'CHECKPOINT');
}

function describePair({ items, backups, restores, nativeBackups, nativeRestores, dumps, restoresOfDumps }: Speed): string {
  const last = [backups, nativeBackups, dumps, restores, nativeRestores, restoresOfDumps].map((runs) => rate(items, runs.at(-1)?.seconds ?? 0));
  const stages = [restores, nativeRestores].map((runs) => JSON.stringify(runs.at(-1)?.stages));
  return `backup ${last[0]}, native ${last[1]}, pg_dump ${last[2]}; restore ${last[3]}, native ${last[4]}, pg_restore ${last[5]}; ${stages.join(', native ')}`;
}

function rate(items: number, seconds: number): string {
  return `${Math.round(items / seconds)} items/s`;
}

/** Our backup and restore beside pg_dump and pg_restore of the same table, on one server, in turns; peak memory at two sizes; latency of get_item while jobs run. */
async function benchTables({ quick, only, rounds }: BenchRequest): Promise<Report> {
  const bin = findDebianPostgres();
  if (bin === undefined) throw new Error("it needs Debian's PostgreSQL with its client tools: apt-get install postgresql");
  const sizes = quick ? QUICK : WHOLE;
  const cluster = await started(running, Cluster.start(bin));
  await cluster.recreate(SOURCE_DATABASE);
  const small = generatedTable(sizes.small);
  const large = generatedTable(sizes.large);
  const has = (part: string): boolean => only.includes(part);
  const speeds = [];
  if (has('cities')) speeds.push(await compare(cluster, citiesTable(sizes.cities), rounds ?? sizes.cityPairs));
  if (has('million')) speeds.push(await compare(cluster, large, rounds ?? sizes.largePairs));
  else if (has('memory') || has('latency')) await load(cluster, large);
  if (has('memory')) await load(cluster, small);
  const memory = has('memory') ? [await measureMemory(cluster, small), await measureMemory(cluster, large)] : [];
  return { server: cluster.version, quick, speeds, memory, ...(has('latency') && { latency: await measureLatency(cluster, large, sizes.idleSeconds) }) };
}

/** What goes to standard output. */
async function run(request: BenchRequest): Promise<string> {
  const { mode, quick, json } = request;
  if (mode === 'swift') return `${await benchSwift(quick, running)}\n`;
  if (mode === 'auth') return benchAuthentication(quick, running);
  if (mode === 'cassandra') {
    const report = await benchCassandra(request, running);
    return json ? `${JSON.stringify(report)}\n` : cassandraMarkdown(report);
  }
  const report = await benchTables(request);
  return json ? `${JSON.stringify(report)}\n` : markdown(report);
}

async function main(): Promise<void> {
  const request = parseBench(process.argv.slice(2));
  process.stdout.write(request === 'help' ? HELP : await withStops(running, () => run(request)));
}

main().catch((error: unknown) => {
  process.stderr.write(`bench failed: ${error instanceof Error ? error.message : String(error)}\n`);
  if (error instanceof UsageError) process.stderr.write('npm run bench -- --help says what there is\n');
  // Work that was interrupted waits for what does not answer any more.
  process.exit(error instanceof UsageError ? 2 : 1);
});
