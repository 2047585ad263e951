import { readFile } from 'node:fs/promises';
import type { ConnectionOptions } from 'node:tls';
import { CassandraTableBackendOptions, TableBackend, createCassandraTableBackend, createPostgresTableBackend } from '../index';
import { naming } from './setting';
import { GatewaySettings } from './settings';

/** What the settings say keeps the tables. */
export async function openTables(settings: GatewaySettings, connectionString: string): Promise<TableBackend> {
  if (settings.tablesBackend === 'postgresql') return naming('DATABASE_URL', () => createPostgresTableBackend({ connectionString }));
  return naming('CASSANDRA_CONTACT_POINTS', async () => createCassandraTableBackend(await cassandraOptions(settings)));
}

/** How the settings say to reach the cluster. */
export async function cassandraOptions(settings: GatewaySettings): Promise<CassandraTableBackendOptions> {
  const { cassandraUsername: username, cassandraPassword: password } = settings;
  const replication = settings.cassandraReplication.map((each) => [each.slice(0, each.lastIndexOf(':')), each.slice(each.lastIndexOf(':') + 1)] as const);
  const tls = await tlsOptions(settings);
  return {
    contactPoints: settings.cassandraContactPoints,
    dataCenter: settings.cassandraDataCenter,
    consistency: settings.cassandraConsistency,
    frameLane: settings.cassandraFrameLane,
    connectTimeoutMillis: settings.cassandraConnectSeconds * 1000,
    ...(username === undefined || password === undefined ? {} : { credentials: { username, password } }),
    ...(tls ? { tls } : {}),
    ...(replication.length === 0 ? {} : { replication: { class: 'NetworkTopologyStrategy', ...Object.fromEntries(replication) } }),
  };
}

/** What is wrong about them alone is wrong before anything is started. */
export function checkTables(settings: GatewaySettings): void {
  if (settings.tablesBackend === 'postgresql') return;
  if (settings.cassandraContactPoints.length === 0) throw new Error('TABLES_BACKEND: cassandra needs CASSANDRA_CONTACT_POINTS beside it');
  if ((settings.cassandraUsername === undefined) !== (settings.cassandraPassword === undefined)) {
    throw new Error('CASSANDRA_USERNAME and CASSANDRA_PASSWORD need each other');
  }
  const files = [settings.cassandraCaFile, settings.cassandraCertFile, settings.cassandraKeyFile].some((file) => file !== undefined);
  if (files && !settings.cassandraTls) throw new Error('CASSANDRA_TLS: certificates are of no use without it');
}

async function tlsOptions(settings: GatewaySettings): Promise<ConnectionOptions | undefined> {
  if (!settings.cassandraTls) return undefined;
  const files = {
    ca: await pem('CASSANDRA_CA_FILE', settings.cassandraCaFile),
    cert: await pem('CASSANDRA_CERT_FILE', settings.cassandraCertFile),
    key: await pem('CASSANDRA_KEY_FILE', settings.cassandraKeyFile),
  };
  const given = Object.entries(files).filter(([, content]) => content !== undefined);
  // The driver's own default is to take any certificate.
  return { rejectUnauthorized: true, ...Object.fromEntries(given) };
}

async function pem(env: string, file: string | undefined): Promise<Buffer | undefined> {
  return file === undefined ? undefined : naming(env, () => readFile(file));
}
