import { NestApplicationOptions } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, NestFastifyApplication } from '@nestjs/platform-fastify';
import { BackupRestoreOptions, createLogger, fastifyServerOptions } from '../index';
import { DataApiOptions } from './data/data-api.options';
import { keepBulkLoadsStreaming } from './data/keep-bulk-loads-streaming';
import { GatewayModule } from './gateway.module';
import { serveOpenApi } from './serve-openapi';

/** What the gateway is made of. */
export interface GatewayParts {
  readonly plugin: BackupRestoreOptions;
  readonly dataApi: DataApiOptions;
  readonly logger: ReturnType<typeof createLogger>;
  /** Bytes of a JSON body. */
  readonly maxBodyBytes: number;
  readonly trustProxy: boolean;
  /** Hears of the start, until the application's own logger can. */
  readonly startLogger: NonNullable<NestApplicationOptions['logger']>;
}

/** The gateway, not yet initialised and listening nowhere. */
export async function createGatewayApp(parts: GatewayParts): Promise<NestFastifyApplication> {
  const app = await NestFactory.create<NestFastifyApplication>(
    GatewayModule.forRoot(parts.plugin, parts.dataApi, parts.logger),
    new FastifyAdapter({ ...fastifyServerOptions(parts.maxBodyBytes), trustProxy: parts.trustProxy }),
    // Fastify's own parser reads JSON. Nest's would read forms beside it, which pages of other sites can send.
    { logger: parts.startLogger, abortOnError: false, bodyParser: false },
  );
  keepBulkLoadsStreaming(app.getHttpAdapter().getInstance());
  serveOpenApi(app);
  return app;
}
