import { IncomingMessage } from 'node:http';
import { Controller, HttpCode, Inject, Param, Post, Req, UseFilters, UseGuards } from '@nestjs/common';
import { ErrorFilter, HttpRequest, KeystoneAuthGuard, Requires, TABLE_BACKEND, TableBackend } from '../../index';
import { validationError } from '../../kernel';
import { BulkLoad } from './bulk-load';
import { DATA_PATHS, DataParams, tableRef } from './call';
import { DATA_API_OPTIONS, ResolvedDataApiOptions } from './data-api.options';
import { ApiDataCall, ApiTable } from './openapi';
import { Json } from './present';
import { TablesService } from './tables.service';

/** bulk_load: a stream of items, one a line. The server must leave its body unread: see `keepBulkLoadsStreaming`. */
@Controller(DATA_PATHS.map((path) => `${path}/tables/:table`))
@UseGuards(KeystoneAuthGuard)
@UseFilters(ErrorFilter)
export class BulkLoadController {
  constructor(
    @Inject(TABLE_BACKEND) private readonly backend: TableBackend,
    @Inject(DATA_API_OPTIONS) private readonly options: ResolvedDataApiOptions,
    private readonly tables: TablesService,
  ) {}

  @Post('bulk_load')
  @HttpCode(200)
  @Requires('mdb:bulk_load')
  @ApiTable()
  @ApiDataCall('bulk_load')
  async load(@Req() request: HttpRequest, @Param() params: DataParams): Promise<Json> {
    const ref = tableRef(params);
    const schema = await this.tables.schemaOf(ref);
    const load = new BulkLoad(schema, this.options.maxItemBytes, (items) =>
      this.backend.putItems(
        ref,
        items.map((item) => ({ item, expiresAt: undefined })),
      ),
    );
    return load.run(bodyOf(request));
  }
}

/** The body as it comes in; a client that goes away in the middle is no defect of ours. */
async function* bodyOf(request: HttpRequest): AsyncGenerator<Buffer> {
  const stream = request.raw ?? (request as object);
  if (!(stream instanceof IncomingMessage)) throw new TypeError('The platform gives no request stream');
  // An answer that comes before the body has ended still needs the connection.
  const source: AsyncIterable<Buffer> = stream.iterator({ destroyOnReturn: false });
  try {
    yield* source;
  } catch (error) {
    if (stream.readableAborted || stream.errored !== null) throw validationError('The request body ended too early');
    throw error;
  }
}
