import { once } from 'node:events';
import type { DataSource } from 'typeorm';
import type { JobError, JobHandler, JobProgress, JobView, PostgresJobQueue, StepContext, StepOutcome } from '../../src/jobs';
import { until } from './until';

/** A handler made of functions, that notes what happens to its jobs. */
export class ScriptedHandler implements JobHandler {
  readonly cleanupStage = 'cleanup';
  readonly notes: string[] = [];
  readonly errors: JobError[] = [];
  constructor(
    readonly kind: string,
    readonly stages: readonly string[],
    private readonly script: (step: StepContext) => Promise<StepOutcome | void>,
  ) {}
  async runStep(step: StepContext): Promise<StepOutcome> {
    return (await this.script(step)) ?? {};
  }
  async started(): Promise<void> {
    this.notes.push('started');
  }
  async succeeded(): Promise<void> {
    this.notes.push('succeeded');
  }
  async failed(_job: JobView, error: JobError): Promise<void> {
    this.notes.push('failed');
    this.errors.push(error);
  }
}

/** Resolves when the signal is aborted. */
export function aborted(signal: AbortSignal): Promise<unknown> {
  return signal.aborted ? Promise.resolve() : once(signal, 'abort');
}

/** Waits for a job's state; a job that failed meanwhile is told at once, with its error. */
export function untilState(dataSource: DataSource, queue: PostgresJobQueue, id: string, state: JobProgress['state']): Promise<JobProgress> {
  return until(
    async () => {
      const progress = (await queue.progress([id])).get(id);
      if (progress === undefined) throw new Error('no such job');
      if (progress.state === state) return progress;
      if (progress.state !== 'failed') return undefined;
      throw new Error(`the job failed: ${JSON.stringify(await dataSource.query('SELECT error FROM magnetodb_backup.jobs WHERE id = $1', [id]))}`);
    },
    30_000,
    `the job did not become ${state}`,
  );
}
