import { setTimeout as delay } from 'node:timers/promises';
import { ClientAtWork } from './client-at-work';
import { Deployment } from './deployment';
import { expectNothingLeft } from './nothing-left';
import { randomNumbers } from './random-numbers';

/** `CRASH_SEED=<the printed one>` makes the clients and the killers decide the same again. */
const SEED = Number(process.env['CRASH_SEED'] ?? Date.now() % 1_000_000_000);
const KILLS = Number(process.env['CRASH_KILLS'] ?? 200);
const PROCESSES = 2;
const CLIENTS = 3;
const ITEMS = 500;
/** Mean life of a process, in times of what its start took: a busy machine changes neither how much it does nor how often it dies in it. */
const MEAN_LIFE = 1;

/** Keeps one process alive, until it is killed, and so on. */
async function killAgainAndAgain(deployment: Deployment, random: () => number, kills: { left: number; whileWorking: number }): Promise<void> {
  let next = deployment.gateway();
  while (kills.left > 0) {
    kills.left -= 1;
    const gateway = next;
    await gateway.loaded();
    const before = performance.now();
    await gateway.start();
    const startMillis = performance.now() - before;
    next = deployment.gateway();
    // Exponentially distributed: every instant is as likely as any other to be the last.
    await delay(-Math.log(1 - random()) * MEAN_LIFE * startMillis);
    const leased = await deployment.query('SELECT FROM magnetodb_backup.job_steps WHERE lease_expires_at > clock_timestamp() LIMIT 1');
    kills.whileWorking += leased.length;
    expect(gateway.running).toBe(true);
    await gateway.kill();
  }
  await next.kill();
}

// Much else may run on the machine: patience is not what is tested.
jest.setTimeout(300_000);

describe('SIGKILL at random instants', () => {
  let deployment: Deployment;
  let source: string;

  beforeAll(async () => {
    deployment = await Deployment.start({ RANGE_BYTES: String(20 * 1024), CHUNK_BYTES: String(8 * 1024) });
    source = await deployment.makeTable('threads', 0, ITEMS);
    await deployment.packModules(() => deployment.client.madeBackup(source));
  });

  afterAll(async () => {
    await deployment.stop();
  });

  it(`${KILLS} times, whatever runs: all jobs end well, or as cancelled, and leave nothing`, async () => {
    process.stdout.write(`CRASH_SEED=${SEED} CRASH_KILLS=${KILLS}\n`);
    const table = { name: source, digest: await deployment.digestOf(source) };
    let over = false;
    const kills = { left: KILLS, whileWorking: 0 };
    const clients = Array.from({ length: CLIENTS }, (_each, nth) => new ClientAtWork(deployment, `client${nth}`, table, randomNumbers(SEED + nth), () => !over));
    const work = Promise.all(clients.map((client) => client.work()));
    // The first failure of a client ends the killing too.
    work.catch(() => (kills.left = 0));
    const killers = Array.from({ length: PROCESSES }, (_each, nth) => killAgainAndAgain(deployment, randomNumbers(SEED + 1000 + nth), kills));
    await Promise.all(killers);
    over = true;
    await deployment.whileWorking(() => work);

    const ends = clients.flatMap((client) => [...client.ends]);
    const sums = Object.fromEntries(ends.map(([end]) => [end, ends.filter(([same]) => same === end).reduce((sum, [, count]) => sum + count, 0)]));
    const [longest] = await deployment.query<{ seconds: number }>('SELECT max(extract(epoch FROM finished_at - created_at))::float8 AS seconds FROM magnetodb_backup.jobs');
    process.stdout.write(`ends: ${JSON.stringify(sums)}; kills while a step was under way: ${kills.whileWorking}; longest job: ${longest?.seconds} s\n`);
    expect(sums).toMatchObject({ CREATED: expect.any(Number) as number, RESTORED: expect.any(Number) as number, deleted: expect.any(Number) as number });
    expect(kills.whileWorking).toBeGreaterThan(KILLS / 2);
    await expectNothingLeft(deployment);
  }, 3_600_000);
});
