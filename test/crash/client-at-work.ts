import { setTimeout as delay } from 'node:timers/promises';
import { TableDigest } from '../../src/kernel';
import { Answer, expectStatus, Json, ManagementClient } from '../e2e/management-server';
import { Deployment, PROJECT } from './deployment';

/** Once nobody is killed any more, each job ends before that. */
const PATIENCE_MILLIS = 300_000;
/** Asking often would be most of what this process does. */
const POLL_MILLIS = 300;
const CANCEL_SHARE = 0.15;
const CANCEL_WITHIN_MILLIS = 2500;

export interface SourceTable {
  readonly name: string;
  readonly digest: TableDigest;
}

/** Backs up, restores, replaces, merges, cancels and deletes, one after the other, and judges how each job ended. */
export class ClientAtWork {
  /** How often each kind of end was seen. */
  readonly ends = new Map<string, number>();
  private readonly client: ManagementClient;
  private tables = 0;

  constructor(
    private readonly deployment: Deployment,
    private readonly name: string,
    private readonly source: SourceTable,
    private readonly random: () => number,
    private readonly goesOn: () => boolean,
  ) {
    this.client = deployment.client;
  }

  /** As long as it is to go on; a round that has begun is ended. */
  async work(): Promise<void> {
    while (this.goesOn()) {
      const backupId = await this.backUp();
      if (backupId === undefined) continue;
      await this.restoreAnew(backupId);
      if (this.goesOn()) await (this.random() < 0.5 ? this.replace(backupId) : this.merge(backupId));
      await this.delete(backupId);
    }
  }

  private async backUp(): Promise<string | undefined> {
    const asked = await expectStatus(this.client.createBackup(this.source.name), 202);
    const id = String(asked['id']);
    const cancelled = await this.maybeCancel(() => this.client.deleteBackup(this.source.name, id));
    const body = await this.ended(() => this.client.backup(this.source.name, id), ['CREATING', 'DELETING']);
    if (cancelled) {
      expect(body).toBeUndefined();
      return this.saw('backup cancelled', undefined);
    }
    expect(body).toMatchObject({ status: 'CREATED', restorable: true });
    expect((await this.deployment.verifiedDigest(id)).differingBuckets(this.source.digest)).toEqual([]);
    return this.saw('CREATED', id);
  }

  private async delete(id: string): Promise<void> {
    await expectStatus(this.client.deleteBackup(this.source.name, id), 200);
    expect(await this.ended(() => this.client.backup(this.source.name, id), ['DELETING'])).toBeUndefined();
    this.saw('deleted', undefined);
  }

  private async restoreAnew(backupId: string): Promise<void> {
    const table = this.freshName();
    const restored = await this.restore(table, { id: backupId });
    const { names } = await this.deployment.backend.listTables(PROJECT, { limit: 1000 });
    expect(names.includes(table)).toBe(restored);
    if (!restored) return;
    await this.expectContent(table, this.source.digest);
    await this.dropTable(table);
  }

  private async replace(backupId: string): Promise<void> {
    const table = await this.deployment.makeTable(this.freshName(), 0, 50, { text: 'as it was before' });
    const before = await this.deployment.digestOf(table);
    const restored = await this.restore(table, { id: backupId, on_existing: 'replace' });
    await this.expectContent(table, restored ? this.source.digest : before);
    await this.dropTable(table);
  }

  private async merge(backupId: string): Promise<void> {
    const table = await this.deployment.makeTable(this.freshName(), 100_000, 100_050);
    const merged = await this.deployment.digestOf(table);
    merged.merge(this.source.digest);
    // Cancelled, it may have merged a part.
    if (await this.restore(table, { id: backupId, on_existing: 'merge' })) await this.expectContent(table, merged);
    await this.dropTable(table);
  }

  /** False: it was cancelled, and says so. */
  private async restore(table: string, body: Json): Promise<boolean> {
    const id = String((await expectStatus(this.client.createRestore(table, body), 202))['id']);
    const path = `${this.client.table(table)}/restores/${id}`;
    const cancelled = await this.maybeCancel(() => this.client.send('DELETE', path));
    const job = await this.ended(() => this.client.get(path), ['RESTORING']);
    // Asked to be cancelled when it was finished, it is forgotten, its end unseen: the table tells.
    if (cancelled && job === undefined) return this.saw('forgotten', await this.wasRestored(id));
    if (cancelled && job?.['status'] === 'RESTORE_FAILED') {
      expect(job).toMatchObject({ error: { type: 'Cancelled' } });
      return this.saw('restore cancelled', false);
    }
    expect(job).toMatchObject({ status: 'RESTORED' });
    return this.saw('RESTORED', true);
  }

  private async wasRestored(id: string): Promise<boolean> {
    const [row] = await this.deployment.query<{ state: string }>('SELECT state FROM magnetodb_backup.jobs WHERE subject_id = $1', [id]);
    return row?.state === 'succeeded';
  }

  private async maybeCancel(cancel: () => Promise<Answer>): Promise<boolean> {
    if (this.random() >= CANCEL_SHARE) return false;
    await delay(this.random() * CANCEL_WITHIN_MILLIS);
    await expectStatus(cancel(), 200);
    return true;
  }

  /** The resource once its status is none of these; undefined: it is gone. */
  private async ended(ask: () => Promise<Answer>, running: readonly string[]): Promise<Json | undefined> {
    let deadline = Number.POSITIVE_INFINITY;
    for (;;) {
      if (deadline === Number.POSITIVE_INFINITY && !this.goesOn()) deadline = Date.now() + PATIENCE_MILLIS;
      const { status, body } = await ask();
      if (status === 404) return undefined;
      if (status !== 200 || !running.includes(String(body['status']))) {
        expect({ status, body }).toEqual({ status: 200, body: expect.anything() });
        return body;
      }
      if (Date.now() > deadline) throw new Error(`a job did not end: ${JSON.stringify(body)}`);
      await delay(POLL_MILLIS);
    }
  }

  private async expectContent(table: string, expected: TableDigest): Promise<void> {
    expect((await this.deployment.digestOf(table)).differingBuckets(expected)).toEqual([]);
  }

  private async dropTable(name: string): Promise<void> {
    await this.deployment.backend.dropTable({ projectId: PROJECT, name });
  }

  private freshName(): string {
    return `${this.name}_${(this.tables += 1)}`;
  }

  private saw<T>(end: string, value: T): T {
    this.ends.set(end, (this.ends.get(end) ?? 0) + 1);
    return value;
  }
}
