import { DataSource, EntityManager } from 'typeorm';
import { JobEntity, JobError, JobHandler, JobRunner, JobStepEntity, JobView, StepContext, StepOutcome } from '../../src/jobs';
import { openDataSource } from '../../src/database';
import { DomainError, systemClock } from '../../src/kernel';
import { EventDeliveryEntity, EventEntity, NewEvent, Notifier } from '../../src/notifications';
import { createLogger } from '../../src/telemetry';

/**
 * A worker process for tests of crashes: runs jobs of kind `tally`, which note each unit of work in the table `tally`, once.
 * Environment: DATABASE_URL, LEASE_MILLIS. Prints `ready`, and drains on SIGTERM.
 */
export const TALLY_JOB = 'tally';
export const TALLY_STEPS = 3;
export const TALLY_UNITS = 3;

export function openWorkerDatabase(url: string): Promise<DataSource> {
  return openDataSource({ url, entities: [JobEntity, JobStepEntity, EventEntity, EventDeliveryEntity] });
}

class TallyHandler implements JobHandler {
  readonly kind = TALLY_JOB;
  readonly stages = ['plan', 'copy', 'seal'];
  readonly cleanupStage = 'cleanup';
  private readonly notifier = new Notifier({ clock: systemClock, senders: [{ name: 'log', wants: () => true }] });

  async runStep(step: StepContext): Promise<StepOutcome> {
    if (step.stage === 'plan') return { nextSteps: Array.from({ length: TALLY_STEPS }, (_, payload) => ({ payload })) };
    if (step.stage === 'seal' && step.job.params === 'fail') throw new DomainError('VerificationFailed', 'as asked');
    if (step.stage !== 'copy') return {};
    for (let unit = typeof step.cursor === 'number' ? step.cursor : 0; unit < TALLY_UNITS; unit += 1) {
      await step.throttle({ bytes: 1, items: 1 });
      await step.commit(unit + 1, { items: 1 }, async (tx) => {
        await tx.query('INSERT INTO public.tally (job_id, step, unit) VALUES ($1, $2, $3)', [step.job.id, step.payload, unit]);
      });
    }
    return {};
  }

  started(job: JobView, tx: EntityManager): Promise<void> {
    return this.announce(job, 'start', tx);
  }
  succeeded(job: JobView, tx: EntityManager): Promise<void> {
    return this.announce(job, 'end', tx);
  }
  failed(job: JobView, _error: JobError, tx: EntityManager): Promise<void> {
    return this.announce(job, 'error', tx);
  }
  private announce(job: JobView, phase: NewEvent['phase'], tx: EntityManager): Promise<void> {
    return this.notifier.enqueue(tx, { jobId: job.id, operation: 'backup.create', phase, payload: {} });
  }
}

async function main(url: string, leaseMillis: number): Promise<void> {
  const dataSource = await openWorkerDatabase(url);
  const settings = { leaseMillis, pollMillis: 100, backoffMillis: 10, maxAttempts: 3 };
  const runner = new JobRunner({ dataSource, log: createLogger('error'), settings });
  runner.register(new TallyHandler());
  process.once('SIGTERM', () => {
    void runner.stop().then(() => dataSource.destroy());
  });
  await runner.start();
  process.stdout.write('ready\n');
}

if (require.main === module) {
  main(process.env.DATABASE_URL ?? '', Number(process.env.LEASE_MILLIS ?? '1000')).catch((error: unknown) => {
    process.stderr.write(`${String(error)}\n`);
    process.exitCode = 1;
  });
}
