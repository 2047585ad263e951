import { DataSource, IsNull } from 'typeorm';
import { openDataSource } from '../database';
import { newId } from '../kernel';
import { silentLogger } from '../telemetry';
import { ScriptedHandler } from '../../test/setup/scripted-handler';
import { TestDatabase, createTestDatabase } from '../../test/setup/database';
import { until, untilEqual } from '../../test/setup/until';
import { JobEntity, JobProgress, JobRunner, JobStepEntity, PostgresJobQueue, RateLimit, StepContext } from '.';

const KIB = 1024;
const FAST = { pollMillis: 20, stepsPerProcess: 4, pauseYieldMillis: 60_000 };

describe('limits of running jobs', () => {
  let database: TestDatabase;
  let dataSource: DataSource;
  let queue: PostgresJobQueue;
  let limit: RateLimit | null;
  const shared = { kinds: ['sharing'], limit: (): RateLimit | null => limit };
  const runners: JobRunner[] = [];

  beforeAll(async () => {
    database = await createTestDatabase();
    dataSource = await openDataSource({ url: database.url, entities: [JobEntity, JobStepEntity], maxConnections: 30 });
    queue = new PostgresJobQueue(dataSource, silentLogger, shared);
  });
  beforeEach(() => {
    limit = null;
  });
  afterEach(async () => {
    await Promise.all(runners.splice(0).map((runner) => runner.stop()));
    await dataSource.query('TRUNCATE magnetodb_backup.jobs CASCADE');
  });
  afterAll(async () => {
    await dataSource.destroy();
    await database.drop();
  });

  const startRunner = async (script: (step: StepContext) => Promise<void>, settings = {}): Promise<void> => {
    const runner = new JobRunner({ dataSource, log: silentLogger, settings: { ...FAST, ...settings }, sharedLimit: shared });
    for (const kind of ['sharing', 'other']) {
      runner.register(
        new ScriptedHandler(kind, ['plan', 'copy'], async (step) => {
          if (step.stage === 'plan') return { nextSteps: [1, 2, 3].map((payload) => ({ payload })) };
          return script(step);
        }),
      );
    }
    runners.push(runner);
    await runner.start();
  };
  const enqueue = async (kind: string, rateLimit: RateLimit | null = null): Promise<string> => {
    const id = newId();
    await dataSource.transaction((tx) => queue.enqueue(tx, { id, kind, projectId: newId(), subjectId: newId(), params: null, rateLimit }));
    return id;
  };
  const adjust = (id: string, rateLimit: RateLimit | null): Promise<boolean> => dataSource.transaction((tx) => queue.adjust(tx, id, { rateLimit }));
  const progressOf = async (id: string): Promise<JobProgress | undefined> => (await queue.progress([id])).get(id);
  const untilDone = (id: string): Promise<unknown> => untilEqual(async () => (await progressOf(id))?.state, 'succeeded');

  it('jobs without a limit of their own share one; with one of their own they leave it, and come back without it', async () => {
    limit = { bytesPerSecond: 1 };
    const passed: string[] = [];
    await startRunner(async (step) => {
      await step.throttle({ bytes: 1_000_000, items: 1 });
      passed.push(step.job.id);
    }, { stepsPerProcess: 20 });
    const first = await enqueue('sharing');
    await until(() => passed.length === 1);
    // What the first took, the second waits off, too: for days.
    const second = await enqueue('sharing');
    await untilDone(await enqueue('other'));
    await untilDone(await enqueue('sharing', { bytesPerSecond: 1e9 }));
    expect(passed.filter((id) => id === first || id === second)).toEqual([first]);
    expect((await progressOf(second))?.rateLimit).toEqual({ bytesPerSecond: 1, shared: true });
    await adjust(second, { itemsPerSecond: 1e6 });
    await untilDone(second);
    expect((await progressOf(second))?.rateLimit).toEqual({ itemsPerSecond: 1e6, shared: false });
    expect(passed.filter((id) => id === first)).toHaveLength(1);
    await adjust(first, { itemsPerSecond: 1e6 });
    await untilDone(first);
  });

  it('makes no more requests at once than its limit says, also when it is changed on the way', async () => {
    const onTheirWay = new Set<() => void>();
    let ended = 0;
    const most: number[] = [];
    await startRunner(async (step) => {
      for (let page = 0; page < 4; page++) {
        await step.pace.inTurn(() => new Promise<void>((resolve) => onTheirWay.add(resolve)));
        ended++;
      }
    });
    const answerOne = (): void => {
      most.push(onTheirWay.size);
      const [answer] = onTheirWay;
      if (answer) onTheirWay.delete(answer);
      answer?.();
    };
    const id = await enqueue('sharing', { requestsInFlight: 1 });
    for (let page = 1; page <= 3; page++) {
      await until(() => onTheirWay.size === 1);
      answerOne();
      await until(() => ended === page);
    }
    await adjust(id, { requestsInFlight: 2 });
    await until(() => onTheirWay.size === 2);
    await adjust(id, { bytesPerSecond: 1e9 });
    await until(() => onTheirWay.size === 3);
    expect(most).toEqual([1, 1, 1]);
    // A turn that ends by an error is over, too.
    const answers = setInterval(() => onTheirWay.size > 0 && answerOne(), 5);
    await untilDone(id).finally(() => clearInterval(answers));
    expect(ended).toBe(12);
  });

  it('waiters for a turn stop when their step is to stop', async () => {
    let begun = 0;
    await startRunner(async (step) => {
      begun++;
      await step.pace.inTurn(() => new Promise((_resolve, reject) => step.signal.addEventListener('abort', () => reject(new Error('aborted')))));
    });
    const id = await enqueue('sharing', { requestsInFlight: 1 });
    await until(() => begun === 3);
    await Promise.all(runners.splice(0).map((runner) => runner.stop()));
    expect((await progressOf(id))?.stepsDone).toBe(0);
    expect(await dataSource.manager.countBy(JobStepEntity, { jobId: id, holder: IsNull(), done: false })).toBe(3);
  });

  it('is divided by the processes that work under it', async () => {
    limit = { bytesPerSecond: 64 * 64 * KIB };
    const seen = new Map<string, number | undefined>();
    let over = false;
    const script = (name: string) => async (step: StepContext) => {
      while (!over) {
        seen.set(name, step.pace.requestBytes);
        await step.throttle({ bytes: 0, items: 0 });
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    };
    await startRunner(script('first'), { stepsPerProcess: 1 });
    const jobs = [await enqueue('sharing')];
    await untilEqual(() => seen.get('first'), 64 * KIB);
    await startRunner(script('second'), { stepsPerProcess: 1 });
    jobs.push(await enqueue('sharing'));
    await untilEqual(() => [seen.get('first'), seen.get('second')], [32 * KIB, 32 * KIB]);
    over = true;
    for (const id of jobs) await untilDone(id);
  });
});
