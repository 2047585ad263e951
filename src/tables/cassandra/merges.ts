import { setTimeout as delay } from 'node:timers/promises';
import { types } from 'cassandra-driver';
import { DecodedItem, TableRef, canonicalKey, checkItemFits } from '../../kernel';
import { TableHandle } from '../table-backend';
import { sameItem, uniqueItems } from './build-writes';
import { encodeCells, encodeKey, readRow } from './codec';
import { keyCollision, tableChanged, unavailable } from './errors';
import { atOnce } from './at-once';
import { indexKey, RowWrites } from './row-writes';
import { Layout, keyValues } from './layout';
import { Content, TableRow, generationOf, requireOpen } from './registry';
import { Services } from './services';
import { Statement, toNumber } from './session';

const MERGES_AT_ONCE = 32;
/** Items of one partition are read and written together, so many at most, and so many bytes of them. */
const [MOST_TOGETHER, MOST_BYTES_TOGETHER] = [32, 256 * 1024];
const MAX_TRIES = 20;
/** Write times of two merges are apart by more than the delete before each needs. */
const STEP_MICROS = 1_000;
const LOOK_MILLIS = 2;

/** Merging of whole items with the write time of the merge's beginning: Cassandra itself lets the later write or delete win. */
export class Merges {
  constructor(private readonly services: Services) {}

  async begin(ref: TableRef, owner: string): Promise<{ handle: TableHandle; writeTimeMicros: number }> {
    const { registry, session } = this.services;
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const row = await registry.require(ref);
      requireOpen(row);
      const content = await registry.contentOf(row);
      const handle = { tableId: row.id, generation: content.generation, schema: content.schema };
      const running = row.merges.get(owner);
      if (running !== undefined) return { handle, writeTimeMicros: running };
      // Later than every write of this millisecond.
      const writeTimeMicros = Math.max((row.now + 1) * 1000, ...[...row.merges.values()].map((time) => time + STEP_MICROS));
      const merges = new Map([...row.merges, [owner, writeTimeMicros] as const]);
      if (!(await this.setMerges(row, merges))) continue;
      // From now on writes are later than it.
      while ((await session.now()) * 1000 <= writeTimeMicros + STEP_MICROS) await delay(LOOK_MILLIS);
      return { handle, writeTimeMicros };
    }
    throw unavailable();
  }

  async end(ref: TableRef, owner: string): Promise<void> {
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const row = await this.services.registry.find(ref);
      if (!row?.merges.has(owner)) return;
      const merges = new Map([...row.merges].filter(([each]) => each !== owner));
      if (await this.setMerges(row, merges)) return;
    }
    throw unavailable();
  }

  merge(ref: TableRef, handle: TableHandle, items: readonly DecodedItem[], writeTimeMicros: number): Promise<void> {
    const { registry, gate } = this.services;
    return gate.run(ref, async () => {
      const row = await registry.find(ref);
      if (!row) throw tableChanged();
      requireOpen(row);
      const isRunning = [...row.merges.values()].includes(writeTimeMicros);
      if (!isRunning || generationOf(row.internalName, ref.projectId) !== handle.generation) throw tableChanged();
      const content = await registry.contentOf(row);
      const writes = new MergeWrites(this.services, content, writeTimeMicros);
      await atOnce(writes.groupsOf(uniqueItems(items)), MERGES_AT_ONCE, (group) => writes.merge(group));
    });
  }

  private setMerges(row: TableRow, merges: ReadonlyMap<string, number>): Promise<boolean> {
    return this.services.registry.change(row, { br_merges: mergesCell(merges) }, { br_merges: mergesCell(row.merges) });
  }
}

/** Absent if none runs. */
function mergesCell(merges: ReadonlyMap<string, number>): Map<string, types.Long> | null {
  return merges.size === 0 ? null : new Map([...merges].map(([owner, time]) => [owner, types.Long.fromNumber(time)]));
}

class MergeWrites {
  private readonly rows: RowWrites;
  private readonly layout: Layout;

  constructor(
    private readonly services: Services,
    private readonly content: Content,
    private readonly time: number,
  ) {
    this.layout = content.layout;
    this.rows = new RowWrites(services, content.layout);
  }

  /** Items that are merged together: neighbours in a partition, where there are no index rows, which are judged item by item. */
  groupsOf(items: readonly DecodedItem[]): DecodedItem[][] {
    const { layout } = this;
    if (layout.indexRows || layout.range === undefined) return items.map((decoded) => [decoded]);
    const groups: DecodedItem[][] = [];
    const open = new Map<string, { group: DecodedItem[]; bytes: number }>();
    for (const decoded of items) {
      const [hash = ''] = keyValues(layout, decoded.item);
      let last = open.get(hash);
      if (last === undefined || last.group.length >= MOST_TOGETHER || last.bytes >= MOST_BYTES_TOGETHER) {
        last = { group: [], bytes: 0 };
        open.set(hash, last);
        groups.push(last.group);
      }
      last.group.push(decoded);
      last.bytes += decoded.canonical.length;
    }
    return groups;
  }

  async merge(group: readonly DecodedItem[]): Promise<void> {
    for (const { defined } of group) checkItemFits(this.content.schema, defined);
    const merged = group.map((decoded) => ({ decoded, key: encodeKey(this.layout, keyValues(this.layout, decoded.item)) }));
    const before = await this.readAll(merged.map(({ key }) => key));
    const statements = merged.flatMap(({ decoded, key }) => this.statementsOf(decoded, key, before.get(nameOf(decoded.canonicalKey))));
    const own = statements.flatMap(({ base }) => base);
    if (own.length > 0) await this.services.session.writeTogether(own);
    for (const { indexed, key, item } of statements) {
      if (indexed.length === 0 || !(await this.holds(key))) continue;
      await this.services.session.writeTogether(indexed);
      // A later write or delete that came in between knew nothing of these rows.
      if (!(await this.holds(key))) await this.services.session.writeTogether(this.indexRemovals(key, item, this.time));
    }
  }

  /** None, if what is there is newer or the item has expired. @throws DomainError KeyCollision: this merge wrote another item of that key */
  private statementsOf(decoded: DecodedItem, key: readonly unknown[], before: Found | undefined): ItemWrites[] {
    const { layout, time } = this;
    const { item } = decoded;
    if (before?.writtenAt === time && !sameItem(before.row, decoded)) throw keyCollision(decoded);
    const life = this.rows.lifeOf(decoded.expiresAt);
    if (life === undefined || (before?.writtenAt ?? 0) > time) return [];
    const cells = encodeCells(layout, item).map((cell) => cell ?? types.unset);
    const [base, ...indexed] = this.rows.load(key, cells, life, time);
    if (!base) return [];
    const removal = { query: `DELETE FROM ${layout.cqlName} USING TIMESTAMP ${time - 1} WHERE ${layout.baseRow}`, params: key };
    const stale = layout.indexRows && before ? this.indexRemovals(key, before.row.item, time - 1) : [];
    return [{ key, item, base: [removal, ...stale, base], indexed }];
  }

  private indexRemovals(key: readonly unknown[], item: DecodedItem['item'], time: number): { query: string; params: unknown[] }[] {
    const { layout } = this;
    return layout.indexes.flatMap((index) => {
      const value = item.get(index.attribute.name)?.value;
      const query = `DELETE FROM ${layout.cqlName} USING TIMESTAMP ${time} WHERE ${this.rows.indexRow}`;
      return typeof value === 'string' ? [{ query, params: indexKey(index, key, value) }] : [];
    });
  }

  /** Is what this merge wrote what is there? */
  private async holds(key: readonly unknown[]): Promise<boolean> {
    return (await this.read(key))?.writtenAt === this.time;
  }

  private async read(key: readonly unknown[]): Promise<Found | undefined> {
    const [found] = (await this.readAll([key])).values();
    return found;
  }

  /** Rows of one partition, by the canonical keys of their items. */
  private async readAll(keys: readonly (readonly unknown[])[]): Promise<Map<string, Found>> {
    const { layout } = this;
    const [first = []] = keys;
    const single = keys.length === 1 || layout.range === undefined;
    const where = single ? layout.baseRow : `${layout.hash.cql} = ? AND ${layout.range?.cql ?? ''} IN ?`;
    const query = `SELECT ${layout.selection}, MAXWRITETIME(attr_exist) FROM ${layout.cqlName} WHERE ${where}`;
    const rows = await this.services.session.read(query, single ? first : [first[0], keys.map(([, range]) => range)]);
    return new Map(
      rows.map((each) => {
        const row = readRow(layout, each);
        const time = (each.values() as unknown[]).at(-1);
        return [nameOf(canonicalKey(this.content.schema, row.item)), { row, writtenAt: time === null ? 0 : toNumber(time) }];
      }),
    );
  }
}

/** What is there before a merge. */
interface Found {
  readonly row: ReturnType<typeof readRow>;
  /** Microseconds. */
  readonly writtenAt: number;
}

/** How an item is merged. */
interface ItemWrites {
  readonly key: readonly unknown[];
  readonly item: DecodedItem['item'];
  readonly base: readonly Statement[];
  readonly indexed: readonly Statement[];
}

function nameOf(key: Buffer): string {
  return key.toString('latin1');
}
