import { DecodedItem, canonicalItem } from '../../kernel';
import { BulkLoad } from './bulk-writer';
import { ReadRow } from './codec';
import { keyCollision } from './errors';
import { parseInternalName } from './layout';
import { Content } from './registry';
import { RowEncoder } from './row-encoder';
import { LATEST_EXPIRY, RowWrites } from './row-writes';
import { Services } from './services';

/** What reading an expiry back may be off. */
const EXPIRY_TOLERANCE_SECONDS = 2;
/** Loaded items are older than every write that a table ever sees. */
const LOADED_AT = 1;
/** Seconds to live, as Cassandra reads them. */
const FOR_EVER = Buffer.alloc(4);

/** Writes items into a build, as they come. */
export class BuildWrites {
  private readonly rows: RowWrites;
  private readonly encoder: RowEncoder;
  private readonly bulk: BulkLoad;

  constructor(services: Services, content: Content, signal?: AbortSignal) {
    const { layout } = content;
    this.rows = new RowWrites(services, layout);
    this.encoder = new RowEncoder(layout);
    const { keyspace = '' } = parseInternalName(layout.cqlName) ?? {};
    this.bulk = services.bulk.begin({ keyspace, signal, patient: true, lifeOf: (expiresAt) => this.rows.lifeOf(expiresAt) });
  }

  /** Resolves when more may come. @throws what became of these or earlier ones */
  async load(items: readonly DecodedItem[]): Promise<void> {
    for (const decoded of items) {
      const { key, cells } = this.encoder.encode(decoded);
      const { expiresAt } = decoded;
      const room = this.bulk.add({ statements: this.rows.load(key, cells, FOR_EVER, LOADED_AT), expiresAt }, key[0]);
      if (room) await room;
    }
  }

  /** Resolves when all of them are written. */
  end(): Promise<void> {
    return this.bulk.end();
  }

  /** To be called in any case: nothing more is sent. */
  close(): void {
    this.bulk.cancel();
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
