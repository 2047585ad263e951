import {
  AttributeCondition,
  AttributeValue,
  Filter,
  Item,
  Key,
  TableRef,
  itemFromCanonical,
  matchesFilter,
  validationError,
} from '../../kernel';
import { Page, QueryRequest, ScanRequest, StoredItem } from '../table-backend';
import { isLive } from './content';
import { IndexColumn, KeyLayout, Position } from './key-layout';
import { Content, retryVanished } from './registry';
import { Services, expiryCutoff } from './services';

/** A page ends once its items hold so many bytes of canonical JSON, as DynamoDB's does. */
const PAGE_BYTES = 1024 * 1024;
/** Rows fetched at once; a page may take several fetches. */
const FETCH_ROWS = 1000;
const MAX_SEGMENTS = 4096;

/** The order in which a page reads, as columns; the last of them makes it total. */
interface Order {
  readonly columns: readonly string[];
  readonly forward: boolean;
}

/** What a page reads, behind `after`: values of the order's columns. */
interface PageSource {
  readonly order: Order;
  readonly conditions: readonly string[];
  readonly values: readonly unknown[];
  readonly after: readonly Buffer[] | undefined;
  readonly limit: number | undefined;
  readonly filter: Filter | undefined;
  /** The attributes that name where a page ended. */
  readonly keyNames: readonly string[];
}

interface RawItem {
  readonly item: Buffer;
  readonly [orderColumn: string]: Buffer;
}

/** Reads of items. They take no lock: see `retryVanished`. */
export class ItemReader {
  constructor(private readonly services: Services) {}

  async get(ref: TableRef, key: Key): Promise<StoredItem | undefined> {
    return this.read(ref, async (content) => {
      const { hash, range } = content.layout.position(key);
      const found = await this.services.db.query<{ item: Buffer; expires_at: string | null }>(
        `SELECT item, expires_at FROM ${content.sqlName} WHERE hash_key = $1 AND range_key = $2 AND ${isLive('$3')}`,
        [hash, range, expiryCutoff(this.services)],
      );
      const row = found.rows[0];
      if (!row) return undefined;
      return {
        item: itemFromCanonical(row.item),
        expiresAt: row.expires_at === null ? undefined : Number(row.expires_at),
      };
    });
  }

  async query(ref: TableRef, request: QueryRequest): Promise<Page> {
    return this.read(ref, (content) => this.readPage(content, querySource(content.layout, request)));
  }

  async scan(ref: TableRef, request: ScanRequest): Promise<Page> {
    return this.read(ref, (content) => this.readPage(content, scanSource(content.layout, request)));
  }

  private async read<T>(ref: TableRef, work: (content: Content) => Promise<T>): Promise<T> {
    return retryVanished(async () => {
      const { db, registry } = this.services;
      return work((await registry.requireUnlocked(db, ref)).content);
    });
  }

  private async readPage(content: Content, source: PageSource): Promise<Page> {
    const limit = source.limit ?? Infinity;
    const items: Item[] = [];
    let scannedCount = 0;
    let bytes = 0;
    let after = source.after;
    let last: Item | undefined;
    while (scannedCount < limit && bytes < PAGE_BYTES) {
      const most = Math.min(FETCH_ROWS, limit - scannedCount);
      const budget = PAGE_BYTES - bytes;
      const rows = await this.fetch(content, source, after, most, budget);
      let fetched = 0;
      for (const row of rows) {
        fetched += row.item.length;
        last = itemFromCanonical(row.item);
        if (!source.filter || matchesFilter(last, source.filter)) items.push(last);
        after = source.order.columns.map((column) => row[column] ?? Buffer.alloc(0));
      }
      scannedCount += rows.length;
      bytes += fetched;
      if (rows.length < most && fetched < budget) return { items, scannedCount };
    }
    if (!last) return { items, scannedCount };
    return { items, scannedCount, lastEvaluatedKey: pick(last, source.keyNames) };
  }

  /** At most so many rows, and no row once those before it hold `budget` bytes. Counting bytes does not read large items. */
  private async fetch(
    content: Content,
    source: PageSource,
    after: readonly Buffer[] | undefined,
    most: number,
    budget: number,
  ): Promise<readonly RawItem[]> {
    const { columns, forward } = source.order;
    const values: unknown[] = [...source.values, expiryCutoff(this.services)];
    const conditions = [...source.conditions, isLive(`$${values.length}`)];
    if (after) {
      const behind = after.map((value) => `$${values.push(value)}`);
      conditions.push(`(${columns.join(', ')}) ${forward ? '>' : '<'} (${behind.join(', ')})`);
    }
    const order = columns.map((column) => `${column} ${forward ? 'ASC' : 'DESC'}`).join(', ');
    const names = columns.join(', ');
    const result = await this.services.db.query<RawItem>(
      `SELECT ${names}, item FROM (
         SELECT ${names}, item, sum(octet_length(item)) OVER (ORDER BY ${order} ROWS UNBOUNDED PRECEDING) - octet_length(item) AS before
         FROM (SELECT ${names}, item FROM ${content.sqlName} WHERE ${conditions.join(' AND ')} ORDER BY ${order} LIMIT ${most}) page
       ) sized WHERE before < ${budget} ORDER BY ${order}`,
      values,
    );
    return result.rows;
  }
}

function querySource(layout: KeyLayout, request: QueryRequest): PageSource {
  const index = request.indexName === undefined ? undefined : indexOf(layout, request.indexName);
  const hash = layout.encode(request.hashValue.get(layout.hashKey), layout.hashKey, layout.hashType);
  const values: unknown[] = [hash];
  const conditions = ['hash_key = $1'];
  if (index) conditions.push(`${index.column} IS NOT NULL`);
  if (request.rangeCondition) {
    const column = index?.column ?? 'range_key';
    for (const [comparison, bound] of rangeBounds(layout, index, request.rangeCondition)) {
      conditions.push(`${column} ${comparison} $${values.push(bound)}`);
    }
  }
  // The hash key is the same for all, but named: the B-tree begins with it.
  const columns = ['hash_key', ...(index ? [index.column] : []), 'range_key'];
  const start = request.exclusiveStartKey;
  return {
    order: { columns, forward: request.forward },
    conditions,
    values,
    after: start && startOf(layout, index, start, hash),
    limit: request.limit,
    filter: request.filter,
    keyNames: [...keyNames(layout), ...(index ? [index.attribute] : [])],
  };
}

function scanSource(layout: KeyLayout, request: ScanRequest): PageSource {
  const { segment, totalSegments, exclusiveStartKey: start } = request;
  const known = Number.isInteger(totalSegments) && totalSegments >= 1 && totalSegments <= MAX_SEGMENTS;
  if (!known || !Number.isInteger(segment) || segment < 0 || segment >= totalSegments) {
    throw validationError(`A segment must be 0 to total_segments - 1, and those 1 to ${MAX_SEGMENTS}.`);
  }
  const position = start && layout.position(start);
  // By hash, since ranges of keys that are fair today would not be so tomorrow, and must not move while a scan goes on.
  const inSegment = '(hash_array_extended(ARRAY[hash_key], 0) & 9007199254740991) % $1 = $2';
  return {
    order: { columns: ['hash_key', 'range_key'], forward: true },
    conditions: totalSegments === 1 ? [] : [inSegment],
    values: totalSegments === 1 ? [] : [totalSegments, segment],
    after: position && [position.hash, position.range],
    limit: request.limit,
    filter: request.filter,
    keyNames: keyNames(layout),
  };
}

function indexOf(layout: KeyLayout, name: string): IndexColumn {
  const index = layout.indexes.find((each) => each.name === name);
  if (!index) throw validationError(`The table has no index '${name.slice(0, 255)}'.`);
  return index;
}

function startOf(layout: KeyLayout, index: IndexColumn | undefined, start: Item, hash: Buffer): Buffer[] {
  const position: Position = layout.position(start);
  if (!position.hash.equals(hash))
    throw validationError('The exclusive start key must have the hash key of the query.');
  if (!index) return [position.hash, position.range];
  return [position.hash, layout.encode(start.get(index.attribute), index.attribute, index.type), position.range];
}

/** The condition as comparisons of bytes. @throws DomainError ValidationError */
function rangeBounds(
  layout: KeyLayout,
  index: IndexColumn | undefined,
  condition: AttributeCondition,
): [string, Buffer][] {
  const attribute = index?.attribute ?? layout.rangeKey;
  if (attribute === undefined) throw validationError('The table has no range key.');
  const type = index?.type ?? layout.rangeType;
  const bounds = condition.values.map((value: AttributeValue) => layout.encode(value, attribute, type));
  const [first, second] = bounds;
  if (first === undefined || bounds.length !== (condition.operator === 'BETWEEN' ? 2 : 1)) {
    throw validationError(`The condition on ${attribute} has a wrong number of values.`);
  }
  switch (condition.operator) {
    case 'EQ':
      return [['=', first]];
    case 'LT':
      return [['<', first]];
    case 'LE':
      return [['<=', first]];
    case 'GT':
      return [['>', first]];
    case 'GE':
      return [['>=', first]];
    case 'BETWEEN':
      return [['>=', first], ...(second === undefined ? [] : [['<=', second] as [string, Buffer]])];
    case 'BEGINS_WITH': {
      if (type === 'N') throw validationError('BEGINS_WITH has no meaning for numbers.');
      const end = behindPrefix(first);
      return [['>=', first], ...(end === undefined ? [] : [['<', end] as [string, Buffer]])];
    }
    default:
      throw validationError(`${condition.operator} is no condition for a range key.`);
  }
}

/** The first bytes behind all that begin with the prefix; undefined: there are none. */
function behindPrefix(prefix: Buffer): Buffer | undefined {
  let length = prefix.length;
  while (length > 0 && prefix[length - 1] === 0xff) length--;
  if (length === 0) return undefined;
  const end = Buffer.from(prefix.subarray(0, length));
  end[length - 1] = (end[length - 1] ?? 0) + 1;
  return end;
}

function keyNames(layout: KeyLayout): string[] {
  return layout.rangeKey === undefined ? [layout.hashKey] : [layout.hashKey, layout.rangeKey];
}

function pick(item: Item, names: readonly string[]): Item {
  const picked = new Map<string, AttributeValue>();
  for (const name of names) {
    const value = item.get(name);
    if (value) picked.set(name, value);
  }
  return picked;
}
