import { mkdir, mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { Client, QueryResultRow } from 'pg';
import { verifyArchive } from '../../src/archive';
import { loadSettings } from '../../src/gateway/setting';
import { GatewaySettings } from '../../src/gateway/settings';
import { RunningGateway, startGateway } from '../../src/gateway/start';
import { createPostgresTableBackend, TableBackend } from '../../src/index';
import { Item, TableDigest } from '../../src/kernel';
import { FilesystemObjectStore } from '../../src/storage';
import { ManagementClient, THREADS } from '../e2e/management-server';
import { createTestDatabase } from '../setup/database';
import { GatewayProcess } from './gateway-process';

export const PROJECT = 'demo';

/** Leases that run out soon, and data cut so small that a small table has several ranges and many chunks. */
const SETTINGS = {
  PORT: '0',
  DEV_TOKENS: 'demo-token=demo:member;other-token=other:member;admin-token=ops:admin',
  ADMIN_PROJECT: 'ops',
  LOG_LEVEL: 'silent',
  LEASE_SECONDS: '1',
  MAX_ATTEMPTS: '100',
  MAX_JOBS: '100',
  MAX_JOBS_PER_PROJECT: '100',
  RANGE_BYTES: String(48 * 1024),
  CHUNK_BYTES: String(16 * 1024),
  REPLACE_GRACE_SECONDS: '0',
  // What a killed process was sending goes to others after twice that.
  NOTIFICATION_TIMEOUT_SECONDS: '2',
};

/** One database and one object folder, and any number of gateways on them. */
export class Deployment {
  readonly gateways: GatewayProcess[] = [];
  private workers: RunningGateway[] = [];

  private constructor(
    readonly folder: string,
    readonly backend: TableBackend,
    readonly environment: Record<string, string>,
    private readonly sql: Client,
    private readonly api: RunningGateway,
    private readonly dropDatabase: () => Promise<void>,
  ) {}

  /** With a gateway in this process that serves the API and works on nothing. @param openTables what the settings say that the gateways have: PostgreSQL */
  static async start(settings: Record<string, string> = {}, openTables = openPostgres): Promise<Deployment> {
    const folder = await realpath(await mkdtemp(join(tmpdir(), 'crash-')));
    await Promise.all([mkdir(join(folder, 'objects')), mkdir(join(folder, 'outside'))]);
    const database = await createTestDatabase();
    const environment = {
      ...SETTINGS,
      ...settings,
      DATABASE_URL: database.url,
      DATA_DIR: folder,
      ALLOWED_FOLDERS: join(folder, 'outside'),
    };
    const sql = new Client({ connectionString: database.url });
    await sql.connect();
    const api = await startGateway(loadSettings(GatewaySettings, { ...environment, STEPS_PER_PROCESS: '0' }));
    const backend = await openTables(database.url);
    return new Deployment(folder, backend, environment, sql, api, () => database.drop());
  }

  get client(): ManagementClient {
    return new ManagementClient(this.api.url, 'spec', 'demo-token', PROJECT);
  }

  clientOf(project: string): ManagementClient {
    return new ManagementClient(this.api.url, 'spec', `${project}-token`, project);
  }

  /** Another process that will work on jobs once it is started. `failPoints`: where it dies (src/jobs/fail-point.ts). */
  gateway(failPoints = '', settings: Record<string, string> = {}): GatewayProcess {
    const gateway = new GatewayProcess({ ...this.environment, ...settings, FAIL_POINTS: failPoints });
    this.gateways.push(gateway);
    return gateway;
  }

  /**
   * A gateway works on jobs in a process of its own until `use` is done. Gateways that begin afterwards load what it has loaded from one
   * file, which takes a quarter of the time: for tests that start many.
   */
  async packModules<T>(use: () => Promise<T>): Promise<T> {
    const file = join(this.folder, 'modules');
    const gateway = await this.gateway('', { MODULE_PACK_OUT: file }).start();
    const used = await use();
    expect(await gateway.terminate()).toBe(0);
    this.environment['MODULE_PACK'] = file;
    return used;
  }

  /** A gateway in this process works on jobs until `use` is done. */
  async whileWorking<T>(use: () => Promise<T>): Promise<T> {
    const worker = await startGateway(loadSettings(GatewaySettings, this.environment));
    this.workers.push(worker);
    try {
      return await use();
    } finally {
      this.workers = this.workers.filter((one) => one !== worker);
      await worker.stop();
    }
  }

  async query<Row extends QueryResultRow>(text: string, values: unknown[] = []): Promise<Row[]> {
    return (await this.sql.query<Row>(text, values)).rows;
  }

  /** A new table of threads with the items of those numbers. */
  async makeTable(name: string, from: number, to: number, { text = 'as it was', projectId = PROJECT } = {}): Promise<string> {
    await this.backend.createTable({ projectId, name }, THREADS);
    const items = Array.from({ length: to - from }, (_each, index) => ({ item: thread(from + index, text), expiresAt: undefined }));
    await this.backend.putItems({ projectId, name }, items);
    return name;
  }

  /** Of everything that is in a table now. */
  async digestOf(name: string): Promise<TableDigest> {
    const handle = await this.backend.openTable({ projectId: PROJECT, name });
    const digest = new TableDigest();
    const whole = { start: null, end: null, estimatedItems: 0 };
    for await (const block of this.backend.readRange(handle, whole, { digestOnly: true })) digest.merge(block.digest);
    return digest;
  }

  /** Reads a backup's archive whole, and what its items add up to. */
  async verifiedDigest(backupId: unknown): Promise<TableDigest> {
    const [row] = await this.query<{ location_url: string }>('SELECT location_url FROM magnetodb_backup.backups WHERE id = $1', [backupId]);
    if (row === undefined) throw new Error('no such backup');
    return TableDigest.fromJSON((await verifyArchive(archiveAt(row.location_url))).buckets);
  }

  /** URL of a folder outside the deployment's own store. */
  outside(name: string): string {
    return pathToFileURL(join(this.folder, 'outside', name)).href;
  }

  async stop(): Promise<void> {
    await Promise.all(this.gateways.map((gateway) => gateway.kill()));
    for (const worker of this.workers) await worker.stop();
    await this.api.stop();
    await this.backend.close();
    await this.sql.end();
    await this.dropDatabase();
    await rm(this.folder, { recursive: true, force: true });
  }
}

function openPostgres(url: string): Promise<TableBackend> {
  return createPostgresTableBackend({ connectionString: url, maxConnections: 4 });
}

export function archiveAt(locationUrl: string): FilesystemObjectStore {
  return new FilesystemObjectStore({ root: fileURLToPath(locationUrl) });
}

function thread(index: number, text: string): Item {
  return new Map([
    ['forum', { type: 'S', value: `forum ${index % 7}` }],
    ['subject', { type: 'S', value: `subject ${index}` }],
    ['replies', { type: 'N', value: String(index) }],
    ['text', { type: 'S', value: `${text} ${'x'.repeat(index % 60)}` }],
  ]);
}
