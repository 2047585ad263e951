import type { BackupView } from '../backup';
import type { RecentJob } from '../jobs';
import { JobWatches, JobWatchesOptions } from './job-watches';
import { WatchedState, Watcher, WatchEvent } from './watcher';

function state(id: string, done: number, running = true): WatchedState {
  const view = { backup: { id, projectId: 'demo' }, progress: { itemsDone: done } } as unknown as BackupView;
  const watched = { kind: 'backup', view } as const;
  return { watched, text: JSON.stringify(watched), running };
}

const look = (...states: readonly [string, number, boolean?][]): Map<string, WatchedState> =>
  new Map(states.map(([id, done, running]) => [id, state(id, done, running)]));

async function next(events: AsyncGenerator<WatchEvent, void, void>): Promise<WatchEvent> {
  const { value } = await events.next();
  if (value === undefined) throw new Error('the watch is over');
  return value;
}

describe('a watcher', () => {
  const signal = new AbortController().signal;

  it('is told the newest state of each resource, however slowly it reads', async () => {
    const watcher = new Watcher('demo', 60_000);
    const events = watcher.events(signal);
    watcher.look(look(['a', 0], ['b', 0]));
    for (let done = 1; done <= 1000; done += 1) watcher.look(look(['a', done], ['b', 0]));
    const snapshot = await next(events);
    expect(snapshot).toMatchObject({ type: 'snapshot', running: [{ view: { backup: { id: 'a' } } }, { view: { backup: { id: 'b' } } }] });
    expect(await next(events)).toMatchObject({ type: 'change', watched: { view: { backup: { id: 'a' }, progress: { itemsDone: 1000 } } } });
    watcher.end('draining');
    expect(await next(events)).toEqual({ type: 'end', reason: 'draining' });
    expect(await events.next()).toMatchObject({ done: true });
  });

  it('has in its snapshot what runs, and not what has just ended', async () => {
    const watcher = new Watcher('demo', 60_000);
    watcher.look(look(['over', 5, false]));
    watcher.look(look(['over', 5, false]));
    watcher.end('renew');
    const events = watcher.events(signal);
    expect(await next(events)).toEqual({ type: 'snapshot', running: [] });
    expect(await next(events)).toEqual({ type: 'end', reason: 'renew' });
  });

  it('is told that there is nothing to tell', async () => {
    const watcher = new Watcher('demo', 1);
    watcher.look(look());
    const events = watcher.events(signal);
    await next(events);
    expect(await next(events)).toEqual({ type: 'heartbeat' });
    expect(await next(events)).toEqual({ type: 'heartbeat' });
  });

  it('is let go at once when its client is gone', async () => {
    const gone = new AbortController();
    const watcher = new Watcher('demo', 60_000);
    watcher.look(look());
    const events = watcher.events(gone.signal);
    await next(events);
    const waiting = events.next();
    gone.abort();
    expect(await waiting).toMatchObject({ done: true });
  });
});

describe('watches', () => {
  let watches: JobWatches;
  const recent = jest.fn<Promise<RecentJob[]>, [readonly string[]]>();
  const errors: unknown[] = [];
  const begin = (options: Partial<JobWatchesOptions> = {}): void => {
    watches = new JobWatches({
      queue: { recent },
      dataSource: { manager: { findBy: () => Promise.resolve([]) } } as unknown as JobWatchesOptions['dataSource'],
      backups: { withProgress: () => Promise.resolve([]) },
      restores: { withProgress: () => Promise.resolve([]) },
      clock: { now: () => 1000 },
      onError: (error) => errors.push(error),
      pollMillis: 1,
      ...options,
    });
  };
  const endOf = async (watcher: Watcher): Promise<WatchEvent | undefined> => {
    let last: WatchEvent | undefined;
    for await (const event of watcher.events(new AbortController().signal)) last = event;
    return last;
  };
  beforeEach(() => {
    recent.mockReset().mockResolvedValue([]);
    errors.length = 0;
  });
  afterEach(() => watches.onModuleDestroy());

  it('have to be asked for again, so that a token that was revoked is noticed', async () => {
    begin({ renewMillis: 1 });
    expect(await endOf(watches.watch('demo', 1000 + 3_600_000))).toEqual({ type: 'end', reason: 'renew' });
  });

  it('end with the token, and at once if it is over already', async () => {
    begin();
    expect(await endOf(watches.watch('demo', 999))).toEqual({ type: 'end', reason: 'token_expired' });
  });

  it('are so many for each project, and a place that is given back can be taken', async () => {
    begin({ maxPerProject: 2 });
    const first = watches.watch('demo', undefined);
    const refused = expect.objectContaining({ code: 'RequestQuotaExceeded', retryAfterSeconds: 10 });
    const second = watches.watch('demo', undefined);
    expect(() => watches.watch('demo', undefined)).toThrow(refused);
    const other = watches.watch('other', undefined);
    watches.forget(first);
    watches.forget(watches.watch('demo', undefined));
    for (const each of [second, other]) watches.forget(each);
  });

  it('ask for the watched projects only, each once', async () => {
    begin();
    const all = ['demo', 'demo', 'other'].map((project) => watches.watch(project, undefined));
    await Promise.all(all.map((each) => each.ready));
    expect(recent.mock.calls.at(-1)).toEqual([['demo', 'other']]);
    for (const each of all) watches.forget(each);
  });

  it('tell of a backup that was deleted between two looks, and of a restore that was forgotten nothing', async () => {
    begin();
    const watcher = watches.watch('demo', undefined);
    await watcher.ready;
    const job = { projectId: 'demo', finished: true };
    recent.mockResolvedValue([
      { ...job, kind: 'restore', subjectId: 'r' },
      { ...job, kind: 'restore.part', subjectId: 'p' },
      { ...job, kind: 'backup.delete', subjectId: 'b' },
    ]);
    const events = watcher.events(new AbortController().signal);
    expect(await next(events)).toMatchObject({ type: 'snapshot' });
    expect(await next(events)).toEqual({ type: 'change', watched: { kind: 'backup_deleted', backupId: 'b' } });
    watcher.end('renew');
    expect(await next(events)).toEqual({ type: 'end', reason: 'renew' });
    watches.forget(watcher);
  });

  it('begin no more in a process that stops', async () => {
    begin();
    await watches.onModuleDestroy();
    await expect(watches.watch('demo', undefined).ready).rejects.toMatchObject({ code: 'ServiceUnavailable' });
  });
});
