import { expectStatus } from '../e2e/management-server';
import { until } from '../setup/until';
import { Deployment } from './deployment';
import { GatewayProcess } from './gateway-process';
import { expectNothingLeft } from './nothing-left';

const ITEMS = 1500;
/** One block of items, and then none for minutes: the job runs until the limit is taken away. */
const CRAWLING = { rate_limit: { items_per_second: 1 } };

/** No lease runs out within these tests: whatever goes on elsewhere was handed over. */
const LONG_LEASES = { LEASE_SECONDS: '600', STEPS_PER_PROCESS: '1', MAX_JOBS: '3', MAX_JOBS_PER_PROJECT: '2' };

describe('Gateways on one database', () => {
  let deployment: Deployment;
  const started: GatewayProcess[] = [];

  beforeAll(async () => {
    deployment = await Deployment.start(LONG_LEASES);
    await deployment.makeTable('threads', 0, ITEMS);
    await deployment.makeTable('threads', 0, ITEMS, { projectId: 'other' });
  });

  afterEach(async () => {
    for (const gateway of started.splice(0)) if (gateway.running) expect(await gateway.terminate()).toBe(0);
    await expectNothingLeft(deployment);
  });

  afterAll(async () => {
    await deployment.stop();
  });

  const startGateway = async (): Promise<GatewayProcess> => {
    const gateway = await deployment.gateway().start();
    started.push(gateway);
    return gateway;
  };

  /** A backup that crawls; its path and id. */
  const crawlingBackup = async (project = 'demo'): Promise<{ path: string; id: string; project: string }> => {
    const client = deployment.clientOf(project);
    const id = String((await expectStatus(client.createBackup('threads'), 202))['id']);
    const path = `${client.table('threads')}/backups/${id}`;
    await expectStatus(client.send('PATCH', path, CRAWLING), 200);
    return { path, id, project };
  };

  const release = async ({ path, project }: { path: string; project: string }): Promise<void> => {
    await expectStatus(deployment.clientOf(project).send('PATCH', path, { rate_limit: null }), 200);
  };

  const expectCreated = async ({ path, project }: { path: string; project: string }): Promise<void> => {
    const client = deployment.clientOf(project);
    expect(await client.finished(() => client.get(path), 'CREATING')).toMatchObject({ status: 'CREATED', item_count: ITEMS });
  };

  /** The processes that hold steps of that stage now. */
  const holders = async (stage = 'copy'): Promise<string[]> => {
    const rows = await deployment.query<{ holder: string }>(
      `SELECT DISTINCT s.holder FROM magnetodb_backup.job_steps s JOIN magnetodb_backup.jobs j ON j.id = s.job_id
        WHERE j.stage = $1 AND s.lease_expires_at > clock_timestamp() ORDER BY s.holder`,
      [stage],
    );
    return rows.map((row) => row.holder);
  };

  it('share the ranges of one backup', async () => {
    const backup = await crawlingBackup();
    await Promise.all([startGateway(), startGateway()]);
    await until(async () => (await holders()).length === 2);
    await release(backup);
    await expectCreated(backup);
  });

  it('hand their steps over when they are told to stop, without waiting for a lease to run out', async () => {
    const backup = await crawlingBackup();
    const first = await startGateway();
    const [leaving] = await until(async () => ((await holders()).length === 1 ? holders() : undefined));
    await startGateway();
    await until(async () => (await holders()).length === 2);
    expect(await first.terminate()).toBe(0);
    expect(await holders()).not.toContain(leaving);
    await release(backup);
    await expectCreated(backup);
  });

  it('keep the limits of jobs together, and let the others wait in order', async () => {
    const [a, b, c] = [await crawlingBackup(), await crawlingBackup(), await crawlingBackup()];
    const [x, y] = [await crawlingBackup('other'), await crawlingBackup('other')];
    const running = async (): Promise<string[]> =>
      (await deployment.query<{ id: string }>(`SELECT subject_id AS id FROM magnetodb_backup.jobs WHERE state = 'running' ORDER BY seq`)).map((row) => row.id);
    await Promise.all([startGateway(), startGateway()]);
    // Two of the project's at most, three in all.
    await until(async () => (await running()).length >= 3);
    expect(await running()).toEqual([a.id, b.id, x.id]);
    await release(a);
    await expectCreated(a);
    await until(async () => (await running()).length >= 3);
    expect(await running()).toEqual([b.id, c.id, x.id]);
    for (const backup of [b, c, x, y]) await release(backup);
    for (const backup of [b, c, x, y]) await expectCreated(backup);
  });
});
