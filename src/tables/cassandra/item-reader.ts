import { AttributeValue, Filter, Item, Key, TableRef, matchesFilter, validationError } from '../../kernel';
import { Page, QueryRequest, ScanRequest, StoredItem } from '../table-backend';
import { ReadRow, encodeKey, encodeScalar, readRow } from './codec';
import { isVanished } from './errors';
import { Bound, orderingColumn, startValue, stretchOf, tighter } from './key-conditions';
import { IndexColumn, KeyColumn, Layout, keyValues } from './layout';
import { Position, keyBytes, tokenAt } from './positions';
import { RangeReader } from './range-reader';
import { Content } from './registry';
import { Services, expiryCutoff } from './services';
import { Values } from './session';

/** A page ends once its items hold so many bytes, as DynamoDB's does. */
const PAGE_BYTES = 1024 * 1024;
/** Rows fetched at once before their weight is known, and at most. */
const FIRST_FETCH_ROWS = 20;
const MAX_FETCH_ROWS = 1_000;
const MAX_SEGMENTS = 4096;
const MAX_VANISHINGS = 5;

/** Reads of items. They take no part in the waits for writers. */
export class ItemReader {
  constructor(
    private readonly services: Services,
    private readonly ranges: RangeReader,
  ) {}

  get(ref: TableRef, key: Key): Promise<StoredItem | undefined> {
    return this.read(ref, async ({ layout }) => {
      const query = `SELECT ${layout.selection} FROM ${layout.cqlName} WHERE ${layout.baseRow}`;
      const [row] = await this.services.session.read(query, encodeKey(layout, keyValues(layout, key)));
      const found = row && readRow(layout, row);
      return found && this.isLive(found) ? { item: found.item, expiresAt: found.expiresAt } : undefined;
    });
  }

  query(ref: TableRef, request: QueryRequest): Promise<Page> {
    return this.read(ref, async ({ layout }) => {
      const { query, params, keyNames } = queryStatement(layout, request);
      // Without a range key the partition is one row, behind which there is none.
      if (request.exclusiveStartKey && !layout.range) return { items: [], scannedCount: 0 };
      return this.collect(this.rows(layout, query, params, request.limit), request.filter, request.limit, keyNames);
    });
  }

  scan(ref: TableRef, request: ScanRequest): Promise<Page> {
    const { segment, totalSegments, exclusiveStartKey: start } = request;
    const known = Number.isInteger(totalSegments) && totalSegments >= 1 && totalSegments <= MAX_SEGMENTS;
    if (!known || !Number.isInteger(segment) || segment < 0 || segment >= totalSegments) {
      throw validationError(`A segment must be 0 to total_segments - 1, and those 1 to ${MAX_SEGMENTS}.`);
    }
    return this.read(ref, ({ layout }) => {
      const first = segment === 0 ? undefined : { token: tokenAt(segment, totalSegments) };
      const last = segment === totalSegments - 1 ? undefined : { token: tokenAt(segment + 1, totalSegments) };
      const from = start === undefined ? first : positionBehind(layout, start);
      const pages = this.ranges.pages(layout, from, last, { pageBytes: PAGE_BYTES, maxPageRows: Math.min(MAX_FETCH_ROWS, request.limit ?? MAX_FETCH_ROWS) });
      return this.collect(pages, request.filter, request.limit, layout.keys.map(({ name }) => name));
    });
  }

  private async read<T>(ref: TableRef, work: (content: Content) => Promise<T>): Promise<T> {
    const { registry } = this.services;
    for (let tries = 1; ; tries++) {
      try {
        return await work(await registry.contentOf(await registry.requireOpen(ref)));
      } catch (error) {
        // A swap whose grace is over may overtake a read.
        if (!isVanished(error) || tries === MAX_VANISHINGS) throw error;
      }
    }
  }

  private isLive({ expiresAt }: ReadRow): boolean {
    return expiresAt === undefined || expiresAt > expiryCutoff(this.services);
  }

  private async *rows(layout: Layout, query: string, params: Values, limit: number | undefined): AsyncGenerator<ReadRow[]> {
    let pageState: string | undefined;
    let [rows, bytes] = [0, 0];
    do {
      const fitting = rows === 0 ? FIRST_FETCH_ROWS : Math.ceil(PAGE_BYTES / Math.max(1, bytes / rows));
      const fetchSize = Math.max(1, Math.min(MAX_FETCH_ROWS, fitting, limit === undefined ? MAX_FETCH_ROWS : limit + 1));
      const page = await this.services.session.page(query, params, { fetchSize, ...(pageState === undefined ? {} : { pageState }) });
      const read = page.rows.map((row) => readRow(layout, row));
      rows += read.length;
      for (const row of read) bytes += row.bytes;
      yield read;
      pageState = page.pageState;
    } while (pageState !== undefined);
  }

  private async collect(
    pages: AsyncIterable<readonly ReadRow[]>,
    filter: Filter | undefined,
    limit = Infinity,
    keyNames: readonly string[],
  ): Promise<Page> {
    const items: Item[] = [];
    let scannedCount = 0;
    let bytes = 0;
    for await (const page of pages) {
      for (const row of page) {
        if (!this.isLive(row)) continue;
        scannedCount++;
        bytes += row.bytes;
        if (!filter || matchesFilter(row.item, filter)) items.push(row.item);
        if (scannedCount >= limit || bytes >= PAGE_BYTES) return { items, scannedCount, lastEvaluatedKey: pick(row.item, keyNames) };
      }
    }
    return { items, scannedCount };
  }
}

interface QueryStatement {
  readonly query: string;
  readonly params: Values;
  /** The attributes that name where a page ended. */
  readonly keyNames: readonly string[];
}

/** Behind which row a scan goes on. */
function positionBehind(layout: Layout, key: Item): Position {
  const [hash, range] = encodeKey(layout, keyValues(layout, key));
  return { hash: keyBytes(hash), range: layout.range ? keyBytes(range) : undefined };
}

function queryStatement(layout: Layout, request: QueryRequest): QueryStatement {
  const { column, index } = orderingColumn(layout, request);
  const hash = startValue(request.hashValue, layout.hash);
  const stretch = stretchOf(column, request.rangeCondition);
  const start = request.exclusiveStartKey;
  if (start) checkStart(layout, hash, start);
  if (index && !layout.indexRows) throw validationError(`The index '${index.index}' cannot be read by this backend: it is kept by MagnetoDB's own index class.`);
  const base = { hashCell: encodeScalar(layout.hash.type, String(hash.value)), stretch, start, forward: request.forward };
  const keyNames = [...layout.keys.map(({ name }) => name), ...(index ? [index.attribute.name] : [])];
  return { ...(index ? indexStatement(layout, index, base) : baseStatement(layout, column, base)), keyNames };
}

interface QueryParts {
  readonly hashCell: unknown;
  readonly stretch: ReturnType<typeof stretchOf>;
  readonly start: Item | undefined;
  readonly forward: boolean;
}

function baseStatement(layout: Layout, column: KeyColumn | undefined, parts: QueryParts): { query: string; params: Values } {
  const { stretch, start, forward, hashCell } = parts;
  const conditions = [layout.basePartition];
  const params: unknown[] = [hashCell];
  const behind = start && column ? { value: startValue(start, column), inclusive: false } : undefined;
  const lower = forward ? tighter(stretch.lower, behind, true) : stretch.lower;
  const upper = forward ? stretch.upper : tighter(stretch.upper, behind, false);
  for (const [bound, sign] of [
    [lower, '>'],
    [upper, '<'],
  ] as const) {
    if (!bound || !column) continue;
    conditions.push(`${column.cql} ${sign}${bound.inclusive ? '=' : ''} ?`);
    params.push(cellOf(bound.value));
  }
  const first = layout.indexRows ? 'iname' : column?.cql;
  const order = first === undefined ? '' : ` ORDER BY ${first} ${forward ? 'ASC' : 'DESC'}`;
  return { query: `SELECT ${layout.selection} FROM ${layout.cqlName} WHERE ${conditions.join(' AND ')}${order}`, params };
}

function indexStatement(layout: Layout, index: IndexColumn, parts: QueryParts): { query: string; params: Values } {
  const { stretch, start, forward, hashCell } = parts;
  const columns = ['ival_str', 'ival_num', 'ival_blb'];
  const at = columns.indexOf(index.cql);
  const defaults = ["ival_str = ''", 'ival_num = 0', 'ival_blb = 0x'].slice(0, at);
  const conditions = [`${layout.hash.cql} = ?`, 'iname = ?', ...defaults];
  const params: unknown[] = [hashCell, index.index];
  const range = layout.range;
  const behind = start && { value: startValue(start, index.attribute), range: range && startValue(start, range) };
  const add = (bound: Bound | undefined, sign: '>' | '<', isStart: boolean): void => {
    // Behind the last row: by value, then range key.
    const passes = isStart && behind && tighter(bound, { value: behind.value, inclusive: true }, sign === '>')?.value === behind.value;
    if (passes && behind.range && range) {
      const tuple = [index.cql, ...columns.slice(at + 1), range.cql];
      const fillers = [encodeScalar('N', '0'), Buffer.alloc(0)].slice(at);
      conditions.push(`(${tuple.join(', ')}) ${sign} (${tuple.map(() => '?').join(', ')})`);
      params.push(cellOf(behind.value), ...fillers, cellOf(behind.range));
    } else if (bound) {
      conditions.push(`(${index.cql}) ${sign}${bound.inclusive ? '=' : ''} (?)`);
      params.push(cellOf(bound.value));
    }
  };
  add(stretch.lower, '>', forward);
  add(stretch.upper, '<', !forward);
  const order = `ORDER BY iname ${forward ? 'ASC' : 'DESC'}`;
  return { query: `SELECT ${layout.selection} FROM ${layout.cqlName} WHERE ${conditions.join(' AND ')} ${order}`, params };
}

function checkStart(layout: Layout, hash: AttributeValue, start: Item): void {
  const given = startValue(start, layout.hash);
  if (given.value !== hash.value) throw validationError('The exclusive start key must have the hash key of the query.');
  for (const column of layout.keys) startValue(start, column);
}

function cellOf(value: AttributeValue): unknown {
  return encodeScalar(value.type as KeyColumn['type'], String(value.value));
}

function pick(item: Item, names: readonly string[]): Item {
  const picked = new Map<string, AttributeValue>();
  for (const name of names) {
    const value = item.get(name);
    if (value) picked.set(name, value);
  }
  return picked;
}
