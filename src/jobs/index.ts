export { failPoint } from './fail-point';
export * from './job-handler';
export { OutsideJobs, isOutsideKind, outsideKind } from './outside-jobs';
export { GrantEntity } from './grant.entity';
export { Grants } from './grants';
export { JobRunner, JobRunnerOptions } from './job-runner';
export { DEFAULT_JOB_SETTINGS, JobSettings } from './job-settings';
export { JobEntity, JobStepEntity } from './job.entity';
export { PostgresJobQueue } from './postgres-job-queue';
