export { PostgresTableBackendOptions } from './options';
export { createPostgresTableBackend } from './postgres-table-backend';
