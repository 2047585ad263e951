import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Logger } from 'nestjs-pino';
import { Registry, collectDefaultMetrics } from 'prom-client';
import {
  EmbeddedServer,
  Policy,
  checkStorageSettings,
  createLogger,
  parseStrategyConfig,
} from '../index';
import { parseProjectQuotas } from '../kernel';
import { amqpSenders } from './amqp';
import { createGatewayApp } from './create-app';
import { credentialsKeys } from './credentials-keys';
import { drain } from './drain';
import { pluginOptions, storageSettings } from './plugin-options';
import { naming } from './setting';
import { GatewaySettings } from './settings';
import { startLogger } from './start-logger';
import { checkTables, openTables } from './tables';
import { startTracing } from './telemetry/tracing';
import { webhookSenders } from './webhooks';

export interface RunningGateway {
  /** `http://host:port`, with the port that was really taken. */
  readonly url: string;
  /** The development token that was made up since none was given. */
  readonly madeUpToken: string | undefined;
  stop(): Promise<void>;
}

/** Starts everything that the settings ask for, and on failure stops what it had started. */
export async function startGateway(settings: GatewaySettings): Promise<RunningGateway> {
  checkAuthority(settings);
  checkTables(settings);
  const strategies = await naming('STRATEGIES_FILE', async () => parseStrategyConfig(await readJson(settings.strategiesFile)));
  const projectQuotas = await naming('QUOTAS_FILE', async () => parseProjectQuotas(await readJson(settings.quotasFile)));
  const senders = [...(await webhookSenders(settings)), ...(await amqpSenders(settings))];
  const dataDir = resolve(settings.dataDir);
  const internalUrl = settings.objectsUrl ?? pathToFileURL(join(dataDir, 'objects')).href;
  if (settings.policyFile !== undefined) await naming('POLICY_FILE', () => Policy.fromFile(String(settings.policyFile)));
  await naming('OBJECTS_URL', () => checkStorageSettings(storageSettings(settings, internalUrl)));
  const madeUpToken =
    settings.devTokens === undefined && settings.keystoneUrl === undefined
      ? randomBytes(24).toString('hex')
      : undefined;
  const stops: (() => Promise<void>)[] = [];
  // Each is stopped, whatever becomes of the others.
  const stop = async (): Promise<void> => {
    const failures: unknown[] = [];
    for (const one of stops.splice(0).reverse()) await one().catch((error: unknown) => failures.push(error));
    if (failures.length > 0) throw failures[0];
  };
  const logger = createLogger(settings.logLevel);
  try {
    if (settings.otlpEndpoint !== undefined) {
      const tracing = { endpoint: settings.otlpEndpoint, serviceName: settings.otelServiceName, ratio: Number(settings.traceRatio), log: logger };
      stops.push(await startTracing(tracing));
    }
    let databaseUrl = settings.databaseUrl;
    if (databaseUrl === undefined) {
      const server = await naming('DATA_DIR', () => EmbeddedServer.start({ dataDir: join(dataDir, 'postgres') }));
      stops.push(() => server.stop());
      databaseUrl = server.url;
    }
    const tables = await openTables(settings, databaseUrl);
    stops.push(() => tables.close());
    const keys = await naming('CREDENTIALS_KEYS', () => credentialsKeys(settings));
    const plugin = pluginOptions(settings, { databaseUrl, tables, internalUrl, strategies, projectQuotas, senders, madeUpToken, credentialsKeys: keys, logger });
    const app = await createGatewayApp({
      plugin: { ...plugin, metricsRegistry: processMetrics() },
      openMetrics: settings.metricsPublic,
      dataApi: { maxItemBytes: settings.maxItemBytes, baseUrl: { trustProxy: settings.trustProxy, ...(settings.publicUrl === undefined ? {} : { publicUrl: settings.publicUrl }) } },
      logger,
      maxBodyBytes: settings.maxBodyBytes,
      trustProxy: settings.trustProxy,
      startLogger: startLogger(logger),
    });
    stops.push(() => drain(app));
    await app.init();
    app.useLogger(app.get(Logger));
    await naming('HOST or PORT', () => app.listen(settings.port, settings.host));
    return { url: await app.getUrl(), madeUpToken, stop };
  } catch (error) {
    await stop().catch(() => undefined);
    throw error;
  }
}

/** What has to be wrong about who judges tokens is wrong before anything is started. */
function checkAuthority(settings: GatewaySettings): void {
  if (settings.keystoneUrl === undefined) {
    if (process.env.NODE_ENV === 'production') throw new Error('DEV_TOKENS: development tokens are refused with NODE_ENV=production; set KEYSTONE_URL');
  } else {
    const { keystoneUsername: name, keystonePassword: password, keystoneApplicationCredentialId: id, keystoneApplicationCredentialSecret: secret } = settings;
    const [byName, byCredential] = [[name, password], [id, secret]].map((pair) => pair.filter((value) => value !== undefined).length);
    if (!(byName === 2 && byCredential === 0) && !(byName === 0 && byCredential === 2)) {
      throw new Error(
        'KEYSTONE_URL needs KEYSTONE_USERNAME and KEYSTONE_PASSWORD beside it, or else KEYSTONE_APPLICATION_CREDENTIAL_ID and KEYSTONE_APPLICATION_CREDENTIAL_SECRET',
      );
    }
  }
}

/** A registry with what Node.js says of the process: memory, CPU, event loop, collections of garbage. */
function processMetrics(): Registry {
  const register = new Registry();
  collectDefaultMetrics({ register });
  return register;
}

async function readJson(file: string | undefined): Promise<unknown> {
  return file === undefined ? {} : JSON.parse(await readFile(file, 'utf8'));
}
