import { TableRef, tableLocked } from '../kernel';
import { LockedTable, TableBackend } from '../tables';

/**
 * Which tables are in MAINTENANCE, asked of the backend for every call: nothing is remembered, so every process refuses from the moment of the
 * lock on. Calls that come while a question is on its way share the next one, however many they are.
 */
export class LockCheck {
  private asking: Promise<readonly LockedTable[]> | undefined;
  private next: Promise<readonly LockedTable[]> | undefined;

  constructor(private readonly backend: Pick<TableBackend, 'lockedTables'>) {}

  /** @throws DomainError TableLocked, naming the first table that is; ServiceUnavailable */
  async requireUnlocked(refs: readonly TableRef[]): Promise<void> {
    const locked = await this.ask();
    for (const { projectId, name } of refs) {
      const lock = locked.find(({ ref }) => ref.name === name && ref.projectId === projectId);
      if (lock !== undefined) throw tableLocked(name, lock.secondsLeft);
    }
  }

  /** The answer to a question that is put after the call came. */
  private ask(): Promise<readonly LockedTable[]> {
    if (this.asking === undefined) return this.start();
    this.next ??= this.asking.then(
      () => this.start(),
      () => this.start(),
    );
    return this.next;
  }

  private start(): Promise<readonly LockedTable[]> {
    this.next = undefined;
    const asking = this.backend.lockedTables().finally(() => {
      if (this.asking === asking) this.asking = undefined;
    });
    this.asking = asking;
    return asking;
  }
}
