import { Module } from '@nestjs/common';
import { HttpModule } from '../http';
import { BackupCatalogue } from './backup-catalogue';
import { BackupService } from './backup.service';
import { AnswerContexts } from './rest/answer-context';
import { BACKUP_CONTROLLERS } from './rest/backups.controller';

/**
 * The REST calls on backups. A global module must give the data source BACKUP_DATA_SOURCE, TABLE_BACKEND, JOB_QUEUE, CLOCK,
 * STRATEGY_CONFIG, BACKUP_OPTIONS, BACKUP_USERS, BackupQuota, ObjectStoreRegistry, Policy and KeystoneAuthGuard.
 */
@Module({
  imports: [HttpModule],
  controllers: BACKUP_CONTROLLERS,
  providers: [AnswerContexts, BackupCatalogue, BackupService],
  exports: [HttpModule, AnswerContexts, BackupCatalogue, BackupService],
})
export class BackupModule {}
