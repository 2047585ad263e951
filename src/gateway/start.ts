import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, NestFastifyApplication } from '@nestjs/platform-fastify';
import { Logger, PinoLogger } from 'nestjs-pino';
import {
  BackupRestoreOptions,
  EmbeddedServer,
  TokenAuthority,
  createLogger,
  createPostgresTableBackend,
  fastifyServerOptions,
  parseStrategyConfig,
} from '../index';
import { parseLocationUrl } from '../kernel';
import { keepBulkLoadsStreaming } from './data/keep-bulk-loads-streaming';
import { drain } from './drain';
import { GatewayModule } from './gateway.module';
import { serveOpenApi } from './serve-openapi';
import { naming } from './setting';
import { GatewaySettings } from './settings';

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
  const strategies = await naming('STRATEGIES_FILE', async () => parseStrategyConfig(await readJson(settings.strategiesFile)));
  const dataDir = resolve(settings.dataDir);
  const internalUrl = settings.objectsUrl ?? pathToFileURL(join(dataDir, 'objects')).href;
  await naming('OBJECTS_URL', () => parseLocationUrl(internalUrl, 'the object store'));
  const madeUpToken =
    settings.devTokens === undefined && settings.keystoneUrl === undefined
      ? randomBytes(24).toString('hex')
      : undefined;
  const stops: (() => Promise<void>)[] = [];
  const stop = async (): Promise<void> => {
    for (const one of stops.splice(0).reverse()) await one();
  };
  try {
    let databaseUrl = settings.databaseUrl;
    if (databaseUrl === undefined) {
      const server = await naming('DATA_DIR', () => EmbeddedServer.start({ dataDir: join(dataDir, 'postgres') }));
      stops.push(() => server.stop());
      databaseUrl = server.url;
    }
    const connectionString = databaseUrl;
    const tables = await naming('DATABASE_URL', () => createPostgresTableBackend({ connectionString }));
    stops.push(() => tables.close());
    const logger = createLogger(settings.logLevel);
    const plugin: BackupRestoreOptions = {
      database: { url: databaseUrl },
      tables,
      auth: {
        authority: authorityOf(settings, madeUpToken),
        ...(settings.adminProject === undefined ? {} : { adminProjectId: settings.adminProject }),
        ...(settings.policyFile === undefined ? {} : { policyFile: settings.policyFile }),
      },
      storage: {
        internalUrl,
        allowedFolders: settings.allowedFolders,
        allowedHosts: settings.allowedHosts,
      },
      strategies,
      jobs: {
        maxJobs: settings.maxJobs,
        maxJobsPerProject: settings.maxJobsPerProject,
        stepsPerProcess: settings.stepsPerProcess,
        leaseSeconds: settings.leaseSeconds,
        maxAttempts: settings.maxAttempts,
        rangeBytes: settings.rangeBytes,
        maxRanges: settings.maxRanges,
        chunkBytes: settings.chunkBytes,
      },
      ...(settings.exclusiveGateways === undefined ? {} : { exclusiveGateways: settings.exclusiveGateways === 'true' }),
      replaceGraceSeconds: settings.replaceGraceSeconds,
      sweepSeconds: settings.sweepSeconds,
      ...(settings.publicUrl === undefined ? {} : { publicUrl: settings.publicUrl }),
      ...(settings.maxBackupsPerProject === undefined ? {} : { maxBackupsPerProject: settings.maxBackupsPerProject }),
      trustProxy: settings.trustProxy,
      logger,
    };
    const adapter = new FastifyAdapter({
      ...fastifyServerOptions(settings.maxBodyBytes),
      trustProxy: settings.trustProxy,
    });
    const app = await NestFactory.create<NestFastifyApplication>(
      GatewayModule.forRoot(
        plugin,
        { maxItemBytes: settings.maxItemBytes, baseUrl: { trustProxy: settings.trustProxy } },
        logger,
      ),
      adapter,
      { logger: ['error', 'warn', 'fatal'], abortOnError: false },
    );
    stops.push(() => drain(app));
    keepBulkLoadsStreaming(app.getHttpAdapter().getInstance());
    serveOpenApi(app);
    // Nest's own account of how it puts itself together (a line a module, a line a route) is of no use to an operator.
    await app.init();
    app.useLogger(app.get(Logger));
    await naming('HOST or PORT', () => app.listen(settings.port, settings.host));
    return { url: await app.getUrl(), madeUpToken, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** What has to be wrong about who judges tokens is wrong before anything is started. */
function checkAuthority(settings: GatewaySettings): void {
  if (settings.keystoneUrl === undefined) {
    if (process.env.NODE_ENV === 'production') throw new Error('DEV_TOKENS: development tokens are refused with NODE_ENV=production; set KEYSTONE_URL');
  } else if (settings.keystoneUsername === undefined || settings.keystonePassword === undefined) {
    throw new Error('KEYSTONE_URL needs KEYSTONE_USERNAME and KEYSTONE_PASSWORD beside it');
  }
}

async function readJson(file: string | undefined): Promise<unknown> {
  return file === undefined ? {} : JSON.parse(await readFile(file, 'utf8'));
}

function authorityOf(settings: GatewaySettings, madeUpToken: string | undefined): TokenAuthority {
  if (settings.keystoneUrl === undefined)
    return { kind: 'static', tokens: settings.devTokens ?? `${madeUpToken ?? ''}=demo:member` };
  return {
    kind: 'keystone',
    keystone: {
      authUrl: settings.keystoneUrl,
      username: settings.keystoneUsername ?? '',
      password: settings.keystonePassword ?? '',
      projectName: settings.keystoneProject,
      userDomainName: settings.keystoneDomain,
      projectDomainName: settings.keystoneDomain,
    },
  };
}
