export { keyCollision } from './backend-errors';
export * from './native-tables';
export * from './table-backend';
export { CassandraTableBackendOptions, Consistency, createCassandraTableBackend } from './cassandra';
export { createPostgresTableBackend, PostgresTableBackendOptions } from './postgres';
export { LockObserver, Locked, withTableLock } from './with-table-lock';
