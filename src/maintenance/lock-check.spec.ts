import { LockedTable, TableBackend } from '../tables';
import { LockCheck } from './lock-check';

const REF = { projectId: 'demo', name: 'threads' };
const LOCKED: LockedTable = { ref: REF, owner: 'job', secondsLeft: 60 };

/** A backend whose answers a test gives, in the order of the questions. */
function asked(): { check: LockCheck; questions: { answer(locked: LockedTable[]): void; fail(error: Error): void }[] } {
  const questions: { answer(locked: LockedTable[]): void; fail(error: Error): void }[] = [];
  const lockedTables = (): Promise<LockedTable[]> =>
    new Promise((answer, fail) => {
      questions.push({ answer, fail });
    });
  const backend = { lockedTables } satisfies Pick<TableBackend, 'lockedTables'>;
  return { check: new LockCheck(backend), questions };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('the check before a call', () => {
  it('never believes an answer to a question that was put before the call came, and shares the next one', async () => {
    const { check, questions } = asked();
    const early = check.requireUnlocked([REF]);
    const late = [check.requireUnlocked([REF]), check.requireUnlocked([REF])];
    for (const each of late) each.catch(() => undefined);
    // The lock comes after the first question was put.
    questions[0]?.answer([]);
    await early;
    await turn();
    expect(questions).toHaveLength(2);
    questions[1]?.answer([LOCKED]);
    for (const each of late) await expect(each).rejects.toMatchObject({ code: 'TableLocked', retryAfterSeconds: 5 });
  });

  it('asks again after a question that failed', async () => {
    const { check, questions } = asked();
    const first = check.requireUnlocked([REF]);
    const second = check.requireUnlocked([REF]);
    questions[0]?.fail(new Error('away'));
    await expect(first).rejects.toThrow('away');
    await turn();
    questions[1]?.answer([]);
    await second;
    const third = check.requireUnlocked([REF]);
    questions[2]?.answer([]);
    await third;
  });
});
