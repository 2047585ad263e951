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

/** One question for many askers: an answer is good for a while, and while one is awaited nobody asks again. A failure is `undefined`. */
export class Remembered<T> {
  private answer: Promise<T | undefined> | undefined;
  private askedAt = 0;

  constructor(
    private readonly ask: () => Promise<T>,
    private readonly forMillis: number,
    /** A slower answer counts as a failure. */
    private readonly patienceMillis: number,
  ) {}

  get(): Promise<T | undefined> {
    const now = performance.now();
    if (this.answer === undefined || now - this.askedAt > this.forMillis) {
      this.askedAt = now;
      this.answer = this.askOnce();
    }
    return this.answer;
  }

  private async askOnce(): Promise<T | undefined> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<undefined>((resolve) => (timer = setTimeout(() => resolve(undefined), this.patienceMillis)));
    try {
      return await Promise.race([this.ask(), late]);
    } catch {
      return undefined;
    } finally {
      clearTimeout(timer);
    }
  }
}
