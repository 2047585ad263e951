import {
  AttributeCondition,
  Filter,
  Item,
  Key,
  LocalSecondaryIndex,
  TableSchema,
  validationError,
} from '../../../kernel';
import {
  optional,
  quoted,
  readAttributesToGet,
  readBoolean,
  readInteger,
  readObject,
  readOneOf,
  readTableName,
} from './body';
import { readFilter, readKeyConditions } from './conditions';
import { exactStartKey, keyNames, readKey } from './item';
import { readConsistent } from './items';

/** Largest `limit` of a query or scan: a page is cut by its bytes long before. */
const MAX_LIMIT = 1_000_000_000;

const SELECT_WORDS = ['ALL_ATTRIBUTES', 'ALL_PROJECTED_ATTRIBUTES', 'SPECIFIC_ATTRIBUTES', 'COUNT'] as const;

/** Which attributes, or only how many items, an answer holds. */
export type Selection =
  | { readonly kind: 'all' }
  | { readonly kind: 'projected' }
  | { readonly kind: 'specific'; readonly names: readonly string[] }
  | { readonly kind: 'count' };

export interface QueryItemsRequest {
  readonly conditions: Filter;
  readonly indexName: string | undefined;
  readonly selection: Selection;
  readonly limit: number | undefined;
  readonly exclusiveStartKey: Item | undefined;
  readonly forward: boolean;
  readonly consistent: boolean;
}

export function readQuery(json: unknown): QueryItemsRequest {
  const body = readObject(json, 'body', [
    'attributes_to_get',
    'consistent_read',
    'exclusive_start_key',
    'index_name',
    'key_conditions',
    'limit',
    'scan_index_forward',
    'select',
  ]);
  const indexName = optional(body.index_name, (given) => readTableName(given, 'index_name'));
  return {
    conditions: readKeyConditions(body.key_conditions),
    indexName,
    selection: readSelection(body.select, body.attributes_to_get, indexName !== undefined),
    limit: readLimit(body.limit),
    exclusiveStartKey: readStartKey(body.exclusive_start_key),
    forward: optional(body.scan_index_forward, (given) => readBoolean(given, 'scan_index_forward')) ?? true,
    consistent: readConsistent(body.consistent_read),
  };
}

export interface ScanItemsRequest {
  readonly filter: Filter | undefined;
  readonly selection: Selection;
  readonly limit: number | undefined;
  readonly exclusiveStartKey: Item | undefined;
  readonly segment: number;
  readonly totalSegments: number;
}

export function readScan(json: unknown): ScanItemsRequest {
  const body = readObject(json, 'body', [
    'attributes_to_get',
    'exclusive_start_key',
    'limit',
    'scan_filter',
    'segment',
    'select',
    'total_segments',
  ]);
  const totalSegments = optional(body.total_segments, (given) => readInteger(given, 'total_segments', 1, 4096)) ?? 1;
  return {
    filter: readFilter(body.scan_filter),
    selection: readSelection(body.select, body.attributes_to_get, false),
    limit: readLimit(body.limit),
    exclusiveStartKey: readStartKey(body.exclusive_start_key),
    segment: optional(body.segment, (given) => readInteger(given, 'segment', 0, totalSegments - 1)) ?? 0,
    totalSegments,
  };
}

function readLimit(json: unknown): number | undefined {
  return optional(json, (given) => readInteger(given, 'limit', 1, MAX_LIMIT));
}

function readStartKey(json: unknown): Item | undefined {
  return optional(json, (given) => readKey(given, 'exclusive_start_key'));
}

function readSelection(select: unknown, attributesToGet: unknown, onIndex: boolean): Selection {
  const names = readAttributesToGet(attributesToGet);
  const word = optional(select, (given) => readOneOf(given, 'select', SELECT_WORDS));
  if (names !== undefined) {
    if (word !== undefined && word !== 'SPECIFIC_ATTRIBUTES')
      throw validationError(`attributes_to_get needs select to be SPECIFIC_ATTRIBUTES, not ${word}`);
    return { kind: 'specific', names };
  }
  switch (word) {
    case undefined:
      return { kind: onIndex ? 'projected' : 'all' };
    case 'ALL_ATTRIBUTES':
      return { kind: 'all' };
    case 'COUNT':
      return { kind: 'count' };
    case 'SPECIFIC_ATTRIBUTES':
      throw validationError('select SPECIFIC_ATTRIBUTES needs attributes_to_get');
    case 'ALL_PROJECTED_ATTRIBUTES':
      if (!onIndex) throw validationError('select ALL_PROJECTED_ATTRIBUTES needs index_name');
      return { kind: 'projected' };
  }
}

/** A query's conditions as the table's structure understands them. */
export interface KeyQuery {
  readonly hashValue: Key;
  readonly rangeCondition: AttributeCondition | undefined;
  readonly index: LocalSecondaryIndex | undefined;
  readonly exclusiveStartKey: Item | undefined;
}

/** Fits a query to a table: EQ on the hash key and at most one condition on the range attribute, each of the defined type. */
export function resolveQuery(schema: TableSchema, request: QueryItemsRequest): KeyQuery {
  const index = request.indexName === undefined ? undefined : findIndex(schema, request.indexName);
  const rangeName = index === undefined ? schema.rangeKey : index.rangeAttribute;
  for (const [name, condition] of request.conditions) {
    if (name !== schema.hashKey && name !== rangeName) {
      throw validationError(
        `key_conditions do not match the table's keys: ${quoted(name)} is neither its hash key nor the range attribute`,
      );
    }
    const type = schema.attributes.get(name);
    if (condition.values.some((value) => value.type !== type)) {
      throw validationError(`key_conditions do not match the table's keys: ${name} is of type ${type}`);
    }
  }
  const hash = request.conditions.get(schema.hashKey);
  const value = hash?.values[0];
  if (hash?.operator !== 'EQ' || value === undefined) {
    throw validationError(
      `key_conditions do not match the table's keys: EQ on the hash key ${schema.hashKey} is needed`,
    );
  }
  const exclusiveStartKey =
    request.exclusiveStartKey === undefined
      ? undefined
      : exactStartKey(schema, request.exclusiveStartKey, index?.rangeAttribute);
  if (exclusiveStartKey !== undefined && exclusiveStartKey.get(schema.hashKey)?.value !== value.value) {
    throw validationError('exclusive_start_key must have the hash key that key_conditions ask for');
  }
  return {
    hashValue: new Map([[schema.hashKey, value]]),
    rangeCondition: rangeName === undefined ? undefined : request.conditions.get(rangeName),
    index,
    exclusiveStartKey,
  };
}

function findIndex(schema: TableSchema, name: string): LocalSecondaryIndex {
  const index = schema.indexes.find((candidate) => candidate.name === name);
  if (index === undefined) throw validationError(`The table has no index ${quoted(name)}`);
  return index;
}

/** The attributes of a selection; undefined: all of them. */
export function selectedNames(
  schema: TableSchema,
  selection: Selection,
  index: LocalSecondaryIndex | undefined,
): readonly string[] | undefined {
  if (selection.kind === 'specific') return selection.names;
  if (selection.kind !== 'projected' || index === undefined || index.projection.type === 'ALL') return undefined;
  const included = index.projection.type === 'INCLUDE' ? index.projection.attributes : [];
  return [...keyNames(schema), index.rangeAttribute, ...included];
}
