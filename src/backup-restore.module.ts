import { DynamicModule, Module } from '@nestjs/common';
import { BackupModule } from './backup';
import { BackupRestoreAsyncOptions, BackupRestoreCoreModule } from './backup-restore.core';
import { CatalogueModule } from './catalogue';
import { DeadLettersModule } from './dead-letters';
import { MaintenanceModule } from './maintenance';
import { ProgressModule } from './progress';
import { ProtectionModule } from './protection';
import { RestoreModule } from './restore';

/**
 * The plugin: `BackupRestoreModule.forRootAsync({ imports, inject, useFactory })`, once in an application. It brings the management API
 * in both dialects behind a guard of its own, and the workers that carry the jobs out. It runs on Express and Fastify.
 */
@Module({})
export class BackupRestoreModule {
  static forRootAsync(options: BackupRestoreAsyncOptions): DynamicModule {
    return {
      module: BackupRestoreModule,
      imports: [BackupRestoreCoreModule.forRootAsync(options), BackupModule, RestoreModule, ProtectionModule, MaintenanceModule, CatalogueModule, DeadLettersModule, ProgressModule],
      exports: [BackupRestoreCoreModule],
    };
  }
}
