export { BackupDeleteDependencies, BackupDeleteHandler } from './backup-delete.handler';
export { ImportModule } from './import.module';
