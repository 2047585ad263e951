import { Controller, Get, Inject, Param, Query, UseFilters, UseGuards } from '@nestjs/common';
import { ApiBearerAuth, ApiOperation, ApiParam, ApiQuery, ApiResponse, ApiSecurity, ApiTags } from '@nestjs/swagger';
import {
  ErrorFilter,
  EveryProject,
  KeystoneAuthGuard,
  QueryParameters,
  Requires,
  TABLE_BACKEND,
  TableBackend,
  parseLimit,
  queryText,
  rejectUnknownQuery,
} from '../../index';
import { TableDescription, compareUtf8, validationError } from '../../kernel';
import { DataParams, tableRef } from '../data/call';
import { ApiErrors, ApiTable } from '../data/openapi';
import { list, object, text, usage } from '../data/openapi-schemas';

type Metric = 'size' | 'item_count';
type Usage = Partial<Record<Metric, number>>;

const METRICS: readonly Metric[] = ['size', 'item_count'];
const METRICS_QUERY = {
  name: 'metrics',
  required: false,
  description: 'a list of `size`, `item_count`; default both',
  schema: { type: 'string' as const },
};

/** How much the tables of a project, or of all, hold. `usage_detailes` is MagnetoDB's spelling. */
@Controller('v1/monitoring/projects')
@UseGuards(KeystoneAuthGuard)
@UseFilters(ErrorFilter)
@Requires('mdb:monitor')
@ApiTags('monitoring')
@ApiBearerAuth('bearer')
@ApiSecurity('x-auth-token')
export class MonitoringController {
  constructor(@Inject(TABLE_BACKEND) private readonly backend: TableBackend) {}

  @Get()
  @EveryProject()
  @ApiOperation({ summary: 'Usage of all tables of all projects (administrators of the deployment only)' })
  @ApiQuery(METRICS_QUERY)
  @ApiQuery({ name: 'limit', required: false, description: '1 to 1000; default 1000', schema: { type: 'integer' } })
  @ApiQuery({ name: 'last_evaluated_project', required: false, schema: { type: 'string' } })
  @ApiQuery({ name: 'last_evaluated_table', required: false, schema: { type: 'string' } })
  @ApiResponse({
    status: 200,
    schema: list(object({ tenant: text(), name: text(), status: text(), usage_detailes: usage })),
  })
  @ApiErrors(400)
  async all(@Query() query: QueryParameters): Promise<object[]> {
    rejectUnknownQuery(query, ['metrics', 'limit', 'last_evaluated_project', 'last_evaluated_table']);
    const metrics = readMetrics(query);
    const limit = parseLimit(queryText(query, 'limit'), { default: 1000, max: 1000 });
    const after = readPlace(query);
    const tables = (await this.backend.listUsage()).filter(
      (table) => after === undefined || comparePlaces(table, after) > 0,
    );
    return tables
      .sort(comparePlaces)
      .slice(0, limit)
      .map((table) => ({
        tenant: table.projectId,
        name: table.name,
        status: table.status,
        usage_detailes: usageOf(table, metrics),
      }));
  }

  @Get(':project_id')
  @ApiOperation({ summary: 'Usage of all tables of a project' })
  @ApiParam({ name: 'project_id', schema: { type: 'string', example: 'demo' } })
  @ApiQuery(METRICS_QUERY)
  @ApiResponse({ status: 200, schema: list(object({ table_name: text(), usage_detailes: usage })) })
  @ApiErrors(400)
  async project(@Param() params: DataParams, @Query() query: QueryParameters): Promise<object[]> {
    rejectUnknownQuery(query, ['metrics']);
    const metrics = readMetrics(query);
    const tables = await this.backend.listUsage(params.project_id);
    return [...tables]
      .sort(comparePlaces)
      .map((table) => ({ table_name: table.name, usage_detailes: usageOf(table, metrics) }));
  }

  @Get(':project_id/tables/:table')
  @ApiOperation({ summary: 'Usage of a table' })
  @ApiParam({ name: 'project_id', schema: { type: 'string', example: 'demo' } })
  @ApiTable()
  @ApiQuery(METRICS_QUERY)
  @ApiResponse({ status: 200, schema: usage })
  @ApiErrors(400, 404)
  async table(@Param() params: DataParams, @Query() query: QueryParameters): Promise<Usage> {
    rejectUnknownQuery(query, ['metrics']);
    const metrics = readMetrics(query);
    return usageOf(await this.backend.describeTable(tableRef(params)), metrics);
  }
}

interface Place {
  readonly projectId: string;
  readonly name: string;
}

function comparePlaces(a: Place, b: Place): number {
  return compareUtf8(a.projectId, b.projectId) || compareUtf8(a.name, b.name);
}

/** Where the page before ended; the table may be left out: then behind all tables that sort before the project's first. */
function readPlace(query: QueryParameters): Place | undefined {
  const projectId = queryText(query, 'last_evaluated_project');
  const name = queryText(query, 'last_evaluated_table');
  if (projectId === undefined && name !== undefined)
    throw validationError('last_evaluated_table needs last_evaluated_project');
  return projectId === undefined ? undefined : { projectId, name: name ?? '' };
}

function readMetrics(query: QueryParameters): readonly Metric[] {
  const given = queryText(query, 'metrics');
  if (given === undefined) return METRICS;
  return given.split(',').map((name) => {
    const metric = METRICS.find((each) => each === name);
    if (metric === undefined) throw validationError(`metrics must be a list of ${METRICS.join(', ')}`);
    return metric;
  });
}

function usageOf(table: TableDescription, metrics: readonly Metric[]): Usage {
  const values: Record<Metric, number> = { size: table.sizeBytes, item_count: table.itemCount };
  return Object.fromEntries(metrics.map((metric) => [metric, values[metric]]));
}
