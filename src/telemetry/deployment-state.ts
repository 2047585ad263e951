/** A number of something in the job database, with the values of its labels. */
export interface StateRow {
  readonly what: StateName;
  /** Kind of job, sender, status: as the metric's documentation says. */
  readonly label: string;
  /** Second label; empty where there is one only. */
  readonly label2: string;
  readonly value: number;
}

export type StateName =
  | 'jobs'
  | 'queue_oldest_seconds'
  | 'running_oldest_seconds'
  | 'backups'
  | 'backup_bytes'
  | 'last_success'
  | 'deliveries'
  | 'delivery_oldest_seconds';

/** What all processes together have done and have before them; read at a scrape. */
export interface DeploymentState {
  /** Rejects if the job database does not answer. */
  read(): Promise<readonly StateRow[]>;
  /** Tables in MAINTENANCE now: how many. Rejects if the backend does not answer. */
  lockedTables(): Promise<number>;
}
