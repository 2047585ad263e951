import { DynamicModule, Module } from '@nestjs/common';
import { HttpModule } from '../../index';
import { BatchesController } from './batches.controller';
import { BatchesService } from './batches.service';
import { BulkLoadController } from './bulk-load.controller';
import { DATA_API_OPTIONS, DataApiOptions, resolveDataApiOptions } from './data-api.options';
import { DynamoDbController } from './dynamodb.controller';
import { ItemsController } from './items.controller';
import { ItemsService } from './items.service';
import { TablesController } from './tables.controller';
import { TablesService } from './tables.service';

/** MagnetoDB's data API over the tables port. Needs AuthModule and providers of TABLE_BACKEND and TableDrops, all global. */
@Module({})
export class DataApiModule {
  static forRoot(options: DataApiOptions = {}): DynamicModule {
    return {
      module: DataApiModule,
      imports: [HttpModule],
      controllers: [TablesController, ItemsController, BatchesController, BulkLoadController, DynamoDbController],
      providers: [
        { provide: DATA_API_OPTIONS, useValue: resolveDataApiOptions(options) },
        TablesService,
        ItemsService,
        BatchesService,
      ],
    };
  }
}
