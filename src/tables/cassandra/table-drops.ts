import { randomUUID } from 'node:crypto';
import { TableDescription, TableRef } from '../../kernel';
import { DroppingTable } from '../table-backend';
import { unavailable } from './errors';
import { requireOpen, statusOf } from './registry';
import { Services } from './services';
import { TableAdmin } from './table-admin';
import { TableLocks } from './table-locks';

/** Drops in two steps: first the table is DELETING, and what is in it stays to be read through handles; then it goes, or is ACTIVE again. */
export class TableDrops {
  constructor(
    private readonly services: Services,
    private readonly tables: TableAdmin,
    private readonly locks: TableLocks,
  ) {}

  async begin(ref: TableRef, owner: string): Promise<TableDescription> {
    const { registry } = this.services;
    const row = await registry.require(ref);
    if (row.dropOwner !== owner) requireOpen(row);
    const changes = { br_drop_owner: owner, status: 'DELETING' };
    if (!(await registry.change(row, changes, { br_drop_owner: row.dropOwner, br_lock_owner: row.lockOwner }))) {
      requireOpen(await registry.require(ref));
      throw unavailable();
    }
    try {
      await this.locks.drain({ ref, epoch: randomUUID() });
    } catch (error) {
      await this.cancel(ref, owner).catch(() => undefined);
      throw error;
    }
    return this.tables.describe(ref);
  }

  async cancel(ref: TableRef, owner: string): Promise<void> {
    const { registry } = this.services;
    const row = await registry.find(ref);
    if (row?.dropOwner !== owner) return;
    if (await registry.change(row, { br_drop_owner: null, status: 'ACTIVE' }, { br_drop_owner: owner })) await this.locks.takeBack(ref);
  }

  async finish(ref: TableRef, owner: string): Promise<void> {
    const row = await this.services.registry.find(ref);
    if (row?.dropOwner !== owner) return;
    await this.tables.remove(row, { br_drop_owner: owner });
    await this.locks.takeBack(ref);
  }

  async list(): Promise<DroppingTable[]> {
    const rows = await this.services.registry.list(undefined);
    return rows.flatMap((row) => (statusOf(row) === 'DELETING' && row.dropOwner !== null ? [{ ref: row.ref, owner: row.dropOwner }] : []));
  }
}
