import { DataSource } from 'typeorm';
import { TestDatabase, createTestDatabase } from '../../test/setup/database';
import { ScriptedHandler, aborted, untilState as untilJobState } from '../../test/setup/scripted-handler';
import { until } from '../../test/setup/until';
import { openDataSource } from '../database';
import { DomainError, newId } from '../kernel';
import { silentLogger } from '../telemetry';
import { JobEntity, JobHandler, JobProgress, JobRunner, JobSettings, JobStepEntity, Json, PostgresJobQueue } from '.';

const FAST: Partial<JobSettings> = { pollMillis: 50, backoffMillis: 5, maxBackoffMillis: 20, leaseMillis: 3000, drainMillis: 5000 };

describe('JobRunner', () => {
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

  const startRunner = async (handlers: JobHandler[], settings: Partial<JobSettings> = {}): Promise<JobRunner> => {
    const runner = new JobRunner({ dataSource, log: silentLogger, settings: { ...FAST, ...settings } });
    for (const handler of handlers) runner.register(handler);
    runners.push(runner);
    await runner.start();
    return runner;
  };
  const enqueue = async (kind: string, params: Json = null, projectId = 'p', rateLimit: { bytesPerSecond?: number } | null = null): Promise<string> => {
    const id = newId();
    await dataSource.transaction((tx) => queue.enqueue(tx, { id, kind, projectId, subjectId: newId(), params, rateLimit }));
    return id;
  };
  const progressOf = async (id: string): Promise<JobProgress> => {
    const progress = (await queue.progress([id])).get(id);
    if (progress === undefined) throw new Error('no such job');
    return progress;
  };
  const untilState = (id: string, state: JobProgress['state']): Promise<JobProgress> => untilJobState(dataSource, queue, id, state);
  const cancel = (id: string): Promise<boolean> =>
    dataSource.transaction((tx) => queue.cancel(tx, id, new DomainError('Cancelled', 'as you wish')));

  it('runs the stages in order, each when the one before is done, and passes on what steps leave', async () => {
    const seen: string[] = [];
    const handler = new ScriptedHandler('staged', ['plan', 'copy', 'seal'], async (step) => {
      if (step.stage === 'plan') return { nextSteps: [1, 2, 3, 4, 5].map((payload) => ({ payload })) };
      if (step.stage === 'copy') {
        await step.commit('half', { items: 1, bytes: 10 });
        seen.push(`copy ${String(step.payload)}`);
        return { progress: { items: 2, bytes: 20 } };
      }
      seen.push(`${step.stage} ${JSON.stringify(step.payload)}`);
      return {};
    });
    await startRunner([handler]);
    const id = await enqueue('staged', { any: 'thing', digits: '12345678901234567890' });
    const progress = await untilState(id, 'succeeded');
    expect([...seen.slice(0, 5)].sort()).toEqual(['copy 1', 'copy 2', 'copy 3', 'copy 4', 'copy 5']);
    expect(seen.slice(5)).toEqual(['seal null']);
    expect(progress).toMatchObject({ itemsDone: 15, bytesDone: 150, stepsDone: 5, stepsTotal: 5, stage: 'seal', paused: false });
    expect(progress.startedAt).toBeGreaterThan(1e12);
    expect(handler.notes).toEqual(['started', 'succeeded']);
    expect(await dataSource.manager.countBy(JobStepEntity, { jobId: id })).toBe(0);
  });

  it('goes on from the cursor after a transient error, and fails with that error when the attempts are over', async () => {
    const cursors: Json[] = [];
    const passing = new ScriptedHandler('flaky', ['only'], async (step) => {
      cursors.push(step.cursor);
      if (cursors.length <= 7) {
        // Progress each time: attempts begin anew, so that seven failures are no failure of the job.
        await step.commit(cursors.length, {});
        throw new DomainError('StorageError', 'the store is busy', { transient: true });
      }
    });
    const stuck = new ScriptedHandler('stuck', ['only'], async (step) => {
      if (step.stage === 'only') throw new DomainError('StorageError', 'the store is busy', { transient: true });
    });
    await startRunner([passing, stuck], { maxAttempts: 3 });
    await untilState(await enqueue('flaky'), 'succeeded');
    expect(cursors).toEqual([null, 1, 2, 3, 4, 5, 6, 7]);
    await untilState(await enqueue('stuck'), 'failed');
    expect(stuck.errors).toEqual([{ type: 'StorageError', message: 'the store is busy' }]);
  });

  it('waits for a table in maintenance without counting an attempt', async () => {
    const attempts: number[] = [];
    const handler = new ScriptedHandler('locked', ['copy'], async (step) => {
      attempts.push(step.attempt);
      if (attempts.length <= 6) throw new DomainError('TableLocked', 'in maintenance', { transient: true, retryAfterSeconds: 5 });
    });
    await startRunner([handler], { maxAttempts: 2 });
    await untilState(await enqueue('locked'), 'succeeded');
    expect(attempts).toEqual([1, 1, 1, 1, 1, 1, 1]);
  });

  it('fails at once on a permanent error, once, after cleanup, and hides what an unknown error says', async () => {
    const stages: string[] = [];
    let tries = 0;
    const handler = new ScriptedHandler('broken', ['plan', 'copy'], async (step) => {
      stages.push(step.stage);
      if (step.stage === 'plan') return { nextSteps: [{ payload: 'a' }, { payload: 'b' }] };
      if (step.stage === 'copy' && step.payload === 'a') {
        tries += 1;
        throw new Error('secret inner detail');
      }
      if (step.stage === 'copy') await aborted(step.signal);
      return step.signal.throwIfAborted() ?? {};
    });
    await startRunner([handler]);
    const progress = await untilState(await enqueue('broken'), 'failed');
    expect(tries).toBe(1);
    expect(stages.filter((stage) => stage === 'cleanup')).toHaveLength(1);
    expect(stages.at(-1)).toBe('cleanup');
    expect(handler.notes).toEqual(['started', 'failed']);
    expect(handler.errors[0]).toMatchObject({ type: 'InternalError' });
    expect(handler.errors[0]?.message).not.toContain('secret');
    expect(progress.stage).toBe('cleanup');
  });

  it('starts cleanup only when no step of the job runs any more', async () => {
    let running = 0;
    let overlap = false;
    const handler = new ScriptedHandler('many', ['plan', 'copy'], async (step) => {
      if (step.stage === 'plan') return { nextSteps: Array.from({ length: 8 }, (_, payload) => ({ payload })) };
      if (step.stage === 'cleanup') {
        overlap ||= running > 0;
        return {};
      }
      running += 1;
      await aborted(step.signal);
      await new Promise((resolve) => setTimeout(resolve, 500));
      running -= 1;
      throw step.signal.reason;
    });
    // Places are free: nothing but the rule keeps cleanup back.
    await startRunner([handler], { stepsPerProcess: 8 });
    await startRunner([handler], { stepsPerProcess: 8 });
    const id = await enqueue('many');
    await until(() => running === 8);
    expect(await cancel(id)).toBe(true);
    await untilState(id, 'failed');
    expect(overlap).toBe(false);
    expect(handler.errors).toEqual([{ type: 'Cancelled', message: 'as you wish' }]);
    expect(await cancel(id)).toBe(false);
    expect(await dataSource.transaction((tx) => queue.adjust(tx, id, { paused: true }))).toBe(false);
  });

  it('cancels a queued job at once, with one start and one end', async () => {
    const handler = new ScriptedHandler('waiting', ['only'], async (step) => {
      if (step.stage === 'only') await aborted(step.signal);
      step.signal.throwIfAborted();
    });
    await startRunner([handler], { jobsInAll: 1 });
    const first = await enqueue('waiting');
    const second = await enqueue('waiting');
    await untilState(first, 'running');
    expect((await progressOf(second)).state).toBe('queued');
    await cancel(second);
    await untilState(second, 'failed');
    expect(handler.notes).toEqual(['started', 'started', 'failed']);
    expect((await progressOf(first)).state).toBe('running');
  });

  it('lets a job succeed whose very last step ended while it was being cancelled', async () => {
    const handler = new ScriptedHandler('published', ['only'], async (step) => {
      await cancel(step.job.id);
      await aborted(step.signal);
    });
    await startRunner([handler]);
    await untilState(await enqueue('published'), 'succeeded');
    expect(handler.notes).toEqual(['started', 'succeeded']);
  });

  it('lets a job succeed whose cleanup finds that its work was done and seen before', async () => {
    const handler = new ScriptedHandler('seen', ['publish', 'tidy'], async (step) => {
      if (step.stage === 'cleanup') return { succeeded: true };
      throw new DomainError('StorageError', 'after the work was seen');
    });
    await startRunner([handler]);
    const id = await enqueue('seen');
    await until(async () => (await progressOf(id)).state === 'succeeded');
    expect(handler.notes).toEqual(['started', 'succeeded']);
    expect((await dataSource.manager.findOneByOrFail(JobEntity, { id })).error).toBeNull();
  });

  it('admits jobs in order of creation, N a project and M in all, over several processes', async () => {
    let now = 0;
    let most = 0;
    const order: string[] = [];
    const inProject = new Map<string, number>();
    let mostInProject = 0;
    const handler = new ScriptedHandler('limited', ['only'], async (step) => {
      const { projectId } = step.job;
      const nth = order.push(String(step.payload));
      most = Math.max(most, ++now);
      inProject.set(projectId, (inProject.get(projectId) ?? 0) + 1);
      mostInProject = Math.max(mostInProject, inProject.get(projectId) ?? 0);
      // The first two stay until both have begun, and so much longer that a third would have begun, too.
      if (nth <= 2) await until(() => order.length >= 2);
      await new Promise((resolve) => setTimeout(resolve, nth <= 2 ? 500 : 30));
      inProject.set(projectId, (inProject.get(projectId) ?? 0) - 1);
      now -= 1;
    });
    const ids: string[] = [];
    for (const [name, project] of [['a1', 'a'], ['a2', 'a'], ['a3', 'a'], ['b1', 'b'], ['c1', 'c'], ['a4', 'a']] as const) {
      ids.push(await enqueue('limited', name, project));
    }
    const limits = { jobsPerProject: 1, jobsInAll: 2 };
    await Promise.all([startRunner([handler], limits), startRunner([handler], limits)]);
    for (const id of ids) await untilState(id, 'succeeded');
    expect(most).toBe(2);
    expect(mostInProject).toBe(1);
    expect(order.filter((name) => name.startsWith('a'))).toEqual(['a1', 'a2', 'a3', 'a4']);
    expect(order.slice(0, 2).sort()).toEqual(['a1', 'b1']);
  });

  it('shares its places fairly: a short job does not wait for a long one to end', async () => {
    let release = (): void => undefined;
    const released = new Promise<void>((resolve) => (release = resolve));
    const long = new ScriptedHandler('long', ['plan', 'copy'], async (step) => {
      if (step.stage === 'plan') return { nextSteps: Array.from({ length: 60 }, (_, payload) => ({ payload })) };
      // The long job's steps keep coming until the short job has ended.
      await Promise.race([released, new Promise((resolve) => setTimeout(resolve, 40))]);
      return {};
    });
    const short = new ScriptedHandler('short', ['only'], async () => undefined);
    await startRunner([long, short], { stepsPerProcess: 2 });
    const longId = await enqueue('long');
    await until(async () => (await progressOf(longId)).stepsDone > 3);
    await untilState(await enqueue('short'), 'succeeded');
    // Two would also be left to a short job that had to wait for the last ones.
    const { stepsDone, stepsTotal } = await progressOf(longId);
    expect(stepsTotal - stepsDone).toBeGreaterThan(2);
    release();
    await untilState(longId, 'succeeded');
  });

  it('pauses at the next throttle, gives its place away, and goes on from the cursor', async () => {
    const cursors: Json[] = [];
    const handler = new ScriptedHandler('pausable', ['only'], async (step) => {
      cursors.push(step.cursor);
      for (let at = typeof step.cursor === 'number' ? step.cursor : 0; at < 1000 && !finish; at += 1) {
        await step.throttle({ bytes: 1, items: 1 });
        await step.commit(at + 1, { items: 1 });
      }
    });
    let finish = false;
    const other = new ScriptedHandler('other', ['only'], async () => undefined);
    await startRunner([handler, other], { stepsPerProcess: 1, pauseYieldMillis: 50 });
    const id = await enqueue('pausable');
    await until(async () => (await progressOf(id)).itemsDone > 2);
    expect(await dataSource.transaction((tx) => queue.adjust(tx, id, { paused: true }))).toBe(true);
    await untilState(await enqueue('other'), 'succeeded');
    const paused = await progressOf(id);
    expect(paused).toMatchObject({ state: 'running', paused: true });
    await untilState(await enqueue('other'), 'succeeded');
    expect((await progressOf(id)).itemsDone).toBe(paused.itemsDone);
    finish = true;
    await dataSource.transaction((tx) => queue.adjust(tx, id, { paused: false }));
    await untilState(id, 'succeeded');
    expect(cursors).toEqual([null, paused.itemsDone]);
  });

  it('lets others run while a job is paused, and gives it back its place in order', async () => {
    let finish = false;
    const paused = new ScriptedHandler('held', ['only'], async (step) => {
      while (!finish) {
        await step.throttle({ bytes: 1, items: 1 });
        await step.commit(null, { items: 1 });
      }
    });
    await startRunner([paused, new ScriptedHandler('next', ['only'], async () => undefined)], { jobsPerProject: 1, jobsInAll: 1, pauseYieldMillis: 50 });
    const id = await enqueue('held');
    await until(async () => (await progressOf(id)).itemsDone > 0);
    await dataSource.transaction((tx) => queue.adjust(tx, id, { paused: true }));
    await untilState(await enqueue('next'), 'succeeded');
    finish = true;
    expect((await progressOf(id)).state).toBe('running');
    await dataSource.transaction((tx) => queue.adjust(tx, id, { paused: false }));
    await untilState(id, 'succeeded');
  });

  it('queues a resumed job behind what runs', async () => {
    const [running, resumed] = [await enqueue('nobody'), await enqueue('nobody')];
    await dataSource.query(`UPDATE magnetodb_backup.jobs SET state = 'running', paused = (id = $1)`, [resumed]);
    expect(await dataSource.transaction((tx) => queue.adjust(tx, resumed, { paused: false }))).toBe(true);
    expect(await dataSource.transaction((tx) => queue.adjust(tx, running, { paused: false }))).toBe(true);
    expect([(await progressOf(running)).state, (await progressOf(resumed)).state]).toEqual(['running', 'queued']);
  });

  it('keeps to the rate limit, also when it is changed on the way', async () => {
    const handler = new ScriptedHandler('limited-rate', ['only'], async (step) => {
      for (let block = 0; block < 12; block += 1) {
        await step.throttle({ bytes: 1000, items: 1 });
        await step.commit(block + 1, { bytes: 1000 });
      }
    });
    await startRunner([handler]);
    // At this rate the second block would have to wait for hours.
    const id = await enqueue('limited-rate', null, 'p', { bytesPerSecond: 1 });
    await until(async () => (await progressOf(id)).bytesDone === 1000);
    await untilState(await enqueue('limited-rate'), 'succeeded');
    expect((await progressOf(id)).bytesDone).toBe(1000);
    await dataSource.transaction((tx) => queue.adjust(tx, id, { rateLimit: null }));
    await untilState(id, 'succeeded');
  });

  it('gives the place of a step that waits off its rate limit to other jobs, and no second one to the same job', async () => {
    const begun: string[] = [];
    const limited = new ScriptedHandler('limited-rate', ['plan', 'copy'], async (step) => {
      if (step.stage === 'plan') return { nextSteps: [{ payload: 1 }, { payload: 2 }] };
      begun.push(`step ${String(step.payload)}`);
      for (let block = 0; block < 2; block += 1) {
        await step.throttle({ bytes: 1_000_000, items: 1 });
        await step.commit(block + 1, { bytes: 1 });
      }
      return undefined;
    });
    const other = new ScriptedHandler('unlimited', ['only'], async () => undefined);
    await startRunner([limited, other], { stepsPerProcess: 1, pauseYieldMillis: 50 });
    const id = await enqueue('limited-rate', null, 'p', { bytesPerSecond: 1 });
    await until(async () => (await progressOf(id)).bytesDone === 1);
    for (let job = 0; job < 3; job += 1) await untilState(await enqueue('unlimited'), 'succeeded');
    expect(begun).toEqual(['step 1']);
    await dataSource.transaction((tx) => queue.adjust(tx, id, { rateLimit: null }));
    await untilState(id, 'succeeded');
    expect((await progressOf(id)).bytesDone).toBe(4);
  });

  it('leaves jobs of a kind that it does not know to others, and gives them no place', async () => {
    const known = new ScriptedHandler('known', ['only'], async () => undefined);
    await startRunner([known], { jobsInAll: 1, jobsPerProject: 1 });
    const unknown = await enqueue('from-a-newer-version');
    await untilState(await enqueue('known'), 'succeeded');
    expect((await progressOf(unknown)).state).toBe('queued');
    await startRunner([new ScriptedHandler('from-a-newer-version', ['only'], async () => undefined)]);
    await untilState(unknown, 'succeeded');
  });

  it('drains: gives its steps back without counting an attempt, and another process goes on at once', async () => {
    const attempts: number[] = [];
    let drained = false;
    const handler = new ScriptedHandler('drained', ['only'], async (step) => {
      attempts.push(step.attempt);
      if (drained) return;
      await aborted(step.signal);
      step.signal.throwIfAborted();
    });
    const first = await startRunner([handler], { leaseMillis: 60_000 });
    const id = await enqueue('drained');
    await until(() => attempts.length === 1);
    drained = true;
    await first.stop();
    await startRunner([handler]);
    await untilState(id, 'succeeded');
    expect(attempts).toEqual([1, 1]);
  });
});
