import { Body, Controller, HttpCode, Inject, Param, Post, UseFilters, UseGuards } from '@nestjs/common';
import { ErrorFilter, KeystoneAuthGuard, Requires } from '../../index';
import { DATA_PATHS, DataParams, tableRef } from './call';
import { DATA_API_OPTIONS, ResolvedDataApiOptions } from './data-api.options';
import { ItemsService } from './items.service';
import { ApiDataCall, ApiTable } from './openapi';
import { Json } from './present';
import { readDeleteItem, readGetItem, readPutItem, readUpdateItem } from './requests/items';
import { readQuery, readScan } from './requests/query';

/** put_item, get_item, update_item, delete_item, query, scan. */
@Controller(DATA_PATHS.map((path) => `${path}/tables/:table`))
@UseGuards(KeystoneAuthGuard)
@UseFilters(ErrorFilter)
export class ItemsController {
  constructor(
    private readonly items: ItemsService,
    @Inject(DATA_API_OPTIONS) private readonly options: ResolvedDataApiOptions,
  ) {}

  @Post('put_item')
  @HttpCode(200)
  @Requires('mdb:put_item')
  @ApiTable()
  @ApiDataCall('put_item')
  put(@Param() params: DataParams, @Body() body: unknown): Promise<Json> {
    const ref = tableRef(params);
    return this.items.put(ref, readPutItem(body, this.options.maxItemBytes));
  }

  @Post('get_item')
  @HttpCode(200)
  @Requires('mdb:get_item')
  @ApiTable()
  @ApiDataCall('get_item')
  get(@Param() params: DataParams, @Body() body: unknown): Promise<Json> {
    const ref = tableRef(params);
    return this.items.get(ref, readGetItem(body));
  }

  @Post('update_item')
  @HttpCode(200)
  @Requires('mdb:update_item')
  @ApiTable()
  @ApiDataCall('update_item')
  update(@Param() params: DataParams, @Body() body: unknown): Promise<Json> {
    const ref = tableRef(params);
    return this.items.update(ref, readUpdateItem(body));
  }

  @Post('delete_item')
  @HttpCode(200)
  @Requires('mdb:delete_item')
  @ApiTable()
  @ApiDataCall('delete_item')
  delete(@Param() params: DataParams, @Body() body: unknown): Promise<Json> {
    const ref = tableRef(params);
    return this.items.delete(ref, readDeleteItem(body));
  }

  @Post('query')
  @HttpCode(200)
  @Requires('mdb:query')
  @ApiTable()
  @ApiDataCall('query')
  query(@Param() params: DataParams, @Body() body: unknown): Promise<Json> {
    const ref = tableRef(params);
    return this.items.query(ref, readQuery(body));
  }

  @Post('scan')
  @HttpCode(200)
  @Requires('mdb:scan')
  @ApiTable()
  @ApiDataCall('scan')
  scan(@Param() params: DataParams, @Body() body: unknown): Promise<Json> {
    const ref = tableRef(params);
    return this.items.scan(ref, readScan(body));
  }
}
