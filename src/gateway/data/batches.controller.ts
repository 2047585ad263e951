import { Body, Controller, HttpCode, Inject, Param, Post, UseFilters, UseGuards } from '@nestjs/common';
import { ErrorFilter, KeystoneAuthGuard, Requires } from '../../index';
import { BatchesService } from './batches.service';
import { DATA_PATHS, DataParams } from './call';
import { DATA_API_OPTIONS, ResolvedDataApiOptions } from './data-api.options';
import { ApiDataCall } from './openapi';
import { Json } from './present';
import { readBatchGet, readBatchWrite } from './requests/batches';

/** batch_get_item and batch_write_item. */
@Controller(DATA_PATHS)
@UseGuards(KeystoneAuthGuard)
@UseFilters(ErrorFilter)
export class BatchesController {
  constructor(
    private readonly batches: BatchesService,
    @Inject(DATA_API_OPTIONS) private readonly options: ResolvedDataApiOptions,
  ) {}

  @Post('batch_get_item')
  @HttpCode(200)
  @Requires('mdb:batch_get_item')
  @ApiDataCall('batch_get_item')
  get(@Param() params: DataParams, @Body() body: unknown): Promise<Json> {
    return this.batches.get(params.project_id, readBatchGet(body));
  }

  @Post('batch_write_item')
  @HttpCode(200)
  @Requires('mdb:batch_write_item')
  @ApiDataCall('batch_write_item')
  write(@Param() params: DataParams, @Body() body: unknown): Promise<Json> {
    return this.batches.write(params.project_id, readBatchWrite(body, this.options.maxItemBytes));
  }
}
