import { ApiClient } from '../demo/api-client';
import { Deployment } from '../demo/deployment';
import { benchAuthentication } from './auth';
import { benchCassandra } from './cassandra';
import { cassandraMarkdown } from './cassandra-report';
import { Cluster, findDebianPostgres } from './cluster';
import { say, withGateway } from './gateway';
import { Latency, measureGetItem } from './latency';
import { peakMemoryMiB } from './memory';
import { JobRun, backUp, restore } from './ours';
import { Memory, Report, Speed, markdown } from './report';
import { benchSwift } from './swift';
import { BenchTable, citiesTable, generatedTable } from './tables';
import { PostgresTools, SOURCE_DATABASE, countRows, physicalTable } from './theirs';

/**
 * The bench: our backup and restore beside pg_dump and pg_restore of the same table, on one server, in turns; peak memory at two sizes;
 * latency of get_item while a backup runs. `--quick`: small sizes, one pair each; `--json`: one object as the last line. With the word `auth`: what
 * authentication costs, instead; with the word `swift`: uploads beside python-swiftclient's; with the word `cassandra`: tables in Cassandra, beside DSBulk and cqlsh.
 */
const quick = process.argv.includes('--quick');
const SIZES = quick
  ? { cities: 20_000, small: 10_000, large: 100_000, cityPairs: 1, largePairs: 1, idleSeconds: 3 }
  : { cities: Infinity, small: 100_000, large: 1_000_000, cityPairs: 3, largePairs: 2, idleSeconds: 20 };
const GET_ITEMS_PER_SECOND = 100;

/** What an interrupted bench must stop, last things first. */
const running: { stop(): Promise<void> }[] = [];

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

async function measureLatency(cluster: Cluster, table: BenchTable): Promise<{ idle: Latency; duringBackup: Latency; duringRestore: Latency }> {
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
    const { latency: idle } = await during(() => pause(SIZES.idleSeconds));
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

async function run(bin: string): Promise<Report> {
  const cluster = await Cluster.start(bin);
  running.push(cluster);
  try {
    await cluster.recreate(SOURCE_DATABASE);
    const small = generatedTable(SIZES.small);
    const large = generatedTable(SIZES.large);
    const speeds = [await compare(cluster, citiesTable(SIZES.cities), SIZES.cityPairs), await compare(cluster, large, SIZES.largePairs)];
    await load(cluster, small);
    const memory = [await measureMemory(cluster, small), await measureMemory(cluster, large)];
    return { server: cluster.version, quick, speeds, memory, latency: await measureLatency(cluster, large) };
  } finally {
    await cluster.stop();
  }
}

async function stopAll(): Promise<void> {
  for (const each of running.splice(0)) await each.stop();
}

async function main(): Promise<void> {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void stopAll().finally(() => process.exit(1)));
  const json = process.argv.includes('--json');
  if (process.argv.includes('cassandra')) {
    const report = await benchCassandra(quick, running).finally(stopAll);
    process.stdout.write(json ? `${JSON.stringify(report)}\n` : cassandraMarkdown(report));
    return;
  }
  if (process.argv.includes('swift')) {
    process.stdout.write(`${await benchSwift(quick, running).finally(stopAll)}\n`);
    return;
  }
  if (process.argv.includes('auth')) {
    process.stdout.write(await benchAuthentication(quick, running).finally(stopAll));
    return;
  }
  const bin = findDebianPostgres();
  if (bin === undefined) throw new Error("it needs Debian's PostgreSQL with its client tools: apt-get install postgresql");
  const report = await run(bin);
  process.stdout.write(json ? `${JSON.stringify(report)}\n` : markdown(report));
}

main().catch((error: unknown) => {
  process.stderr.write(`bench failed: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
