import { Inject, Injectable } from '@nestjs/common';
import { Page, TABLE_BACKEND, TableBackend, WriteOptions, WriteResult } from '../../index';
import { AttributeUpdates, Expected, Item, TableRef } from '../../kernel';
import { DATA_API_OPTIONS, ResolvedDataApiOptions } from './data-api.options';
import { Json, presentItem } from './present';
import { checkedItem, exactKey, exactStartKey } from './requests/item';
import { DeleteItemRequest, GetItemRequest, PutItemRequest, UpdateItemRequest } from './requests/items';
import { QueryItemsRequest, ScanItemsRequest, Selection, resolveQuery, selectedNames } from './requests/query';
import { TablesService } from './tables.service';

/** The calls on items of one table, from parsed request to answer. */
@Injectable()
export class ItemsService {
  constructor(
    @Inject(TABLE_BACKEND) private readonly backend: TableBackend,
    @Inject(DATA_API_OPTIONS) private readonly options: ResolvedDataApiOptions,
    private readonly tables: TablesService,
  ) {}

  async get(ref: TableRef, request: GetItemRequest): Promise<Json> {
    const schema = await this.tables.schemaOf(ref);
    const stored = await this.backend.getItem(ref, exactKey(schema, request.key), { consistent: request.consistent });
    return stored === undefined ? {} : { item: presentItem(stored.item, request.attributesToGet) };
  }

  async put(ref: TableRef, request: PutItemRequest): Promise<Json> {
    const item = checkedItem(await this.tables.schemaOf(ref), request.item);
    const { before } = await this.backend.putItem(ref, item, this.writeOptions(request));
    if (request.returnValues === 'ALL_NEW') return { attributes: presentItem(item) };
    return request.returnValues === 'ALL_OLD' && before !== undefined ? { attributes: presentItem(before) } : {};
  }

  async update(ref: TableRef, request: UpdateItemRequest): Promise<Json> {
    const key = exactKey(await this.tables.schemaOf(ref), request.key);
    const result = await this.backend.updateItem(ref, key, request.updates, this.writeOptions(request));
    if (request.returnValues === 'NONE') return {};
    return { attributes: returnedAttributes(result, request.returnValues, request.updates) };
  }

  async delete(ref: TableRef, request: DeleteItemRequest): Promise<Json> {
    const key = exactKey(await this.tables.schemaOf(ref), request.key);
    const { before } = await this.backend.deleteItem(ref, key, this.writeOptions(request));
    return request.returnValues === 'ALL_OLD' && before !== undefined ? { attributes: presentItem(before) } : {};
  }

  async query(ref: TableRef, request: QueryItemsRequest): Promise<Json> {
    const schema = await this.tables.schemaOf(ref);
    const { hashValue, rangeCondition, index, exclusiveStartKey } = resolveQuery(schema, request);
    const page = await this.backend.query(ref, {
      hashValue,
      forward: request.forward,
      consistent: request.consistent,
      ...(rangeCondition === undefined ? {} : { rangeCondition }),
      ...(index === undefined ? {} : { indexName: index.name }),
      ...(request.limit === undefined ? {} : { limit: request.limit }),
      ...(exclusiveStartKey === undefined ? {} : { exclusiveStartKey }),
    });
    return presentPage(page, request.selection, selectedNames(schema, request.selection, index));
  }

  async scan(ref: TableRef, request: ScanItemsRequest): Promise<Json> {
    const schema = await this.tables.schemaOf(ref);
    const page = await this.backend.scan(ref, {
      segment: request.segment,
      totalSegments: request.totalSegments,
      ...(request.filter === undefined ? {} : { filter: request.filter }),
      ...(request.limit === undefined ? {} : { limit: request.limit }),
      ...(request.exclusiveStartKey === undefined
        ? {}
        : { exclusiveStartKey: exactStartKey(schema, request.exclusiveStartKey) }),
    });
    const answer = presentPage(page, request.selection, selectedNames(schema, request.selection, undefined));
    return { ...answer, scanned_count: page.scannedCount };
  }

  private writeOptions(request: { expected: Expected | undefined; timeToLive?: number | undefined }): WriteOptions {
    const expiresAt = expiryOf(request.timeToLive, this.options.clock.now());
    return {
      ...(request.expected === undefined ? {} : { expected: request.expected }),
      ...(expiresAt === undefined ? {} : { expiresAt }),
    };
  }
}

/** Seconds since the epoch at which a time to live ends; null: never; undefined: none was given. */
export function expiryOf(timeToLive: number | undefined, nowMillis: number): number | null | undefined {
  if (timeToLive === undefined) return undefined;
  return timeToLive === 0 ? null : Math.floor(nowMillis / 1000) + timeToLive;
}

function returnedAttributes(
  result: WriteResult,
  returnValues: UpdateItemRequest['returnValues'],
  updates: AttributeUpdates,
): Json {
  const item: Item | undefined = returnValues.endsWith('_OLD') ? result.before : result.after;
  if (item === undefined) return {};
  return presentItem(item, returnValues.startsWith('UPDATED') ? [...updates.keys()] : undefined);
}

function presentPage(page: Page, selection: Selection, names: readonly string[] | undefined): Json {
  return {
    count: page.items.length,
    ...(selection.kind === 'count' ? {} : { items: page.items.map((item) => presentItem(item, names)) }),
    ...(page.lastEvaluatedKey === undefined ? {} : { last_evaluated_key: presentItem(page.lastEvaluatedKey) }),
  };
}
