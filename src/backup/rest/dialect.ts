import { Uuid, uuidHex } from '../../kernel';

/**
 * One of the two published styles of the REST API: MagnetoDB's specification has one, its deployed service and client
 * the other. They differ in URLs, in the names of some keys and in how an id is written; nothing else.
 */
export interface Dialect {
  readonly name: 'spec' | 'deployed';
  /** Route of a table's management calls. */
  readonly tableRoute: string;
  /** Route of a project's management calls. */
  readonly projectRoute: string;
  /** Names of keys, by what they mean. */
  readonly keys: {
    readonly backupId: string;
    readonly backupName: string;
    readonly restoreId: string;
    /** The backup's id in the body of a restore. */
    readonly restoreFrom: string;
    readonly startedAt: string;
    readonly finishedAt: string;
  };
  id(id: Uuid): string;
  /** Path of a backup or restore job, to be put behind the service's base URL. */
  path(projectId: string, tableName: string, collection: 'backups' | 'restores', id: Uuid): string;
}

export const specDialect: Dialect = {
  name: 'spec',
  tableRoute: 'v1/:project_id/management/:table',
  projectRoute: 'v1/:project_id/management',
  keys: {
    backupId: 'id',
    backupName: 'name',
    restoreId: 'id',
    restoreFrom: 'id',
    startedAt: 'start_datetime',
    finishedAt: 'finish_datetime',
  },
  id: (id) => id,
  path: (projectId, tableName, collection, id) =>
    `/v1/${encodeURIComponent(projectId)}/management/${encodeURIComponent(tableName)}/${collection}/${id}`,
};

export const deployedDialect: Dialect = {
  name: 'deployed',
  tableRoute: 'v1/management/:project_id/tables/:table',
  projectRoute: 'v1/management/:project_id',
  keys: {
    backupId: 'backup_id',
    backupName: 'backup_name',
    restoreId: 'restore_job_id',
    restoreFrom: 'backup_id',
    startedAt: 'start_date_time',
    finishedAt: 'finish_date_time',
  },
  id: uuidHex,
  path: (projectId, tableName, collection, id) =>
    `/v1/management/${encodeURIComponent(projectId)}/tables/${encodeURIComponent(tableName)}/${collection}/${uuidHex(id)}`,
};
