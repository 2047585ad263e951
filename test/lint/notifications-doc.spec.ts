import { readFileSync } from 'node:fs';
import { BackupEntity } from '../../src/backup';
import { backupEvent } from '../../src/backup/backup-events';
import { RestoreEntity } from '../../src/restore/restore.entity';
import { restoreEvent } from '../../src/restore/restore-events';

/** Every column has a value, so that every key appears; `null` for the rest. */
const FULL = {
  id: '01890a5d-ac96-774b-bcce-b302099a8057',
  projectId: 'demo',
  tableName: 'threads',
  tableId: '01890a5d-ac96-774b-bcce-b302099a8058',
  name: 'nightly',
  backupId: '01890a5d-ac96-774b-bcce-b302099a8059',
  sourceUrl: 'file:///srv/objects/demo/backup',
  status: 'CREATED',
  strategy: { type: 'full' },
  startedAt: 1_428_000_000_000,
  finishedAt: 1_428_000_000_500,
  itemCount: 3,
  itemsTotal: 3,
  sizeBytes: 100,
  error: { type: 'Cancelled', message: 'It was cancelled.' },
};
const UNFINISHED = { ...FULL, tableId: null, backupId: null, finishedAt: null, itemCount: null, itemsTotal: null, sizeBytes: null, error: null };

const document = readFileSync('docs/notifications.md', 'utf8');

/** Keys that the table of the document gives to backups (column 1) or restores (column 2); `always` only, or all. */
function documented(column: 1 | 2, always: boolean): string[] {
  const rows = [...document.matchAll(/^\| `(\w+)` \|([^|]*)\|([^|]*)\|/gm)];
  return rows.filter((row) => (always ? row[column + 1]?.trim() === 'always' : row[column + 1]?.trim() !== '')).map((row) => row[1] ?? '').sort();
}
const keysOf = (event: { payload: Readonly<Record<string, unknown>> }): string[] => Object.keys(event.payload).sort();

describe('docs/notifications.md', () => {
  const backup = Object.assign(new BackupEntity(), FULL);
  const restore = Object.assign(new RestoreEntity(), FULL);

  it('has exactly the payload keys that events have', () => {
    expect(keysOf(backupEvent(FULL.id, 'create', 'error', backup))).toEqual(documented(1, false));
    expect(keysOf(restoreEvent(FULL.id, 'error', restore))).toEqual(documented(2, false));
    expect(documented(1, false)).toContain('backup_name');
  });

  it('says which of them are always there', () => {
    const started = Object.assign(new BackupEntity(), UNFINISHED, { tableId: FULL.tableId });
    expect(keysOf(backupEvent(FULL.id, 'create', 'start', started))).toEqual(documented(1, true));
    expect(keysOf(restoreEvent(FULL.id, 'start', Object.assign(new RestoreEntity(), UNFINISHED)))).toEqual(documented(2, true));
  });

  it('names every type of event', () => {
    for (const event of [backupEvent(FULL.id, 'create', 'start', backup), backupEvent(FULL.id, 'delete', 'start', backup), restoreEvent(FULL.id, 'start', restore)]) {
      expect(document).toContain(`| \`magnetodb.${event.operation}.start\`, \`.end\`, \`.error\` |`);
    }
  });
});
