import { Global, Module } from '@nestjs/common';
import { BackupModule } from '../backup';
import { DropRecovery } from './drop-recovery';
import { SETTINGS_CONTROLLERS } from './settings.controller';
import { SettingsService } from './settings.service';
import { TableDrops } from './table-drops';

/**
 * Settings of tables and projects, and drops that are backed up first. It asks for the same as BackupModule, and for DROP_RECOVERY_OPTIONS.
 * Global, so that a host's own delete_table finds TableDrops.
 */
@Global()
@Module({
  imports: [BackupModule],
  controllers: SETTINGS_CONTROLLERS,
  providers: [SettingsService, TableDrops, DropRecovery],
  exports: [TableDrops],
})
export class ProtectionModule {}
