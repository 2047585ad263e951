import { TableRef, isDomainError, newId } from '../../../src/kernel';
import {
  MakeHarness,
  PLAIN,
  code,
  decoded,
  freshTable,
  itemTexts,
  load,
  noWriteLandsAfter,
  plainItem,
  plainItems,
  put,
  readBlocks,
  s,
  scanAll,
  useHarness,
} from './harness';

export function describeLocks(make: MakeHarness): void {
  describe('locks', () => {
    const harness = useHarness(make);

    it('stop every data call on that table only, in every process, and say when to come back', async () => {
      const { backend, open } = harness();
      const other = await open();
      const ref = await freshTable(backend);
      const free = await freshTable(backend);
      const key = plainItem('a', 1);
      await backend.putItem(ref, key, {});
      await backend.lock(ref, { owner: 'job', seconds: 30 });
      expect((await other.describeTable(ref)).status).toBe('MAINTENANCE');
      const calls: (() => Promise<unknown>)[] = [
        () => other.getItem(ref, key, { consistent: false }),
        () => other.putItem(ref, key, {}),
        () => other.updateItem(ref, key, new Map([['v', { action: 'PUT', value: s('x') }]]), {}),
        () => other.deleteItem(ref, key, {}),
        () => other.putItems(ref, [{ item: key, expiresAt: undefined }]),
        () => other.query(ref, { hashValue: key, forward: true, consistent: false }),
        () => other.scan(ref, { segment: 0, totalSegments: 1 }),
        () => other.dropTable(ref),
      ];
      for (const call of calls) {
        const error: unknown = await call().catch((each: unknown) => each);
        expect(error).toEqual(code('TableLocked'));
        const seconds = isDomainError(error) ? (error.retryAfterSeconds ?? 0) : 0;
        expect(seconds).toBeGreaterThanOrEqual(1);
        expect(seconds).toBeLessThanOrEqual(31);
      }
      await other.putItem(free, key, {});
      expect(itemTexts(await readBlocks(other, await other.openTable(ref)))).toHaveLength(1);
      await other.unlock(ref, 'job');
      expect((await backend.describeTable(ref)).status).toBe('ACTIVE');
      expect(await scanAll(backend, ref)).toEqual([key]);
    });

    it('have one owner, who may move the deadline', async () => {
      const { backend, pass } = harness();
      const ref = await freshTable(backend);
      await backend.lock(ref, { owner: 'one', seconds: 5 });
      await expect(backend.lock(ref, { owner: 'two', seconds: 5 })).rejects.toEqual(code('TableLocked'));
      await backend.lock(ref, { owner: 'one', seconds: 60 });
      await pass(6);
      expect(await backend.unlock(ref, 'two')).toBe(false);
      expect((await backend.describeTable(ref)).status).toBe('MAINTENANCE');
      expect(await backend.unlock(ref, 'one')).toBe(true);
      expect(await backend.unlock(ref, 'one')).toBe(false);
      await backend.lock(ref, { owner: 'two', seconds: 5 });
    });

    it('are void after their deadline, whatever happens', async () => {
      const { backend, pass } = harness();
      const ref = await freshTable(backend);
      await backend.lock(ref, { owner: 'dead', seconds: 5 });
      await pass(6);
      expect((await backend.describeTable(ref)).status).toBe('ACTIVE');
      await backend.putItem(ref, plainItem('a', 1), {});
      await backend.lock(ref, { owner: 'alive', seconds: 5 });
      expect(await backend.unlock(ref, 'dead')).toBe(false);
      expect((await backend.describeTable(ref)).status).toBe('MAINTENANCE');
    });

    it('say at their release that they ran out', async () => {
      const { backend, pass } = harness();
      const ref = await freshTable(backend);
      await backend.lock(ref, { owner: 'slow', seconds: 5 });
      await pass(6);
      expect(await backend.unlock(ref, 'slow')).toBe(false);
    });

    it('are listed, in every process, until they end', async () => {
      const { backend, open, pass } = harness();
      const other = await open();
      const [one, two] = [await freshTable(backend), await freshTable(backend)];
      const listed = async (): Promise<unknown[]> =>
        (await other.lockedTables()).filter(({ ref }) => [one.name, two.name].includes(ref.name));
      await backend.lock(one, { owner: 'job', seconds: 60 });
      await backend.lock(two, { owner: 'dead', seconds: 5 });
      const entry = (ref: TableRef, owner: string): object => ({ ref, owner, secondsLeft: expect.any(Number) });
      expect(await listed()).toEqual(expect.arrayContaining([entry(one, 'job'), entry(two, 'dead')]));
      await pass(6);
      expect(await listed()).toEqual([entry(one, 'job')]);
      await backend.unlock(one, 'job');
      expect(await listed()).toEqual([]);
    });

    it('keep builds from being published and merges from beginning, until they end', async () => {
      const { backend } = harness();
      const ref = await freshTable(backend);
      const { id, generation } = await backend.describeTable(ref);
      const build = await backend.openBuild('demo', newId(), PLAIN);
      await load(backend, build, [decoded(PLAIN, plainItem('new', 1))]);
      await backend.sealBuild(build);
      const merging = await freshTable(backend);
      const { handle, writeTimeMicros } = await backend.beginMerge(merging, 'restore');
      for (const locked of [ref, merging]) await backend.lock(locked, { owner: 'job', seconds: 60 });
      const calls: (() => Promise<unknown>)[] = [
        () => backend.publishBuild(build, ref.name, { mode: 'fill', tableId: id, generation }),
        () => backend.publishBuild(build, ref.name, { mode: 'replace', tableId: id, graceSeconds: 0 }),
        () => backend.beginMerge(ref, 'another'),
        () => backend.mergeItems(merging, handle, [decoded(PLAIN, plainItem('a', 1))], writeTimeMicros),
      ];
      for (const call of calls) {
        const error: unknown = await call().catch((each: unknown) => each);
        expect(error).toEqual(expect.objectContaining({ code: 'TableLocked', transient: true }));
      }
      await backend.unlock(ref, 'job');
      await backend.publishBuild(build, ref.name, { mode: 'fill', tableId: id, generation });
      expect(await scanAll(backend, ref)).toEqual([plainItem('new', 1)]);
    });

    it('wait for the writes that are on their way: none lands afterwards', () =>
      noWriteLandsAfter(harness(), 'TableLocked', (backend, ref) => backend.lock(ref, { owner: 'job', seconds: 60 })));

    it('do not outlive the table, nor hinder others', async () => {
      const { backend } = harness();
      const ref = await freshTable(backend);
      await put(backend, ref, plainItems(3));
      await backend.lock(ref, { owner: 'job', seconds: 60 });
      await backend.sweep();
      await expect(backend.dropTable(ref)).rejects.toEqual(code('TableLocked'));
      await backend.unlock(ref, 'job');
      await backend.dropTable(ref);
    });
  });
}
