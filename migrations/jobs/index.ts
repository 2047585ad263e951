import { CreateBackups1795300000002 } from './1795300000002-create-backups';
import { CreateJobs1795300000003 } from './1795300000003-create-jobs';
import { CreateEvents1795300000004 } from './1795300000004-create-events';
import { TraceJobs1795400000040 } from './1795400000040-trace-jobs';
import { GuardData1795400000050 } from './1795400000050-guard-data';
import { DeadLetters1795400000060 } from './1795400000060-dead-letters';
import { VerifyBackups1795400000070 } from './1795400000070-verify-backups';
import { SealCredentials1795500000014 } from './1795500000014-seal-credentials';
import { KeepGrants1795500000016 } from './1795500000016-keep-grants';
import { RequestsInFlight1795600000018 } from './1795600000018-requests-in-flight';

/** Migrations of the job database, in order. Released ones are never changed: add another. */
export const JOB_MIGRATIONS = [
  CreateBackups1795300000002,
  CreateJobs1795300000003,
  CreateEvents1795300000004,
  TraceJobs1795400000040,
  GuardData1795400000050,
  DeadLetters1795400000060,
  VerifyBackups1795400000070,
  SealCredentials1795500000014,
  KeepGrants1795500000016,
  RequestsInFlight1795600000018,
] as const;
