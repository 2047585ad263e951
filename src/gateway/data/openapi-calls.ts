import {
  attributeValue,
  conditions,
  createTable,
  expected,
  flag,
  integer,
  item,
  key,
  link,
  list,
  object,
  record,
  Schema,
  tableDescription,
  tableName,
  text,
  words,
} from './openapi-schemas';
import { KEY_OPERATORS } from './requests/conditions';

/** What OpenAPI says of one call; the examples follow each other, so that they can be tried in this order. */
export interface CallDescription {
  readonly summary: string;
  readonly description?: string;
  readonly consumes?: string;
  readonly query?: readonly {
    readonly name: string;
    readonly description: string;
    readonly schema: { readonly type: 'integer' | 'string' | 'boolean' };
  }[];
  readonly request?: Schema;
  readonly requestExample?: unknown;
  readonly answers: string;
  readonly response: Schema;
  /** Beside 401, 403, 429, 500 and 503, which every call may answer. */
  readonly errors: readonly number[];
}

const THREAD_KEY = { ForumName: { S: 'MagnetoDB' }, Subject: { S: 'How do I update multiple items?' } };
const THREAD_ITEM = {
  ...THREAD_KEY,
  LastPostDateTime: { S: '201303190422' },
  LastPostedBy: { S: 'fred@example.com' },
  Message: { S: 'I want to update multiple items.' },
  Tags: { SS: ['HelpMe', 'Multiple items', 'Update'] },
};

const returned = (description: string): Schema => object({ attributes: { ...item, description } });
const consistentRead = flag('default false');
const attributesToGet = list(text(), 'default: all');
const select = words('ALL_ATTRIBUTES', 'ALL_PROJECTED_ATTRIBUTES', 'SPECIFIC_ATTRIBUTES', 'COUNT');
const timeToLive = integer('seconds from now on; 0: for ever', 0, 630720000);
const startKey: Schema = { ...item, description: '`last_evaluated_key` of the page before' };
const limit = integer('at most so many items are examined', 1);
const tableAnswer = object({ table_description: tableDescription }, ['table_description']);
const putRequest = object({ item, time_to_live: timeToLive }, ['item']);
const deleteRequest = object({ key }, ['key']);
const writes: Schema = { ...list(object({ put_request: putRequest, delete_request: deleteRequest })), maxItems: 25 };
const gets = object(
  { keys: { ...list(key), maxItems: 100 }, attributes_to_get: attributesToGet, consistent_read: consistentRead },
  ['keys'],
);
const ITEM_ERRORS = [400, 404, 413, 423] as const;

export const CALLS = {
  create_table: {
    summary: 'Create a table',
    request: createTable,
    requestExample: {
      table_name: 'Thread',
      attribute_definitions: [
        { attribute_name: 'ForumName', attribute_type: 'S' },
        { attribute_name: 'Subject', attribute_type: 'S' },
        { attribute_name: 'LastPostDateTime', attribute_type: 'S' },
      ],
      key_schema: [
        { attribute_name: 'ForumName', key_type: 'HASH' },
        { attribute_name: 'Subject', key_type: 'RANGE' },
      ],
      local_secondary_indexes: [
        {
          index_name: 'LastPostIndex',
          key_schema: [
            { attribute_name: 'ForumName', key_type: 'HASH' },
            { attribute_name: 'LastPostDateTime', key_type: 'RANGE' },
          ],
          projection: { projection_type: 'KEYS_ONLY' },
        },
      ],
    },
    answers: 'the table, ACTIVE or CREATING',
    response: tableAnswer,
    errors: [400, 413],
  },
  list_tables: {
    summary: 'List the tables of the project, by name',
    query: [
      {
        name: 'limit',
        description: 'at most so many names; a page never has more than 1000',
        schema: { type: 'integer' },
      },
      {
        name: 'exclusive_start_table_name',
        description: '`last_evaluated_table_name` of the page before',
        schema: { type: 'string' },
      },
    ],
    answers: 'a page of links',
    response: object(
      { tables: list(link), last_evaluated_table_name: { ...tableName, description: 'only if there may be more' } },
      ['tables'],
    ),
    errors: [400],
  },
  describe_table: {
    summary: 'Describe a table',
    answers: 'the table',
    response: object({ table: tableDescription }, ['table']),
    errors: [400, 404],
  },
  delete_table: {
    summary: 'Delete a table and all its items',
    answers: 'the table as it was, in status DELETING. If its settings say so, a backup is made first, and if that fails the table is ACTIVE again',
    response: tableAnswer,
    errors: [400, 404, 413, 423],
  },
  put_item: {
    summary: 'Put an item: create it, or replace it as a whole',
    request: object({ item, expected, time_to_live: timeToLive, return_values: words('NONE', 'ALL_OLD', 'ALL_NEW') }, [
      'item',
    ]),
    requestExample: { item: THREAD_ITEM, return_values: 'ALL_OLD' },
    answers: 'the attributes that were asked for, if there are any',
    response: returned('ALL_OLD: the replaced item; ALL_NEW: the new one'),
    errors: ITEM_ERRORS,
  },
  get_item: {
    summary: 'Get an item',
    request: object({ key, attributes_to_get: attributesToGet, consistent_read: consistentRead }, ['key']),
    requestExample: {
      key: THREAD_KEY,
      attributes_to_get: ['LastPostDateTime', 'Message', 'Tags'],
      consistent_read: true,
    },
    answers: 'the item; an empty object if there is none',
    response: object({ item }),
    errors: ITEM_ERRORS,
  },
  update_item: {
    summary: 'Update attributes of an item; an absent one is created, except by updates that only delete',
    request: object(
      {
        key,
        attribute_updates: record(object({ action: words('PUT', 'ADD', 'DELETE'), value: attributeValue }, ['action'])),
        expected,
        time_to_live: timeToLive,
        return_values: words('NONE', 'ALL_OLD', 'ALL_NEW', 'UPDATED_OLD', 'UPDATED_NEW'),
      },
      ['key', 'attribute_updates'],
    ),
    requestExample: {
      key: THREAD_KEY,
      attribute_updates: { LastPostedBy: { action: 'PUT', value: { S: 'me@example.com' } } },
      expected: { LastPostedBy: { value: { S: 'fred@example.com' } }, Replies: { exists: false } },
      return_values: 'ALL_NEW',
    },
    answers: 'the attributes that were asked for',
    response: returned('before (_OLD) or after (_NEW) the update: all, or only those that it names'),
    errors: ITEM_ERRORS,
  },
  query: {
    summary: 'Query the items of one hash key, in the order of the range key or of an index',
    request: object(
      {
        key_conditions: conditions(...KEY_OPERATORS),
        index_name: tableName,
        attributes_to_get: attributesToGet,
        select,
        limit,
        exclusive_start_key: startKey,
        scan_index_forward: flag('default true: ascending'),
        consistent_read: consistentRead,
      },
      ['key_conditions'],
    ),
    requestExample: {
      key_conditions: {
        ForumName: { attribute_value_list: [{ S: 'MagnetoDB' }], comparison_operator: 'EQ' },
        LastPostDateTime: { attribute_value_list: [{ S: '2013' }], comparison_operator: 'GT' },
      },
      index_name: 'LastPostIndex',
      attributes_to_get: ['ForumName', 'LastPostDateTime', 'Tags'],
      select: 'SPECIFIC_ATTRIBUTES',
      limit: 2,
      consistent_read: true,
    },
    answers: 'a page of items',
    response: object(
      {
        count: integer('items in this page'),
        items: list(item),
        last_evaluated_key: { ...item, description: 'only if there may be more' },
      },
      ['count'],
    ),
    errors: ITEM_ERRORS,
  },
  scan: {
    summary: 'Scan a table, or one segment of it',
    request: object({
      scan_filter: conditions(
        'EQ',
        'NE',
        'LT',
        'LE',
        'GT',
        'GE',
        'BETWEEN',
        'BEGINS_WITH',
        'IN',
        'CONTAINS',
        'NOT_CONTAINS',
        'NULL',
        'NOT_NULL',
      ),
      attributes_to_get: attributesToGet,
      select,
      limit,
      exclusive_start_key: startKey,
      segment: integer('0 to total_segments - 1; default 0', 0),
      total_segments: integer('default 1', 1, 4096),
    }),
    requestExample: {
      scan_filter: { LastPostDateTime: { attribute_value_list: [{ S: '2013' }], comparison_operator: 'GT' } },
      attributes_to_get: ['ForumName', 'LastPostDateTime', 'Tags'],
      limit: 2,
      segment: 0,
      total_segments: 1,
    },
    answers: 'a page of items',
    response: object(
      {
        count: integer('items in this page'),
        scanned_count: integer('items examined'),
        items: list(item),
        last_evaluated_key: { ...item, description: 'only if there may be more' },
      },
      ['count', 'scanned_count'],
    ),
    errors: ITEM_ERRORS,
  },
  batch_get_item: {
    summary: 'Get at most 100 items of any tables',
    request: object({ request_items: record(gets, 'table name → what to get') }, ['request_items']),
    requestExample: { request_items: { Thread: { keys: [THREAD_KEY] } } },
    answers: 'the items that are there, and the keys that could not be read now',
    response: object({ responses: record(list(item)), unprocessed_keys: record(gets) }, [
      'responses',
      'unprocessed_keys',
    ]),
    errors: ITEM_ERRORS,
  },
  batch_write_item: {
    summary: 'Put and delete at most 25 items of any tables',
    request: object({ request_items: record(writes, 'table name → what to write; one request an item') }, [
      'request_items',
    ]),
    requestExample: {
      request_items: { Thread: [{ put_request: { item: { ...THREAD_ITEM, Subject: { S: 'How do I batch?' } } } }] },
    },
    answers: 'the requests that could not be carried out now',
    response: object({ unprocessed_items: record(writes) }, ['unprocessed_items']),
    errors: ITEM_ERRORS,
  },
  bulk_load: {
    summary: 'Load a stream of items',
    description:
      'The body is one item a line (attribute name → typed value), of any length and any media type. Items are stored in order up to the first that fails; the rest is counted as unprocessed.',
    consumes: 'application/x-ndjson',
    request: text('one JSON object a line'),
    requestExample: `${JSON.stringify({ ...THREAD_ITEM, Subject: { S: 'How do I load in bulk?' } })}\n`,
    answers: 'what became of the items',
    response: object(
      {
        read: integer('lines that hold an item'),
        processed: integer('stored'),
        unprocessed: integer('behind the first that failed, and not stored'),
        failed: integer('refused, or of a batch that failed'),
        last_item: { ...text('the last line that was looked at'), nullable: true },
        failed_items: record(text('why'), 'line → message'),
      },
      ['read', 'processed', 'unprocessed', 'failed', 'last_item', 'failed_items'],
    ),
    errors: [400, 404, 423],
  },
  delete_item: {
    summary: 'Delete an item',
    request: object({ key, expected, return_values: words('NONE', 'ALL_OLD') }, ['key']),
    requestExample: { key: THREAD_KEY, return_values: 'ALL_OLD' },
    answers: 'the attributes that were asked for, if there are any',
    response: returned('ALL_OLD: the deleted item'),
    errors: ITEM_ERRORS,
  },
} satisfies Record<string, CallDescription>;

export type CallName = keyof typeof CALLS;
