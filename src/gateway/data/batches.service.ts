import { Inject, Injectable } from '@nestjs/common';
import { StoredItem, TABLE_BACKEND, TableBackend } from '../../index';
import {
  Item,
  Key,
  TableRef,
  TableSchema,
  formatItem,
  isDomainError,
  itemWireSize,
  validationError,
} from '../../kernel';
import { DATA_API_OPTIONS, ResolvedDataApiOptions } from './data-api.options';
import { expiryOf } from './items.service';
import { Json, namedObject, presentItem } from './present';
import { BatchWrite, TableGets, TableWrites } from './requests/batches';
import { checkedItem, exactKey, keyText } from './requests/item';
import { TablesService } from './tables.service';

/** Once so many bytes of items were read for one batch, the other keys are handed back: an answer must not be 100 MiB. */
const MAX_ANSWER_BYTES = 16 * 1024 * 1024;

/** Requests of one batch that run at once: enough to hide latency, few enough to leave connections for others. */
const CONCURRENCY = 8;

interface Write {
  readonly ref: TableRef;
  readonly key: Key;
  readonly request: BatchWrite;
}

interface Get {
  readonly ref: TableRef;
  readonly key: Key;
  readonly of: TableGets;
}

/** batch_get_item and batch_write_item: all is checked before anything is done; what fails for now is handed back. */
@Injectable()
export class BatchesService {
  constructor(
    @Inject(TABLE_BACKEND) private readonly backend: TableBackend,
    @Inject(DATA_API_OPTIONS) private readonly options: ResolvedDataApiOptions,
    private readonly tables: TablesService,
  ) {}

  async get(projectId: string, batch: readonly TableGets[]): Promise<Json> {
    const gets: Get[] = [];
    for (const of of batch) {
      const ref = { projectId, name: of.table };
      const schema = await this.tables.schemaOf(ref);
      for (const given of of.keys) gets.push({ ref, key: exactKey(schema, given, `A key of ${of.table}`), of });
    }
    let bytes = 0;
    const found = await settle(gets, async ({ ref, key, of }): Promise<StoredItem | 'unread' | undefined> => {
      if (bytes >= MAX_ANSWER_BYTES) return 'unread';
      const stored = await this.backend.getItem(ref, key, { consistent: of.consistent });
      bytes += stored === undefined ? 0 : itemWireSize(stored.item);
      return stored;
    });
    const responses = new Map<string, Json[]>();
    const unprocessed = new Map<TableGets, Key[]>();
    gets.forEach(({ key, of }, index) => {
      const outcome = found[index];
      if (outcome === undefined || outcome.failed || outcome.value === 'unread') append(unprocessed, of, key);
      else if (outcome.value !== undefined)
        append(responses, of.table, presentItem(outcome.value.item, of.attributesToGet));
    });
    return {
      responses: namedObject(responses),
      unprocessed_keys: namedObject([...unprocessed].map(presentUnprocessedGets)),
    };
  }

  async write(projectId: string, batch: readonly TableWrites[]): Promise<Json> {
    const writes: Write[] = [];
    for (const { table, writes: requests } of batch) {
      const ref = { projectId, name: table };
      const schema = await this.tables.schemaOf(ref);
      const seen = new Set<string>();
      for (const request of requests) {
        const key = keyOfWrite(schema, table, request);
        const text = keyText(schema, key);
        if (seen.has(text)) throw validationError(`More than one request for one item of ${table}`);
        seen.add(text);
        writes.push({ ref, key, request });
      }
    }
    const done = await settle(writes, (write) => this.carryOut(write));
    const unprocessed = new Map<string, Json[]>();
    writes.forEach(({ ref, request }, index) => {
      if (done[index]?.failed !== false) append(unprocessed, ref.name, presentWrite(request));
    });
    return { unprocessed_items: namedObject(unprocessed) };
  }

  private async carryOut({ ref, key, request }: Write): Promise<void> {
    if (request.kind === 'delete') {
      await this.backend.deleteItem(ref, key, {});
      return;
    }
    const expiresAt = expiryOf(request.timeToLive, this.options.clock.now());
    await this.backend.putItem(ref, request.item, expiresAt === undefined ? {} : { expiresAt });
  }
}

function keyOfWrite(schema: TableSchema, table: string, request: BatchWrite): Key {
  if (request.kind === 'delete') return exactKey(schema, request.key, `A key of ${table}`);
  const item: Item = checkedItem(schema, request.item, `An item of ${table}`);
  return new Map([...item].filter(([name]) => name === schema.hashKey || name === schema.rangeKey));
}

type Outcome<T> = { readonly failed: false; readonly value: T } | { readonly failed: true };

/**
 * Runs all, a few at once. One that fails for now (the backend is away) leaves its mark; if all of them did, the call itself
 * failed. Any other error (a lock, a refusal) is the whole call's, thrown once none is under way any more.
 */
async function settle<I, T>(inputs: readonly I[], run: (input: I) => Promise<T>): Promise<Outcome<T>[]> {
  const outcomes: Outcome<T>[] = [];
  const errors: unknown[] = [];
  let failures = 0;
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < inputs.length) {
      const index = next++;
      try {
        outcomes[index] = { failed: false, value: await run(inputs[index] as I) };
      } catch (error) {
        outcomes[index] = { failed: true };
        failures++;
        if (isForNow(error)) errors.push(error);
        else errors.unshift(error);
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(CONCURRENCY, inputs.length) }, worker));
  const [first] = errors;
  if (errors.length > 0 && (failures === inputs.length || !isForNow(first))) throw first;
  return outcomes;
}

/** Worth handing back to the client as unprocessed? A locked table is not: the whole call answers 423 and says for how long. */
function isForNow(error: unknown): boolean {
  return isDomainError(error) && error.transient && error.code !== 'TableLocked';
}

function append<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [value]);
  else list.push(value);
}

function presentUnprocessedGets([of, keys]: [TableGets, Key[]]): [string, Json] {
  return [
    of.table,
    {
      keys: keys.map((key) => formatItem(key)),
      ...(of.attributesToGet === undefined ? {} : { attributes_to_get: of.attributesToGet }),
      ...(of.consistent ? { consistent_read: true } : {}),
    },
  ];
}

function presentWrite(request: BatchWrite): Json {
  if (request.kind === 'delete') return { delete_request: { key: formatItem(request.key) } };
  const timeToLive = request.timeToLive === undefined ? {} : { time_to_live: request.timeToLive };
  return { put_request: { item: formatItem(request.item), ...timeToLive } };
}
