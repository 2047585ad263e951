import { TableRef } from '../../kernel';
import { PartedTableBackend } from '../parted-table-backend';
import { KeyRange, ReadRangeOptions, SplitOptions, TableBackend, TableHandle } from '../table-backend';
import { backupLimit } from './backup-limit';
import { DriverBlockPages } from './block-pages';
import { Builds } from './builds';
import { BulkWriter } from './bulk-writer';
import { connectError } from './connect-errors';
import { Contents } from './contents';
import { domainError } from './errors';
import { FrameBlockPages } from './frames/frame-block-pages';
import { ItemReader } from './item-reader';
import { ItemWriter } from './item-writer';
import { Merges } from './merges';
import { CassandraTableBackendOptions, resolveOptions } from './options';
import { RangeReader } from './range-reader';
import { RangeSplitter } from './range-splitter';
import { Registry } from './registry';
import { SchemaChanges } from './schema-changes';
import { Services } from './services';
import { Session } from './session';
import { sweep } from './sweep';
import { TableAdmin } from './table-admin';
import { TableDrops } from './table-drops';
import { TableLocks } from './table-locks';
import { WriteGate } from './write-gate';

/**
 * MagnetoDB tables in Cassandra, in MagnetoDB's own layout (docs/adr/0012-cassandra-tables.md). Makes the registry, or what is missing of it, first.
 * @throws DomainError ServiceUnavailable: the cluster cannot be reached; refuses the credentials; shows a certificate that is not trusted
 */
export async function createCassandraTableBackend(options: CassandraTableBackendOptions): Promise<TableBackend> {
  const resolved = resolveOptions(options);
  const session = new Session(resolved);
  const schemas = new SchemaChanges(session, resolved);
  try {
    await session.connect();
    await schemas.prepareRegistry();
  } catch (error) {
    await session.close().catch(() => undefined);
    throw connectError(error);
  }
  const registry = new Registry(session);
  const contents = new Contents(session, registry);
  return backendOf({ session, schemas, registry, contents, gate: new WriteGate(session, resolved), bulk: new BulkWriter(session), options: resolved });
}

function backendOf(services: Services): TableBackend {
  const { registry, session, gate } = services;
  const driverPages = new DriverBlockPages(session);
  const frames = services.options.frameLane ? new FrameBlockPages(session.laneOptions, driverPages) : undefined;
  const reader = new RangeReader(services, frames ?? driverPages);
  const splitter = new RangeSplitter(services, reader);
  const tables = new TableAdmin(services, splitter);
  const locks = new TableLocks(services);
  const parts = {
    capabilities: {
      kind: 'cassandra',
      // MagnetoDB's own gateways may write to the same tables, and know nothing of locks and swaps.
      exclusiveGatewaysByDefault: false,
      replace: true,
      expiredItemsReadable: false,
      findsCollisions: false,
      splitsPartitions: true,
    },
    native: undefined,
    tables,
    drops: new TableDrops(services, tables, locks),
    reader: new ItemReader(services, reader),
    writer: new ItemWriter(services),
    openTable: async (ref: TableRef): Promise<TableHandle> => {
      const row = await registry.require(ref);
      const { generation, schema } = await registry.contentOf(row);
      return { tableId: row.id, generation, schema };
    },
    ranges: {
      split: (handle: TableHandle, options: SplitOptions) => splitter.split(handle, options),
      read: (handle: TableHandle, range: KeyRange, options: ReadRangeOptions) => reader.read(handle, range, options),
      limit: () => backupLimit(session.ring.size),
    },
    builds: new Builds(services, tables, reader, locks),
    merges: new Merges(services),
    locks,
    server: {
      sweep: () => sweep(services, locks),
      ping: async () => void (await session.now()),
      close: async () => {
        await gate.close();
        await frames?.close();
        await session.close();
      },
    },
  };
  return new PartedTableBackend(parts, domainError);
}
