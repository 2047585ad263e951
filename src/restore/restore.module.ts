import { DynamicModule, Module, ModuleMetadata } from '@nestjs/common';
import { RESTORE_CONTROLLERS } from './rest/restores.controller';
import { RestoreCatalogue } from './restore-catalogue';
import { RestorePlanner } from './restore-planner';
import { RestoreService } from './restore.service';

/** The REST calls on restores. */
@Module({})
export class RestoreModule {
  /** @param imports the backup module, and modules that give what BackupModule asks for */
  static forRoot(imports: NonNullable<ModuleMetadata['imports']>): DynamicModule {
    return {
      module: RestoreModule,
      imports,
      controllers: RESTORE_CONTROLLERS,
      providers: [RestoreCatalogue, RestorePlanner, RestoreService],
      exports: [RestoreService],
    };
  }
}
