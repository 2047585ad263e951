export { BackupDeleteDependencies, BackupDeleteHandler } from './backup-delete.handler';
export { BackupVerifyDependencies, BackupVerifyHandler } from './backup-verify.handler';
export { CatalogueModule } from './catalogue.module';
export { dumpJobDatabase, JobDatabaseDump, JobDatabaseRestore, restoreJobDatabase } from './job-database';
export { VerificationProofEntity } from './verification-proof.entity';
