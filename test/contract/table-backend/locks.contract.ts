import { isDomainError } from '../../../src/kernel';
import {
  MakeHarness,
  code,
  freshTable,
  itemTexts,
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
    const millis = (): number => harness().now() * 1000;

    it('stop every data call on that table only, in every process, and say when to come back', async () => {
      const { backend, open } = harness();
      const other = await open();
      const ref = await freshTable(backend);
      const free = await freshTable(backend);
      const key = plainItem('a', 1);
      await backend.putItem(ref, key, {});
      await backend.lock(ref, { owner: 'job', deadline: millis() + 30_000 });
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
      await backend.lock(ref, { owner: 'one', deadline: millis() + 5_000 });
      await expect(backend.lock(ref, { owner: 'two', deadline: millis() + 5_000 })).rejects.toEqual(
        code('ConflictError'),
      );
      await backend.lock(ref, { owner: 'one', deadline: millis() + 60_000 });
      await pass(6);
      await backend.unlock(ref, 'two');
      expect((await backend.describeTable(ref)).status).toBe('MAINTENANCE');
      await backend.unlock(ref, 'one');
      await backend.unlock(ref, 'one');
      await backend.lock(ref, { owner: 'two', deadline: millis() + 5_000 });
    });

    it('are void after their deadline, whatever happens', async () => {
      const { backend, pass } = harness();
      const ref = await freshTable(backend);
      await backend.lock(ref, { owner: 'dead', deadline: millis() + 5_000 });
      await pass(6);
      expect((await backend.describeTable(ref)).status).toBe('ACTIVE');
      await backend.putItem(ref, plainItem('a', 1), {});
      await backend.lock(ref, { owner: 'alive', deadline: millis() + 5_000 });
      await backend.unlock(ref, 'dead');
      expect((await backend.describeTable(ref)).status).toBe('MAINTENANCE');
    });

    it('wait for the writes that are on their way: none lands afterwards', async () => {
      const { backend, open } = harness();
      const other = await open();
      const ref = await freshTable(backend);
      const handle = await backend.openTable(ref);
      const writes = Array.from({ length: 200 }, (_each, index) =>
        (index % 2 ? backend : other).putItem(ref, plainItem('a', index), {}).then(
          () => true,
          (error: unknown) => {
            expect(error).toEqual(code('TableLocked'));
            return false;
          },
        ),
      );
      await backend.lock(ref, { owner: 'job', deadline: millis() + 60_000 });
      const atLock = itemTexts(await readBlocks(other, handle));
      const taken = (await Promise.all(writes)).filter(Boolean).length;
      expect(itemTexts(await readBlocks(other, handle))).toEqual(atLock);
      expect(atLock).toHaveLength(taken);
    });

    it('do not outlive the table, nor hinder others', async () => {
      const { backend } = harness();
      const ref = await freshTable(backend);
      await put(backend, ref, plainItems(3));
      await backend.lock(ref, { owner: 'job', deadline: millis() + 60_000 });
      await backend.sweep();
      await expect(backend.dropTable(ref)).rejects.toEqual(code('TableLocked'));
      await backend.unlock(ref, 'job');
      await backend.dropTable(ref);
    });
  });
}
