export { createCassandraTableBackend } from './cassandra-table-backend';
export { CassandraTableBackendOptions, Consistency } from './options';
