import { BaseUrlOptions, HttpRequest, requestBaseUrl } from '../../index';
import { DomainError, TableRef } from '../../kernel';
import { readTableName } from './requests/body';

/** The path parameters of a data call. The guard has checked the project. */
export interface DataParams {
  readonly project_id: string;
  readonly table?: string;
}

/** Both orders of path segments that MagnetoDB's clients use. */
export const DATA_PATHS = ['v1/data/:project_id', 'v1/:project_id/data'];

/** The table that a call's path names. */
export function tableRef(params: DataParams): TableRef {
  // `/tables//get_item`: a path without a table, not one with a bad name.
  if (params.table === '') throw new DomainError('NotFound', 'There is nothing at this path.');
  return { projectId: params.project_id, name: readTableName(params.table, 'The table name in the URL') };
}

/** Absolute URL of the project's tables, in the order of path segments that the call itself used. */
export function tablesUrl(request: HttpRequest, projectId: string, options: BaseUrlOptions): string {
  const path = request.originalUrl ?? request.url;
  const order = path.startsWith('/v1/data/') ? `data/${projectId}` : `${projectId}/data`;
  return `${requestBaseUrl(request, options)}/v1/${order}/tables`;
}
