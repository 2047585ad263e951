export { BACKUP_DATA_SOURCE, BACKUP_SCHEMA, DatabaseOptions, createDataSource, migrate, openDataSource, remakeSchema, revertMigrations } from './data-source';
export { DatabaseErrorInterceptor } from './database-error.interceptor';
export { isRetryableDatabaseError, unavailableError } from './database-errors';
export { DatabaseModule, DatabaseModuleAsyncOptions } from './database.module';
export { EmbeddedServer, EmbeddedServerOptions } from './embedded-server';
export { NotificationListener } from './notification-listener';
