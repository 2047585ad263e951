import { Logger, Module } from '@nestjs/common';
import { getDataSourceToken } from '@nestjs/typeorm';
import { DataSource } from 'typeorm';
import { BackupModule, BackupService, CLOCK } from '../backup';
import { BACKUP_DATA_SOURCE } from '../database';
import { JOB_QUEUE, JobQueue } from '../jobs';
import { Clock } from '../kernel';
import { RestoreModule, RestoreService } from '../restore';
import { JobWatches } from './job-watches';
import { WATCH_CONTROLLERS } from './watch.controller';

/** The call that watches running jobs. It asks for the same as BackupModule. */
@Module({
  imports: [BackupModule, RestoreModule],
  controllers: WATCH_CONTROLLERS,
  providers: [
    {
      provide: JobWatches,
      inject: [getDataSourceToken(BACKUP_DATA_SOURCE), JOB_QUEUE, BackupService, RestoreService, CLOCK],
      useFactory: (dataSource: DataSource, queue: JobQueue, backups: BackupService, restores: RestoreService, clock: Clock) => {
        const logger = new Logger('JobWatches');
        // The call itself logs why, with its request id, if nobody gets a first line.
        const onError = (error: unknown): void =>
          logger.warn(`running jobs could not be looked at (${error instanceof Error ? error.name : 'unknown'}); their watches were ended`);
        return new JobWatches({ dataSource, queue, backups, restores, clock, onError });
      },
    },
  ],
})
export class ProgressModule {}
