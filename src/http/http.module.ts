import { Module } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { BodilessDeletes } from './bodiless-deletes';
import { ErrorFilter } from './error-filter';
import { RequestIdInterceptor } from './request-id';
import { RouteTable } from './route-table';

/** The error filter and the request id, for a module that binds them to its controllers or (APP_FILTER, APP_INTERCEPTOR) to all. */
@Module({
  imports: [DiscoveryModule],
  providers: [RouteTable, ErrorFilter, RequestIdInterceptor, BodilessDeletes],
  exports: [RouteTable, ErrorFilter, RequestIdInterceptor],
})
export class HttpModule {}
