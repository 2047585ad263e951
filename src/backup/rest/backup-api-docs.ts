import { BACKUP_STATUSES } from '../backup.entity';
import { CallDoc, ID_PATTERN, pageQueries, PROJECT_PARAM, QueryDoc, TABLE_PARAM } from './api-docs';
import { ACCESS_BODY, modelsOf } from './api-models';
import { DEFAULT_PAGE, MAX_PAGE } from './backup-requests';
import { Dialect } from './dialect';

const TAG = 'Backups';
/** No example that would be sent as it stands could name a backup that is there: an id comes from an answer. */
export const BACKUP_PARAM = {
  name: 'backup_id',
  description: 'The backup’s id, with or without dashes.',
  example: '01890a5d-ac96-774b-bcce-b302099a8057',
  pattern: ID_PATTERN,
};
const NAME_QUERY: QueryDoc = {
  name: 'name',
  description: 'Only those of exactly this name.',
  schema: { type: 'string', minLength: 1, maxLength: 255 },
};

type BackupCall = 'create' | 'list' | 'listAll' | 'describe' | 'change' | 'delete';

/** What the OpenAPI document says of the calls on backups. */
export function backupCallDocs(dialect: Dialect): Record<BackupCall, CallDoc> {
  const models = modelsOf(dialect);
  const operation = (name: string): string => `${dialect.name}_${name}`;
  const ofTable = [PROJECT_PARAM, TABLE_PARAM];
  const ofBackup = [...ofTable, BACKUP_PARAM];
  const listQuery = [...pageQueries('exclusive_start_backup_id', BACKUP_STATUSES, MAX_PAGE, DEFAULT_PAGE), NAME_QUERY];
  const page = { status: 200, description: 'A page, in ascending order of ids.', model: models.backupPage };
  const name = dialect.keys.backupName;
  return {
    create: {
      operationId: operation('create_backup'),
      tag: TAG,
      summary: 'Back up a table',
      description:
        'Answers at once; the backup is made meanwhile. The table is not locked, but for some milliseconds at the beginning of a native backup.',
      params: ofTable,
      body: {
        model: models.createBackup,
        examples: {
          'with the defaults': { [name]: 'nightly' },
          'not to be deleted': { [name]: 'before the upgrade', delete_protection: true },
          'with gzip': { [name]: 'nightly', strategy: { name: 'default', compression: 'gzip' } },
          'of one moment': { [name]: 'before the migration', strategy: { format: 'native' } },
        },
      },
      successes: [{ status: 202, description: 'The backup, in status CREATING.', model: models.backup }],
      errors: {
        400: '',
        404: 'TableNotExistsException: there is no such table.',
        409: 'ConflictError: the request token was used for something else, the table is not ACTIVE, or it is a native backup without exclusive_gateways.',
        413: '',
        423: 'TableLocked: a native backup, and the table is in MAINTENANCE.',
      },
    },
    list: {
      operationId: operation('list_backups'),
      tag: TAG,
      summary: 'List a table’s backups',
      description: 'By name: of every table that ever had it. A table that never was has none.',
      params: ofTable,
      query: listQuery,
      successes: [page],
      errors: { 400: '' },
    },
    listAll: {
      operationId: operation('list_project_backups'),
      tag: TAG,
      summary: 'List a project’s backups',
      description: 'Those of dropped tables included.',
      params: [PROJECT_PARAM],
      query: listQuery,
      successes: [page],
      errors: { 400: '' },
    },
    describe: {
      operationId: operation('describe_backup'),
      tag: TAG,
      summary: 'Describe a backup',
      params: ofBackup,
      successes: [{ status: 200, description: 'The backup.', model: models.backup }],
      errors: { 400: '', 404: 'BackupNotExists.' },
    },
    change: {
      operationId: operation('change_backup'),
      tag: TAG,
      summary: 'Protect a backup against deletion; pause, resume or limit its making or verification',
      params: ofBackup,
      body: {
        model: models.backupChange,
        examples: {
          limit: { rate_limit: { bytes_per_second: 10_000_000 } },
          'few requests at once': { rate_limit: { requests_in_flight: 1 } },
          'no limit of its own': { rate_limit: null },
          pause: { paused: true },
          resume: { paused: false },
          protect: { delete_protection: true },
          'protect no more': { delete_protection: false },
        },
      },
      successes: [{ status: 200, description: 'The backup.', model: models.backup }],
      errors: { 400: '', 404: 'BackupNotExists.', 409: 'ConflictError: nothing runs that could be paused or limited, or it is being deleted.' },
    },
    delete: {
      operationId: operation('delete_backup'),
      tag: TAG,
      summary: 'Delete a backup',
      description:
        'One that is being made is cancelled and removed. Once all is gone, the backup answers 404. One that lies outside is removed with the ' +
        'credentials of the body; they are tried out first.',
      params: ofBackup,
      body: ACCESS_BODY,
      query: [
        {
          name: 'purge',
          description: 'An imported backup: delete its data too, instead of only forgetting it.',
          schema: { type: 'boolean', default: false },
        },
        {
          name: 'forget',
          description: 'One that lies outside, and is not being made: only take it out of the catalogue, also if its place or its credentials are lost; what lies there stays.',
          schema: { type: 'boolean', default: false },
        },
        {
          name: 'cascade',
          description: 'Delete the incremental backups that build on it, too.',
          schema: { type: 'boolean', default: false },
        },
      ],
      successes: [{ status: 200, description: 'The backup, in status DELETING.', model: models.backup }],
      errors: { 400: '', 404: 'BackupNotExists.', 409: 'ConflictError: it is protected, running restores read it (they are named), or incremental backups build on it.' },
    },
  };
}
