import { Answer, AnswerContext, present, presentLastId, presentPaused, presentProgress, presentRateLimit, presentTime } from '../../backup';
import { isoTime, schemaToJson } from '../../kernel';
import { JobProgress } from '../../jobs';
import { RestorePart } from '../engine/part';
import { RestoreEntity } from '../restore.entity';
import { RestorePlan } from '../restore-plan';

/** A restore job with what its running job says. */
export interface RestoreView {
  readonly restore: RestoreEntity;
  readonly progress: JobProgress | undefined;
}

/** A restore job as a client sees it. */
export function presentRestore({ restore, progress }: RestoreView, { dialect, base, now }: AnswerContext): Answer {
  const { keys } = dialect;
  return present({
    [keys.restoreId]: dialect.id(restore.id),
    backup_id: restore.backupId === null ? null : dialect.id(restore.backupId),
    table_id: restore.tableId === null ? null : dialect.id(restore.tableId),
    table_name: restore.tableName,
    status: restore.status,
    [keys.startedAt]: presentTime(restore.startedAt),
    [keys.finishedAt]: presentTime(restore.finishedAt),
    source: restore.sourceUrl,
    links: [
      { rel: 'self', href: base + dialect.path(restore.projectId, restore.tableName, 'restores', restore.id) },
      { rel: 'source', href: restore.sourceUrl },
    ],
    format: restore.format,
    format_reason: restore.formatReason,
    ...(restore.part === null ? {} : presentPart(restore.part)),
    items_restored: restore.itemsRestored,
    items_left_out: restore.itemsLeftOut,
    error: restore.error,
    paused: presentPaused(progress),
    rate_limit: presentRateLimit(progress),
    progress: restore.status === 'RESTORING' ? presentProgress(progress, restore.itemsTotal, now) : undefined,
  });
}

/** What of the backup is restored, in the keys of the request. */
function presentPart({ hashKeys, hashKeyPrefix, excludeAttributes }: RestorePart): Answer {
  return present({
    select: hashKeys || hashKeyPrefix ? present({ hash_keys: hashKeys, hash_key_prefix: hashKeyPrefix }) : undefined,
    exclude_attributes: excludeAttributes,
  });
}

/** A page of a list. `last_evaluated_*_id` is there only if the page is full. */
export function presentRestorePage(views: readonly RestoreView[], limit: number, context: AnswerContext): Answer {
  return {
    restore_jobs: views.map((view) => presentRestore(view, context)),
    ...presentLastId(
      'last_evaluated_restore_job_id',
      views.at(-1)?.restore.id,
      views.length === limit,
      context.dialect,
    ),
  };
}

/** What a restore would do (`dry_run`). The table is shown as describe_table would show it afterwards. */
export function presentPlan(plan: RestorePlan, { dialect, base }: AnswerContext): Answer {
  const tableUrl = `${base}/v1/${encodeURIComponent(plan.projectId)}/data/tables/${encodeURIComponent(plan.tableName)}`;
  const { local_secondary_indexes: indexes, ...structure } = schemaToJson(plan.schema);
  return {
    plan: {
      table: {
        ...structure,
        ...(indexes.length === 0
          ? {}
          : { local_secondary_indexes: indexes.map((index) => ({ ...index, index_size_bytes: 0, item_count: 0 })) }),
        table_name: plan.tableName,
        // Of a table that the restore would make, neither is known yet.
        ...(plan.target === undefined
          ? {}
          : { table_id: dialect.id(plan.target.id), creation_date_time: isoTime(plan.target.createdAt) }),
        table_status: 'ACTIVE',
        // Of a part it is known only once all was read.
        ...(plan.part === undefined ? { item_count: plan.itemCount, table_size_bytes: plan.tableSizeBytes } : {}),
        links: [
          { rel: 'self', href: tableUrl },
          { rel: 'bookmark', href: tableUrl },
        ],
      },
      item_count: plan.itemCount,
      size_bytes: plan.sizeBytes,
      chain: plan.chain.map((id) => dialect.id(id)),
      format: plan.format,
      format_reason: plan.formatReason,
      on_existing: plan.onExisting,
      ...(plan.part === undefined ? {} : { partial: true, ...presentPart(plan.part) }),
      conflict: plan.conflict === undefined ? null : { type: plan.conflict.type, message: plan.conflict.message },
    },
  };
}
