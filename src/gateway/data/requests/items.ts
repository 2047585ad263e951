import { AttributeUpdates, Expected, Item } from '../../../kernel';
import { optional, readAttributesToGet, readBoolean, readObject, readOneOf } from './body';
import { readAttributeUpdates, readExpected } from './conditions';
import { readItem, readKey, readTimeToLive } from './item';

export interface GetItemRequest {
  readonly key: Item;
  /** undefined: all. */
  readonly attributesToGet: readonly string[] | undefined;
  readonly consistent: boolean;
}

export function readGetItem(json: unknown): GetItemRequest {
  const body = readObject(json, 'body', ['key', 'attributes_to_get', 'consistent_read']);
  return {
    key: readKey(body.key),
    attributesToGet: readAttributesToGet(body.attributes_to_get),
    consistent: readConsistent(body.consistent_read),
  };
}

export function readConsistent(json: unknown): boolean {
  return optional(json, (given) => readBoolean(given, 'consistent_read')) ?? false;
}

export interface PutItemRequest {
  readonly item: Item;
  readonly expected: Expected | undefined;
  readonly timeToLive: number | undefined;
  readonly returnValues: 'NONE' | 'ALL_OLD' | 'ALL_NEW';
}

export function readPutItem(json: unknown, maxItemBytes: number): PutItemRequest {
  const body = readObject(json, 'body', ['item', 'expected', 'time_to_live', 'return_values']);
  return {
    item: readItem(body.item, 'item', maxItemBytes),
    expected: readExpected(body.expected),
    timeToLive: readTimeToLive(body.time_to_live),
    returnValues: readReturnValues(body.return_values, ['NONE', 'ALL_OLD', 'ALL_NEW']),
  };
}

export interface UpdateItemRequest {
  readonly key: Item;
  readonly updates: AttributeUpdates;
  readonly expected: Expected | undefined;
  readonly timeToLive: number | undefined;
  readonly returnValues: 'NONE' | 'ALL_OLD' | 'ALL_NEW' | 'UPDATED_OLD' | 'UPDATED_NEW';
}

export function readUpdateItem(json: unknown): UpdateItemRequest {
  const body = readObject(json, 'body', ['key', 'attribute_updates', 'expected', 'time_to_live', 'return_values']);
  return {
    key: readKey(body.key),
    updates: readAttributeUpdates(body.attribute_updates),
    expected: readExpected(body.expected),
    timeToLive: readTimeToLive(body.time_to_live),
    returnValues: readReturnValues(body.return_values, ['NONE', 'ALL_OLD', 'ALL_NEW', 'UPDATED_OLD', 'UPDATED_NEW']),
  };
}

export interface DeleteItemRequest {
  readonly key: Item;
  readonly expected: Expected | undefined;
  readonly returnValues: 'NONE' | 'ALL_OLD';
}

export function readDeleteItem(json: unknown): DeleteItemRequest {
  const body = readObject(json, 'body', ['key', 'expected', 'return_values']);
  return {
    key: readKey(body.key),
    expected: readExpected(body.expected),
    returnValues: readReturnValues(body.return_values, ['NONE', 'ALL_OLD']),
  };
}

function readReturnValues<T extends string>(json: unknown, words: readonly [T, ...T[]]): T {
  return optional(json, (given) => readOneOf(given, 'return_values', words)) ?? words[0];
}
