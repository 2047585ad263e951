import { ItemBlock, TableSchema } from '../kernel';
import type { BuildHandle, TableHandle } from './table-backend';

/**
 * A run of live items as rows of the backend's own format, with what proves them: as an `ItemBlock`, but `lines` holds whole rows, and
 * there is no going on behind it (`cursor` is empty). The bytes are good until the next block is asked for.
 */
export type NativeBlock = ItemBlock;

export interface SnapshotOptions {
  /** Aim at parts of about so many bytes. */
  readonly targetBytes: number;
  readonly maxParts: number;
  /** Items whose expiry is at or before this second do not exist and are left out. */
  readonly expiryCutoff: number;
}

/**
 * A content as it was when the snapshot was opened, whatever is written, dropped or replaced meanwhile. It lives no longer than its
 * process, and holds a connection for each stream: to be closed.
 */
export interface NativeSnapshot {
  /** The rows are cut into so many parts: at least one. */
  readonly partCount: number;
  /** A way to read parts, one at a time. The first is always to be had; undefined: the backend has no further one to spare. */
  openStream(): Promise<NativeStream | undefined>;
  /** Idempotent, never rejects; streams come to an end with it. */
  close(): Promise<void>;
}

export interface NativeStream {
  /** Every live item of the part exactly once, with back-pressure. */
  read(part: number, signal: AbortSignal): AsyncIterable<NativeBlock>;
}

/** What will be loaded into a build. It only decides when what is made: nothing depends on it being true. */
export interface ExpectedRows {
  readonly items: number;
  /** How many of them have an expiry. */
  readonly expiring: number;
}

/** A file of rows to be added to a build. */
export interface NativePart {
  /** Of the part within its build; the same again changes nothing. */
  readonly id: string;
  /** The whole file, header and trailer included; its frames are proved. */
  readonly file: Buffer;
}

/**
 * Copies of contents in the backend's own format, for backups that are one moment of a table and for fast restores of them
 * (docs/adr/0006-native-postgres.md). Errors are as of the port.
 */
export interface NativeTables {
  /** The layout of the rows, e.g. `postgresql-1`. Rows of one layout may be loaded wherever the layout is the same. */
  readonly format: string;
  /** What serves the tables, for people. */
  serverVersion(): Promise<string>;
  /**
   * Fixes the content of this moment; quick, so that it can be done under a lock. A content that was dropped or swapped away is
   * `TableChanged`.
   */
  openSnapshot(handle: TableHandle, options: SnapshotOptions): Promise<NativeSnapshot>;
  /** As `openBuild` of the port, for a build that nothing but rows is loaded into. @param rows of a new one */
  openBuild(projectId: string, buildId: string, schema: TableSchema, rows: ExpectedRows): Promise<BuildHandle>;
  /**
   * Adds a part's rows to a build of `openBuild` here, all or none, and not twice. What they say is not checked; two rows of one key are `KeyCollision`, at the
   * latest when the build is sealed. One caller loads a part at a time: a call that is still on its way, in any process, may be ended.
   * @throws DomainError ArchiveDamaged if the backend does not take them
   */
  loadRows(build: BuildHandle, part: NativePart, signal?: AbortSignal): Promise<void>;
  /** How many rows a build holds, expired ones included. */
  countRows(build: BuildHandle): Promise<number>;
}
