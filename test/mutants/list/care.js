const rows = require('../rows');

/** What looks after the deployment: data that is needed is kept, what nobody needs goes, settings are read again. */
const DELETION = 'test/e2e/management-deletion.e2e-spec.ts';

module.exports = [
  ...rows('src/backup/backup.service.ts', DELETION, [
    ['deleted-under-a-restore', 'a backup that is being restored is not deleted', 'if (ids.length === 0) return;', 'if (ids.length >= 0) return;', 'is refused, naming the restores'],
  ]),
  ...rows('src/restore/running-restores.ts', DELETION, [
    ['deletion-waits-for-old-restores', 'a backup that was restored is deleted', ", status: 'RESTORING' as const };", ' };', 'is refused, naming the restores'],
    ['restore-of-a-deleted-backup', 'of a restore and a deletion at the same moment one is refused', "if (backup?.status === 'DELETING') throw", "if (backup?.status === 'CREATING') throw", 'at the same moment'],
  ]),
];
