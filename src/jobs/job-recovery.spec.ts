import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DataSource } from 'typeorm';
import { TestDatabase, createTestDatabase } from '../../test/setup/database';
import { ScriptedHandler, aborted, untilState } from '../../test/setup/scripted-handler';
import { until } from '../../test/setup/until';
import { EmbeddedServer, openDataSource } from '../database';
import { DomainError, newId } from '../kernel';
import { silentLogger } from '../telemetry';
import { JobEntity, JobHandler, JobRunner, JobSettings, JobStepEntity, PostgresJobQueue, StepContext } from '.';

const FAST: Partial<JobSettings> = { pollMillis: 50, backoffMillis: 5, maxBackoffMillis: 20, leaseMillis: 1500, drainMillis: 200 };

async function enqueueOn(dataSource: DataSource, kind: string): Promise<string> {
  const id = newId();
  const job = { id, kind, projectId: 'p', subjectId: newId(), params: null };
  await dataSource.transaction((tx) => new PostgresJobQueue(dataSource).enqueue(tx, job));
  return id;
}

describe('Nothing stays running for ever', () => {
  let database: TestDatabase;
  let dataSource: DataSource;
  let queue: PostgresJobQueue;
  const runners: JobRunner[] = [];

  beforeAll(async () => {
    database = await createTestDatabase();
    dataSource = await openDataSource({ url: database.url, entities: [JobEntity, JobStepEntity], maxConnections: 30 });
    queue = new PostgresJobQueue(dataSource);
  });
  afterEach(async () => {
    await Promise.all(runners.splice(0).map((runner) => runner.stop()));
    await dataSource.query('TRUNCATE magnetodb_backup.jobs CASCADE');
  });
  afterAll(async () => {
    await dataSource.destroy();
    await database.drop();
  });

  const startRunner = async (handler: JobHandler, settings: Partial<JobSettings> = {}): Promise<JobRunner> => {
    const runner = new JobRunner({ dataSource, log: silentLogger, settings: { ...FAST, ...settings } });
    runner.register(handler);
    runners.push(runner);
    await runner.start();
    return runner;
  };
  const sql = (text: string, parameters: unknown[] = []): Promise<unknown> => dataSource.query(text, parameters);

  it('renews the lease of a step that takes longer than a lease, so that nobody else takes it', async () => {
    let begun = 0;
    const handler = new ScriptedHandler('long', ['only'], async (step) => {
      begun += 1;
      const [before]: { at: Date }[] = await dataSource.query('SELECT clock_timestamp() AS at');
      // Two leases long, by the clock that judges leases.
      await until(async () => {
        const [now]: { late: boolean }[] = await dataSource.query(`SELECT clock_timestamp() > $1::timestamptz + interval '3 seconds' AS late`, [before?.at]);
        return now?.late;
      });
      step.signal.throwIfAborted();
    });
    await startRunner(handler);
    await startRunner(handler);
    await untilState(dataSource, queue, await enqueueOn(dataSource, 'long'), 'succeeded');
    expect(begun).toBe(1);
  });

  it('fences what comes from a process that lost its lease: nothing of it is kept, and its signal aborts', async () => {
    const late: { step: StepContext; rejected: boolean }[] = [];
    const handler = new ScriptedHandler('fenced', ['only'], async (step) => {
      if (step.attempt > 1) return;
      await sql(`UPDATE magnetodb_backup.job_steps SET lease_token = gen_random_uuid(), attempts = 5, lease_expires_at = clock_timestamp()`);
      const rejected = await step.commit('too late', { items: 7 }, (tx) => tx.query('CREATE TABLE too_late ()')).then(
        () => false,
        () => true,
      );
      late.push({ step, rejected });
      await aborted(step.signal);
    });
    await startRunner(handler, { maxAttempts: 10 });
    const id = await enqueueOn(dataSource, 'fenced');
    const progress = await untilState(dataSource, queue, id, 'succeeded');
    expect(late.map(({ rejected }) => rejected)).toEqual([true]);
    expect(late[0]?.step.signal.reason).toMatchObject({ code: 'ServiceUnavailable', transient: true });
    expect(progress.itemsDone).toBe(0);
    await expect(sql('SELECT FROM too_late')).rejects.toThrow();
  });

  it('takes over the step of a dead process once its lease has run out', async () => {
    const id = await enqueueOn(dataSource, 'orphaned');
    await sql(`UPDATE magnetodb_backup.jobs SET state = 'running'`);
    await sql(
      `UPDATE magnetodb_backup.job_steps SET attempts = 1, cursor = '"kept"', lease_token = gen_random_uuid(), holder = gen_random_uuid(),
              lease_expires_at = clock_timestamp() + interval '700 milliseconds'`,
    );
    const seen: unknown[] = [];
    await startRunner(
      new ScriptedHandler('orphaned', ['only'], async (step) => {
        const [row]: { over: boolean }[] = await dataSource.query(
          `SELECT lease_expires_at - interval '1500 milliseconds' > created_at + interval '0.6 seconds' AS over
             FROM magnetodb_backup.job_steps s JOIN magnetodb_backup.jobs j ON j.id = s.job_id`,
        );
        seen.push(step.attempt, step.cursor, row?.over);
      }),
    );
    await untilState(dataSource, queue, id, 'succeeded');
    expect(seen).toEqual([2, 'kept', true]);
  });

  it('ends a job whose step kills every process that begins it: AttemptsExhausted', async () => {
    const id = await enqueueOn(dataSource, 'deadly');
    await sql(`UPDATE magnetodb_backup.job_steps SET attempts = 3`);
    const handler = new ScriptedHandler('deadly', ['only'], async (step) => {
      if (!step.stage.startsWith('cleanup')) throw new Error('it is not run again');
    });
    await startRunner(handler, { maxAttempts: 3 });
    await untilState(dataSource, queue, id, 'failed');
    expect(handler.errors).toEqual([{ type: 'AttemptsExhausted', message: expect.stringContaining('3 times') as string }]);
    expect(handler.notes).toEqual(['started', 'failed']);
  });

  it('ends a job whose cleanup never works, after its attempts', async () => {
    let cleanups = 0;
    const handler = new ScriptedHandler('dirty', ['only'], async (step) => {
      if (step.stage === 'cleanup') cleanups += 1;
      throw new Error('always');
    });
    await startRunner(handler, { maxAttempts: 3 });
    await untilState(dataSource, queue, await enqueueOn(dataSource, 'dirty'), 'failed');
    expect(cleanups).toBe(3);
    expect(handler.notes).toEqual(['started', 'failed']);
  });

  it('ends a job whose handler cannot even begin and end it', async () => {
    class Hopeless extends ScriptedHandler {
      override async started(): Promise<void> {
        throw new Error('no');
      }
      override async failed(): Promise<void> {
        throw new Error('no');
      }
    }
    await startRunner(new Hopeless('hopeless', ['only'], async () => undefined), { maxAttempts: 2 });
    await untilState(dataSource, queue, await enqueueOn(dataSource, 'hopeless'), 'failed');
  });

  it('takes the place and the lease of a step that hangs and heeds nothing', async () => {
    let hung = 0;
    const handler = new ScriptedHandler('hanging', ['only'], (step) => {
      if (step.stage === 'cleanup') return Promise.resolve();
      hung += 1;
      return new Promise(() => undefined);
    });
    await startRunner(handler, { stallMillis: 1000, maxAttempts: 2, stepsPerProcess: 1 });
    await untilState(dataSource, queue, await enqueueOn(dataSource, 'hanging'), 'failed');
    expect(hung).toBe(2);
    // Which, depends on whether the step is given back before its lease has run out.
    expect(['ServiceUnavailable', 'AttemptsExhausted']).toContain(handler.errors[0]?.type);
  });

  it('cancels a step that hangs and heeds nothing, within a lease', async () => {
    let hung = false;
    const handler = new ScriptedHandler('deaf', ['only'], (step) => {
      if (step.stage === 'cleanup') return Promise.resolve();
      hung = true;
      return new Promise(() => undefined);
    });
    await startRunner(handler);
    const id = await enqueueOn(dataSource, 'deaf');
    await until(() => hung);
    await dataSource.transaction((tx) => queue.cancel(tx, id, new DomainError('Cancelled', 'enough')));
    await untilState(dataSource, queue, id, 'failed');
    expect(handler.errors).toEqual([{ type: 'Cancelled', message: 'enough' }]);
  });
});

describe('A database that goes away', () => {
  it('aborts steps whose leases cannot be renewed, and when it is back work goes on by itself', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'outage-'));
    const dataDir = join(folder, 'postgres');
    let server = await EmbeddedServer.start({ dataDir });
    const dataSource = await openDataSource({ url: server.url, entities: [JobEntity, JobStepEntity] });
    const events: string[] = [];
    const handler = new ScriptedHandler('outlasting', ['only'], async (step) => {
      events.push(`from ${JSON.stringify(step.cursor)}`);
      if (step.cursor !== null) return;
      await step.commit('first half', { items: 1 });
      await aborted(step.signal);
      events.push('aborted');
      step.signal.throwIfAborted();
    });
    const runner = new JobRunner({ dataSource, log: silentLogger, settings: FAST });
    runner.register(handler);
    try {
      await runner.start();
      const id = await enqueueOn(dataSource, 'outlasting');
      const queue = new PostgresJobQueue(dataSource);
      await until(async () => (await queue.progress([id])).get(id)?.itemsDone === 1);
      process.kill(Number.parseInt(await readFile(join(dataDir, 'cluster', 'postmaster.pid'), 'utf8'), 10), 'SIGQUIT');
      await until(() => events.includes('aborted'));
      await expect(queue.progress([id])).rejects.toThrow();
      server = await EmbeddedServer.start({ dataDir });
      await until(() => queue.progress([id]).catch(() => undefined));
      const progress = await untilState(dataSource, queue, id, 'succeeded');
      expect(events).toEqual(['from null', 'aborted', 'from "first half"']);
      expect(progress.itemsDone).toBe(1);
      expect(handler.notes).toEqual(['started', 'succeeded']);
    } finally {
      await runner.stop();
      await dataSource.destroy();
      await server.stop();
      await rm(folder, { recursive: true, force: true });
    }
  });
});
