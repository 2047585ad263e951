import { OnModuleDestroy } from '@nestjs/common';
import { DataSource, In } from 'typeorm';
import { BackupEntity, BackupService } from '../backup';
import { JobQueue, RecentJob } from '../jobs';
import { Clock, DomainError, Uuid } from '../kernel';
import { PollLoop } from '../notifications';
import { RestoreEntity, RestoreService } from '../restore';
import { Watched, WatchedState, Watcher } from './watcher';

export interface JobWatchesOptions {
  readonly dataSource: DataSource;
  readonly queue: Pick<JobQueue, 'recent'>;
  readonly backups: Pick<BackupService, 'withProgress'>;
  readonly restores: Pick<RestoreService, 'withProgress'>;
  readonly clock: Clock;
  /** Hears of looks that failed. */
  readonly onError: (error: unknown) => void;
  /** Pause between two looks. Default 500. */
  readonly pollMillis?: number;
  /** A watcher is told so often that there is nothing to tell. Default 10,000. */
  readonly heartbeatMillis?: number;
  /** A watch ends after so long, and is asked for again with its token judged anew. Default 15 minutes. */
  readonly renewMillis?: number;
  /** Watches of one project in this process. Default 200. */
  readonly maxPerProject?: number;
}

const DEFAULTS = { pollMillis: 500, heartbeatMillis: 10_000, renewMillis: 15 * 60_000, maxPerProject: 200 };
const RETRY_SECONDS = 10;

/**
 * Looks at the jobs of all projects that somebody watches, for all watchers of this process together: a look is a handful of queries
 * however many they are, and with no watcher there is none.
 */
export class JobWatches implements OnModuleDestroy {
  private readonly options: JobWatchesOptions & typeof DEFAULTS;
  private readonly watchers = new Set<Watcher>();
  private readonly timers = new WeakMap<Watcher, NodeJS.Timeout>();
  private readonly loop: PollLoop;
  /** Jobs that were unfinished at the last look: how they ended is told, however long ago that was. */
  private unfinished: readonly RecentJob[] = [];
  private closed = false;

  constructor(options: JobWatchesOptions) {
    this.options = { ...DEFAULTS, ...options };
    this.loop = new PollLoop(
      () => this.look(),
      this.options.pollMillis,
      (error) => this.failed(error),
    );
  }

  /**
   * Begins to watch a project's jobs; `forget` must be called at the end.
   * @param expiresAt end of the caller's token, in milliseconds since the epoch
   * @throws DomainError RequestQuotaExceeded: too many watches of this project
   */
  watch(projectId: string, expiresAt: number | undefined): Watcher {
    const others = [...this.watchers].filter((each) => each.projectId === projectId).length;
    if (others >= this.options.maxPerProject)
      throw new DomainError('RequestQuotaExceeded', `The project has ${others} watches on this gateway already.`, {
        retryAfterSeconds: RETRY_SECONDS,
      });
    const watcher = new Watcher(projectId, this.options.heartbeatMillis);
    if (this.closed) {
      watcher.end('draining', new DomainError('ServiceUnavailable', 'The service is stopping.'));
      return watcher;
    }
    this.watchers.add(watcher);
    this.endInTime(watcher, expiresAt);
    this.loop.start();
    return watcher;
  }

  /** Tells a watcher nothing more. */
  forget(watcher: Watcher): void {
    clearTimeout(this.timers.get(watcher));
    if (this.watchers.delete(watcher) && this.watchers.size === 0) {
      this.unfinished = [];
      void this.loop.stop();
    }
  }

  /** The application stops: ends every watch, and lets none begin. */
  async onModuleDestroy(): Promise<void> {
    this.closed = true;
    for (const watcher of this.watchers) {
      watcher.end('draining');
      this.forget(watcher);
    }
    await this.loop.stop();
  }

  private endInTime(watcher: Watcher, expiresAt: number | undefined): void {
    const { renewMillis, clock } = this.options;
    const left = expiresAt === undefined ? Infinity : Math.max(0, expiresAt - clock.now());
    const reason = left <= renewMillis ? 'token_expired' : 'renew';
    const timer = setTimeout(() => watcher.end(reason), Math.min(left, renewMillis));
    this.timers.set(watcher, timer);
  }

  private async look(): Promise<void> {
    const watchers = [...this.watchers];
    if (watchers.length === 0) return;
    const states = await this.statesOf([...new Set(watchers.map((each) => each.projectId))]);
    const none: ReadonlyMap<string, WatchedState> = new Map();
    for (const watcher of watchers) watcher.look(states.get(watcher.projectId) ?? none);
  }

  private failed(error: unknown): void {
    this.options.onError(error);
    for (const watcher of this.watchers) watcher.end('unavailable', error);
  }

  /** By project, then by resource. */
  private async statesOf(projectIds: readonly string[]): Promise<Map<string, Map<string, WatchedState>>> {
    const jobs = new Map<string, RecentJob>();
    for (const job of this.unfinished) if (projectIds.includes(job.projectId)) jobs.set(keyOf(job), { ...job, finished: true });
    // Of two jobs for one resource the unfinished one is the one to show; it comes last.
    for (const job of await this.options.queue.recent(projectIds)) if (isWatched(job)) jobs.set(keyOf(job), job);
    const all = [...jobs.values()];
    const found = await this.find(all);
    const states = new Map<string, Map<string, WatchedState>>();
    for (const job of all) {
      const watched = found.get(keyOf(job)) ?? deleted(job);
      if (watched === undefined) continue;
      const ofProject = states.get(job.projectId) ?? new Map<string, WatchedState>();
      const state = { watched, text: JSON.stringify(watched), running: !job.finished };
      states.set(job.projectId, ofProject.set(keyOf(job), state));
    }
    this.unfinished = all.filter((job) => !job.finished);
    return states;
  }

  /** The resources that the jobs work for, those that are still there. */
  private async find(jobs: readonly RecentJob[]): Promise<Map<string, Watched>> {
    const { dataSource, backups, restores } = this.options;
    const restoreIds = jobs.filter(isRestore).map((job) => job.subjectId);
    const others = jobs.filter((job) => !isRestore(job));
    const found = new Map<string, Watched>();
    if (others.length > 0) {
      // Several projects may have imported one backup: a row that is no job's subject is nobody's key.
      const rows = await dataSource.manager.findBy(BackupEntity, { id: In(others.map((job) => job.subjectId)) });
      for (const view of await backups.withProgress(rows))
        found.set(keyOfSubject('backup', view.backup.projectId, view.backup.id), { kind: 'backup', view });
    }
    if (restoreIds.length > 0) {
      const rows = await dataSource.manager.findBy(RestoreEntity, { id: In(restoreIds) });
      for (const view of await restores.withProgress(rows))
        found.set(keyOfSubject('restore', view.restore.projectId, view.restore.id), { kind: 'restore', view });
    }
    return found;
  }
}

/** What is to be told of a job whose resource is gone: a restore is forgotten only once it has ended, which was told. */
function deleted(job: RecentJob): Watched | undefined {
  return job.finished && !isRestore(job) ? { kind: 'backup_deleted', backupId: job.subjectId } : undefined;
}

/** A job of a table's own works for no resource of the API: of a drop that is backed up first, the backup is watched. */
function isWatched({ kind }: RecentJob): boolean {
  return !kind.startsWith('table.');
}

/** Restores are of several kinds; every other watched job works for a backup. */
function isRestore({ kind }: RecentJob): boolean {
  return kind === 'restore' || kind.startsWith('restore.');
}

function keyOf(job: RecentJob): string {
  return keyOfSubject(isRestore(job) ? 'restore' : 'backup', job.projectId, job.subjectId);
}

function keyOfSubject(kind: 'backup' | 'restore', projectId: string, id: Uuid): string {
  return `${kind} ${projectId} ${id}`;
}
