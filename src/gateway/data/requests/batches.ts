import { Item, validationError } from '../../../kernel';
import { anyObject, readArray, readAttributesToGet, readObject, readTableName } from './body';
import { readItem, readKey, readTimeToLive } from './item';
import { readConsistent } from './items';

/** Limits of MagnetoDB's documents, which are DynamoDB's. */
export const MAX_BATCH_WRITES = 25;
export const MAX_BATCH_GETS = 100;

export interface TableGets {
  readonly table: string;
  readonly keys: readonly Item[];
  readonly attributesToGet: readonly string[] | undefined;
  readonly consistent: boolean;
}

/** Body of batch_get_item. */
export function readBatchGet(json: unknown): readonly TableGets[] {
  const gets = requestItems(json).map(([table, request]) => readTableGets(table, request));
  checkCount(
    gets.reduce((count, each) => count + each.keys.length, 0),
    MAX_BATCH_GETS,
  );
  return gets;
}

function readTableGets(table: string, json: unknown): TableGets {
  const where = `request_items.${readTableName(table, 'A table name in request_items')}`;
  const body = readObject(json, where, ['keys', 'attributes_to_get', 'consistent_read']);
  return {
    table,
    keys: readArray(body.keys, `${where}.keys`).map((key, index) => readKey(key, `${where}.keys[${index}]`)),
    attributesToGet: readAttributesToGet(body.attributes_to_get),
    consistent: readConsistent(body.consistent_read),
  };
}

export type BatchWrite =
  | { readonly kind: 'put'; readonly item: Item; readonly timeToLive: number | undefined }
  | { readonly kind: 'delete'; readonly key: Item };

export interface TableWrites {
  readonly table: string;
  readonly writes: readonly BatchWrite[];
}

/** Body of batch_write_item. */
export function readBatchWrite(json: unknown, maxItemBytes: number): readonly TableWrites[] {
  const tables = requestItems(json).map(([table, requests]): TableWrites => {
    const where = `request_items.${readTableName(table, 'A table name in request_items')}`;
    const writes = readArray(requests, where).flatMap((request, index) =>
      readWrites(request, `${where}[${index}]`, maxItemBytes),
    );
    return { table, writes };
  });
  checkCount(
    tables.reduce((count, each) => count + each.writes.length, 0),
    MAX_BATCH_WRITES,
  );
  return tables;
}

/** One request object holds a put, a delete, or (as MagnetoDB takes it) one of each. */
function readWrites(json: unknown, where: string, maxItemBytes: number): BatchWrite[] {
  const body = readObject(json, where, ['put_request', 'delete_request']);
  const writes: BatchWrite[] = [];
  if (body.put_request !== undefined) {
    const put = readObject(body.put_request, `${where}.put_request`, ['item', 'time_to_live']);
    writes.push({
      kind: 'put',
      item: readItem(put.item, `${where}.put_request.item`, maxItemBytes),
      timeToLive: readTimeToLive(put.time_to_live),
    });
  }
  if (body.delete_request !== undefined) {
    const removal = readObject(body.delete_request, `${where}.delete_request`, ['key']);
    writes.push({ kind: 'delete', key: readKey(removal.key, `${where}.delete_request.key`) });
  }
  if (writes.length === 0) throw validationError(`${where} must hold a put_request or a delete_request`);
  return writes;
}

function requestItems(json: unknown): [string, unknown][] {
  const body = readObject(json, 'body', ['request_items']);
  return Object.entries(anyObject(body.request_items, 'request_items'));
}

function checkCount(count: number, max: number): void {
  if (count < 1 || count > max)
    throw validationError(`A batch must hold from 1 to ${max} requests, but holds ${count}`);
}
