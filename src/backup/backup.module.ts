import { DynamicModule, Module, ModuleMetadata } from '@nestjs/common';
import { HttpModule } from '../http';
import { BackupCatalogue } from './backup-catalogue';
import { BackupService } from './backup.service';
import { AnswerContexts } from './rest/answer-context';
import { BACKUP_CONTROLLERS } from './rest/backups.controller';

/** The REST calls on backups. */
@Module({})
export class BackupModule {
  /**
   * @param imports modules that give the data source BACKUP_DATA_SOURCE, TABLE_BACKEND, JOB_QUEUE, CLOCK, STRATEGY_CONFIG,
   * BACKUP_OPTIONS, ObjectStoreRegistry, Policy and KeystoneAuthGuard
   */
  static forRoot(imports: NonNullable<ModuleMetadata['imports']>): DynamicModule {
    return {
      module: BackupModule,
      imports: [HttpModule, ...imports],
      controllers: BACKUP_CONTROLLERS,
      providers: [AnswerContexts, BackupCatalogue, BackupService],
      exports: [HttpModule, AnswerContexts, BackupCatalogue, BackupService],
    };
  }
}
