import { Client } from 'pg';
import { ManualClock } from '../../kernel';
import { describeTableBackendContract } from '../../../test/contract/table-backend.contract';
import { TableBackendHarness } from '../../../test/contract/table-backend/harness';
import { createTestDatabase } from '../../../test/setup/database';
import { TableBackend } from '../table-backend';
import { createPostgresTableBackend } from './postgres-table-backend';

async function makeHarness(): Promise<TableBackendHarness> {
  const database = await createTestDatabase();
  const clock = new ManualClock(Date.now());
  const opened: TableBackend[] = [];
  const server = new Client({ connectionString: database.url });
  await server.connect();
  const open = async (): Promise<TableBackend> => {
    const backend = await createPostgresTableBackend({ connectionString: database.url, clock, maxConnections: 8 });
    opened.push(backend);
    return backend;
  };
  return {
    backend: await open(),
    open,
    now: () => Math.floor(clock.now() / 1000),
    pass: async (seconds) => {
      clock.advance(seconds * 1000);
      // Locks go by the server's clock, which no test can move.
      await server.query(`UPDATE magnetodb.table_info SET lock_deadline = lock_deadline - $1`, [seconds * 1000]);
    },
    cleanup: async () => {
      await server.end();
      await Promise.all(opened.map((backend) => backend.close()));
      await database.drop();
    },
  };
}

describeTableBackendContract('PostgreSQL', makeHarness);
