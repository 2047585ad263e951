export { dumpJobDatabase, JobDatabaseDump } from './dump';
export { JobDatabaseRestore, restoreJobDatabase } from './restore';
