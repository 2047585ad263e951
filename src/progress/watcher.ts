import type { BackupView } from '../backup';
import type { Uuid } from '../kernel';
import type { RestoreView } from '../restore';

/** A resource that a job works for, as a watcher sees it. */
export type Watched =
  | { readonly kind: 'backup'; readonly view: BackupView }
  | { readonly kind: 'restore'; readonly view: RestoreView }
  /** The backup's deletion is done. */
  | { readonly kind: 'backup_deleted'; readonly backupId: Uuid };

/** Why a watch ended: the process stops; the token ends; the client shall ask again, with its token judged anew; no database. */
export type EndReason = 'draining' | 'token_expired' | 'renew' | 'unavailable';

export type WatchEvent =
  | { readonly type: 'snapshot'; readonly running: readonly Watched[] }
  | { readonly type: 'change'; readonly watched: Watched }
  | { readonly type: 'heartbeat' }
  | { readonly type: 'end'; readonly reason: EndReason };

/** A state of a resource at one look. */
export interface WatchedState {
  readonly watched: Watched;
  /** Equal texts: nothing changed. */
  readonly text: string;
  /** Is its job unfinished? */
  readonly running: boolean;
}

/**
 * What one client is still to be told. A slow client is told the newest state of each resource and not every one between, so what waits
 * for it is never more than the project's jobs.
 */
export class Watcher {
  /** Resolves with the first look, which the snapshot is of; rejects if it fails. */
  readonly ready: Promise<void>;
  private readonly settled: { resolve: () => void; reject: (error: unknown) => void };
  private readonly seen = new Map<string, string>();
  private snapshot: readonly Watched[] | undefined;
  private started = false;
  private readonly changes = new Map<string, Watched>();
  private endReason: EndReason | undefined;
  private wake: () => void = () => undefined;

  constructor(
    readonly projectId: string,
    private readonly heartbeatMillis: number,
  ) {
    let settled: Watcher['settled'] | undefined;
    this.ready = new Promise((resolve, reject) => (settled = { resolve, reject }));
    // Whoever does not wait for it need not hear of it.
    this.ready.catch(() => undefined);
    if (settled === undefined) throw new Error('a promise runs its executor at once');
    this.settled = settled;
  }

  /** One look at all resources of the project whose jobs run, or have just ended. */
  look(states: ReadonlyMap<string, WatchedState>): void {
    for (const [key, { watched, text }] of states) {
      if (this.seen.get(key) === text) continue;
      this.seen.set(key, text);
      if (this.started) this.changes.set(key, watched);
    }
    for (const key of this.seen.keys()) if (!states.has(key)) this.seen.delete(key);
    if (!this.started) {
      this.snapshot = [...states.values()].filter((state) => state.running).map((state) => state.watched);
      this.started = true;
      this.settled.resolve();
    }
    this.wake();
  }

  /** What is known is still told, then the reason, and nothing more. */
  end(reason: EndReason, error?: unknown): void {
    this.endReason ??= reason;
    this.settled.reject(error);
    this.wake();
  }

  /** Until the end, or until the signal is aborted: then at once. */
  async *events(signal: AbortSignal): AsyncGenerator<WatchEvent, void, void> {
    while (!signal.aborted) {
      const event = this.take();
      if (event !== undefined) yield event;
      else if (this.endReason !== undefined) {
        yield { type: 'end', reason: this.endReason };
        return;
      } else if (!(await this.something(signal))) yield { type: 'heartbeat' };
    }
  }

  private take(): WatchEvent | undefined {
    const running = this.snapshot;
    this.snapshot = undefined;
    if (running !== undefined) return { type: 'snapshot', running };
    for (const [key, watched] of this.changes) {
      this.changes.delete(key);
      return { type: 'change', watched };
    }
    return undefined;
  }

  /** False: nothing happened for the time of a heartbeat. */
  private something(signal: AbortSignal): Promise<boolean> {
    return new Promise((resolve) => {
      const settle = (happened: boolean): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', abort);
        this.wake = () => undefined;
        resolve(happened);
      };
      const timer = setTimeout(() => settle(false), this.heartbeatMillis);
      const abort = (): void => settle(true);
      signal.addEventListener('abort', abort, { once: true });
      this.wake = abort;
    });
  }
}
