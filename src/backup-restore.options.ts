import type { Registry } from 'prom-client';
import type { AuthOptions } from './auth';
import type { Clock, QuotaOptions } from './kernel';
import type { ResolveTables } from './maintenance';
import type { NotificationSender, NotificationSettings } from './notifications';
import type { RegistryOptions, StorageSettings } from './storage';
import type { StrategyConfig } from './strategy';
import type { TableBackend } from './tables';
import type { Logger } from './telemetry';

/** How much the plugin does at once, and how it bears crashes. */
export interface JobSettings {
  /** Jobs that run at once over all projects and processes. Default 8. */
  readonly maxJobs?: number;
  /** Jobs of one project that run at once. Default 2. */
  readonly maxJobsPerProject?: number;
  /** Steps that this process works on at once; 0: it serves the API only. Default 2. */
  readonly stepsPerProcess?: number;
  /** After so long without a sign of life a process's steps go to others. Default 15. */
  readonly leaseSeconds?: number;
  /** Tries of one step before its job fails. Default 8. */
  readonly maxAttempts?: number;
  /** Aim at key ranges of about so many stored bytes. Default 16 MiB. */
  readonly rangeBytes?: number;
  /** Most ranges a table is cut into. Default 4096. */
  readonly maxRanges?: number;
  /** Aim at chunks of about so many bytes of items, before compression; at most 32 MiB. Default 16 MiB. */
  readonly chunkBytes?: number;
  /** What all running backups without a rate limit of their own may ask of the tables together, over all processes. Alike on every process. */
  readonly backupLimit?: {
    /** Bytes of items a second; null: as many as they can. Default: what the backend says. */
    readonly bytesPerSecond?: number | null;
    /** Requests (pages of items) on their way at once; each process may have one at least. Null: any number. Default: what the backend says. */
    readonly requestsInFlight?: number | null;
  };
}

/** Everything that `BackupRestoreModule.forRootAsync` needs of its host. */
export interface BackupRestoreOptions {
  /** The relational database for job metadata. `url`: `postgresql://…`, a secret. Processes that share it share the work. */
  readonly database: { readonly url: string; readonly maxConnections?: number };
  /** The host's tables: the one port that the plugin asks for. The host closes it after the application. */
  readonly tables: TableBackend;
  /** Who validates tokens, and the policy. */
  readonly auth: AuthOptions;
  /** The deployment's own object store, and which outside locations users may name. */
  readonly storage: StorageSettings & RegistryOptions;
  /** Named strategies and defaults. */
  readonly strategies?: StrategyConfig;
  readonly jobs?: JobSettings;
  /** Do only gateways that know of locks and swaps write to the tables? Default: what the backend says. */
  readonly exclusiveGateways?: boolean;
  /**
   * Names the tables that a call of the host reads, writes or drops; none for every other call. Given, all of them are answered 423
   * (with `Retry-After`) while one is in MAINTENANCE, before their handlers are asked.
   */
  readonly resolveTables?: ResolveTables;
  /** A table is in MAINTENANCE for so many seconds at most, whatever becomes of whoever locked it. Default 60. */
  readonly maxLockSeconds?: number;
  /** How long the data of a replaced table are kept, in seconds. Default a day. */
  readonly replaceGraceSeconds?: number;
  /** Pause between two sweeps of the table backend, in seconds; 0: the host sweeps. Default 60. */
  readonly sweepSeconds?: number;
  /** What clients call this service (scheme and authority), for links. Default: what the request's Host header says. */
  readonly publicUrl?: string;
  /** Backups and bytes that a project may have (413), and how often it may call (429). Default: no limits. */
  readonly quotas?: QuotaOptions;
  /** Take scheme and host of links from `X-Forwarded-*`. Default false. */
  readonly trustProxy?: boolean;
  /** Senders of notifications beside the log and the process itself, such as those of `parseWebhooks`. */
  readonly notificationSenders?: readonly NotificationSender[];
  /** How they are delivered: time for one, when they are given up and forgotten. */
  readonly notifications?: NotificationSettings;
  /** Default: says nothing. */
  readonly logger?: Logger;
  /** Where the plugin's metrics are registered (docs/metrics.md), for the host to serve. Default: nothing is counted. */
  readonly metricsRegistry?: Registry;
  readonly clock?: Clock;
}

/** Injection token of the options. */
export const BACKUP_RESTORE_OPTIONS = Symbol('BackupRestoreOptions');
