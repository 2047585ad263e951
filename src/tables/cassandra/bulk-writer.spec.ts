import { errors, types } from 'cassandra-driver';
import { BulkWriter } from './bulk-writer';
import { Ring } from './ring';
import { Session, Statement } from './session';
import { WriteWindow } from './write-window';

const TOO_LARGE = new errors.ResponseError(types.responseErrorCodes.invalid, 'Batch too large');
const OVERLOADED = new errors.ResponseError(types.responseErrorCodes.overloaded, 'busy');
const HASH = Buffer.from('h');

/** One node that keeps the statements it is sent, unless it refuses them. */
function writerTo(refuse: (statements: readonly Statement[]) => Error | undefined): { writer: BulkWriter; sent: Statement[][] } {
  const sent: Statement[][] = [];
  const session = {
    ring: { ends: () => [0n], replicas: () => [], tokenOf: () => 0n } as unknown as Ring,
    writeBatch: (statements: readonly Statement[]) => {
      const refused = refuse(statements);
      if (refused) return Promise.reject(refused);
      sent.push([...statements]);
      return Promise.resolve();
    },
  } satisfies Pick<Session, 'ring' | 'writeBatch'>;
  return { writer: new BulkWriter(session, new WriteWindow({ backoffMillis: [1, 2] })), sent };
}

const row = (name: string, life?: number): Statement => ({ query: 'UPDATE', params: [life, Buffer.from(name.padEnd(500))] });

describe('a bulk load', () => {
  it('halves what the cluster refuses as too large, and sends no more of that size', async () => {
    const { writer, sent } = writerTo((statements) => (statements.length > 5 ? TOO_LARGE : undefined));
    const load = writer.begin({ keyspace: 'k', patient: true });
    const names = Array.from({ length: 200 }, (_each, index) => `row ${index}`);
    for (const name of names) await load.add({ statements: [row(name)], expiresAt: undefined }, HASH);
    await load.end();
    const written = sent.flat().map(({ params }) => String(params[1]).trim());
    expect(written.sort()).toEqual(names.sort());
    expect(Math.max(...sent.map((statements) => statements.length))).toBeLessThanOrEqual(5);
  });

  it('takes no more rows than it may have on their way while the cluster does not answer', async () => {
    const waiting: (() => void)[] = [];
    const ring = { ends: () => [0n], replicas: () => [], tokenOf: () => 0n } as unknown as Ring;
    const writer = new BulkWriter({ ring, writeBatch: () => new Promise((resolve) => waiting.push(resolve)) }, new WriteWindow({ now: () => 0 }));
    const load = writer.begin({ keyspace: 'k', patient: true });
    let taken = 0;
    let over = false;
    const feeding = (async () => {
      for (; taken < 5_000; taken++) await load.add({ statements: [row(`row ${taken}`)], expiresAt: undefined }, HASH);
      await load.end();
      over = true;
    })();
    const seen: number[] = [];
    while (!over) {
      await new Promise(setImmediate);
      seen.push(waiting.length);
      waiting.shift()?.();
    }
    await feeding;
    expect(seen[0]).toBe(8);
    expect(Math.max(...seen)).toBeLessThan(60);
    expect(taken).toBe(5_000);
  });

  it('fails with what else the cluster refuses', async () => {
    const { writer } = writerTo(() => new errors.ResponseError(types.responseErrorCodes.invalid, 'no'));
    const load = writer.begin({ keyspace: 'k', patient: true });
    await load.add({ statements: [row('one')], expiresAt: undefined }, HASH);
    await expect(load.end()).rejects.toThrow('no');
  });

  it('gives a row what is left of it when it is sent, and none that has expired by then', async () => {
    let [now, failures] = [1_000, 2];
    const { writer, sent } = writerTo(() => {
      if (failures-- <= 0) return undefined;
      now += 100;
      return OVERLOADED;
    });
    const load = writer.begin({ keyspace: 'k', patient: true, lifeOf: (expiresAt) => (expiresAt > now ? expiresAt - now : undefined) });
    await load.add({ statements: [row('long', 999)], expiresAt: 2_000 }, HASH);
    await load.add({ statements: [row('short', 999)], expiresAt: 1_150 }, HASH);
    await load.add({ statements: [row('immortal', 0)], expiresAt: undefined }, HASH);
    await load.end();
    expect(sent.flat().map(({ params }) => [params[0], String(params[1]).trim()])).toEqual([[800, 'long'], [0, 'immortal']]);
  });
});
