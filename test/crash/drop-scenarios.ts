import { TableDigest } from '../../src/kernel';
import { expectStatus, Json } from '../e2e/management-server';
import { until } from '../setup/until';
import { Deployment, PROJECT } from './deployment';
import type { Origin, Scenario } from './scenarios';

let names = 0;

/** A table of its own that is backed up before it is dropped. */
export class DropScenario implements Scenario {
  protected readonly deployment: Deployment;
  protected readonly table = `dropped_${(names += 1)}`;
  protected before = new TableDigest();
  private id = '';

  constructor({ deployment }: Origin) {
    this.deployment = deployment;
  }

  async begin(): Promise<void> {
    const { client } = this.deployment;
    await this.deployment.makeTable(this.table, 0, 1000);
    this.before = await this.deployment.digestOf(this.table);
    this.id = (await this.describe())?.id ?? '';
    await expectStatus(client.send('PATCH', `${client.table(this.table)}/settings`, { backup_before_drop: true }), 200);
    await expectStatus(client.send('DELETE', `/v1/data/${PROJECT}/tables/${this.table}`), 200);
    // As if the process that was asked had died before it marked the table: the job does it.
    await this.deployment.query(`UPDATE magnetodb.table_info SET drop_owner = NULL WHERE id = $1`, [this.id]);
  }

  /** Whatever has happened, the table is there as long as its backup is not whole, and nothing lets a write in. */
  async disturb(): Promise<void> {
    const backup = await this.backup();
    if (backup['status'] === 'CREATING') expect(await this.describe()).toMatchObject({ id: this.id, status: 'DELETING' });
  }

  async expectEnd(): Promise<void> {
    await until(async () => (await this.describe()) === undefined, 30_000);
    const backup = await this.backup();
    expect(backup).toMatchObject({ status: 'CREATED', restorable: true, item_count: 1000 });
    expect((await this.deployment.verifiedDigest(backup['id'])).differingBuckets(this.before)).toEqual([]);
    await this.expectOver('end');
  }

  protected async backup(): Promise<Json> {
    const { client } = this.deployment;
    const { backups } = await expectStatus(client.get(`${client.table(this.table)}/backups`), 200);
    return (backups as Json[])[0] ?? {};
  }

  protected describe(): Promise<{ id: string; status: string } | undefined> {
    return this.deployment.backend.describeTable({ projectId: PROJECT, name: this.table }).catch(() => undefined);
  }

  /** The row goes with the event, which may be a moment later than the table. */
  protected async expectOver(phase: 'end' | 'error'): Promise<void> {
    await until(async () => (await this.deployment.query('SELECT FROM magnetodb_backup.table_drops')).length === 0, 30_000);
    const events = await this.deployment.query(
      `SELECT phase FROM magnetodb_backup.events WHERE operation = 'table.drop' AND payload ->> 'table_name' = $1 ORDER BY seq`,
      [this.table],
    );
    expect(events).toEqual([{ phase: 'start' }, { phase }]);
    await until(async () => (await this.deployment.query(`SELECT FROM magnetodb_backup.jobs WHERE state IN ('queued', 'running')`)).length === 0, 30_000);
  }
}

/** Its backup is deleted while it is being made. */
export class CalledOffDrop extends DropScenario {
  override async disturb(): Promise<void> {
    const { client } = this.deployment;
    await expectStatus(client.deleteBackup(this.table, (await this.backup())['id']), 200);
  }

  override async expectEnd(): Promise<void> {
    await until(async () => (await this.describe())?.status === 'ACTIVE', 30_000);
    expect((await this.deployment.digestOf(this.table)).differingBuckets(this.before)).toEqual([]);
    await this.expectOver('error');
    await until(async () => (await this.backup())['id'] === undefined, 30_000);
  }

  async clear(): Promise<void> {
    await this.deployment.backend.dropTable({ projectId: PROJECT, name: this.table });
  }
}
