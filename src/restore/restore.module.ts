import { Module } from '@nestjs/common';
import { BackupModule } from '../backup';
import { RESTORE_CONTROLLERS } from './rest/restores.controller';
import { RestoreCatalogue } from './restore-catalogue';
import { RestorePlanner } from './restore-planner';
import { RestoreService } from './restore.service';

/** The REST calls on restores. It asks for the same as BackupModule. */
@Module({
  imports: [BackupModule],
  controllers: RESTORE_CONTROLLERS,
  providers: [RestoreCatalogue, RestorePlanner, RestoreService],
  exports: [RestoreService],
})
export class RestoreModule {}
