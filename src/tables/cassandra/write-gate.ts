import { randomUUID } from 'node:crypto';
import { TableRef, isDomainError } from '../../kernel';
import { domainError, unavailable } from './errors';
import { ResolvedOptions } from './options';
import { Session } from './session';

/** A process that does not renew its lease writes no more when it is over. */
const LEASE_SECONDS = 30;
const BEAT_MILLIS = 5_000;
/** How often a process that writes looks for tables whose writers are waited for. */
const LOOK_MILLIS = 200;
const ACK_SECONDS = 3_600;

/** A wait for the writers of a table, in every process. */
export interface DrainRequest {
  readonly ref: TableRef;
  readonly epoch: string;
}

/**
 * The writes of this process that are on their way, by table, and its word to those who wait for their end (docs/adr/0005-maintenance.md,
 * "Backends without transactions"): the process holds a lease while it writes, and sends no write that could outlast it.
 */
export class WriteGate {
  readonly process = randomUUID();
  private readonly writes = new Map<string, Set<Promise<unknown>>>();
  /** Until when writes may still land whose end is not known; monotonic milliseconds. */
  private unsureUntil = 0;
  private leaseFrom: number | undefined;
  private renewing: Promise<void> | undefined;
  private readonly acknowledged = new Set<string>();
  private timers: NodeJS.Timeout[] = [];
  private looking = false;
  private closed = false;

  constructor(
    private readonly session: Pick<Session, 'read' | 'write'>,
    private readonly options: Pick<ResolvedOptions, 'requestTimeoutMillis' | 'clusterWriteTimeoutMillis'>,
  ) {}

  /** Runs one write, the look at the registry before it included. */
  async run<T>(ref: TableRef, write: () => Promise<T>): Promise<T> {
    await this.holdLease();
    const work = write();
    const writes = this.writes.get(keyOf(ref)) ?? new Set();
    this.writes.set(keyOf(ref), writes);
    writes.add(work);
    try {
      return await work;
    } catch (error) {
      if (isDomainError(domainError(error), 'ServiceUnavailable')) this.unsureUntil = performance.now() + this.options.clusterWriteTimeoutMillis;
      throw error;
    } finally {
      writes.delete(work);
      if (writes.size === 0 && this.writes.get(keyOf(ref)) === writes) this.writes.delete(keyOf(ref));
    }
  }

  /** Ends the lease. Writes must be over. */
  async close(): Promise<void> {
    this.closed = true;
    for (const timer of this.timers) clearInterval(timer);
    this.timers = [];
    if (this.leaseFrom === undefined) return;
    this.leaseFrom = undefined;
    await this.session.write('DELETE FROM magnetodb.br_processes WHERE bucket = 0 AND id = ?', [this.process]).catch(() => undefined);
  }

  /** Resolves when the writes on that table that have begun by now are over, and this process has said so. */
  async acknowledge({ ref, epoch }: DrainRequest): Promise<void> {
    if (this.acknowledged.has(epoch)) return;
    this.acknowledged.add(epoch);
    try {
      await Promise.allSettled([...(this.writes.get(keyOf(ref)) ?? [])]);
      const clean = performance.now() > this.unsureUntil;
      await this.session.write(`INSERT INTO magnetodb.br_acks (epoch, process, clean) VALUES (?, ?, ?) USING TTL ${ACK_SECONDS}`, [
        epoch,
        this.process,
        clean,
      ]);
    } catch (error) {
      this.acknowledged.delete(epoch);
      throw error;
    }
  }

  private async holdLease(): Promise<void> {
    if (this.closed) throw unavailable();
    if (this.leaseFrom === undefined) {
      await this.renew();
      this.timers = [setInterval(() => void this.renew().catch(() => undefined), BEAT_MILLIS), setInterval(() => void this.look(), LOOK_MILLIS)];
      for (const timer of this.timers) timer.unref();
    }
    if (!this.mayWrite()) await this.renew();
    if (!this.mayWrite()) throw unavailable();
  }

  /** A write that is sent now ends before the lease does. */
  private mayWrite(): boolean {
    const most = LEASE_SECONDS * 1000 - this.options.requestTimeoutMillis;
    return this.leaseFrom !== undefined && performance.now() - this.leaseFrom < most;
  }

  private renew(): Promise<void> {
    this.renewing ??= this.beat().finally(() => {
      this.renewing = undefined;
    });
    return this.renewing;
  }

  private async beat(): Promise<void> {
    const since = performance.now();
    await this.session.write(`INSERT INTO magnetodb.br_processes (bucket, id) VALUES (0, ?) USING TTL ${LEASE_SECONDS}`, [this.process]);
    this.leaseFrom = since;
  }

  private async look(): Promise<void> {
    if (this.looking) return;
    this.looking = true;
    try {
      const requests = await readRequests(this.session);
      const epochs = new Set(requests.map(({ epoch }) => epoch));
      for (const epoch of this.acknowledged) if (!epochs.has(epoch)) this.acknowledged.delete(epoch);
      for (const request of requests) void this.acknowledge(request).catch(() => undefined);
    } catch {
      // The next look is soon.
    } finally {
      this.looking = false;
    }
  }
}

/** Whose writers are waited for, or were not long ago. */
export async function readRequests(session: Pick<Session, 'read'>): Promise<DrainRequest[]> {
  const rows = await session.read('SELECT tenant, name, epoch FROM magnetodb.br_locks WHERE bucket = 0');
  return rows.map((row) => ({ ref: { projectId: String(row['tenant']), name: String(row['name']) }, epoch: String(row['epoch']) }));
}

function keyOf(ref: TableRef): string {
  return `${ref.projectId}\0${ref.name}`;
}
