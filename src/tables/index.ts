export * from './table-backend';
export { createPostgresTableBackend, PostgresTableBackendOptions } from './postgres';
