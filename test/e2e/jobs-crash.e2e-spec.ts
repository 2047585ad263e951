import { DataSource } from 'typeorm';
import { DomainError, newId } from '../../src/kernel';
import { PostgresJobQueue } from '../../src/jobs';
import { TestProcess } from '../setup/child-process';
import { TestDatabase, createTestDatabase } from '../setup/database';
import { TALLY_JOB, TALLY_STEPS, TALLY_UNITS, openWorkerDatabase } from '../setup/job-worker';
import { until } from '../setup/until';

/** Every fail point of the runner, at passes from the first to the last in a run of the job. */
const DEATHS = [
  'job.after-claim=kill@1',
  'job.after-claim=kill@3',
  'job.after-claim=kill@5',
  'job.before-commit=kill@1',
  'job.before-commit=kill@9',
  'job.after-commit=kill@1',
  'job.after-commit=kill@9',
  'job.before-terminal=kill@1',
  'job.after-terminal=kill@1',
];

describe('One terminal event a job, whatever kills the process that runs it', () => {
  let database: TestDatabase;
  let dataSource: DataSource;
  let queue: PostgresJobQueue;
  let survivor: TestProcess;
  const workers: TestProcess[] = [];

  const startWorker = async (environment: Record<string, string> = {}): Promise<TestProcess> => {
    const worker = TestProcess.start('test/setup/job-worker.ts', { DATABASE_URL: database.url, LEASE_MILLIS: '1000', FAIL_POINTS: '', ...environment });
    workers.push(worker);
    await until(() => {
      if (!worker.running && environment.FAIL_POINTS === undefined) throw new Error(worker.stderr);
      return !worker.running || worker.stdout.includes('ready');
    });
    return worker;
  };
  const enqueue = async (params: string | null): Promise<string> => {
    const id = newId();
    await dataSource.transaction((tx) => queue.enqueue(tx, { id, kind: TALLY_JOB, projectId: id, subjectId: id, params }));
    return id;
  };
  const ended = (id: string): Promise<string> =>
    until(async () => {
      const state = (await queue.progress([id])).get(id)?.state;
      return (state === 'succeeded' || state === 'failed') && state;
    });
  const phasesOf = async (id: string): Promise<string[]> => {
    const rows: { phase: string }[] = await dataSource.query('SELECT phase FROM magnetodb_backup.events WHERE job_id = $1 ORDER BY seq', [id]);
    return rows.map(({ phase }) => phase);
  };
  const unitsOf = async (id: string): Promise<number> => {
    const [row]: { n: number }[] = await dataSource.query('SELECT count(*)::integer AS n FROM public.tally WHERE job_id = $1', [id]);
    return row?.n ?? 0;
  };
  const leftSteps = async (id: string): Promise<number> => {
    const rows: unknown[] = await dataSource.query('SELECT FROM magnetodb_backup.job_steps WHERE job_id = $1', [id]);
    return rows.length;
  };

  beforeAll(async () => {
    database = await createTestDatabase();
    dataSource = await openWorkerDatabase(database.url);
    queue = new PostgresJobQueue(dataSource);
    // The key makes doubled work an error: a unit is committed once, or its job fails.
    await dataSource.query('CREATE TABLE public.tally (job_id uuid, step integer, unit integer, PRIMARY KEY (job_id, step, unit))');
  });
  afterEach(async () => {
    await Promise.all(workers.splice(0).map((worker) => worker.kill()));
  });
  afterAll(async () => {
    await dataSource.destroy();
    await database.drop();
  });

  it.each(DEATHS)('SIGKILL at %s', async (death) => {
    const doomed = await startWorker({ FAIL_POINTS: death });
    const id = await enqueue(null);
    expect(await doomed.exited).toEqual({ code: null, signal: 'SIGKILL' });
    survivor = await startWorker();
    expect(await ended(id)).toBe('succeeded');
    expect(await phasesOf(id)).toEqual(['start', 'end']);
    expect(await unitsOf(id)).toBe(TALLY_STEPS * TALLY_UNITS);
    expect((await queue.progress([id])).get(id)).toMatchObject({ itemsDone: TALLY_STEPS * TALLY_UNITS });
    expect(await leftSteps(id)).toBe(0);
    expect(survivor.running).toBe(true);
  });

  it.each(['job.before-terminal=kill@1', 'job.after-terminal=kill@1', 'job.after-claim=kill@6'])('SIGKILL at %s of a job that fails', async (death) => {
    const doomed = await startWorker({ FAIL_POINTS: death });
    const id = await enqueue('fail');
    expect(await doomed.exited).toEqual({ code: null, signal: 'SIGKILL' });
    await startWorker();
    expect(await ended(id)).toBe('failed');
    expect(await phasesOf(id)).toEqual(['start', 'error']);
  });

  it('a step that kills every process that begins it ends its job', async () => {
    const id = await enqueue(null);
    for (let death = 1; death <= 3; death += 1) {
      const doomed = await startWorker({ FAIL_POINTS: 'job.after-claim=kill@1', LEASE_MILLIS: '300' });
      expect((await doomed.exited).signal).toBe('SIGKILL');
    }
    await startWorker();
    expect(await ended(id)).toBe('failed');
    expect(await phasesOf(id)).toEqual(['start', 'error']);
    const [row]: { error: { type: string } }[] = await dataSource.query('SELECT error FROM magnetodb_backup.jobs WHERE id = $1', [id]);
    expect(row?.error.type).toBe('AttemptsExhausted');
  });

  it('SIGTERM drains: the process ends by itself, and its steps go on elsewhere long before their leases end', async () => {
    const id = await enqueue(null);
    await dataSource.transaction((tx) => queue.adjust(tx, id, { rateLimit: { itemsPerSecond: 1 } }));
    const first = await startWorker({ LEASE_MILLIS: '600000' });
    await until(async () => (await unitsOf(id)) > 0);
    first.signal('SIGTERM');
    expect(await first.exited).toEqual({ code: 0, signal: null });
    const leased: unknown[] = await dataSource.query('SELECT FROM magnetodb_backup.job_steps WHERE lease_token IS NOT NULL');
    expect(leased).toEqual([]);
    await dataSource.transaction((tx) => queue.adjust(tx, id, { rateLimit: null }));
    await startWorker();
    expect(await ended(id)).toBe('succeeded');
    expect(await unitsOf(id)).toBe(TALLY_STEPS * TALLY_UNITS);
  });

  it('two processes share one job, and a cancellation reaches both', async () => {
    const id = newId();
    await Promise.all([startWorker({ LEASE_MILLIS: '60000' }), startWorker({ LEASE_MILLIS: '60000' })]);
    await dataSource.transaction((tx) =>
      queue.enqueue(tx, { id, kind: TALLY_JOB, projectId: 'p', subjectId: id, params: null, rateLimit: { itemsPerSecond: 1 } }),
    );
    await until(async () => (await unitsOf(id)) > 0);
    await dataSource.transaction((tx) => queue.cancel(tx, id, new DomainError('Cancelled', 'enough')));
    expect(await ended(id)).toBe('failed');
    expect(await phasesOf(id)).toEqual(['start', 'error']);
  });
});
