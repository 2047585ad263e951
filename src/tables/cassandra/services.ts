import { BulkWriter } from './bulk-writer';
import { ResolvedOptions } from './options';
import { Registry } from './registry';
import { SchemaChanges } from './schema-changes';
import { Session } from './session';
import { Contents } from './contents';
import { WriteGate } from './write-gate';

/** What the parts of this backend share. */
export interface Services {
  readonly session: Session;
  readonly schemas: SchemaChanges;
  readonly registry: Registry;
  readonly contents: Contents;
  readonly gate: WriteGate;
  readonly bulk: BulkWriter;
  readonly options: ResolvedOptions;
}

/** Seconds since the epoch: an item whose expiry is at or before it does not exist. */
export function expiryCutoff({ options }: Services): number {
  return Math.floor(options.clock.now() / 1000);
}
