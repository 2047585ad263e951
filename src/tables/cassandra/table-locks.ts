import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { types } from 'cassandra-driver';
import { TableRef } from '../../kernel';
import { LockedTable, TableLock } from '../table-backend';
import { unavailable } from './errors';
import { TableRow, lockLeft, requireOpen, storable } from './registry';
import { Services } from './services';
import { DrainRequest, readRequests } from './write-gate';

const LOOK_MILLIS = 20;
/** A wait for writers ends, with an error if need be. */
const MAX_DRAIN_MILLIS = 60_000;
/** Requests that nobody took back. */
const REQUEST_SECONDS = 3_600;

/** MAINTENANCE: the registry says so first, then every process that writes has to say that none of its writes is on its way any more. */
export class TableLocks {
  constructor(private readonly services: Services) {}

  async lock(ref: TableRef, lock: TableLock): Promise<void> {
    const asked = performance.now();
    const epoch = randomUUID();
    await this.announce(ref, lock, epoch);
    try {
      await this.drain({ ref, epoch }, asked + lock.seconds * 1000);
    } catch (error) {
      await this.unlock(ref, lock.owner).catch(() => undefined);
      throw error;
    }
  }

  async unlock(ref: TableRef, owner: string): Promise<boolean> {
    if (!storable(ref.projectId) || !storable(ref.name)) return false;
    const row = await this.services.registry.find(ref);
    if (row?.lockOwner !== owner) return false;
    const released = await this.release(row);
    return released && lockLeft(row) > 0;
  }

  /** Takes a lock away, if it is still the one that was read. */
  async release(row: TableRow): Promise<boolean> {
    const { registry } = this.services;
    const expected = { br_lock_owner: row.lockOwner, br_lock_deadline: deadline(row) };
    const status = row.rawStatus === 'MAINTENANCE' ? 'ACTIVE' : row.rawStatus;
    const released = await registry.change(row, { br_lock_owner: null, br_lock_deadline: null, br_lock_epoch: null, status }, expected);
    if (released) await this.takeBack(row.ref);
    return released;
  }

  async list(): Promise<LockedTable[]> {
    const requests = await readRequests(this.services.session);
    const seen = new Map(requests.map(({ ref }) => [`${ref.projectId}\0${ref.name}`, ref]));
    const rows = await Promise.all([...seen.values()].map((ref) => this.services.registry.find(ref)));
    return rows.flatMap((row) => {
      const left = row === undefined ? 0 : lockLeft(row);
      return row && row.lockOwner !== null && left > 0 ? [{ ref: row.ref, owner: row.lockOwner, secondsLeft: left / 1000 }] : [];
    });
  }

  /**
   * Waits until no write that was let in before is on its way any more, in any process.
   * @param until monotonic milliseconds
   * @throws DomainError ServiceUnavailable if they do not end
   */
  async drain(request: DrainRequest, until = performance.now() + MAX_DRAIN_MILLIS): Promise<void> {
    const { session, gate, options } = this.services;
    const { ref, epoch } = request;
    await session.write(`INSERT INTO magnetodb.br_locks (bucket, tenant, name, epoch) VALUES (0, ?, ?, ?) USING TTL ${REQUEST_SECONDS}`, [
      ref.projectId,
      ref.name,
      epoch,
    ]);
    const waitedFor = await this.processes();
    await gate.acknowledge(request);
    let unsure = false;
    for (let waiting = waitedFor; ; await delay(LOOK_MILLIS)) {
      const acks = await session.read('SELECT process, clean FROM magnetodb.br_acks WHERE epoch = ?', [epoch]);
      unsure ||= acks.some((ack) => ack['clean'] !== true);
      const said = new Set(acks.map((ack) => String(ack['process'])));
      waiting = waiting.filter((process) => !said.has(process));
      if (waiting.length === 0) break;
      const alive = new Set(await this.processes());
      // A lease that ran out: its process sends nothing any more.
      unsure ||= waiting.some((process) => !alive.has(process));
      waiting = waiting.filter((process) => alive.has(process));
      if (waiting.length > 0 && performance.now() >= until) throw unavailable();
    }
    // What had left a process before its end, or whose end it does not know, may land for so long.
    if (unsure) await delay(options.clusterWriteTimeoutMillis);
  }

  /** Forgets the waits for a table's writers: they are over. */
  async takeBack(ref: TableRef): Promise<void> {
    await this.services.session.write('DELETE FROM magnetodb.br_locks WHERE bucket = 0 AND tenant = ? AND name = ?', [ref.projectId, ref.name]);
  }

  private async processes(): Promise<string[]> {
    const rows = await this.services.session.read('SELECT id FROM magnetodb.br_processes WHERE bucket = 0');
    return rows.map((row) => String(row['id']));
  }

  private async announce(ref: TableRef, { owner, seconds }: TableLock, epoch: string): Promise<void> {
    const { registry } = this.services;
    const row = await registry.require(ref);
    if (lockLeft(row) === 0 || row.lockOwner !== owner) requireOpen(row);
    const until = types.Long.fromNumber(row.now + Math.ceil(seconds * 1000));
    const locked = await registry.change(
      row,
      { br_lock_owner: owner, br_lock_deadline: until, br_lock_epoch: epoch, status: 'MAINTENANCE' },
      { br_lock_owner: row.lockOwner, br_lock_deadline: deadline(row), br_drop_owner: null, internal_name: row.internalName },
    );
    if (locked) return;
    requireOpen(await registry.require(ref));
    // Changed in between.
    throw unavailable();
  }
}

function deadline({ lockDeadline }: TableRow): types.Long | null {
  return lockDeadline === null ? null : types.Long.fromNumber(lockDeadline);
}
