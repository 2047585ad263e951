export { BackupBeforeDropHandler } from './backup-before-drop.handler';
export { BACKUP_BEFORE_DROP_JOB } from './drop-jobs';
export { DROP_RECOVERY_OPTIONS, DropRecoveryOptions } from './drop-recovery';
export { ProtectionModule } from './protection.module';
export { ProjectSettingsEntity, TableSettingsEntity } from './settings.entity';
export { TableDropDependencies, TableDropHandler } from './table-drop.handler';
export { TableDropEntity } from './table-drop.entity';
export { TableDrops } from './table-drops';
