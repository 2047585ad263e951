import type { EntityManager } from 'typeorm';
import type { JobError, JobHandler, JobView, StepContext, StepOutcome } from './job-handler';

const SUFFIX = '.outside';

/** The kind of jobs that do the same at a place outside, for which they may hold sealed credentials. */
export function outsideKind(kind: string): string {
  return `${kind}${SUFFIX}`;
}

export function isOutsideKind(kind: string): boolean {
  return kind.endsWith(SUFFIX);
}

/**
 * Jobs of a kind, at places outside. They have a kind of their own, so that processes of versions that know neither these places nor sealed credentials leave
 * them alone.
 */
export class OutsideJobs implements JobHandler {
  readonly kind: string;
  readonly stages: readonly string[];
  readonly cleanupStage: string;

  constructor(private readonly inner: JobHandler) {
    this.kind = outsideKind(inner.kind);
    this.stages = inner.stages;
    this.cleanupStage = inner.cleanupStage;
  }

  runStep(step: StepContext): Promise<StepOutcome> {
    return this.inner.runStep(step);
  }

  started(job: JobView, tx: EntityManager): Promise<void> {
    return this.inner.started(job, tx);
  }

  succeeded(job: JobView, tx: EntityManager): Promise<void> {
    return this.inner.succeeded(job, tx);
  }

  failed(job: JobView, error: JobError, tx: EntityManager): Promise<void> {
    return this.inner.failed(job, error, tx);
  }
}
