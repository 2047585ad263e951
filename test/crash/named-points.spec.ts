import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { until } from '../setup/until';
import { Deployment } from './deployment';
import { GatewayProcess } from './gateway-process';
import { expectNothingLeft } from './nothing-left';
import { Origin, SCENARIOS } from './scenarios';

// A row's time begins before its turn, and much else may run on the machine: patience is not what is tested.
jest.setTimeout(900_000);

const ITEMS = 2000;

/** A scenario, and where one process after the other is killed in it. What disturbs a scenario does so after the first of them. */
type Row = readonly [keyof typeof SCENARIOS, ...points: string[]];

const ROWS: readonly Row[] = [
  ['backup', 'job.after-claim@1'],
  ['backup', 'job.after-claim@4'],
  ['backup', 'backup.plan.after-started@1'],
  ['backup', 'backup.copy.before-put@4'],
  ['backup', 'backup.copy.after-put@6'],
  ['backup', 'job.before-commit@5'],
  ['backup', 'job.after-commit@4'],
  ['backup', 'backup.copy.after-commit@1', 'backup.copy.after-commit@2', 'backup.copy.after-commit@3'],
  ['backup', 'backup.seal.before-manifest@1'],
  ['backup', 'backup.seal.after-manifest@1'],
  ['backup', 'job.before-terminal@1', 'job.before-terminal@1'],
  ['backup', 'job.after-terminal@1'],
  ['backup, then cancelled', 'backup.copy.after-commit@3', 'backup.cleanup.after-delete@1', 'backup.cleanup.after-delete@3'],
  ['backup, then cancelled', 'backup.copy.after-put@2', 'job.before-terminal@1', 'job.before-terminal@2'],
  ['backup, then cancelled', 'backup.seal.after-manifest@1', 'backup.cleanup.after-delete@2', 'delete.after-object@1'],
  ['backup whose table is dropped', 'backup.copy.before-put@2', 'backup.cleanup.after-delete@2', 'job.after-terminal@1'],
  ['native backup', 'backup.native.before-lock@1', 'backup.copy.after-commit@3', 'backup.seal.before-manifest@1'],
  ['native backup', 'backup.copy.after-put@6', 'backup.native.unlocked@1'],
  ['native backup, killed under its lock', 'backup.native.locked@1', 'backup.native.before-unlock@1'],
  ['native backup, then cancelled', 'backup.native.before-unlock@1', 'backup.cleanup.after-delete@1'],
  ['drop after a backup', 'drop.after-mark@1', 'job.before-terminal@1', 'drop.after-drop@1'],
  ['drop after a backup, called off', 'backup.copy.after-commit@2', 'drop.after-release@1'],
  ['verification', 'verify.after-chunk@3', 'job.before-terminal@1'],
  ['delete', 'job.after-claim@1'],
  ['delete', 'delete.after-object@1', 'delete.after-object@2'],
  ['delete', 'delete.after-object@5'],
  ['delete', 'job.before-terminal@1'],
  ['delete', 'job.after-terminal@1'],
  ['restore', 'restore.plan.after-open@1'],
  ['restore', 'restore.load.after-batch@5'],
  ['restore', 'restore.load.after-chunk@1', 'restore.load.after-chunk@2'],
  ['restore', 'restore.seal.after-build@1'],
  ['restore', 'restore.publish.before@1'],
  ['restore', 'restore.publish.after@1', 'restore.publish.after@1'],
  ['restore', 'job.before-terminal@1'],
  ['restore', 'job.after-terminal@1'],
  ['native restore', 'restore.plan.after-open@1', 'restore.native.after-rows@3', 'restore.seal.after-build@1'],
  ['restore, then cancelled', 'restore.load.after-chunk@3', 'restore.cleanup.after-drop@1'],
  ['restore, then cancelled', 'restore.publish.before@1', 'job.before-terminal@1'],
  ['restore, cancelled once it is published', 'restore.publish.after@1', 'restore.cleanup.after-drop@1'],
  ['restore, cancelled once it is published', 'job.before-terminal@1', 'job.before-terminal@1'],
  ['restore, out of attempts once it is published', 'restore.publish.after@1'],
  ['restore of an archive that is damaged meanwhile', 'restore.load.after-chunk@2', 'restore.cleanup.after-drop@1'],
  ['restore of a part', 'restore.load.after-chunk@3', 'restore.publish.before@1'],
  ['replace', 'restore.load.after-chunk@3'],
  ['replace', 'restore.publish.before@1'],
  ['replace', 'restore.publish.after@1', 'job.before-terminal@1'],
  ['replace, then cancelled', 'restore.publish.before@1', 'restore.cleanup.after-drop@1'],
  ['replace, cancelled once it is published', 'restore.publish.after@1'],
  ['merge', 'restore.plan.after-open@1', 'restore.load.after-batch@2'],
  ['merge', 'restore.load.after-chunk@4', 'job.before-terminal@1'],
];

const armed = (point: string | undefined): string => (point === undefined ? '' : point.replace('@', '=kill@'));
const titles = ROWS.map(([name, ...points], index) => ({ title: `${name}: ${points.join(', then ')}`, index }));

/** Rows go side by side, each on a deployment of its own: most of what one does is to wait until leases run out. */
const LANES = 2;

async function makeOrigin(): Promise<Origin> {
  const deployment = await Deployment.start();
  const table = await deployment.makeTable('threads', 0, ITEMS);
  const digest = await deployment.digestOf(table);
  const made = await deployment.packModules(() => deployment.client.madeBackup(table));
  return { deployment, table, items: ITEMS, digest, backupId: String(made['id']) };
}

class Lane {
  /** The process that the next row begins with loads while this row's last one works. */
  private readonly spares = new Map<string, GatewayProcess>();
  private last: Promise<void> = Promise.resolve();

  private constructor(private origin: Origin) {}

  static async start(): Promise<Lane> {
    return new Lane(await makeOrigin());
  }

  get deployment(): Deployment {
    return this.origin.deployment;
  }

  /** Once the rows that came before it are over. */
  run(row: Row, next: Row | undefined): Promise<void> {
    const over = this.last.then(() => this.kill(row, next));
    this.last = over.catch(() => this.beginAnew());
    return over;
  }

  /** What a row that failed has left is not the next one's. */
  private async beginAnew(): Promise<void> {
    this.spares.clear();
    await this.deployment.stop();
    this.origin = await makeOrigin();
  }

  async stop(): Promise<void> {
    await this.last;
    await this.deployment.stop();
  }

  private async kill([name, ...points]: Row, nextRow: Row | undefined): Promise<void> {
    const scenario = SCENARIOS[name](this.origin);
    this.prepare(armed(points[0]));
    await scenario.begin();
    for (const [nth, point] of points.entries()) {
      const gateway = await this.take(armed(point)).start();
      const next = points[nth + 1] ?? nextRow?.[1];
      if (next !== undefined) this.prepare(armed(next));
      await until(() => !gateway.running, 120_000, `the process did not come to ${point}`);
      expect({ point, ...(await gateway.exited) }).toEqual({ point, code: null, signal: 'SIGKILL' });
      if (nth === 0) await scenario.disturb?.();
    }
    await this.deployment.whileWorking(() => scenario.expectEnd());
    await expectNothingLeft(this.deployment);
    await scenario.clear?.();
  }

  private prepare(points: string): GatewayProcess {
    const spare = this.spares.get(points) ?? this.deployment.gateway(points);
    this.spares.set(points, spare);
    return spare;
  }

  private take(points: string): GatewayProcess {
    const spare = this.prepare(points);
    this.spares.delete(points);
    return spare;
  }
}

const lanes: Lane[] = [];

// Not within `describe`: concurrent tests wait for hooks of the file alone.
beforeAll(async () => {
  for (let lane = 0; lane < LANES; lane += 1) lanes.push(await Lane.start());
});

afterAll(async () => {
  for (const lane of lanes) await lane.stop();
});

describe('SIGKILL at every named point', () => {
  it('tests every point that the code has', () => {
    const tested = new Set(ROWS.flatMap(([, ...points]) => points.map((point) => point.split('@')[0])));
    expect([...tested].sort()).toEqual(failPointsOf(join(__dirname, '../../src')));
  });

  it('has data enough for several ranges of several chunks', async () => {
    const rows = await lanes[0]!.deployment.query<{ location_url: string }>('SELECT location_url FROM magnetodb_backup.backups ORDER BY id LIMIT 1');
    const manifest = JSON.parse(readFileSync(new URL(`${rows[0]?.location_url}/manifest.json`), 'utf8')) as { ranges: { chunks: number }[] };
    expect(manifest.ranges.length).toBeGreaterThanOrEqual(4);
    for (const range of manifest.ranges) expect(range.chunks).toBeGreaterThanOrEqual(2);
  });

  it.concurrent.each(titles)('$title', ({ index }) => lanes[index % LANES]!.run(ROWS[index]!, ROWS[index + LANES]));
});

/** The names of all points in the code, sorted. */
function failPointsOf(folder: string): string[] {
  const names = new Set<string>();
  for (const file of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    if (!file.endsWith('.ts')) continue;
    for (const match of readFileSync(join(folder, file), 'utf8').matchAll(/failPoint\('([^']+)'\)/g)) names.add(match[1] ?? '');
  }
  return [...names].sort();
}
