import { isDomainError } from '../../kernel';
import { resolveOptions } from './options';
import { Services } from './services';
import { TableLocks } from './table-locks';

const REQUEST = { ref: { projectId: 'demo', name: 'threads' }, epoch: 'one' };

/** The registry's rows of processes and of their words, and a process of our own that says its own at once. */
function locksWith(processes: string[], onLook: (looks: number, acks: Map<string, boolean>) => void): { locks: TableLocks; looks: () => number } {
  const acks = new Map<string, boolean>();
  let looks = 0;
  const session = {
    read: async (query: string): Promise<object[]> => {
      if (query.includes('br_processes')) return processes.map((id) => ({ id }));
      onLook((looks += 1), acks);
      return [...acks].map(([process, clean]) => ({ process, clean }));
    },
    write: async (): Promise<void> => undefined,
  };
  const gate = { acknowledge: async (): Promise<void> => void acks.set('own', true) };
  const options = resolveOptions({ contactPoints: [], dataCenter: 'dc', clusterWriteTimeoutMillis: 300 });
  return { locks: new TableLocks({ session, gate, options } as unknown as Services), looks: () => looks };
}

describe('waiting for the writers of a table', () => {
  it('ends when every process has said that none of its writes is on its way', async () => {
    const { locks, looks } = locksWith(['own', 'other'], (look, acks) => {
      if (look === 4) acks.set('other', true);
    });
    await locks.drain(REQUEST);
    expect(looks()).toBe(4);
  });

  it('goes on without a process whose lease is over, but not before what it had sent has landed', async () => {
    const processes = ['own', 'dead'];
    const { locks, looks } = locksWith(processes, (look) => {
      if (look === 3) processes.splice(1);
    });
    const since = performance.now();
    await locks.drain(REQUEST);
    expect(looks()).toBeGreaterThanOrEqual(3);
    expect(performance.now() - since).toBeGreaterThanOrEqual(295);
  });

  it('fails, rather than lock, when a process does not say it in time', async () => {
    const { locks } = locksWith(['own', 'stopped'], () => undefined);
    const error: unknown = await locks.drain(REQUEST, performance.now() + 100).catch((each: unknown) => each);
    expect(isDomainError(error, 'ServiceUnavailable')).toBe(true);
  });
});
