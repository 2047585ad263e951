import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pathToFileURL } from 'node:url';
import { Body, Controller, ExecutionContext, Get, HttpCode, INestApplication, Module, Post } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { NestExpressApplication } from '@nestjs/platform-express';
import { FastifyAdapter, NestFastifyApplication } from '@nestjs/platform-fastify';
import { BackupRestoreModule, BuildHandle, createPostgresTableBackend, TableBackend } from 'magnetodb-backup-restore';
import { TableRef } from '../../src/kernel';
import { createTestDatabase, TestDatabase } from '../setup/database';
import { until } from '../setup/until';
import { attribute, DataApiServer, JsonObject, ok, startDataApi } from './data-api-server';
import { expectStatus, makeTable, startManagement } from './management-server';

interface Rows {
  readonly tables: readonly string[];
}

/** Calls that reached the host's own handler. */
let handled: string[] = [];

/** A host's own data API, with no filter, guard or interceptor of the plugin. */
@Controller('rows')
class RowsController {
  @Post()
  @HttpCode(200)
  write(@Body() { tables }: Rows): { written: number } {
    handled.push(...tables);
    return { written: tables.length };
  }

  @Get()
  all(): { rows: string[] } {
    return { rows: handled };
  }
}

function resolveTables(context: ExecutionContext): TableRef[] {
  if (context.getClass() !== RowsController || context.getHandler().name !== 'write') return [];
  const { body } = context.switchToHttp().getRequest<{ body: Rows }>();
  return body.tables.map((name) => ({ projectId: 'demo', name }));
}

describe.each(['express', 'fastify'] as const)('a foreign host on %s that names the tables of its calls', (platform) => {
  let database: TestDatabase;
  let folder: string;
  let tables: TableBackend;
  let app: INestApplication;
  let url: string;

  beforeAll(async () => {
    folder = await realpath(await mkdtemp(join(tmpdir(), 'maintenance-')));
    database = await createTestDatabase();
    tables = await createPostgresTableBackend({ connectionString: database.url });

    @Module({
      imports: [
        BackupRestoreModule.forRootAsync({
          useFactory: () => ({
            database: { url: database.url },
            tables,
            auth: { authority: { kind: 'static', tokens: 'secret=demo:member' } },
            storage: { internalUrl: pathToFileURL(folder).href },
            resolveTables,
          }),
        }),
      ],
      controllers: [RowsController],
    })
    class Host {}

    const options = { logger: false, abortOnError: false } as const;
    app =
      platform === 'express'
        ? await NestFactory.create<NestExpressApplication>(Host, options)
        : await NestFactory.create<NestFastifyApplication>(Host, new FastifyAdapter(), options);
    await app.listen(0, '127.0.0.1');
    url = await app.getUrl();
  });
  afterAll(async () => {
    await app.close();
    await tables.close();
    await database.drop();
    await rm(folder, { recursive: true, force: true });
  });
  beforeEach(() => {
    handled = [];
  });

  const write = (...names: string[]): Promise<Response> =>
    fetch(`${url}/rows`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ tables: names }),
    });

  it('answers 423 with the contract’s body, whatever its own filters are, and does not ask the handler', async () => {
    const [locked, free] = [await makeTable(tables), await makeTable(tables)];
    await tables.lock({ projectId: 'demo', name: locked }, { owner: 'test', seconds: 60 });
    const answer = await write(free, locked);
    expect(answer.status).toBe(423);
    expect(Number(answer.headers.get('Retry-After'))).toBeGreaterThanOrEqual(1);
    expect(await answer.json()).toEqual({
      code: 423,
      title: 'Locked',
      explanation: expect.any(String),
      error: { type: 'TableLocked', message: expect.stringContaining(locked), traceback: null },
    });
    expect(handled).toEqual([]);
    expect((await write(free)).status).toBe(200);
    expect((await fetch(`${url}/rows`)).status).toBe(200);
    expect(handled).toEqual([free]);
    await tables.unlock({ projectId: 'demo', name: locked }, 'test');
    expect((await write(free, locked)).status).toBe(200);
  });

  it('tells projects apart', async () => {
    const name = await makeTable(tables, 0);
    await tables.createTable({ projectId: 'other', name }, (await tables.describeTable({ projectId: 'demo', name })).schema);
    await tables.lock({ projectId: 'other', name }, { owner: 'test', seconds: 60 });
    expect((await write(name)).status).toBe(200);
  });
});

describe('portable work', () => {
  it('waits for a table in MAINTENANCE, and does not fail', async () => {
    let target: TableRef | undefined;
    const server = await startManagement({
      jobs: { maxAttempts: 1 },
      wrapBackend: (backend) =>
        Object.assign(Object.create(backend) as TableBackend, {
          sealBuild: async (build: BuildHandle): Promise<void> => {
            // The lock comes when the restore has been admitted, and before it is published.
            if (target) await backend.lock(target, { owner: 'test', seconds: 2 });
            await backend.sealBuild(build);
          },
        }),
    });
    try {
      const client = server.client();
      const source = await makeTable(server.backend, 5);
      const { id } = await client.madeBackup(source);
      const name = await makeTable(server.backend, 0);
      target = { projectId: 'demo', name };
      const asked = await expectStatus(client.createRestore(name, { id }), 202);
      await until(async () => (await server.backend.describeTable({ projectId: 'demo', name })).status === 'MAINTENANCE');
      expect(await client.finished(() => client.restore(name, asked['id']), 'RESTORING')).toMatchObject({ status: 'RESTORED' });
      expect((await server.backend.describeTable({ projectId: 'demo', name })).status).toBe('ACTIVE');
    } finally {
      await server.stop();
    }
  });
});

describe('a bulk load that the lock overtakes', () => {
  let server: DataApiServer;

  beforeAll(async () => {
    server = await startDataApi();
  });
  afterAll(() => server.stop());

  it('writes nothing after the lock, and says how many lines were written', async () => {
    const client = server.client();
    await ok(client.createTable('bulk', [attribute('id', 'N')], [{ attribute_name: 'id', key_type: 'HASH' }]));
    const ref = { projectId: 'demo', name: 'bulk' };
    const count = async (): Promise<number> => {
      const handle = await server.backend.openTable(ref);
      let items = 0;
      for await (const block of server.backend.readRange(handle, { start: null, end: null, estimatedItems: 0 }, {})) items += block.itemCount;
      return items;
    };
    let atLock = 0;
    async function* body(): AsyncGenerator<string> {
      for (let id = 0; id < 1200; id++) yield line(id);
      await until(async () => (await count()) >= 1000);
      await server.backend.lock(ref, { owner: 'test', seconds: 60 });
      atLock = await count();
      for (let id = 1200; id < 3000; id++) yield line(id);
    }
    const answer = await ok(client.bulkLoad('bulk', Readable.from(body())));
    expect(atLock).toBe(1000);
    expect(answer).toMatchObject({ read: 3000, processed: atLock, failed: 500, unprocessed: 3000 - atLock - 500 });
    const failed = Object.values(answer['failed_items'] as JsonObject);
    expect(failed[0]).toMatch(/in maintenance/);
    expect(await count()).toBe(atLock);
  });
});

function line(id: number): string {
  return `${JSON.stringify({ id: { N: String(id) } })}\n`;
}
