import {
  Body,
  Controller,
  Delete,
  Get,
  HttpCode,
  Inject,
  Param,
  Post,
  Query,
  Req,
  UseFilters,
  UseGuards,
} from '@nestjs/common';
import {
  ErrorFilter,
  HttpRequest,
  KeystoneAuthGuard,
  QueryParameters,
  Requires,
  TABLE_BACKEND,
  TableBackend,
  TableDrops,
  queryText,
  rejectUnknownQuery,
} from '../../index';
import { DATA_PATHS, DataParams, tableRef, tablesUrl } from './call';
import { DATA_API_OPTIONS, ResolvedDataApiOptions } from './data-api.options';
import { ApiDataCall, ApiTable } from './openapi';
import { Json, presentTable } from './present';
import { optional, readInteger, readTableName } from './requests/body';
import { MAX_TABLE_NAMES, readCreateTable } from './requests/tables';

/** create_table, list_tables, describe_table, delete_table. */
@Controller(DATA_PATHS.map((path) => `${path}/tables`))
@UseGuards(KeystoneAuthGuard)
@UseFilters(ErrorFilter)
export class TablesController {
  constructor(
    @Inject(TABLE_BACKEND) private readonly backend: TableBackend,
    private readonly drops: TableDrops,
    @Inject(DATA_API_OPTIONS) private readonly options: ResolvedDataApiOptions,
  ) {}

  @Post()
  @HttpCode(200)
  @Requires('mdb:create_table')
  @ApiDataCall('create_table')
  async create(@Req() request: HttpRequest, @Param() params: DataParams, @Body() body: unknown): Promise<Json> {
    const { name, schema } = readCreateTable(body);
    const table = await this.backend.createTable({ projectId: params.project_id, name }, schema);
    return { table_description: presentTable(table, this.url(request, params, name)) };
  }

  @Get()
  @Requires('mdb:list_tables')
  @ApiDataCall('list_tables')
  async list(@Req() request: HttpRequest, @Param() params: DataParams, @Query() query: QueryParameters): Promise<Json> {
    rejectUnknownQuery(query, ['limit', 'exclusive_start_table_name']);
    const limit = optional(queryText(query, 'limit'), (text) => readInteger(text, 'limit', 1, Number.MAX_SAFE_INTEGER));
    const start = optional(queryText(query, 'exclusive_start_table_name'), (text) =>
      readTableName(text, 'exclusive_start_table_name'),
    );
    const { names, lastEvaluatedName } = await this.backend.listTables(params.project_id, {
      limit: Math.min(limit ?? MAX_TABLE_NAMES, MAX_TABLE_NAMES),
      ...(start === undefined ? {} : { exclusiveStartName: start }),
    });
    return {
      tables: names.map((name) => ({ href: this.url(request, params, name), rel: 'self' })),
      ...(lastEvaluatedName === undefined ? {} : { last_evaluated_table_name: lastEvaluatedName }),
    };
  }

  @Get(':table')
  @Requires('mdb:describe_table')
  @ApiTable()
  @ApiDataCall('describe_table')
  async describe(@Req() request: HttpRequest, @Param() params: DataParams): Promise<Json> {
    const table = await this.backend.describeTable(tableRef(params));
    return { table: presentTable(table, this.url(request, params, table.name)) };
  }

  @Delete(':table')
  @Requires('mdb:delete_table')
  @ApiTable()
  @ApiDataCall('delete_table')
  async delete(@Req() request: HttpRequest, @Param() params: DataParams): Promise<Json> {
    const table = await this.drops.drop(tableRef(params));
    return { table_description: presentTable(table, this.url(request, params, table.name)) };
  }

  private url(request: HttpRequest, params: DataParams, name: string): string {
    return `${tablesUrl(request, params.project_id, this.options.baseUrl)}/${name}`;
  }
}
