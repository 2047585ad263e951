import type { ExecutionContext } from '@nestjs/common';
import type { TableRef } from '../../kernel';
import { BatchesController } from './batches.controller';
import { BulkLoadController } from './bulk-load.controller';
import type { DataParams } from './call';
import { ItemsController } from './items.controller';
import { TablesController } from './tables.controller';

interface DataRequest {
  readonly params: DataParams;
  readonly body?: unknown;
}

/** The tables whose items or existence a data call touches. Names that are none are left to the handler, which refuses them. */
export function resolveTables(context: ExecutionContext): readonly TableRef[] {
  const { params, body } = context.switchToHttp().getRequest<DataRequest>();
  return namesOf(context, params, body).map((name) => ({ projectId: params.project_id, name }));
}

function namesOf(context: ExecutionContext, { table }: DataParams, body: unknown): readonly string[] {
  const named = table === undefined ? [] : [table];
  switch (context.getClass<unknown>()) {
    case ItemsController:
    case BulkLoadController:
      return named;
    case BatchesController:
      return batchNames(body);
    case TablesController:
      return context.getHandler() === TablesController.prototype.delete ? named : [];
    default:
      return [];
  }
}

function batchNames(body: unknown): readonly string[] {
  const items = isObject(body) ? body['request_items'] : undefined;
  return isObject(items) ? Object.keys(items) : [];
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
