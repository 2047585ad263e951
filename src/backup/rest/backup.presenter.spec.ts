import { JobProgress } from '../../jobs';
import { BackupEntity } from '../backup.entity';
import { emptyBackup } from '../backup.service';
import { presentBackup, presentBackupPage } from './backup.presenter';
import { deployedDialect, specDialect } from './dialect';

const ID = '01890a5d-ac96-774b-bcce-b302099a8057';
const TABLE_ID = '0f8fad5b-d9cb-469f-a165-70867728950e';
const LOCATION = `file:///objects/demo/${ID}`;
const STARTED = Date.UTC(2026, 0, 31, 12, 0, 0, 5);

function backup(change: Partial<BackupEntity> = {}): BackupEntity {
  const strategy = {
    name: 'default',
    type: 'full',
    format: 'db-agnostic',
    location: { type: 'internal' },
    compression: 'zstd',
  };
  const known = {
    projectId: 'demo',
    id: ID,
    name: 'nightly',
    tableId: TABLE_ID,
    tableName: 'cities',
    status: 'CREATING' as const,
    strategy,
    locationUrl: LOCATION,
    internal: true,
    imported: false,
  };
  return Object.assign(emptyBackup(), known, { startedAt: STARTED, ...change });
}

const running: JobProgress = {
  state: 'running',
  stage: 'copy',
  paused: false,
  rateLimit: null,
  itemsDone: 25,
  bytesDone: 1000,
  stepsDone: 1,
  stepsTotal: 4,
  startedAt: STARTED + 1000,
};
const spec = { dialect: specDialect, base: 'http://host:1', now: STARTED + 2000 };
const deployed = { ...spec, dialect: deployedDialect };

describe('presentBackup', () => {
  it('shows the spec dialect', () => {
    expect(presentBackup({ backup: backup(), progress: undefined }, spec)).toEqual({
      id: ID,
      name: 'nightly',
      table_id: TABLE_ID,
      table_name: 'cities',
      status: 'CREATING',
      delete_protection: false,
      start_datetime: '2026-01-31T12:00:00.005Z',
      strategy: backup().strategy,
      links: [
        { rel: 'self', href: `http://host:1/v1/demo/management/cities/backups/${ID}` },
        { rel: 'location', href: LOCATION },
      ],
    });
  });

  it('shows the deployed dialect, ids as hex', () => {
    const hex = ID.replaceAll('-', '');
    expect(presentBackup({ backup: backup(), progress: undefined }, deployed)).toEqual({
      backup_id: hex,
      backup_name: 'nightly',
      table_id: TABLE_ID.replaceAll('-', ''),
      table_name: 'cities',
      status: 'CREATING',
      delete_protection: false,
      start_date_time: '2026-01-31T12:00:00.005Z',
      strategy: backup().strategy,
      location: LOCATION,
      links: [
        { rel: 'self', href: `http://host:1/v1/management/demo/tables/cities/backups/${hex}` },
        { rel: 'location', href: LOCATION },
      ],
    });
  });

  it('shows a finished backup’s contents, zeros included, and no progress', () => {
    const finished = backup({
      status: 'CREATED',
      finishedAt: STARTED + 1,
      itemCount: 0,
      sizeBytes: 0,
      tableSizeBytes: 0,
      formatVersion: 1,
      restorable: true,
      baseBackupId: ID,
    });
    const shown = presentBackup({ backup: finished, progress: { ...running, state: 'succeeded' } }, deployed);
    expect(shown).toMatchObject({
      finish_date_time: '2026-01-31T12:00:00.006Z',
      item_count: 0,
      size_bytes: 0,
      table_size_bytes: 0,
      format_version: 1,
      restorable: true,
    });
    expect(shown['base_backup_id']).toBe(ID.replaceAll('-', ''));
    for (const key of ['progress', 'error', 'last_verified_at', 'locked_milliseconds'])
      expect(shown).not.toHaveProperty(key);
    // The job is read after the row: it may be another one's by then.
    expect(presentBackup({ backup: finished, progress: running }, deployed)).not.toHaveProperty('progress');
  });

  it('shows what went wrong', () => {
    const error = { type: 'TableChanged', message: 'It was dropped.' };
    expect(
      presentBackup({ backup: backup({ status: 'CREATE_FAILED', error }), progress: undefined }, spec),
    ).toMatchObject({ error });
  });

  it('shows progress while it runs, with the time to go at the speed so far', () => {
    const shown = presentBackup({ backup: backup({ itemsEstimate: 100 }), progress: running }, spec);
    expect(shown['progress']).toEqual({
      phase: 'copy',
      items_done: 25,
      items_total_estimate: 100,
      bytes_done: 1000,
      ranges_done: 1,
      ranges_total: 4,
      started_at: '2026-01-31T12:00:01.005Z',
      eta_seconds: 3,
    });
  });

  it.each<[string, Partial<JobProgress>, number]>([
    ['nothing is done yet', { itemsDone: 0 }, 100],
    ['it is paused', { paused: true }, 100],
    ['more is done than was estimated', { itemsDone: 101 }, 100],
  ])('guesses no time to go when %s', (_when, change, itemsEstimate) => {
    const shown = presentBackup({ backup: backup({ itemsEstimate }), progress: { ...running, ...change } }, spec);
    expect(shown['progress']).toMatchObject({ phase: 'copy' });
    expect(shown['progress']).not.toHaveProperty('eta_seconds');
  });

  it('shows what limits the job, and whether it shares that', () => {
    const shown = (rateLimit: JobProgress['rateLimit']): unknown => presentBackup({ backup: backup(), progress: { ...running, rateLimit } }, spec)['rate_limit'];
    expect(shown({ bytesPerSecond: 8, requestsInFlight: 2, shared: true })).toEqual({ bytes_per_second: 8, requests_in_flight: 2, shared: true });
    expect(shown({ itemsPerSecond: 3, shared: false })).toEqual({ items_per_second: 3 });
    expect(presentBackup({ backup: backup(), progress: running }, spec)).not.toHaveProperty('rate_limit');
  });

  it('shows no progress while the job waits in the queue', () => {
    for (const waiting of [{ state: 'queued' as const }, { startedAt: undefined }]) {
      expect(presentBackup({ backup: backup(), progress: { ...running, ...waiting } }, spec)).not.toHaveProperty(
        'progress',
      );
    }
  });

  it('writes ids within a strategy as all others', () => {
    const shown = presentBackup(
      { backup: backup({ strategy: { type: 'incremental', base_backup_id: ID } }), progress: undefined },
      deployed,
    );
    expect(shown['strategy']).toEqual({ type: 'incremental', base_backup_id: ID.replaceAll('-', '') });
  });
});

describe('presentBackupPage', () => {
  const views = [{ backup: backup(), progress: undefined }];

  it('says where to go on only if the page is full', () => {
    expect(presentBackupPage(views, 1, deployed)['last_evaluated_backup_id']).toBe(ID.replaceAll('-', ''));
    expect(presentBackupPage(views, 2, spec)).not.toHaveProperty('last_evaluated_backup_id');
    expect(presentBackupPage([], 100, spec)).toEqual({ backups: [] });
  });
});
