import { types } from 'cassandra-driver';
import { DecodedItem, DomainError, canonicalItem, canonicalKey, checkItemFits } from '../../kernel';
import { ReadRow, encodeCells, encodeKey, readRow } from './codec';
import { atOnce } from './at-once';
import { keyValues } from './layout';
import { Content } from './registry';
import { GROUPS_AT_ONCE, LATEST_EXPIRY, RowWrites, groupsOfPartitions } from './row-writes';
import { Services } from './services';
import { Statement } from './session';

/** What reading an expiry back may be off. */
const EXPIRY_TOLERANCE_SECONDS = 2;
/** Loaded items are older than every write that a table ever sees. */
const LOADED_AT = 1;

interface Loaded {
  readonly decoded: DecodedItem;
  readonly key: readonly unknown[];
}

/** Writes items into a build: batches a partition, so that each costs one replica set one write. */
export class BuildWrites {
  private readonly rows: RowWrites;

  constructor(
    private readonly services: Services,
    private readonly content: Content,
  ) {
    this.rows = new RowWrites(services, content.layout);
  }

  /** @throws DomainError KeyCollision */
  async load(items: readonly DecodedItem[], signal?: AbortSignal): Promise<void> {
    await atOnce(this.groups(items), GROUPS_AT_ONCE, async (group) => {
      signal?.throwIfAborted();
      const missing = await this.missing(group);
      if (missing.length > 0) await this.services.session.writeTogether(missing.flatMap((each) => this.statements(each)));
    });
  }

  /** Items of one partition together; each key once. */
  private groups(items: readonly DecodedItem[]): Loaded[][] {
    const { layout, schema } = this.content;
    const loaded = uniqueItems(items).map((decoded) => {
      checkItemFits(schema, decoded.defined);
      return { decoded, key: encodeKey(layout, keyValues(layout, decoded.defined)) };
    });
    return groupsOfPartitions(loaded, ({ decoded }) => decoded.canonical.length);
  }

  /** Those that are not there yet. @throws DomainError KeyCollision: another item is */
  private async missing(group: readonly Loaded[]): Promise<Loaded[]> {
    const there = await this.there(group);
    return group.filter(({ decoded }) => {
      const row = there.get(decoded.canonicalKey.toString('latin1'));
      if (row && !sameItem(row, decoded)) throw keyCollision(decoded);
      return !row;
    });
  }

  private async there(group: readonly Loaded[]): Promise<Map<string, ReadRow>> {
    const { layout, schema } = this.content;
    const range = layout.range === undefined ? '' : ` AND ${layout.range.cql} IN ?`;
    const query = `SELECT ${layout.selection} FROM ${layout.cqlName} WHERE ${layout.basePartition}${range}`;
    const params = [group[0]?.key[0], ...(layout.range ? [group.map(({ key }) => key[1])] : [])];
    const rows = (await this.services.session.read(query, params)).map((row) => readRow(layout, row));
    return new Map(rows.map((row) => [canonicalKey(schema, row.item).toString('latin1'), row]));
  }

  private statements({ decoded, key }: Loaded): Statement[] {
    const { item } = decoded;
    const cells = encodeCells(this.content.layout, item).map((cell) => cell ?? types.unset);
    return this.rows.load(item, key, cells, decoded.expiresAt ?? null, LOADED_AT);
  }
}

/** Each key once. @throws DomainError KeyCollision: two different items of one key */
export function uniqueItems(items: readonly DecodedItem[]): DecodedItem[] {
  const unique = new Map<string, DecodedItem>();
  for (const decoded of items) {
    const key = decoded.canonicalKey.toString('latin1');
    const earlier = unique.get(key);
    if (earlier && (!earlier.canonical.equals(decoded.canonical) || earlier.expiresAt !== decoded.expiresAt)) throw keyCollision(decoded);
    unique.set(key, decoded);
  }
  return [...unique.values()];
}

export function sameItem(row: ReadRow, decoded: DecodedItem): boolean {
  const a = row.expiresAt;
  const b = decoded.expiresAt === undefined ? undefined : Math.min(decoded.expiresAt, LATEST_EXPIRY);
  const sameExpiry = a === undefined || b === undefined ? a === b : Math.abs(a - b) <= EXPIRY_TOLERANCE_SECONDS;
  return sameExpiry && canonicalItem(row.item).equals(decoded.canonical);
}

const SHOWN_KEY_CHARACTERS = 300;

export function keyCollision({ canonicalKey: key }: Pick<DecodedItem, 'canonicalKey'>): DomainError {
  return new DomainError('KeyCollision', `Two different items have the key ${key.toString('utf8').slice(0, SHOWN_KEY_CHARACTERS)}.`);
}
