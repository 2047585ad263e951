import { setTimeout as delay } from 'node:timers/promises';
import { cassandraIsThere, startCassandra } from '../../../test/setup/cassandra-service';
import { TcpProxy } from '../../../test/fakes/tcp-proxy';
import { AttributeType, DecodedItem, TableDigest, TableSchema, decodeItem, newId } from '../../kernel';
import { BuildHandle, TableBackend } from '../table-backend';
import { createCassandraTableBackend } from './cassandra-table-backend';

const PER_BATCH = 500;
const BATCHES = 6;
const REQUEST_MILLIS = 1_500;
/** Pieces of data that connections to a troubled cluster let through. */
const SHORT_LIVED = 25;

const schema: TableSchema = {
  attributes: new Map<string, AttributeType>([['h', 'S'], ['r', 'N'], ['by', 'S']]), // prettier-ignore
  hashKey: 'h',
  rangeKey: 'r',
  indexes: [{ name: 'by_by', rangeAttribute: 'by', projection: { type: 'ALL' } }],
};

function item(index: number, text = 'x'.repeat(100)): DecodedItem {
  const json = { by: { S: `by ${index}` }, h: { S: `partition ${index % 300}` }, r: { N: String(index) }, text: { S: text } };
  return decodeItem(schema, Buffer.from(JSON.stringify(json)), undefined);
}

const batches = Array.from({ length: BATCHES }, (_each, batch) => Array.from({ length: PER_BATCH }, (_one, index) => item(batch * PER_BATCH + index)));
const expected = new TableDigest();
for (const { bucket, digest } of batches.flat()) expected.add(bucket, digest);

const describeOnCassandra = cassandraIsThere('loading under faults') ? describe : describe.skip;

describeOnCassandra('a load into a cluster in trouble', () => {
  let proxy: TcpProxy;
  let backend: TableBackend;
  let build: BuildHandle;

  beforeAll(async () => {
    const node = await startCassandra();
    proxy = await TcpProxy.to(Number(node.contactPoint.split(':').at(-1)));
    backend = await createCassandraTableBackend({
      contactPoints: [`127.0.0.1:${proxy.port}`],
      dataCenter: node.dataCenter,
      replication: { class: 'SimpleStrategy', replication_factor: 1 },
      requestTimeoutMillis: REQUEST_MILLIS,
    });
  }, 300_000);
  beforeEach(async () => {
    build = await backend.openBuild('demo', newId(), schema);
  });
  afterEach(async () => {
    proxy.hang(false);
    proxy.cutAfter(undefined);
    await backend.dropBuild('demo', build.buildId);
  });
  afterAll(async () => {
    await backend?.close();
    await proxy?.close();
  });

  /** Everything, with trouble between the batches. */
  async function load(trouble: (batch: number) => void | Promise<void>, signal?: AbortSignal): Promise<void> {
    const read = async function* (): AsyncGenerator<DecodedItem[]> {
      for (const [index, batch] of batches.entries()) {
        await trouble(index);
        yield batch;
      }
    };
    await backend.loadItems(build, 'part', read, signal ? { signal } : {});
  }

  async function found(): Promise<TableDigest> {
    const digest = new TableDigest();
    const whole = { start: null, end: null, estimatedItems: 0 };
    for await (const block of backend.readRange(build, whole, { digestOnly: true })) digest.merge(block.digest);
    return digest;
  }

  it('ends right although connections are cut off under it again and again', async () => {
    const left = [SHORT_LIVED, SHORT_LIVED, SHORT_LIVED, SHORT_LIVED];
    await load((batch) => {
      if (batch !== 2) return;
      proxy.cutAfter(() => left.shift() ?? Infinity);
      proxy.cut();
    });
    // More was to be sent than all of them let through.
    expect(left).toEqual([]);
    proxy.cutAfter(undefined);
    expect((await found()).differingBuckets(expected)).toEqual([]);
  });

  it('ends right although no answer comes for longer than a request may take', async () => {
    let hanging: Promise<void> | undefined;
    await load((batch) => {
      if (batch !== 2) return;
      proxy.hang(true);
      hanging = delay(2 * REQUEST_MILLIS).then(() => proxy.hang(false));
    });
    await hanging;
    expect((await found()).differingBuckets(expected)).toEqual([]);
  });

  it('ends at once when it is to, although no answer comes', async () => {
    const stop = new AbortController();
    const reason = new Error('stopped');
    const ended = load((batch) => {
      if (batch !== 1) return;
      proxy.hang(true);
      stop.abort(reason);
    }, stop.signal);
    await expect(ended).rejects.toBe(reason);
  });

  it('writes items that are larger than a batch may be, with their rows of indexes', async () => {
    // An item and its row of the index: 60 KB each, where batches of several partitions end at 50 KiB.
    const large = [item(1, 'y'.repeat(60_000)), item(2, 'z'.repeat(60_000)), item(3)];
    await backend.loadItems(build, 'large', async function* () {
      yield large;
    });
    const digest = new TableDigest();
    for (const each of large) digest.add(each.bucket, each.digest);
    expect((await found()).differingBuckets(digest)).toEqual([]);
  });
});
