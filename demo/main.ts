import { schemaFromJson } from '../src/kernel';
import { ApiClient, Backup, Progress, RestoreJob } from './api-client';
import { CassandraScenery } from './cassandra-scenery';
import { CITIES_TABLE, TABLE_NAME, WireItem, cityItems } from './cities';
import { compareItems, isEqual, structureOf } from './comparison';
import { OpenstackScenery } from './openstack-scenery';
import { Party, PlainScenery, Scenery } from './scenery';

/**
 * The demo: a table is loaded, backed up and dropped in one deployment, and restored in a second one that knows nothing but
 * the backup's URL; then every item is compared. Exit status 0 only if all is equal.
 */
interface Phase {
  readonly phase: string;
  readonly items: number;
  readonly seconds: number;
  readonly items_per_second: number;
}

interface Report {
  readonly equal: boolean;
  readonly items: number;
  readonly table_bytes: number;
  readonly backup_bytes: number;
  readonly source_url: string;
  readonly loaded_digest: string;
  readonly restored_digest: string;
  readonly structure_equal: boolean;
  readonly differing_items: number;
  /** Types of the events that RabbitMQ was told, with `--openstack`. */
  readonly notified?: readonly string[];
  readonly phases: readonly Phase[];
}

/** Items of one call of `bulk_load`. */
const LOADED_AT_ONCE = 20_000;
const json = process.argv.includes('--json');
const limitArgument = process.argv.find((argument) => argument.startsWith('--items='));
const itemLimit = limitArgument === undefined ? Infinity : Number(limitArgument.slice('--items='.length));
const tableJson = {
  attribute_definitions: CITIES_TABLE.attribute_definitions,
  key_schema: CITIES_TABLE.key_schema,
  local_secondary_indexes: CITIES_TABLE.local_secondary_indexes,
};
const schema = schemaFromJson(tableJson);

/** However it ends, also by a signal, what was started is stopped. */
async function main(): Promise<Report> {
  const scenery = sceneryOf(process.argv);
  const told = new Promise<never>((_goOn, end) =>
    (['SIGINT', 'SIGTERM', 'SIGHUP'] as const).forEach((signal) => process.once(signal, () => end(new Error(`ended by ${signal}`)))),
  );
  try {
    return await Promise.race([play(scenery), told]);
  } finally {
    await scenery.end();
  }
}

/** `--openstack`, or `--backend cassandra`. */
function sceneryOf(given: readonly string[]): Scenery {
  if (given.includes('--openstack')) return new OpenstackScenery();
  const words = given.flatMap((argument) => argument.split('='));
  const backend = words.includes('--backend') ? words[words.indexOf('--backend') + 1] : 'postgresql';
  if (backend === 'cassandra') return new CassandraScenery();
  if (backend !== 'postgresql') throw new Error('--backend is postgresql or cassandra');
  return new PlainScenery();
}

async function play(scenery: Scenery): Promise<Report> {
  const phases: Phase[] = [];
  const parties: Party[] = [];
  try {
    say(`Starting the first deployment (${scenery.firstIs})`);
    const first = await scenery.first();
    parties.push(first);
    const here = first.api;
    await here.createTable(CITIES_TABLE);
    const structure = structureOf(await here.describeTable(TABLE_NAME));
    await timed(phases, 'load', () => load(here));
    const backup = await timed(phases, 'back up', () => backUp(here), (done) => done.item_count ?? 0);
    const location = backup.links.find((link) => link.rel === 'location')?.href ?? '';
    await here.dropTable(TABLE_NAME);
    say(`Dropped the table. Its backup lies at ${location}`);

    say(`Starting a second deployment (${scenery.secondIs})`);
    const second = await scenery.second(location);
    parties.push(second);
    const there = second.api;
    await timed(phases, 'restore', () => restore(there, location, second.strategy), () => backup.item_count ?? 0);
    const compare = () => compareItems(schema, cityItems(itemLimit), there.scanAll(TABLE_NAME));
    const compared = await timed(phases, 'compare', compare, (result) => result.items);
    const restored = structureOf(await there.describeTable(TABLE_NAME));
    return {
      equal: isEqual(compared, [structure, restored], backup.item_count),
      items: compared.items,
      table_bytes: backup.table_size_bytes ?? 0,
      backup_bytes: backup.size_bytes ?? 0,
      source_url: location,
      loaded_digest: compared.loaded,
      restored_digest: compared.restored,
      structure_equal: restored === structure,
      differing_items: compared.differing,
      ...(second.notified === undefined ? {} : { notified: second.notified }),
      phases,
    };
  } catch (error) {
    for (const party of parties) say(party.output());
    throw error;
  }
}

/** In several calls, since a client waits for the answer of one no longer than five minutes. */
async function load(api: ApiClient): Promise<number> {
  let loaded = 0;
  let part: WireItem[] = [];
  const store = async (): Promise<void> => {
    const answer = await api.bulkLoad(TABLE_NAME, part);
    if (answer.failed > 0 || answer.unprocessed > 0) throw new Error(`bulk_load left items out: ${JSON.stringify(answer)}`);
    loaded += answer.processed;
    part = [];
  };
  for (const item of cityItems(itemLimit)) {
    part.push(item);
    if (part.length === LOADED_AT_ONCE) await store();
  }
  if (part.length > 0) await store();
  return loaded;
}

async function backUp(api: ApiClient): Promise<Backup> {
  let backup = await api.createBackup(TABLE_NAME, 'all the cities of the world');
  while (backup.status === 'CREATING') {
    await nextLook();
    backup = await api.describeBackup(TABLE_NAME, backup.backup_id);
    bar('backing up', backup.progress);
  }
  endBar();
  if (backup.status !== 'CREATED') throw new Error(`the backup ended as ${backup.status}: ${backup.error?.message}`);
  return backup;
}

async function restore(api: ApiClient, source: string, strategy: unknown): Promise<RestoreJob> {
  let job = await api.createRestore(TABLE_NAME, source, strategy);
  while (job.status === 'RESTORING') {
    await nextLook();
    job = await api.describeRestore(TABLE_NAME, job.restore_job_id);
    bar('restoring', job.progress);
  }
  endBar();
  if (job.status !== 'RESTORED') throw new Error(`the restore ended as ${job.status}: ${job.error?.message}`);
  return job;
}

async function timed<T>(phases: Phase[], phase: string, work: () => Promise<T>, itemsOf: (result: T) => number = Number): Promise<T> {
  const start = performance.now();
  const result = await work();
  const seconds = (performance.now() - start) / 1000;
  const items = itemsOf(result);
  phases.push({ phase, items, seconds: Math.round(seconds * 1000) / 1000, items_per_second: Math.round(items / seconds) });
  say(`${phase}: ${items} items in ${seconds.toFixed(1)} s`);
  return result;
}

function nextLook(): Promise<void> {
  return new Promise((done) => setTimeout(done, 200));
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

const BAR_WIDTH = 40;
let barShown = false;

function bar(what: string, progress: Progress | undefined): void {
  if (progress === undefined) return;
  const total = progress.items_total_estimate ?? 0;
  const part = total === 0 ? 0 : Math.min(1, (progress.items_done ?? 0) / total);
  const done = Math.round(part * BAR_WIDTH);
  const line = `${what} [${'#'.repeat(done)}${'.'.repeat(BAR_WIDTH - done)}] ${String(Math.round(part * 100)).padStart(3)} % ${progress.items_done ?? 0} items, ${progress.phase}`;
  process.stderr.write(process.stderr.isTTY ? `\r\x1b[K${line}` : `${line}\n`);
  barShown = true;
}

function endBar(): void {
  if (barShown && process.stderr.isTTY) process.stderr.write('\r\x1b[K');
  barShown = false;
}

function print(report: Report): void {
  if (json) {
    process.stdout.write(`${JSON.stringify(report)}\n`);
    return;
  }
  const mebibytes = (bytes: number): string => `${(bytes / 1048576).toFixed(1)} MiB`;
  const rows: string[][] = [
    ['phase', 'items', 'seconds', 'items/s'],
    ...report.phases.map((row) => [row.phase, String(row.items), row.seconds.toFixed(1), String(row.items_per_second)]),
  ];
  for (const row of rows) process.stdout.write(`${(row[0] ?? '').padEnd(10)}${row.slice(1).map((cell) => cell.padStart(12)).join('')}\n`);
  process.stdout.write(`items as JSON lines ${mebibytes(report.table_bytes)}, stored ${mebibytes(report.backup_bytes)}\n`);
  process.stdout.write(`digest loaded   ${report.loaded_digest}\ndigest restored ${report.restored_digest}\n`);
  if (report.notified !== undefined) process.stdout.write(`RabbitMQ was told ${report.notified.join(', ')}\n`);
  process.stdout.write(`structure ${report.structure_equal ? 'equal' : 'DIFFERS'}, ${report.differing_items} items differ: ${report.equal ? 'all is equal' : 'NOT EQUAL'}\n`);
}

main().then(
  (report) => {
    print(report);
    process.exitCode = report.equal ? 0 : 1;
  },
  (error: unknown) => {
    process.stderr.write(`demo failed: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  },
);
