import { Readable } from 'node:stream';
import { Answer, AnswerContext, presentBackup } from '../backup';
import { Clock } from '../kernel';
import { presentRestore } from '../restore';
import { Watched, Watcher, WatchEvent } from './watcher';

/** What a watcher is told, as a stream of JSON lines. It is read as fast as the client reads, and ends with the watch. */
export function watchLines(watcher: Watcher, context: AnswerContext, clock: Clock, onClose: () => void): Readable {
  const gone = new AbortController();
  const events = watcher.events(gone.signal);
  return new Readable({
    read() {
      events.next().then(
        ({ value, done }) => this.push(done === true ? null : lineOf(presentEvent(value, { ...context, now: clock.now() }))),
        (error: unknown) => this.destroy(error instanceof Error ? error : new Error('the watch failed')),
      );
    },
    // Not Readable.from: that one would wait for the next event before it let go.
    destroy(error, done) {
      gone.abort();
      onClose();
      done(error);
    },
  });
}

function lineOf(answer: Answer): string {
  return `${JSON.stringify(answer)}\n`;
}

function presentEvent(event: WatchEvent, context: AnswerContext): Answer {
  switch (event.type) {
    case 'snapshot':
      return {
        event: 'snapshot',
        backups: event.running.flatMap((each) => (each.kind === 'backup' ? [presentBackup(each.view, context)] : [])),
        restore_jobs: event.running.flatMap((each) => (each.kind === 'restore' ? [presentRestore(each.view, context)] : [])),
      };
    case 'change':
      return presentChange(event.watched, context);
    case 'heartbeat':
      return { event: 'heartbeat' };
    case 'end':
      return { event: 'end', reason: event.reason };
  }
}

function presentChange(watched: Watched, context: AnswerContext): Answer {
  switch (watched.kind) {
    case 'backup':
      return { event: 'backup', backup: presentBackup(watched.view, context) };
    case 'restore':
      return { event: 'restore_job', restore_job: presentRestore(watched.view, context) };
    case 'backup_deleted':
      return { event: 'backup_deleted', backup_id: context.dialect.id(watched.backupId) };
  }
}
