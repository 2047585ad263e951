import {
  AttributeUpdates,
  DomainError,
  Item,
  Key,
  TableRef,
  applyUpdates,
  checkItemFits,
  keyOf,
  meetsExpected,
} from '../../kernel';
import { StoredItem, WriteOptions, WriteResult } from '../table-backend';
import { isVanished, tableNotExists, unavailable } from './errors';
import { putIndexed } from './indexed-puts';
import { KeyedQueue } from './keyed-queue';
import { Layout, keyValues, parseInternalName } from './layout';
import { Content } from './registry';
import { keyBytes } from './positions';
import { FoundRow, RowWrites } from './row-writes';
import { Services, expiryCutoff } from './services';

/** Another process may write the row between our look and our write; then we look again. */
const MAX_LOOKS = 50;
/** A table may be swapped under a write; then it is made again in the new content. */
const MAX_SWAPS = 5;

/** What a write decides: the item to leave behind, `delete`, or nothing. */
interface Decision {
  readonly result: WriteResult;
  readonly write: { readonly item: Item; readonly expiresAt: number | null } | 'delete' | undefined;
}

interface FoundItem {
  readonly item: Item | undefined;
  readonly expiresAt: number | null;
}

/** Writes of items: read, decided by the kernel's semantics, and written if nothing has changed meanwhile. */
export class ItemWriter {
  private readonly queue = new KeyedQueue();

  constructor(private readonly services: Services) {}

  put(ref: TableRef, item: Item, options: WriteOptions): Promise<WriteResult> {
    return this.write(ref, (content) => {
      checkItemFits(content.schema, item);
      return this.change(content, item, options, ({ item: before }) => ({
        result: { before, after: item },
        write: { item, expiresAt: options.expiresAt ?? null },
      }));
    });
  }

  update(ref: TableRef, key: Key, updates: AttributeUpdates, options: WriteOptions): Promise<WriteResult> {
    return this.write(ref, (content) =>
      this.change(content, key, options, (found) => {
        const after = applyUpdates(content.schema, keyOf(content.schema, key), found.item, updates);
        const result = { before: found.item, after };
        if (after === undefined) return { result, write: undefined };
        checkItemFits(content.schema, after);
        const expiresAt = options.expiresAt === undefined ? found.expiresAt : options.expiresAt;
        return { result, write: { item: after, expiresAt } };
      }),
    );
  }

  delete(ref: TableRef, key: Key, options: WriteOptions): Promise<WriteResult> {
    return this.write(ref, (content) =>
      this.change(content, key, options, ({ item }) => ({ result: { before: item, after: undefined }, write: 'delete' })),
    );
  }

  /** Nothing is written if one of them does not fit. Of one key the last stays. */
  async putMany(ref: TableRef, items: readonly StoredItem[]): Promise<void> {
    await this.write(ref, async (content) => {
      const last = new Map<string, StoredItem>();
      for (const stored of items) {
        checkItemFits(content.schema, stored.item);
        last.set(JSON.stringify(keyValues(content.layout, stored.item)), stored);
      }
      const writes = new RowWrites(this.services, content.layout);
      const rows = [...last.values()].map(({ item, expiresAt = null }) => ({ item, expiresAt, key: writes.keyOf(item, expiresAt) }));
      if (content.layout.indexRows) {
        await putIndexed(writes, content.layout, rows, ({ item, expiresAt }) => this.putOne(content, item, expiresAt));
        return;
      }
      const { keyspace = '' } = parseInternalName(content.layout.cqlName) ?? {};
      const bulk = this.services.bulk.begin({ keyspace, patient: false });
      try {
        for (const { item, key, expiresAt } of rows) await bulk.add({ statements: writes.put(item, key, expiresAt), expiresAt: undefined }, keyBytes(key[0]));
      } finally {
        // Whatever happened, none is on its way afterwards.
        await bulk.end();
      }
    });
  }

  private async putOne(content: Content, item: Item, expiresAt: number | null): Promise<void> {
    await this.change(content, item, {}, ({ item: before }) => ({ result: { before, after: item }, write: { item, expiresAt } }));
  }

  /** Makes a write, again if the table was swapped meanwhile. */
  private write<T>(ref: TableRef, work: (content: Content) => Promise<T>): Promise<T> {
    const { gate, registry } = this.services;
    return gate.run(ref, async () => {
      let row = await registry.requireOpen(ref);
      for (let swaps = 0; swaps < MAX_SWAPS; swaps++) {
        const { internalName } = row;
        const done = await attempt(() => registry.contentOf(row).then(work));
        const now = await registry.find(ref);
        if (done && (now === undefined || now.internalName === internalName)) return done.result;
        if (!now) throw tableNotExists(ref.name);
        row = now;
      }
      throw unavailable();
    });
  }

  private change(content: Content, key: Item, options: WriteOptions, decide: (found: FoundItem) => Decision): Promise<WriteResult> {
    const values = keyValues(content.layout, key);
    return this.queue.run(JSON.stringify([content.generation, values]), () => this.changeNow(content.layout, key, options, decide));
  }

  private async changeNow(layout: Layout, key: Item, options: WriteOptions, decide: (found: FoundItem) => Decision): Promise<WriteResult> {
    const writes = new RowWrites(this.services, layout);
    for (let look = 0; look < MAX_LOOKS; look++) {
      const row = await writes.find(key);
      const found = this.liveItem(row);
      if (options.expected && !meetsExpected(found.item, options.expected)) {
        throw new DomainError('ConditionalCheckFailedException', 'The conditional request failed.');
      }
      const { result, write } = decide(found);
      if (write === undefined) return result;
      const applied = write === 'delete' ? await writes.deleteIfUnchanged(row) : await writes.putIfUnchanged(row, write.item, write.expiresAt);
      if (applied) return result;
    }
    throw unavailable();
  }

  private liveItem({ item, expiresAt }: FoundRow): FoundItem {
    const expired = expiresAt !== undefined && expiresAt <= expiryCutoff(this.services);
    return item === undefined || expired ? { item: undefined, expiresAt: null } : { item, expiresAt: expiresAt ?? null };
  }
}

/** Undefined: the physical table was gone. */
async function attempt<T>(work: () => Promise<T>): Promise<{ readonly result: T } | undefined> {
  try {
    return { result: await work() };
  } catch (error) {
    if (isVanished(error)) return undefined;
    throw error;
  }
}
