import { errors, types } from 'cassandra-driver';
import { until } from '../../../test/setup/until';
import { WriteWindow } from './write-window';

const OVERLOADED = new errors.ResponseError(types.responseErrorCodes.overloaded, 'busy');
const PATIENCE = { patienceMillis: 60_000, backoffMillis: [1, 2] as const };

const signal = (): AbortSignal => new AbortController().signal;

/** Writes that end when they are told to. */
class Servers {
  readonly waiting: { end: (error?: unknown) => void }[] = [];
  sent = 0;
  most = 0;

  readonly write = (): Promise<void> => {
    this.sent++;
    return new Promise<void>((resolve, reject) => {
      const one = {
        end: (error?: unknown): void => {
          this.waiting.splice(this.waiting.indexOf(one), 1);
          if (error === undefined) resolve();
          else reject(error as Error);
        },
      };
      this.waiting.push(one);
      this.most = Math.max(this.most, this.waiting.length);
    });
  };

  end(error?: unknown): void {
    for (const one of [...this.waiting]) one.end(error);
  }
}

/** As many writes as there are to be, each sent when there is room. */
async function all(window: WriteWindow, count: number, write: () => Promise<void>): Promise<void> {
  const running: Promise<void>[] = [];
  for (let index = 0; index < count; index++) {
    await window.enter(signal());
    running.push(window.run(write, signal()));
  }
  await Promise.all(running);
}

describe('a window of writes', () => {
  it('has no more of them on their way than its size, and grows while they end soon', async () => {
    const window = new WriteWindow({ ...PATIENCE, now: () => 0 });
    const servers = new Servers();
    const first = window.size;
    let over = false;
    const done = all(window, 300, servers.write).then(() => (over = true));
    while (!over) {
      expect(servers.waiting.length).toBeLessThanOrEqual(window.size);
      servers.end();
      await new Promise(setImmediate);
    }
    await done;
    expect(servers.sent).toBe(300);
    expect(window.size).toBeGreaterThan(first);
    expect(servers.most).toBeGreaterThan(first);
  });

  it('shrinks while they take long, but not to nothing', async () => {
    let now = 0;
    const window = new WriteWindow({ ...PATIENCE, now: () => now });
    await all(window, 300, async () => {
      now += 1_000;
      await new Promise(setImmediate);
    });
    expect(window.size).toBe(4);
  });

  it('halves when the servers are overloaded, once for what was sent together, and tries again until they are not', async () => {
    const window = new WriteWindow(PATIENCE);
    const servers = new Servers();
    const { size } = window;
    const done = all(window, size, servers.write);
    await until(() => servers.waiting.length === size);
    servers.end(OVERLOADED);
    await until(() => servers.waiting.length === Math.floor(size / 2));
    expect(window.size).toBe(size / 2);
    let over = false;
    void done.then(() => (over = true));
    while (!over) {
      expect(servers.waiting.length).toBeLessThanOrEqual(window.size);
      servers.end();
      await new Promise(setImmediate);
    }
    expect(servers.sent).toBe(2 * size);
  });

  it.each([
    ['that the coordinator is overloaded', OVERLOADED],
    ['that too few replicas wrote in time', new errors.ResponseError(types.responseErrorCodes.writeTimeout, 'late')],
    ['that too few replicas are up', new errors.ResponseError(types.responseErrorCodes.unavailableException, 'down')],
    ['no answer in time', new errors.OperationTimedOutError('late')],
    ['connections that are busy', new errors.BusyConnectionError('127.0.0.1:9042', 2048, 1)],
    ['no node at all', new errors.NoHostAvailableError({})],
  ])('goes on after %s', async (_name, error) => {
    const window = new WriteWindow(PATIENCE);
    let failures = 3;
    const write = (): Promise<void> => (failures-- > 0 ? Promise.reject(error) : Promise.resolve());
    await all(window, 1, write);
    expect(failures).toBe(-1);
    expect(window.size).toBeLessThan(8);
  });

  it('gives up when its patience is over, with an error that passes', async () => {
    const window = new WriteWindow({ ...PATIENCE, patienceMillis: 0 });
    await expect(all(window, 1, () => Promise.reject(OVERLOADED))).rejects.toMatchObject({ code: 'ServiceUnavailable', transient: true });
    expect(window.size).toBeLessThan(8);
  });

  it('does not try again what will not pass, nor what is to be made once', async () => {
    const window = new WriteWindow(PATIENCE);
    const invalid = new errors.ResponseError(types.responseErrorCodes.invalid, 'no');
    const servers = new Servers();
    const refused = all(window, 1, servers.write);
    await until(() => servers.waiting.length === 1);
    servers.end(invalid);
    await expect(refused).rejects.toBe(invalid);
    expect(window.size).toBe(8);
    await window.enter(signal());
    const once = window.run(servers.write, signal(), false);
    await until(() => servers.waiting.length === 1);
    servers.end(OVERLOADED);
    await expect(once).rejects.toBe(OVERLOADED);
    expect(servers.sent).toBe(2);
  });

  it('lets nobody wait who is to stop: neither for room nor for the next try', async () => {
    const window = new WriteWindow({ ...PATIENCE, backoffMillis: [60_000, 60_000] });
    const stop = new AbortController();
    const servers = new Servers();
    const running: Promise<void>[] = [];
    for (let index = 0; index < 8; index++) {
      await window.enter(signal());
      running.push(window.run(servers.write, stop.signal));
    }
    const outside = window.enter(stop.signal);
    servers.end(OVERLOADED);
    const reason = new Error('stopped');
    stop.abort(reason);
    for (const each of [...running, outside]) await expect(each).rejects.toBe(reason);
    // Their places are free again.
    await window.enter(signal());
    const next = window.run(servers.write, signal());
    servers.end();
    await next;
  });
});
