import { Client } from 'pg';
import { DecodedItem, newId } from '../../kernel';
import {
  PLAIN,
  code,
  decoded,
  itemTexts,
  load,
  plainItem,
  plainItems,
  put,
  readBlocks,
  s,
  text,
} from '../../../test/contract/table-backend/harness';
import { TestDatabase, createTestDatabase } from '../../../test/setup/database';
import { until } from '../../../test/setup/until';
import { BuildHandle, TableBackend } from '../table-backend';
import { createPostgresTableBackend } from './postgres-table-backend';

let database: TestDatabase;
/** Locks tables, and looks on. */
let admin: Client;
let backend: TableBackend;
/** Of another process. */
let other: TableBackend;

beforeAll(async () => {
  database = await createTestDatabase();
  admin = new Client({ connectionString: database.url });
  await admin.connect();
  const open = (): Promise<TableBackend> =>
    createPostgresTableBackend({ connectionString: database.url, maxConnections: 4 });
  [backend, other] = await Promise.all([open(), open()]);
});
afterAll(async () => {
  await Promise.all([backend.close(), other.close(), admin.end()]);
  await database.drop();
});

const transient = expect.objectContaining({ code: 'ServiceUnavailable', transient: true }) as object;
const newBuild = (): Promise<BuildHandle> => backend.openBuild('demo', newId(), PLAIN);
const items = plainItems(3000).map((item) => decoded(PLAIN, item));
const heavy = (hash: string): DecodedItem => decoded(PLAIN, plainItem(hash, 1, { v: s('x'.repeat(200_000)) }));

async function countOf(build: BuildHandle): Promise<number> {
  return itemTexts(await readBlocks(backend, build)).length;
}

/** A load that comes to stand in the midst of its copy, until it is let go. */
function stuckLoad(
  build: BuildHandle,
  part: string,
): { reached: Promise<void>; letGo: () => void; ended: Promise<unknown> } {
  let letGo = (): void => undefined;
  const door = new Promise<void>((resolve) => (letGo = resolve));
  let ended: Promise<unknown> = Promise.resolve();
  const reached = new Promise<void>((resolve) => {
    ended = other
      .loadItems(build, part, async function* () {
        yield items;
        resolve();
        await door;
      })
      .catch((error: unknown) => error);
  });
  return { reached, letGo, ended };
}

describe('a load of a build', () => {
  it('that stands still is ended by whoever loads its part again, seals the build, or drops it', async () => {
    const part = newId();
    const again = await newBuild();
    const acts: [BuildHandle, () => Promise<unknown>][] = [
      [again, () => load(backend, again, items, part)],
      ...(await Promise.all(
        [
          (build: BuildHandle) => backend.sealBuild(build),
          (build: BuildHandle) => backend.dropBuild('demo', build.buildId),
        ].map(async (act): Promise<[BuildHandle, () => Promise<unknown>]> => {
          const build = await newBuild();
          return [build, () => act(build)];
        }),
      )),
    ];
    await Promise.all(
      acts.map(async ([build, act]) => {
        const stuck = stuckLoad(build, part);
        await stuck.reached;
        await act();
        stuck.letGo();
        expect(await stuck.ended).toEqual(transient);
      }),
    );
    expect(await countOf(again)).toBe(3000);
  }, 30_000);

  it('disturbs no load of another part', async () => {
    const build = await newBuild();
    const stuck = stuckLoad(build, 'one');
    await stuck.reached;
    await load(backend, build, [heavy('another')], 'two');
    stuck.letGo();
    expect(await stuck.ended).toBeUndefined();
    expect(await countOf(build)).toBe(3001);
  });

  it('that is told to stop does so at once, and leaves nothing', async () => {
    const build = await newBuild();
    const stop = new AbortController();
    const reason = new Error('enough');
    const door = new Promise<void>(() => undefined);
    const loading = backend.loadItems(
      build,
      'part',
      async function* () {
        yield items;
        stop.abort(reason);
        await door;
      },
      { signal: stop.signal },
    );
    await expect(loading).rejects.toBe(reason);
    await expect(load(backend, build, items).then(() => countOf(build))).resolves.toBe(3000);
  });

  it('whose items cannot be read fails as their reading did, and leaves nothing', async () => {
    const build = await newBuild();
    const damage = Object.assign(new Error('a chunk is damaged'), { code: 'ArchiveDamaged' });
    const loading = backend.loadItems(build, 'part', async function* () {
      yield items;
      throw damage;
    });
    await expect(loading).rejects.toMatchObject({ cause: damage });
    expect(await countOf(build)).toBe(0);
  });

  it('asks for no more than the server takes', async () => {
    const build = await newBuild();
    const table = `magnetodb_data.c_${build.generation.replaceAll('-', '')}`;
    await admin.query(`BEGIN; LOCK TABLE ${table} IN EXCLUSIVE MODE`);
    let asked = 0;
    const loading = backend.loadItems(build, 'part', async function* () {
      for (; asked < 40; asked++) yield Array.from({ length: 5 }, (_each, index) => heavy(`${asked}-${index}`));
    });
    await until(async () => {
      const found = await other
        .ping()
        .then(() => admin.query(`SELECT FROM pg_locks WHERE NOT granted AND locktype = 'relation' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`));
      return (found.rowCount ?? 0) > 0;
    });
    expect(asked).toBeLessThan(5);
    await admin.query('ROLLBACK');
    await loading;
    expect(asked).toBe(40);
  });

  it('that lost a deadlock is not taken for done', async () => {
    const build = await newBuild();
    // The rest is there so that the first two are sent, and inserted: the server gathers a thousand rows.
    const rest = (hash: string): DecodedItem[] =>
      Array.from({ length: 1500 }, (_each, index) => decoded(PLAIN, plainItem(hash, index, { v: s('x'.repeat(200)) })));
    const [first, second] = [
      [heavy('a'), heavy('1'), ...rest('x')],
      [heavy('b'), heavy('2'), ...rest('y')],
    ] as const;
    const turns = [0, 0].map(() => {
      let pass = (): void => undefined;
      const passed = new Promise<void>((resolve) => (pass = resolve));
      return { pass, passed };
    });
    // Each writes a key that the other one has written.
    const crossing = [
      { mine: first, theirs: heavy('2'), turn: 0 },
      { mine: second, theirs: heavy('1'), turn: 1 },
    ].map(({ mine, theirs, turn }) =>
      backend.loadItems(build, `part-${turn}`, async function* () {
        yield [...mine];
        turns[turn]?.pass();
        await turns[1 - turn]?.passed;
        yield [theirs, ...rest(`end-${turn}`)];
      }),
    );
    const done = await Promise.allSettled(crossing);
    const there = itemTexts(await readBlocks(backend, build)).join();
    for (const [turn, each] of done.entries()) {
      if (each.status === 'rejected') expect(each.reason).toEqual(transient);
      else expect(there).toContain(turn === 0 ? '"h":{"S":"a"}' : '"h":{"S":"b"}');
    }
    expect(done.map(({ status }) => status)).toContain('rejected');
  });
});

describe('ranges of blocks', () => {
  it('mean nothing once the build is published', async () => {
    const build = await newBuild();
    await load(backend, build, items);
    await backend.sealBuild(build);
    const [range] = await backend.splitRanges(build, { targetBytes: 1, maxRanges: 4 });
    expect(itemTexts(await readBlocks(backend, build, range)).length).toBeGreaterThan(100);
    const ref = { projectId: 'demo', name: `t-${newId()}` };
    await backend.publishBuild(build, ref.name, { mode: 'create' });
    await put(backend, ref, plainItems(100));
    await expect(readBlocks(backend, build, range)).rejects.toEqual(code('TableChanged'));
    const ofTable = await backend.splitRanges(await backend.openTable(ref), { targetBytes: 50_000, maxRanges: 4 });
    expect(ofTable.length).toBeGreaterThan(1);
    expect(ofTable[0]?.start).toBeNull();
  });

  it.each(['block:', 'block:-1', 'block:01', 'block:1;', 'block:99999999999'])('refuse the bound %j', async (start) => {
    const range = { start, end: null, estimatedItems: 0 };
    await expect(readBlocks(backend, await newBuild(), range)).rejects.toEqual(code('ValidationError'));
  });

  it('are read in the order of the heap, whatever the order of keys', async () => {
    const build = await newBuild();
    const scrambled = items.map((_each, index) => plainItem(`hash-${(index * 7919) % 3000}`, index));
    await load(
      backend,
      build,
      scrambled.map((item) => decoded(PLAIN, item)),
    );
    await backend.sealBuild(build);
    const [range] = await backend.splitRanges(build, { targetBytes: 1e9, maxRanges: 1 });
    const blocks = await readBlocks(backend, build, range, { blockBytes: 20_000 });
    expect(blocks.length).toBeGreaterThan(5);
    expect(itemTexts(blocks)).toEqual(scrambled.map((item) => text(item)));
  });
});
