import { CanActivate, Controller, ExecutionContext, Get, Inject, Injectable, Query, Res, UseFilters, UseGuards } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { ApiBearerAuth, ApiOperation, ApiProduces, ApiResponse, ApiSecurity, ApiTags } from '@nestjs/swagger';
import type { Registry } from 'prom-client';
import { ErrorFilter, KeystoneAuthGuard, QueryParameters, Requires, rejectUnknownQuery } from '../../index';
import { ApiErrors } from '../data/openapi';
import { text } from '../data/openapi-schemas';

export interface MetricsOptions {
  readonly registry: Registry;
  /** Without a token, for everybody. */
  readonly open: boolean;
}

export const METRICS_OPTIONS = Symbol('MetricsOptions');

/** As the operator's setting says: nobody is asked, or everybody needs a token that the rule `metrics:read` allows. */
@Injectable()
class MetricsGuard implements CanActivate {
  constructor(
    @Inject(METRICS_OPTIONS) private readonly options: MetricsOptions,
    private readonly guard: KeystoneAuthGuard,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    return this.options.open || this.guard.canActivate(context);
  }
}

/** `/metrics` for Prometheus (docs/metrics.md): numbers of the whole deployment, without names of projects, tables or backups. */
@Controller('metrics')
@UseGuards(MetricsGuard)
@UseFilters(ErrorFilter)
@Requires('metrics:read')
@ApiTags('health')
@ApiBearerAuth('bearer')
@ApiSecurity('x-auth-token')
export class MetricsController {
  constructor(
    @Inject(METRICS_OPTIONS) private readonly options: MetricsOptions,
    private readonly adapterHost: HttpAdapterHost,
  ) {}

  @Get()
  @ApiOperation({ summary: "Metrics in Prometheus' text format; without a token where the operator has opened them" })
  @ApiProduces('text/plain')
  @ApiResponse({ status: 200, content: { 'text/plain': { schema: text(), example: 'magnetodb_backup_job_database_up 1\n' } } })
  @ApiErrors(400)
  async metrics(@Query() query: QueryParameters, @Res() response: object): Promise<void> {
    rejectUnknownQuery(query, []);
    const body = await this.options.registry.metrics();
    this.adapterHost.httpAdapter.setHeader(response, 'Content-Type', this.options.registry.contentType);
    this.adapterHost.httpAdapter.reply(response, body, 200);
  }
}
