import { bytes, count, duration } from './format.js';

/** How much a new sample counts in a rate that is shown. */
const SMOOTHING = 0.3;

/** Phases of jobs, in words. One that is not known here is shown as it is. */
const PHASES = {
  plan: 'Planning',
  copy: 'Copying',
  seal: 'Sealing',
  load: 'Loading',
  verify: 'Reading back',
  verifying: 'Verifying',
  publish: 'Publishing',
  cleanup: 'Cleaning up',
};

/** Is a job at work for this backup? */
export function backupRuns(backup) {
  return backup.status === 'CREATING' || backup.status === 'DELETING' || backup.verification?.status === 'RUNNING';
}

/** What the page knows of the project. Views are told of every change, once a frame. */
export class Store extends EventTarget {
  backups = new Map();
  restores = new Map();
  /** Items a second by job, smoothed. */
  #rates = new Map();
  #scheduled = false;

  /** Ids that the watch has told of since a list was asked for: what it told is newer than the list. */
  #told = new Set();

  /** To be called before a list is asked for. */
  beforeList() {
    this.#told.clear();
  }

  setBackups(list) {
    this.backups = this.#merged(this.backups, list, 'backup_id', backupRuns);
    this.changed();
  }

  setRestores(list) {
    this.restores = this.#merged(this.restores, list, 'restore_job_id', (job) => job.status === 'RESTORING');
    this.changed();
  }

  /** Everything that runs; what ran before and is not among it has ended unseen, and the next list tells how. */
  setRunning(backups, restores) {
    const drop = (map, runs) => {
      for (const [id, each] of map) if (runs(each)) map.delete(id);
    };
    drop(this.backups, backupRuns);
    drop(this.restores, (job) => job.status === 'RESTORING');
    for (const backup of backups) this.putBackup(backup);
    for (const job of restores) this.putRestore(job);
    this.changed();
  }

  #merged(shown, list, key, runs) {
    const fresh = list.filter((each) => !this.#told.has(each[key])).map((each) => [each[key], each]);
    const kept = [...shown].filter(([id, each]) => this.#told.has(id) || runs(each));
    return new Map([...kept, ...fresh]);
  }

  putBackup(backup) {
    const before = this.backups.get(backup.backup_id);
    this.backups.set(backup.backup_id, backup);
    this.#told.add(backup.backup_id);
    this.#sample(backup.backup_id, backup.progress);
    this.changed();
    return before;
  }

  putRestore(job) {
    const before = this.restores.get(job.restore_job_id);
    this.restores.set(job.restore_job_id, job);
    this.#told.add(job.restore_job_id);
    this.#sample(job.restore_job_id, job.progress);
    this.changed();
    return before;
  }

  removeBackup(id) {
    const before = this.backups.get(id);
    this.backups.delete(id);
    this.#told.add(id);
    this.changed();
    return before;
  }

  removeRestore(id) {
    this.restores.delete(id);
    this.#told.add(id);
    this.changed();
  }

  /** Everything that runs or waits, oldest first. */
  running() {
    const backups = [...this.backups.values()].filter(backupRuns).map((backup) => this.#jobOfBackup(backup));
    const restores = [...this.restores.values()].filter((job) => job.status === 'RESTORING').map((job) => this.#jobOfRestore(job));
    return [...backups, ...restores].sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  changed() {
    if (this.#scheduled) return;
    this.#scheduled = true;
    // Not requestAnimationFrame: a page in the background still keeps its numbers.
    setTimeout(() => {
      this.#scheduled = false;
      this.dispatchEvent(new Event('change'));
    }, 16);
  }

  #jobOfBackup(backup) {
    const what = { CREATING: 'Backup', DELETING: 'Deleting' }[backup.status] ?? 'Verifying';
    return {
      id: backup.backup_id,
      title: `${what} “${backup.backup_name}” of ${backup.table_name}`,
      backup,
      adjustable: backup.status !== 'DELETING',
      cancellable: backup.status === 'CREATING',
      ...this.#progressOf(backup, backup.backup_id),
    };
  }

  #jobOfRestore(restore) {
    return {
      id: restore.restore_job_id,
      title: `Restore onto ${restore.table_name}`,
      restore,
      adjustable: true,
      cancellable: true,
      ...this.#progressOf(restore, restore.restore_job_id),
    };
  }

  #progressOf({ progress, paused, status }, id) {
    if (progress === undefined) {
      const waits = status === 'DELETING' ? 'Removing what is stored' : 'Waiting for its turn';
      return { paused: paused === true, phase: paused ? 'Paused' : waits, fraction: undefined, details: '' };
    }
    const { items_done: done, items_total_estimate: total, bytes_done: size, eta_seconds: eta } = progress;
    const rate = paused ? undefined : this.#rates.get(id)?.rate;
    const details = [
      total === undefined ? `${count(done)} items` : `${count(done)} of ${count(total)} items`,
      bytes(size),
      rate > 0 ? `${count(Math.round(rate))} items/s` : null,
      eta !== undefined && !paused ? `about ${duration(eta)} left` : null,
    ].filter((part) => part !== null);
    return {
      paused: paused === true,
      phase: paused ? 'Paused' : (PHASES[progress.phase] ?? progress.phase),
      fraction: total > 0 ? Math.min(1, done / total) : undefined,
      details: details.join(' · '),
    };
  }

  #sample(id, progress) {
    if (progress === undefined) {
      this.#rates.delete(id);
      return;
    }
    const now = performance.now();
    const last = this.#rates.get(id);
    if (last === undefined || progress.items_done < last.items) {
      this.#rates.set(id, { at: now, items: progress.items_done, rate: undefined });
      return;
    }
    const seconds = (now - last.at) / 1000;
    if (seconds < 0.5) return;
    const sample = (progress.items_done - last.items) / seconds;
    const rate = last.rate === undefined ? sample : last.rate + SMOOTHING * (sample - last.rate);
    this.#rates.set(id, { at: now, items: progress.items_done, rate });
  }
}
