import { TableRef } from '../../kernel';
import { PartedTableBackend } from '../parted-table-backend';
import { TableBackend, TableHandle } from '../table-backend';
import { Builds } from './builds';
import { Database } from './database';
import { domainError } from './errors';
import { ItemReader } from './item-reader';
import { ItemWriter } from './item-writer';
import { Merges } from './merges';
import { migrateTables } from './migrate';
import { PostgresNativeTables } from './native-tables';
import { PostgresTableBackendOptions, resolveOptions } from './options';
import { RangeReader } from './range-reader';
import { Registry } from './registry';
import { Services } from './services';
import { sweep } from './sweep';
import { TableDrops } from './table-drops';
import { TableAdmin } from './table-admin';
import { TableLocks } from './table-locks';

/**
 * MagnetoDB tables in PostgreSQL (docs/adr/0004-postgres-tables.md). Brings the registry up to date first.
 * @throws DomainError ServiceUnavailable
 */
export async function createPostgresTableBackend(options: PostgresTableBackendOptions): Promise<TableBackend> {
  const resolved = resolveOptions(options);
  await migrateTables(resolved.connectionString, 'up', resolved.connectTimeoutMillis);
  return backendOf({ db: new Database(resolved), registry: new Registry(), clock: resolved.clock });
}

function backendOf(services: Services): TableBackend {
  const tables = new TableAdmin(services);
  const builds = new Builds(services, tables);
  const parts = {
    capabilities: {
      kind: 'postgresql',
      exclusiveGatewaysByDefault: true,
      replace: true,
      expiredItemsReadable: true,
      findsCollisions: true,
      splitsPartitions: true,
    },
    native: new PostgresNativeTables(services, builds),
    tables,
    drops: new TableDrops(services, tables),
    reader: new ItemReader(services),
    writer: new ItemWriter(services),
    openTable: async (ref: TableRef): Promise<TableHandle> => {
      const { id, content } = await services.registry.require(services.db, ref);
      return { tableId: id, generation: content.id, schema: content.schema };
    },
    ranges: new RangeReader(services),
    builds,
    merges: new Merges(services),
    locks: new TableLocks(services),
    server: {
      sweep: () => sweep(services),
      ping: async () => void (await services.db.query('SELECT 1')),
      close: () => services.db.close(),
    },
  };
  return new PartedTableBackend(parts, domainError);
}
