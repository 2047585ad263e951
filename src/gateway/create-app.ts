import { NestApplicationOptions } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, NestFastifyApplication } from '@nestjs/platform-fastify';
import { Registry } from 'prom-client';
import { BackupRestoreOptions, createLogger, fastifyServerOptions } from '../index';
import { DataApiOptions } from './data/data-api.options';
import { keepBulkLoadsStreaming } from './data/keep-bulk-loads-streaming';
import { GatewayModule } from './gateway.module';
import { serveOpenApi } from './serve-openapi';
import { observeRequests } from './telemetry/observe-requests';

/** What the gateway is made of. */
export interface GatewayParts {
  readonly plugin: BackupRestoreOptions;
  readonly dataApi: DataApiOptions;
  readonly logger: ReturnType<typeof createLogger>;
  /** Bytes of a JSON body. */
  readonly maxBodyBytes: number;
  readonly trustProxy: boolean;
  /** Is `/metrics` for everybody? Else it needs a token that the rule `metrics:read` allows. Default false. */
  readonly openMetrics?: boolean;
  /** Hears of the start, until the application's own logger can. */
  readonly startLogger: NonNullable<NestApplicationOptions['logger']>;
}

/** The gateway, not yet initialised and listening nowhere. */
export async function createGatewayApp(parts: GatewayParts): Promise<NestFastifyApplication> {
  const registry = parts.plugin.metricsRegistry ?? new Registry();
  const plugin = { ...parts.plugin, metricsRegistry: registry };
  const app = await NestFactory.create<NestFastifyApplication>(
    GatewayModule.forRoot(plugin, parts.dataApi, parts.logger, { registry, open: parts.openMetrics ?? false }),
    new FastifyAdapter({ ...fastifyServerOptions(parts.maxBodyBytes), trustProxy: parts.trustProxy }),
    // Fastify's own parser reads JSON. Nest's would read forms beside it, which pages of other sites can send.
    { logger: parts.startLogger, abortOnError: false, bodyParser: false },
  );
  const server = app.getHttpAdapter().getInstance();
  keepBulkLoadsStreaming(server);
  observeRequests(server, registry, parts.trustProxy);
  serveOpenApi(app);
  return app;
}
