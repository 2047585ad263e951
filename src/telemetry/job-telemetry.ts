import { SpanKind } from '@opentelemetry/api';
import { withLogFields } from './log-context';
import type { PluginMetrics } from './plugin-metrics';
import { contextOf, endSpan, inSpan, startSpan } from './tracing';

/** What is said of a job: ids and kinds only. */
export interface JobFacts {
  readonly id: string;
  readonly kind: string;
  readonly projectId: string;
  readonly subjectId: string;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  /** The request that asked for the job, where it was traced. */
  readonly traceParent: string | undefined;
}

export interface StepFacts {
  readonly job: JobFacts;
  readonly stage: string;
  readonly stepId: string;
  readonly attempt: number;
}

/** `interrupted`: given back without fault (the process drains, the job is paused or about to fail, the lease went elsewhere). */
export type StepEnding = 'done' | 'retried' | 'failed' | 'interrupted';

/**
 * Watches the job runner: counts, traces, and gives every line of the log that is written within a step the ids of its job. A step's span
 * is a child of the request that asked for the job, whichever process runs it; so is the span of the job, which is written at its end.
 */
export class JobTelemetry {
  constructor(private readonly metrics?: PluginMetrics) {}

  async step(step: StepFacts, work: () => Promise<StepEnding>): Promise<void> {
    const { job, stage } = step;
    const span = startSpan(`${job.kind} ${stage}`, {
      kind: SpanKind.CONSUMER,
      parent: contextOf(job.traceParent),
      attributes: { ...attributesOf(job), 'magnetodb.stage': stage, 'magnetodb.step_id': step.stepId, 'magnetodb.attempt': step.attempt },
    });
    const fields = { job_id: job.id, job_kind: job.kind, stage, step_id: step.stepId, attempt: step.attempt };
    const began = performance.now();
    const outcome = await inSpan(span, () => withLogFields(fields, work));
    span.setAttribute('magnetodb.outcome', outcome);
    endSpan(span, outcome === 'retried' || outcome === 'failed' ? `step_${outcome}` : undefined);
    this.metrics?.stepSeconds.observe({ kind: job.kind, stage, outcome }, seconds(performance.now() - began));
  }

  /** After the commit that kept it. What a step takes back was done all the same: counters only grow. */
  progressed(kind: string, progress: { readonly items?: number; readonly bytes?: number }): void {
    this.metrics?.items.inc({ kind }, Math.max(0, progress.items ?? 0));
    this.metrics?.bytes.inc({ kind }, Math.max(0, progress.bytes ?? 0));
  }

  /** After the commit of the transaction that ended the job, its terminal event in it. `failure`: the error's type. */
  jobEnded(job: JobFacts, state: 'succeeded' | 'failed', startedAt: number, failure?: string): void {
    // What somebody wanted to end is no failure of the service.
    const outcome = failure === 'Cancelled' ? 'cancelled' : state;
    const span = startSpan(`${job.kind} job`, {
      kind: SpanKind.CONSUMER,
      parent: contextOf(job.traceParent),
      startedAt: job.createdAt,
      attributes: { ...attributesOf(job), 'magnetodb.outcome': outcome },
    });
    span.addEvent(`job ${outcome}`);
    endSpan(span, outcome === 'failed' ? (failure ?? 'InternalError') : undefined);
    this.metrics?.jobSeconds.observe({ kind: job.kind, outcome }, seconds(Date.now() - startedAt));
  }

  cleanupFailed(kind: string): void {
    this.metrics?.cleanupFailures.inc({ kind });
  }
}

function attributesOf(job: JobFacts): Record<string, string> {
  return {
    'magnetodb.job_id': job.id,
    'magnetodb.job_kind': job.kind,
    'magnetodb.subject_id': job.subjectId,
    'magnetodb.project_id': job.projectId,
  };
}

function seconds(millis: number): number {
  return Math.max(0, millis) / 1000;
}
