import { setTimeout as delay } from 'node:timers/promises';
import { types } from 'cassandra-driver';
import { DecodedItem, TableRef, checkItemFits } from '../../kernel';
import { TableHandle } from '../table-backend';
import { sameItem, uniqueItems } from './build-writes';
import { encodeCells, encodeKey, readRow } from './codec';
import { keyCollision, tableChanged, unavailable } from './errors';
import { atOnce } from './at-once';
import { indexKey, RowWrites } from './row-writes';
import { Layout, keyValues } from './layout';
import { Content, TableRow, generationOf, requireOpen } from './registry';
import { Services } from './services';
import { toNumber } from './session';

const MERGES_AT_ONCE = 32;
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
      const one = new MergeWrites(this.services, content, writeTimeMicros);
      await atOnce(uniqueItems(items), MERGES_AT_ONCE, (decoded) => one.merge(decoded));
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

  async merge(decoded: DecodedItem): Promise<void> {
    const { layout, time } = this;
    checkItemFits(this.content.schema, decoded.defined);
    const { item } = decoded;
    const key = encodeKey(layout, keyValues(layout, item));
    const before = await this.read(key);
    if (before?.writtenAt === time && !sameItem(before.row, decoded)) throw keyCollision(decoded);
    const life = this.rows.lifeOf(decoded.expiresAt);
    if (life === undefined || (before?.writtenAt ?? 0) > time) return;
    const cells = encodeCells(layout, item).map((cell) => cell ?? types.unset);
    const [base, ...indexed] = this.rows.load(key, cells, life, time);
    if (!base) return;
    const removal = { query: `DELETE FROM ${layout.cqlName} USING TIMESTAMP ${time - 1} WHERE ${layout.baseRow}`, params: key };
    const stale = layout.indexRows && before ? this.indexRemovals(key, before.row.item, time - 1) : [];
    await this.services.session.writeTogether([removal, ...stale, base]);
    if (indexed.length === 0 || !(await this.holds(key))) return;
    await this.services.session.writeTogether(indexed);
    // A later write or delete that came in between knew nothing of these rows.
    if (!(await this.holds(key))) await this.services.session.writeTogether(this.indexRemovals(key, item, time));
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

  private async read(key: readonly unknown[]): Promise<{ row: ReturnType<typeof readRow>; writtenAt: number } | undefined> {
    const { layout } = this;
    const query = `SELECT ${layout.selection}, MAXWRITETIME(attr_exist) FROM ${layout.cqlName} WHERE ${layout.baseRow}`;
    const [row] = await this.services.session.read(query, key);
    if (!row) return undefined;
    const time = (row.values() as unknown[]).at(-1);
    return { row: readRow(layout, row), writtenAt: time === null ? 0 : toNumber(time) };
  }
}
