import type { ChunkEntry } from '../../archive';
import type { RequestPace, TableDigest } from '../../kernel';

/** A chunk that is stored and committed. */
export interface CommittedChunk {
  readonly entry: ChunkEntry;
  readonly rangeIndex: number;
  readonly digest: TableDigest;
}

/**
 * The ledger of one archive in the making: which objects may exist at its location, and which of them count.
 * An object's name is kept before its upload begins, so that no crash leaves an object that nobody knows.
 */
export interface BackupLedger {
  /** Idempotent. */
  intend(name: string): Promise<void>;
  forget(name: string): Promise<void>;
  /** Every name ever intended and not forgotten. */
  names(): Promise<string[]>;
  /** Committed chunks by range, then by name. */
  chunks(): AsyncIterable<CommittedChunk>;
}

/** A step's way to keep what it did; see `StepContext` in the jobs room. */
export interface CopyProgress {
  readonly cursor: string | undefined;
  readonly signal: AbortSignal;
  throttle(amount: { bytes: number; items: number }): Promise<void>;
  /** Of requests to the table's backend. */
  readonly pace: RequestPace;
  /** Fenced, in one transaction: the chunk counts from now on, and the step goes on behind `cursor`. */
  commitChunk(chunk: CommittedChunk, cursor: string): Promise<void>;
}
