import { PLAIN, code, freshTable } from '../../test/contract/table-backend/harness';
import { TestDatabase, createTestDatabase } from '../../test/setup/database';
import { DomainError, TableRef } from '../kernel';
import { createPostgresTableBackend } from './postgres';
import { TableBackend } from './table-backend';
import { withTableLock } from './with-table-lock';

let database: TestDatabase;
let backend: TableBackend;
let ref: TableRef;

beforeAll(async () => {
  database = await createTestDatabase();
  backend = await createPostgresTableBackend({ connectionString: database.url });
});
beforeEach(async () => {
  ref = await freshTable(backend, PLAIN);
});
afterAll(async () => {
  await backend.close();
  await database.drop();
});

const status = async (): Promise<string> => (await backend.describeTable(ref)).status;

/** The backend with some calls replaced. */
function changed(calls: Partial<TableBackend>): TableBackend {
  return new Proxy(backend, { get: (target, name) => Reflect.get(calls, name) ?? Reflect.get(target, name).bind(target) });
}

describe('withTableLock', () => {
  it('has the table in MAINTENANCE while the work is done, and says for how long it was', async () => {
    const heard: unknown[] = [];
    const { result, lockedMilliseconds } = await withTableLock(backend, ref, 'job', 60, status, (lock) => heard.push(lock));
    expect(result).toBe('MAINTENANCE');
    expect(lockedMilliseconds).toBeGreaterThan(0);
    expect(heard).toEqual([{ ref, milliseconds: expect.any(Number) }]);
    expect(await status()).toBe('ACTIVE');
  });

  it('releases the table if the work fails, whatever it fails with', async () => {
    for (const error of [new Error('disk'), new DomainError('TableLocked', 'another one')]) {
      const heard: unknown[] = [];
      const work = (): Promise<never> => Promise.reject(error);
      await expect(withTableLock(backend, ref, 'job', 60, work, (lock) => heard.push(lock))).rejects.toBe(error);
      expect(await status()).toBe('ACTIVE');
      expect(heard).toHaveLength(1);
    }
  });

  it('leaves a table alone that another holds', async () => {
    await backend.lock(ref, { owner: 'another', seconds: 60 });
    const heard: unknown[] = [];
    const locking = withTableLock(backend, ref, 'job', 60, status, (lock) => heard.push(lock));
    await expect(locking).rejects.toEqual(code('TableLocked'));
    expect(await status()).toBe('MAINTENANCE');
    expect(heard).toEqual([]);
  });

  it('tells the work when its time is over, and lets nothing count that was done by then', async () => {
    const work = (signal: AbortSignal): Promise<string> =>
      new Promise((resolve) => signal.addEventListener('abort', () => resolve('late')));
    const locking = withTableLock(backend, ref, 'job', 1, work);
    await expect(locking).rejects.toEqual(expect.objectContaining({ code: 'ServiceUnavailable', transient: true }));
    expect(await status()).toBe('ACTIVE');
  });

  it('counts work only that ended in time, even if the backend, asked a moment later, still holds the lock', async () => {
    const generous = changed({ lock: (table, { owner }) => backend.lock(table, { owner, seconds: 60 }) });
    const work = (signal: AbortSignal): Promise<string> =>
      new Promise((resolve) => signal.addEventListener('abort', () => resolve('late')));
    await expect(withTableLock(generous, ref, 'job', 1, work)).rejects.toEqual(code('ServiceUnavailable'));
    expect(await status()).toBe('ACTIVE');
  });

  it('believes the backend alone that the lock held: another took it, or it was released meanwhile', async () => {
    const work = async (): Promise<string> => {
      await backend.unlock(ref, 'job');
      return 'done';
    };
    await expect(withTableLock(backend, ref, 'job', 60, work)).rejects.toEqual(code('ServiceUnavailable'));
  });

  it('releases it after an outage', async () => {
    let outages = 2;
    const away = changed({
      unlock: async (...args) => {
        if ((outages -= 1) >= 0) throw new DomainError('ServiceUnavailable', 'away', { transient: true });
        return backend.unlock(...args);
      },
    });
    expect(await withTableLock(away, ref, 'job', 60, status)).toMatchObject({ result: 'MAINTENANCE' });
    expect(await status()).toBe('ACTIVE');
  });

  it('releases it if only the answer to locking was lost', async () => {
    const lossy = changed({
      lock: async (...args) => {
        await backend.lock(...args);
        throw new DomainError('ServiceUnavailable', 'away', { transient: true });
      },
    });
    await expect(withTableLock(lossy, ref, 'job', 60, status)).rejects.toEqual(code('ServiceUnavailable'));
    expect(await status()).toBe('ACTIVE');
  });
});
