import { cp, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isDomainError, TableDigest } from '../../src/kernel';
import { expectStatus, Json, ManagementClient } from '../e2e/management-server';
import { until } from '../setup/until';
import { Deployment, PROJECT } from './deployment';
import { CalledOffDrop, DropScenario } from './drop-scenarios';

/** A job that is asked for, may be disturbed while no process works, and must then come to its end. */
export interface Scenario {
  begin(): Promise<void>;
  /** Between two processes. */
  disturb?(): Promise<void>;
  /** Waits for the end and judges it. */
  expectEnd(): Promise<void>;
  /** Ends it all, so that the next scenario begins with nothing. */
  clear?(): Promise<void>;
}

/** What all scenarios start from: a table and a finished backup of it. */
export interface Origin {
  readonly deployment: Deployment;
  readonly table: string;
  readonly items: number;
  readonly digest: TableDigest;
  readonly backupId: string;
}

let names = 0;
const freshName = (): string => `restored_${(names += 1)}`;

export const SCENARIOS = {
  backup: (origin: Origin): Scenario => new BackupScenario(origin),
  'backup, then cancelled': (origin: Origin): Scenario => new CancelledBackup(origin),
  'backup whose table is dropped': (origin: Origin): Scenario => new FailingBackup(origin),
  'native backup': (origin: Origin): Scenario => new NativeBackup(origin),
  'native backup, killed under its lock': (origin: Origin): Scenario => new LockedNativeBackup(origin),
  'native backup, then cancelled': (origin: Origin): Scenario => new CancelledNativeBackup(origin),
  'native restore': (origin: Origin): Scenario => new NativeRestore(origin),
  verification: (origin: Origin): Scenario => new Verification(origin),
  delete: (origin: Origin): Scenario => new DeleteScenario(origin),
  restore: (origin: Origin): Scenario => new RestoreScenario(origin),
  'restore, then cancelled': (origin: Origin): Scenario => new CancelledRestore(origin, false),
  'restore, cancelled once it is published': (origin: Origin): Scenario => new CancelledRestore(origin, true),
  'restore, out of attempts once it is published': (origin: Origin): Scenario => new ExhaustedRestore(origin),
  'restore of an archive that is damaged meanwhile': (origin: Origin): Scenario => new DamagedRestore(origin),
  'restore of a part': (origin: Origin): Scenario => new PartialRestore(origin),
  replace: (origin: Origin): Scenario => new ReplaceScenario(origin),
  'replace, then cancelled': (origin: Origin): Scenario => new CancelledReplace(origin, false),
  'replace, cancelled once it is published': (origin: Origin): Scenario => new CancelledReplace(origin, true),
  merge: (origin: Origin): Scenario => new MergeScenario(origin),
  'drop after a backup': (origin: Origin): Scenario => new DropScenario(origin),
  'drop after a backup, called off': (origin: Origin): Scenario => new CalledOffDrop(origin),
} satisfies Record<string, (origin: Origin) => Scenario>;

abstract class Base {
  readonly deployment: Deployment;

  constructor(protected readonly origin: Origin) {
    this.deployment = origin.deployment;
  }

  protected get client(): ManagementClient {
    return this.deployment.client;
  }

  /** Items are counted with the commit that keeps them: what was committed before a crash was not done again. */
  protected async expectEachItemDoneOnce(subjectId: unknown, kind = '%'): Promise<void> {
    const rows = await this.deployment.query(`SELECT items_done::integer FROM magnetodb_backup.jobs WHERE subject_id = $1 AND kind LIKE $2`, [subjectId, kind]);
    expect(rows).toEqual([{ items_done: this.origin.items }]);
  }

  protected async exists(table: string): Promise<boolean> {
    try {
      await this.deployment.backend.describeTable({ projectId: PROJECT, name: table });
      return true;
    } catch (error) {
      if (isDomainError(error, 'TableNotExistsException')) return false;
      throw error;
    }
  }

  protected async dropTable(name: string): Promise<void> {
    await this.deployment.backend.dropTable({ projectId: PROJECT, name });
  }
}

class BackupScenario extends Base implements Scenario {
  protected id = '';

  async begin(): Promise<void> {
    this.id = String((await expectStatus(this.client.createBackup(this.origin.table), 202))['id']);
  }

  async expectEnd(): Promise<void> {
    const body = await this.client.finished(() => this.client.backup(this.origin.table, this.id), 'CREATING');
    expect(body).toMatchObject({ status: 'CREATED', restorable: true, item_count: this.origin.items });
    expect((await this.deployment.verifiedDigest(this.id)).differingBuckets(this.origin.digest)).toEqual([]);
    await this.expectEachItemDoneOnce(this.id);
  }
}

class CancelledBackup extends BackupScenario {
  async disturb(): Promise<void> {
    expect(await expectStatus(this.client.deleteBackup(this.origin.table, this.id), 200)).toMatchObject({ status: 'DELETING' });
  }

  override async expectEnd(): Promise<void> {
    await this.client.gone(() => this.client.backup(this.origin.table, this.id));
  }
}

class FailingBackup extends Base implements Scenario {
  private readonly table = freshName();
  private id = '';

  async begin(): Promise<void> {
    await this.deployment.makeTable(this.table, 0, 1000);
    this.id = String((await expectStatus(this.client.createBackup(this.table), 202))['id']);
  }

  async disturb(): Promise<void> {
    await this.dropTable(this.table);
  }

  async expectEnd(): Promise<void> {
    const body = await this.client.finished(() => this.client.backup(this.table, this.id), 'CREATING');
    expect(body).toMatchObject({ status: 'CREATE_FAILED', restorable: false, error: { type: 'TableChanged' } });
  }
}

/** Its table is written to between the first process and the second: no try may go on with what an earlier one has seen. */
class NativeBackup extends Base implements Scenario {
  protected readonly table = freshName();
  protected id = '';

  async begin(): Promise<void> {
    await this.deployment.makeTable(this.table, 0, this.origin.items);
    const answer = this.client.createBackup(this.table, 'native', { strategy: { format: 'native' } });
    this.id = String((await expectStatus(answer, 202))['id']);
  }

  async disturb(): Promise<void> {
    const other = await this.deployment.makeTable(freshName(), 0, 300, { text: 'changed since' });
    const { items } = await this.deployment.backend.scan({ projectId: PROJECT, name: other }, { segment: 0, totalSegments: 1 });
    await this.deployment.backend.putItems({ projectId: PROJECT, name: this.table }, items.map((item) => ({ item, expiresAt: undefined })));
    await this.dropTable(other);
  }

  async expectEnd(): Promise<void> {
    const body = await this.client.finished(() => this.client.backup(this.table, this.id), 'CREATING');
    expect(body).toMatchObject({ status: 'CREATED', restorable: true, item_count: this.origin.items });
    expect((await this.deployment.verifiedDigest(this.id)).differingBuckets(await this.deployment.digestOf(this.table))).toEqual([]);
    await this.expectEachItemDoneOnce(this.id);
    expect(await this.deployment.backend.lockedTables()).toEqual([]);
  }

  async clear(): Promise<void> {
    await this.dropTable(this.table);
  }
}

/** The lock of a dead process holds until the next one takes it over, long before its deadline. */
class LockedNativeBackup extends NativeBackup {
  override async disturb(): Promise<void> {
    expect(await this.deployment.backend.lockedTables()).toEqual([expect.objectContaining({ owner: this.id })]);
    const deleted = this.deployment.backend.dropTable({ projectId: PROJECT, name: this.table });
    await expect(deleted).rejects.toMatchObject({ code: 'TableLocked' });
  }
}

class CancelledNativeBackup extends LockedNativeBackup {
  override async disturb(): Promise<void> {
    await super.disturb();
    expect(await expectStatus(this.client.deleteBackup(this.table, this.id), 200)).toMatchObject({ status: 'DELETING' });
  }

  override async expectEnd(): Promise<void> {
    await this.client.gone(() => this.client.backup(this.table, this.id));
    expect(await this.deployment.backend.lockedTables()).toEqual([]);
  }
}

class Verification extends Base implements Scenario {
  private readonly path = `${this.client.table(this.origin.table)}/backups/${this.origin.backupId}`;

  async begin(): Promise<void> {
    await expectStatus(this.client.send('POST', `${this.path}/verify`), 202);
  }

  async expectEnd(): Promise<void> {
    const statusOf = async (): Promise<unknown> => ((await expectStatus(this.client.get(this.path), 200))['verification'] as Json)['status'];
    await until(async () => (await statusOf()) !== 'RUNNING', 30_000);
    expect(await statusOf()).toBe('PASSED');
    await this.expectEachItemDoneOnce(this.origin.backupId, 'backup.verify');
  }
}

class DeleteScenario extends Base implements Scenario {
  private id = '';

  async begin(): Promise<void> {
    this.id = await this.deployment.whileWorking(async () => String((await this.client.madeBackup(this.origin.table))['id']));
    await expectStatus(this.client.deleteBackup(this.origin.table, this.id), 200);
  }

  async expectEnd(): Promise<void> {
    await this.client.gone(() => this.client.backup(this.origin.table, this.id));
  }
}

class RestoreScenario extends Base implements Scenario {
  protected readonly table = freshName();
  protected id = '';

  async begin(): Promise<void> {
    await this.ask({ id: this.origin.backupId });
  }

  protected async ask(body: Json): Promise<void> {
    this.id = String((await expectStatus(this.client.createRestore(this.table, body), 202))['id']);
  }

  async expectEnd(): Promise<void> {
    await this.expectRestored();
    await this.expectEachItemDoneOnce(this.id);
  }

  protected async expectRestored(expected = this.origin.digest): Promise<void> {
    const body = await this.ended();
    expect(body).toMatchObject({ status: 'RESTORED', table_id: (await this.deployment.backend.describeTable({ projectId: PROJECT, name: this.table })).id });
    expect(body['error']).toBeUndefined();
    expect((await this.deployment.digestOf(this.table)).differingBuckets(expected)).toEqual([]);
  }

  protected async expectFailed(type: string): Promise<void> {
    expect(await this.ended()).toMatchObject({ status: 'RESTORE_FAILED', error: { type } });
  }

  private ended(): Promise<Json> {
    return this.client.finished(() => this.client.restore(this.table, this.id), 'RESTORING');
  }

  protected async cancel(): Promise<void> {
    await expectStatus(this.client.send('DELETE', `${this.client.table(this.table)}/restores/${this.id}`), 200);
  }

  async clear(): Promise<void> {
    if (await this.exists(this.table)) await this.dropTable(this.table);
  }
}

class NativeRestore extends RestoreScenario {
  override async begin(): Promise<void> {
    const native = { strategy: { format: 'native' } };
    const made = await this.deployment.whileWorking(() => this.client.madeBackup(this.origin.table, 'native', native));
    await this.ask({ id: made['id'], format: 'native' });
  }
}

/** Cancelled before its build is published it leaves nothing; afterwards it has come to its good end already. */
class CancelledRestore extends RestoreScenario {
  constructor(
    origin: Origin,
    private readonly published: boolean,
  ) {
    super(origin);
  }

  async disturb(): Promise<void> {
    expect(await this.exists(this.table)).toBe(this.published);
    await this.cancel();
  }

  override async expectEnd(): Promise<void> {
    if (this.published) return this.expectRestored();
    await this.expectFailed('Cancelled');
    expect(await this.exists(this.table)).toBe(false);
  }
}

class ExhaustedRestore extends RestoreScenario {
  async disturb(): Promise<void> {
    expect(await this.exists(this.table)).toBe(true);
    await this.deployment.query(`UPDATE magnetodb_backup.job_steps SET attempts = 100`);
  }

  override async expectEnd(): Promise<void> {
    await this.expectRestored();
  }
}

class DamagedRestore extends RestoreScenario {
  private readonly copy = this.deployment.outside(`${this.table}/${this.origin.backupId}`);

  override async begin(): Promise<void> {
    const rows = await this.deployment.query<{ location_url: string }>('SELECT location_url FROM magnetodb_backup.backups WHERE id = $1', [this.origin.backupId]);
    await cp(fileURLToPath(rows[0]?.location_url ?? ''), fileURLToPath(this.copy), { recursive: true });
    await this.ask({ source: this.copy });
  }

  async disturb(): Promise<void> {
    const chunks = join(fileURLToPath(this.copy), 'chunks');
    for (const name of await readdir(chunks)) {
      const bytes = await readFile(join(chunks, name));
      bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
      await writeFile(join(chunks, name), bytes);
    }
  }

  override async expectEnd(): Promise<void> {
    await this.expectFailed('ArchiveDamaged');
    expect(await this.exists(this.table)).toBe(false);
  }
}

/** The items of one hash key, without an attribute. */
class PartialRestore extends RestoreScenario {
  override async begin(): Promise<void> {
    await this.ask({ id: this.origin.backupId, select: { hash_keys: [{ S: 'forum 1' }] }, exclude_attributes: ['text'] });
  }

  override async expectEnd(): Promise<void> {
    const { backend } = this.deployment;
    const hashValue = new Map([['forum', { type: 'S' as const, value: 'forum 1' }]]);
    const found = await backend.query({ projectId: PROJECT, name: this.origin.table }, { hashValue, forward: true, consistent: true });
    const expected = found.items.map((item) => new Map([...item].filter(([name]) => name !== 'text')));
    const body = await this.client.finished(() => this.client.restore(this.table, this.id), 'RESTORING');
    expect(body).toMatchObject({ status: 'RESTORED', items_restored: expected.length, items_left_out: this.origin.items - expected.length });
    const restored = await backend.scan({ projectId: PROJECT, name: this.table }, { segment: 0, totalSegments: 1 });
    expect(new Set(restored.items)).toEqual(new Set(expected));
    expect(expected.length).toBeGreaterThan(100);
  }
}

class ReplaceScenario extends RestoreScenario {
  private id0 = '';
  protected before = new TableDigest();

  override async begin(): Promise<void> {
    await this.deployment.makeTable(this.table, 0, 200, { text: 'as it was before' });
    this.before = await this.deployment.digestOf(this.table);
    this.id0 = await this.tableId();
    await this.ask({ id: this.origin.backupId, on_existing: 'replace' });
  }

  override async expectEnd(): Promise<void> {
    await super.expectEnd();
    await this.expectSameTable();
  }

  protected async expectSameTable(): Promise<void> {
    expect(await this.tableId()).toBe(this.id0);
  }

  private async tableId(): Promise<string> {
    return (await this.deployment.backend.describeTable({ projectId: PROJECT, name: this.table })).id;
  }
}

class CancelledReplace extends ReplaceScenario {
  constructor(
    origin: Origin,
    private readonly published: boolean,
  ) {
    super(origin);
  }

  async disturb(): Promise<void> {
    await this.cancel();
  }

  override async expectEnd(): Promise<void> {
    if (this.published) await this.expectRestored();
    else {
      await this.expectFailed('Cancelled');
      expect((await this.deployment.digestOf(this.table)).differingBuckets(this.before)).toEqual([]);
    }
    await this.expectSameTable();
  }
}

/** The target has some of the backup's items, changed, and some others. */
class MergeScenario extends RestoreScenario {
  private readonly merged = new TableDigest();

  override async begin(): Promise<void> {
    await this.deployment.makeTable(this.table, this.origin.items, this.origin.items + 100);
    this.merged.merge(await this.deployment.digestOf(this.table));
    this.merged.merge(this.origin.digest);
    const some = freshName();
    await this.deployment.makeTable(some, 0, 100, { text: 'changed since' });
    await this.copyItems(some);
    await this.dropTable(some);
    await this.ask({ id: this.origin.backupId, on_existing: 'merge' });
  }

  private async copyItems(from: string): Promise<void> {
    const { items } = await this.deployment.backend.scan({ projectId: PROJECT, name: from }, { segment: 0, totalSegments: 1 });
    await this.deployment.backend.putItems({ projectId: PROJECT, name: this.table }, items.map((item) => ({ item, expiresAt: undefined })));
  }

  override async expectEnd(): Promise<void> {
    await this.expectRestored(this.merged);
    await this.expectEachItemDoneOnce(this.id);
  }
}
