import { types } from 'cassandra-driver';
import { Statement } from './session';

/** Statements of one batch. */
const MAX_STATEMENTS = 100;
/** Bytes of all batches that are not full yet. */
const MAX_OPEN_BYTES = 4 * 1024 * 1024;
/** What a parameter costs beside its bytes. */
const PARAMETER_BYTES = 8;
/** Of a parameter that only the driver will make bytes of. */
const UNKNOWN_BYTES = 1024;

/** The rows of one item, and when it expires. */
export interface PlannedRow {
  readonly statements: readonly Statement[];
  /** Seconds since the epoch; undefined: never. */
  readonly expiresAt: number | undefined;
}

/** Rows that are written together: of one set of replicas, so that whoever takes the batch holds all of it. */
export interface Batch {
  readonly rows: PlannedRow[];
  /** A partition key of it, which says where to send it. */
  readonly routingKey: Buffer;
}

interface OpenBatch extends Batch {
  bytes: number;
  statements: number;
}

/** What a batch may weigh: less once a cluster has refused one. Shared by all who write. */
export class BatchLimit {
  /** Clusters refuse batches of 50 KiB unless told otherwise; as they count, rows weigh up to twice their parameters. */
  private most = 24 * 1024;

  get bytes(): number {
    return this.most;
  }

  refused(bytes: number): void {
    this.most = Math.min(this.most, Math.ceil(bytes / 2));
  }
}

/** Makes batches of rows that come one after another, in any order. */
export class BatchPlanner {
  private readonly open = new Map<string, OpenBatch>();
  private openBytes = 0;

  /** @param replicasOf names the replicas of a partition */
  constructor(
    private readonly limit: BatchLimit,
    private readonly replicasOf: (hash: Buffer) => string,
  ) {}

  /** @returns what is full now */
  add(row: PlannedRow, hash: Buffer): Batch | undefined {
    const name = this.replicasOf(hash);
    const bytes = weightOf(row.statements);
    const last = this.open.get(name);
    const fits = last && last.bytes + bytes <= this.limit.bytes && last.statements + row.statements.length <= MAX_STATEMENTS;
    let full: Batch | undefined;
    if (last && !fits) full = this.take(name, last);
    const batch = fits ? last : { rows: [], routingKey: hash, bytes: 0, statements: 0 };
    batch.rows.push(row);
    batch.bytes += bytes;
    batch.statements += row.statements.length;
    this.open.set(name, batch);
    this.openBytes += bytes;
    return full ?? (this.openBytes > MAX_OPEN_BYTES ? this.takeLargest() : undefined);
  }

  /** Those that are not full. */
  rest(): Batch[] {
    const rest = [...this.open.values()];
    this.open.clear();
    this.openBytes = 0;
    return rest;
  }

  private take(name: string, batch: OpenBatch): Batch {
    this.open.delete(name);
    this.openBytes -= batch.bytes;
    return batch;
  }

  private takeLargest(): Batch | undefined {
    const [largest] = [...this.open].sort(([, a], [, b]) => b.bytes - a.bytes);
    return largest && this.take(...largest);
  }
}

/** About as many bytes as the statements' parameters have. */
export function weightOf(statements: readonly Statement[]): number {
  let bytes = 0;
  for (const { params } of statements) {
    for (const value of params) {
      bytes += PARAMETER_BYTES;
      if (value instanceof Buffer) bytes += value.length;
      else if (value !== types.unset) bytes += UNKNOWN_BYTES;
    }
  }
  return bytes;
}
