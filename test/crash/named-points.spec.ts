import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { until } from '../setup/until';
import { Deployment } from './deployment';
import { GatewayProcess } from './gateway-process';
import { expectNothingLeft } from './nothing-left';
import { Origin, SCENARIOS } from './scenarios';

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

describe('SIGKILL at every named point', () => {
  let deployment: Deployment;
  let origin: Origin;
  /** The process that the next row begins with loads while this row's last one works. */
  const spares = new Map<string, GatewayProcess>();

  const prepare = (points: string): GatewayProcess => {
    const spare = spares.get(points) ?? deployment.gateway(points);
    spares.set(points, spare);
    return spare;
  };
  const take = (points: string): GatewayProcess => {
    const spare = prepare(points);
    spares.delete(points);
    return spare;
  };

  beforeAll(async () => {
    deployment = await Deployment.start();
    const table = await deployment.makeTable('threads', 0, ITEMS);
    const digest = await deployment.digestOf(table);
    const made = await deployment.whileWorking(() => deployment.client.madeBackup(table));
    origin = { deployment, table, items: ITEMS, digest, backupId: String(made['id']) };
  });

  afterAll(async () => {
    await deployment.stop();
  });

  it('tests every point that the code has', () => {
    const tested = new Set(ROWS.flatMap(([, ...points]) => points.map((point) => point.split('@')[0])));
    expect([...tested].sort()).toEqual(failPointsOf(join(__dirname, '../../src')));
  });

  it('has data enough for several ranges of several chunks', async () => {
    const rows = await deployment.query<{ location_url: string }>('SELECT location_url FROM magnetodb_backup.backups');
    const manifest = JSON.parse(readFileSync(new URL(`${rows[0]?.location_url}/manifest.json`), 'utf8')) as { ranges: { chunks: number }[] };
    expect(manifest.ranges.length).toBeGreaterThanOrEqual(4);
    for (const range of manifest.ranges) expect(range.chunks).toBeGreaterThanOrEqual(2);
  });

  it.each(titles)('$title', async ({ index }) => {
    const [name, ...points] = ROWS[index] ?? ROWS[0]!;
    const scenario = SCENARIOS[name](origin);
    prepare(armed(points[0]));
    await scenario.begin();
    for (const [nth, point] of points.entries()) {
      const gateway = await take(armed(point)).start();
      const next = points[nth + 1] ?? ROWS[index + 1]?.[1];
      if (next !== undefined) prepare(armed(next));
      await until(() => !gateway.running, 30_000, `the process did not come to ${point}`);
      expect({ point, ...(await gateway.exited) }).toEqual({ point, code: null, signal: 'SIGKILL' });
      if (nth === 0) await scenario.disturb?.();
    }
    await deployment.whileWorking(() => scenario.expectEnd());
    await expectNothingLeft(deployment);
    await scenario.clear?.();
  });
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
