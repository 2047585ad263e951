import { DynamicModule, Module } from '@nestjs/common';
import { LoggerModule } from 'nestjs-pino';
import { APP_FILTER, APP_INTERCEPTOR } from '@nestjs/core';
import { BackupRestoreHealth, BackupRestoreModule, BackupRestoreOptions, ErrorFilter, HttpModule, RequestIdInterceptor, TABLE_BACKEND, TOKEN_VALIDATOR, TableBackend, TokenValidator, createLogger, httpLoggerOptions, requestIdOf } from '../index';
import { ConsoleModule } from './console/console.module';
import { DataApiModule } from './data/data-api.module';
import { DataApiOptions } from './data/data-api.options';
import { identityCheck, storageCheck } from './health/health-checks';
import { HEALTH_CHECKS, HealthCheck, HealthController } from './health/health.controller';
import { MonitoringController } from './monitoring/monitoring.controller';
import { METRICS_OPTIONS, MetricsController, MetricsOptions } from './telemetry/metrics.controller';

/** The host: MagnetoDB's data API, monitoring and health, with the plugin imported as anybody would. */
@Module({})
export class GatewayModule {
  static forRoot(plugin: BackupRestoreOptions, dataApi: DataApiOptions, logger: ReturnType<typeof createLogger>, metrics: MetricsOptions): DynamicModule {
    return {
      module: GatewayModule,
      imports: [BackupRestoreModule.forRootAsync({ useFactory: () => plugin }), DataApiModule.forRoot(dataApi), ConsoleModule, HttpModule, LoggerModule.forRoot({ pinoHttp: httpLoggerOptions(logger, requestIdOf) })],
      controllers: [MonitoringController, HealthController, MetricsController],
      providers: [
        // For what no controller answers: unknown paths, bodies that cannot be read.
        { provide: APP_FILTER, useExisting: ErrorFilter },
        { provide: APP_INTERCEPTOR, useExisting: RequestIdInterceptor },
        { provide: METRICS_OPTIONS, useValue: metrics },
        {
          provide: HEALTH_CHECKS,
          inject: [TABLE_BACKEND, TOKEN_VALIDATOR, BackupRestoreHealth],
          useFactory: (tables: TableBackend, validator: TokenValidator, health: BackupRestoreHealth): HealthCheck[] => [
            identityCheck(validator),
            storageCheck(tables),
            ...health.parts,
          ],
        },
      ],
    };
  }
}
