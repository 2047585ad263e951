/** The public surface: what a host may use, and nothing else is public. */
export {
  AuthModule,
  AuthOptions,
  CurrentIdentity,
  EveryProject,
  Identity,
  KeystoneAuthGuard,
  KeystoneOptions,
  Policy,
  PolicyRule,
  Public,
  Requires,
  TOKEN_VALIDATOR,
  TokenAuthority,
  TokenValidator,
} from './auth';
export {
  BaseUrlOptions,
  ErrorFilter,
  fastifyServerOptions,
  HttpModule,
  HttpRequest,
  parseLimit,
  QueryParameters,
  queryText,
  rejectUnknownQuery,
  requestBaseUrl,
  RequestIdInterceptor,
  requestIdOf,
} from './http';
/** Items, schemas, digests, domain errors: the words that the ports are written in. A host's own adapters need them. */
export * from './kernel';
export * from './tables';
export { BackupRestoreAsyncOptions } from './backup-restore.core';
export { BackupRestoreHealth, HealthPart } from './backup-restore.health';
export { BackupRestoreModule } from './backup-restore.module';
export { BACKUP_RESTORE_OPTIONS, BackupRestoreOptions, JobSettings } from './backup-restore.options';
export { dumpJobDatabase, JobDatabaseDump, JobDatabaseRestore, restoreJobDatabase } from './catalogue';
export { EmbeddedServer, EmbeddedServerOptions } from './database';
export { ResolveTables } from './maintenance';
export { AmqpOptions, AmqpSender, DeliveryError, EventSubject, NotificationEvent, NotificationSender, NotificationSettings, WebhookSender, amqp, parseWebhooks, webhook } from './notifications';
export { TableDrops } from './protection';
export { BackupLocation, ObjectStore, RegistryOptions, StorageSettings, StoreAdapter, StoreTarget, checkStorageSettings, newCredentialsKey } from './storage';
export { StrategyConfig, parseStrategyConfig } from './strategy';
export {
  LogLevel,
  Logger,
  PRODUCT_VERSION,
  Remembered,
  contextOf,
  createLogger,
  endSpan,
  httpLoggerOptions,
  inSpan,
  silentLogger,
  startSpan,
  withLogFields,
} from './telemetry';
