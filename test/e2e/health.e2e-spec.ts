import { rename, rm, writeFile } from 'node:fs/promises';
import { until } from '../setup/until';
import { BadDaysGateway, startBadDays } from './bad-days-gateway';

const WELL = { API: 'OK', Identity: 'OK', Storage: 'OK', JobDatabase: 'OK', ObjectStore: 'OK', Jobs: 'OK', Messaging: 'OK' };
type Part = Exclude<keyof typeof WELL, 'API'>;

let gateway: BadDaysGateway;
beforeAll(async () => {
  gateway = await startBadDays();
});
afterAll(() => gateway.stop());

async function health(): Promise<{ status: number; body: Record<string, string> }> {
  const response = await fetch(`${gateway.url}/healthcheck?fullcheck=true`);
  return { status: response.status, body: (await response.json()) as Record<string, string> };
}

const untilWell = (): Promise<unknown> => until(async () => (await health()).status === 200, 20_000, 'it does not recover');

/** Waits until these parts, and no others, are said not to work. */
async function untilDown(...parts: Part[]): Promise<void> {
  const expected = { ...WELL, ...Object.fromEntries(parts.map((part) => [part, 'ERROR'])) };
  let said: unknown;
  await until(
    async () => {
      const { status, body } = await health();
      said = body;
      return status === 503 && JSON.stringify(body) === JSON.stringify(expected);
    },
    20_000,
  ).catch(() => expect(said).toEqual(expected));
}

it('names each part', async () => {
  expect(await health()).toEqual({ status: 200, body: WELL });
});

it('is asked for by anybody, and asks the parts once a second at most', async () => {
  let asked = 0;
  gateway.before('ping', () => (asked += 1));
  const began = performance.now();
  await Promise.all(Array.from({ length: 40 }, health));
  const seconds = (performance.now() - began) / 1000;
  expect(asked).toBeLessThanOrEqual(Math.ceil(seconds) + 1);
  gateway.heal();
});

describe('says which part does not work', () => {
  afterEach(async () => {
    gateway.heal();
    await untilWell();
  });

  it('Storage: the tables do not answer', async () => {
    gateway.before('ping', () => Promise.reject(new Error('away')));
    await untilDown('Storage');
  });

  it('ObjectStore: there is no writing', async () => {
    gateway.spoil((store) => store.fail({ operation: 'put' }, 'StorageFull'));
    await untilDown('ObjectStore');
  });

  it('ObjectStore: what is read is not what was written', async () => {
    gateway.spoil((store) => store.truncateReads({}, 5));
    await untilDown('ObjectStore');
  });

  it('ObjectStore: the folder is gone, and something else in its place', async () => {
    await rename(gateway.objects, `${gateway.objects}.away`);
    await writeFile(gateway.objects, 'not a folder');
    await untilDown('ObjectStore');
    await rm(gateway.objects);
    await rename(`${gateway.objects}.away`, gateway.objects);
  });

  it('Jobs: no step can be claimed', async () => {
    await gateway.query('ALTER TABLE magnetodb_backup.job_steps RENAME TO away');
    await gateway.query(`INSERT INTO magnetodb_backup.jobs (id, kind, project_id, subject_id, params, state) VALUES (gen_random_uuid(), 'nobody', 'p', gen_random_uuid(), 'null', 'running')`);
    await untilDown('Jobs');
    await gateway.query('ALTER TABLE magnetodb_backup.away RENAME TO job_steps');
    await gateway.query('DELETE FROM magnetodb_backup.jobs');
  });

  it('Messaging: the outbox cannot be read', async () => {
    await gateway.query('ALTER TABLE magnetodb_backup.event_deliveries RENAME TO away');
    await untilDown('Messaging');
    await gateway.query('ALTER TABLE magnetodb_backup.away RENAME TO event_deliveries');
  });

  it('JobDatabase, and what needs it: nothing can be asked', async () => {
    await gateway.query('ALTER SCHEMA magnetodb_backup RENAME TO away');
    await untilDown('JobDatabase', 'Jobs', 'Messaging');
    await gateway.query('ALTER SCHEMA away RENAME TO magnetodb_backup');
  });
});

it('leaves nothing behind in the object store', async () => {
  await health();
  expect(await gateway.files()).toEqual([]);
});

it('says neither why nor where: that is in the log', async () => {
  gateway.before('ping', () => Promise.reject(new Error('connect ECONNREFUSED 10.11.12.13:5432')));
  await untilDown('Storage');
  const text = await (await fetch(`${gateway.url}/healthcheck?fullcheck=true`)).text();
  expect(text).not.toContain('10.11.12.13');
  expect(gateway.logs()).toContain('Storage does not work');
  gateway.heal();
});
