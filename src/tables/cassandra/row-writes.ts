import { types } from 'cassandra-driver';
import { Item, validationError } from '../../kernel';
import { Cells, EXTRA_CELLS, encodeCells, encodeKey, encodeScalar, readRow } from './codec';
import { IndexColumn, KeyColumn, Layout, keyValues } from './layout';
import { Services } from './services';
import { Statement } from './session';
import { toDecimal } from './decimal';

/** The last second that Cassandra's default storage format can name. */
export const LATEST_EXPIRY = 2_147_483_645;

const NO_INDEX_VALUES = { ival_str: '', ival_num: toDecimal('0'), ival_blb: Buffer.alloc(0) };

/** The row of a key as a write finds it; without an item: there is none. */
export interface FoundRow {
  readonly key: readonly unknown[];
  readonly item: Item | undefined;
  /** Seconds since the epoch. */
  readonly expiresAt: number | undefined;
  /** As `encodeCells` gives them. */
  readonly cells: Cells;
}

/** The rows of one item: its own, and one for each index whose attribute it has. */
export class RowWrites {
  private readonly cellNames: readonly string[];
  private loading: ReturnType<RowWrites['loadQueries']> | undefined;

  constructor(
    private readonly services: Services,
    private readonly layout: Layout,
  ) {
    this.cellNames = [...layout.others.map(({ cql }) => cql), ...EXTRA_CELLS];
  }

  /** Its key, if it can be written. @throws DomainError ValidationError */
  keyOf(item: Item, expiresAt: number | null): unknown[] {
    checkExpiry(expiresAt);
    return encodeKey(this.layout, keyValues(this.layout, item));
  }

  async find(keyOrItem: Item): Promise<FoundRow> {
    const { layout } = this;
    const key = encodeKey(layout, keyValues(layout, keyOrItem));
    const query = `SELECT ${layout.selection}, attr_exist FROM ${layout.cqlName} WHERE ${layout.baseRow}`;
    const [row] = await this.services.session.read(query, key);
    if (!row) return { key, item: undefined, expiresAt: undefined, cells: this.cellNames.map(() => null) };
    const { item, expiresAt } = readRow(layout, row);
    return { key, item, expiresAt, cells: (row.values() as unknown[]).slice(-this.cellNames.length) };
  }

  /** Writes the item over the row that was found. @returns was the row still so? */
  async putIfUnchanged(found: FoundRow, item: Item, expiresAt: number | null): Promise<boolean> {
    return this.swap(this.putOver(found, item, expiresAt));
  }

  /** The same with several rows of one partition: all of them are written, or none. */
  async putAllIfUnchanged(puts: readonly { readonly found: FoundRow; readonly item: Item; readonly expiresAt: number | null }[]): Promise<boolean> {
    return this.swap(puts.flatMap(({ found, item, expiresAt }) => this.putOver(found, item, expiresAt)));
  }

  private putOver(found: FoundRow, item: Item, expiresAt: number | null): Statement[] {
    checkExpiry(expiresAt);
    const ttl = this.ttl(expiresAt);
    // It has expired by the time that it would be written: as if it had been there and were gone.
    if (ttl === undefined) return this.deletion(found);
    const cells = encodeCells(this.layout, item);
    const { query, params } = this.update(this.layout.baseRow, found.key, cells, ttl);
    const statements = [{ query: `${query} IF ${this.condition()}`, params: [...params, ...found.cells] }];
    return [...statements, ...this.marker(found.key, ttl), ...this.indexChanges(found, item, cells, ttl)];
  }

  async deleteIfUnchanged(found: FoundRow): Promise<boolean> {
    return this.swap(this.deletion(found));
  }

  private deletion(found: FoundRow): Statement[] {
    const query = `DELETE FROM ${this.layout.cqlName} WHERE ${this.layout.baseRow} IF ${this.condition()}`;
    return [{ query, params: [...found.key, ...found.cells] }, ...this.indexChanges(found, undefined, [], 0)];
  }

  /** The statements that write an item whatever is there; only for tables without index rows. */
  put(item: Item, key: readonly unknown[], expiresAt: number | null): Statement[] {
    const ttl = this.ttl(expiresAt);
    if (ttl === undefined) return [{ query: `DELETE FROM ${this.layout.cqlName} WHERE ${this.layout.baseRow}`, params: key }];
    return [this.update(this.layout.baseRow, key, encodeCells(this.layout, item), ttl), ...this.marker(key, ttl)];
  }

  /**
   * The statements that write an item and its index rows with that write time (microseconds), as if there were no row: maps and sets are added to. Their
   * first parameter is the life, as `lifeOf` gives it.
   * @param key as columns have it
   * @param cells as `encodeCells` gives them; unset ones are not written
   */
  load(key: readonly unknown[], cells: Cells, life: unknown, writtenAt: number): Statement[] {
    const { layout } = this;
    if (this.loading?.writtenAt !== writtenAt) this.loading = this.loadQueries(writtenAt);
    const { base, indexed } = this.loading;
    const statements = [{ query: base, params: [life, ...cells, ...key] }];
    for (const index of layout.indexRows ? layout.indexes : []) {
      const cell = this.cellOf(index.attribute.name, key, cells);
      if (cell !== null && cell !== types.unset) statements.push({ query: indexed, params: [life, ...cells, ...indexKeyOf(index, key, cell)] });
    }
    return statements;
  }

  /**
   * Seconds to live of what is loaded; 0: for ever; undefined: it has expired. What expires later than Cassandra can name expires then.
   * @param expiresAt seconds since the epoch
   */
  lifeOf(expiresAt: number | undefined): number | undefined {
    return this.ttl(expiresAt === undefined ? null : Math.min(expiresAt, LATEST_EXPIRY));
  }

  private loadQueries(writtenAt: number): { readonly writtenAt: number; readonly base: string; readonly indexed: string } {
    const { layout } = this;
    const added = this.cellNames.map((name, index) => (this.isCollection(index) ? `${name} = ${name} + ?` : `${name} = ?`)).join(', ');
    const update = `UPDATE ${layout.cqlName} USING TIMESTAMP ${writtenAt} AND TTL ? SET ${added} WHERE`;
    return { writtenAt, base: `${update} ${layout.baseRow}`, indexed: `${update} ${this.indexRow}` };
  }

  /** The value of an attribute that the schema defines, as a column has it. */
  private cellOf(name: string, key: readonly unknown[], cells: Cells): unknown {
    const { keys, others } = this.layout;
    const at = keys.findIndex((column) => column.name === name);
    return at < 0 ? cells[others.findIndex((column) => column.name === name)] : key[at];
  }

  private isCollection(cell: number): boolean {
    return (this.layout.others[cell]?.type.length ?? 2) > 1;
  }

  /** Seconds to live, 0: for ever; undefined: none. */
  private ttl(expiresAt: number | null): number | undefined {
    if (expiresAt === null) return 0;
    const left = expiresAt - Math.floor(this.services.session.estimatedNow() / 1000);
    return left > 0 ? left : undefined;
  }

  private update(where: string, key: readonly unknown[], cells: Cells, ttl: number): Statement {
    const assigned = this.cellNames.map((name) => `${name} = ?`).join(', ');
    return { query: `UPDATE ${this.layout.cqlName} USING TTL ? SET ${assigned} WHERE ${where}`, params: [ttl, ...cells, ...key] };
  }

  /** MagnetoDB inserts rows, which are there even without cells: what expires must not leave such a row behind. */
  private marker(key: readonly unknown[], ttl: number): Statement[] {
    if (ttl === 0) return [];
    const { layout } = this;
    const names = layout.keys.map(({ cql }) => cql);
    const [bases, baseValues] = layout.indexRows ? [', iname, ival_str, ival_num, ival_blb', ", '', '', 0, 0x"] : ['', ''];
    const marks = names.map(() => '?').join(', ');
    const query = `INSERT INTO ${layout.cqlName} (${names.join(', ')}${bases}) VALUES (${marks}${baseValues}) USING TTL ?`;
    return [{ query, params: [...key, ttl] }];
  }

  private condition(): string {
    return this.cellNames.map((name) => `${name} = ?`).join(' AND ');
  }

  private indexChanges(found: FoundRow, item: Item | undefined, cells: Cells, ttl: number): Statement[] {
    if (!this.layout.indexRows) return [];
    return this.layout.indexes.flatMap((index) => {
      const before = found.item?.get(index.attribute.name)?.value;
      const after = item?.get(index.attribute.name)?.value;
      const statements: Statement[] = [];
      if (typeof before === 'string' && before !== after) statements.push(this.deleteIndexRow(index, found.key, before));
      if (typeof after === 'string') statements.push(this.update(this.indexRow, indexKey(index, found.key, after), cells, ttl));
      return statements;
    });
  }

  private deleteIndexRow(index: IndexColumn, key: readonly unknown[], value: string): Statement {
    return { query: `DELETE FROM ${this.layout.cqlName} WHERE ${this.indexRow}`, params: indexKey(index, key, value) };
  }

  /** Parameters: `indexKey`. */
  get indexRow(): string {
    const range: readonly KeyColumn[] = this.layout.range ? [this.layout.range] : [];
    const names = [this.layout.hash.cql, 'iname', 'ival_str', 'ival_num', 'ival_blb', ...range.map(({ cql }) => cql)];
    return names.map((name) => `${name} = ?`).join(' AND ');
  }

  private async swap(statements: readonly Statement[]): Promise<boolean> {
    return (await this.services.session.swap(...statements)).applied;
  }
}

/** The key of an item's row in an index: hash key, index, its value among the three columns, range key. */
export function indexKey(index: IndexColumn, key: readonly unknown[], value: string): unknown[] {
  return indexKeyOf(index, key, encodeScalar(index.attribute.type, value));
}

/** @param cell the index's value as a column has it */
function indexKeyOf(index: IndexColumn, key: readonly unknown[], cell: unknown): unknown[] {
  const values: Record<string, unknown> = { ...NO_INDEX_VALUES, [index.cql]: cell };
  return [key[0], index.index, values.ival_str, values.ival_num, values.ival_blb, ...key.slice(1)];
}

/** @throws DomainError ValidationError */
function checkExpiry(expiresAt: number | null): void {
  if (expiresAt !== null && expiresAt > LATEST_EXPIRY) throw validationError('An item must expire before 2038-01-19, which is as far as Cassandra counts.');
}
