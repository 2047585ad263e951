export { BackupCatalogue, TableScope } from './backup-catalogue';
export { BackupCreateDependencies, BackupCreateHandler, targetOf } from './backup-create.handler';
export { backupEvent, EventPhase } from './backup-events';
export { findBackup } from './backup-of-job';
export { BACKUP_CREATE_JOB, BACKUP_CREATE_NATIVE_JOB, BACKUP_DELETE_JOB, BACKUP_VERIFY_JOB, BackupCreateParams, BackupDeleteParams, BackupVerifyParams } from './backup-job.params';
export { BACKUP_STATUSES, BackupEntity, BackupObjectEntity, BackupStatus, safeBigint, Verification } from './backup.entity';
export { BackupQuota } from './backup-quota';
export { BACKUP_USERS, BackupUsers } from './backup-users';
export { BackupModule } from './backup.module';
export { NativeBackupDependencies, NativeBackupHandler } from './native-backup.handler';
export { BACKUP_OPTIONS, BackupOptions } from './backup.options';
export { backupNotExists, BackupService, emptyBackup, PreparedBackup, TableAddress } from './backup.service';
export { RequestKind, RequestTokenEntity } from './request-token.entity';
export { Replay, RequestTokens, tokenConflict, TokenUse } from './request-tokens';
export { AnswerContext, AnswerContexts } from './rest/answer-context';
export * from './rest/api-docs';
export { BACKUP_PARAM } from './rest/backup-api-docs';
export {
  ACCESS_BODY,
  CLIENT_TOKEN_KEY,
  ERROR_KEY,
  idKey,
  linksKey,
  modelName,
  modelsOf,
  PAUSED_KEY,
  RATE_LIMIT_KEY,
  PROGRESS_KEY,
  RESTORE_STRATEGY_REQUEST,
  SOURCE_KEY,
  tableIdKey,
  TIME,
} from './rest/api-models';
export { DEFAULT_PAGE, JobChange, MAX_PAGE, PageQuery, parseJobChange, parsePage } from './rest/backup-requests';
export { BackupView, presentBackup } from './rest/backup.presenter';
export { deployedDialect, Dialect, specDialect } from './rest/dialect';
export { checkName, readBoolean, readChoice, readClientToken, readObject, readStrategy, readUuid, valueOf } from './rest/json-body';
export { ManagementController } from './rest/management.controller';
export { Answer, present, presentLastId, presentPaused, presentProgress, presentRateLimit, presentTime } from './rest/presenting';
export { findTable, parseTableParam } from './table-finder';
export { CLOCK, STRATEGY_CONFIG } from './tokens';
export { inTransaction } from './transactions';
export { TypeormBackupLedger } from './typeorm-backup-ledger';
