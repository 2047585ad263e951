export { readArchive } from './engine/portable-restore';
export { RESTORE_JOB, RESTORE_NATIVE_JOB, RESTORE_PART_JOB, RestoreParams } from './restore-job.params';
export { OnExisting, RESTORE_STATUSES, RestoreEntity, RestoreProofEntity, RestoreStatus } from './restore.entity';
export { RestoreDependencies, RestoreHandler } from './restore.handler';
export { restoreModelsOf } from './rest/restore-api-docs';
export { presentRestore, RestoreView } from './rest/restore.presenter';
export { RestoreModule } from './restore.module';
export { RunningRestores } from './running-restores';
export { RestoreService } from './restore.service';
