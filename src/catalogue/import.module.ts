import { DynamicModule, Module, ModuleMetadata } from '@nestjs/common';
import { IMPORT_CONTROLLERS } from './import.controller';
import { ImportService } from './import.service';

/** The REST call that imports a backup. */
@Module({})
export class ImportModule {
  /** @param imports the backup module, and modules that give what BackupModule asks for */
  static forRoot(imports: NonNullable<ModuleMetadata['imports']>): DynamicModule {
    return { module: ImportModule, imports, controllers: IMPORT_CONTROLLERS, providers: [ImportService] };
  }
}
