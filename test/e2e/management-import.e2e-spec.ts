import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { Client } from 'pg';
import { newId } from '../../src/kernel';
import { FilesystemObjectStore } from '../../src/storage';
import { writeSampleArchive } from '../fakes/sample-archive';
import {
  DIALECTS,
  expectStatus,
  invalid,
  Json,
  ManagementClient,
  ManagementServer,
  makeTable,
  refused,
  startManagement,
} from './management-server';

describe.each(DIALECTS)('import in the %s dialect', (dialect) => {
  let server: ManagementServer;
  let client: ManagementClient;
  let other: ManagementClient;
  beforeAll(async () => {
    server = await startManagement();
    client = server.client(dialect);
    other = server.client(dialect, 'other-token', 'other');
  });
  afterAll(() => server.stop());

  function locationOf(body: Json): string {
    const links = body['links'] as { rel: string; href: string }[];
    return links.find(({ rel }) => rel === 'location')?.href ?? '';
  }

  /** A backup outside the deployment's own store. */
  async function outside(items = 2): Promise<{ made: Json; source: string; table: string }> {
    const table = await makeTable(server.backend, items);
    const made = await client.madeBackup(table, 'outside', {
      strategy: { location: { type: 'external', url: server.outsideUrl } },
    });
    return { made, source: locationOf(made), table };
  }

  async function sql(text: string, values: unknown[] = []): Promise<unknown[]> {
    const database = new Client({ connectionString: server.databaseUrl });
    await database.connect();
    try {
      return (await database.query(text, values)).rows;
    } finally {
      await database.end();
    }
  }

  it('brings back a backup of the deployment’s own store after the database was lost', async () => {
    const table = await makeTable(server.backend, 3);
    const made = await client.madeBackup(table, 'own');
    // The job database loses everything that it knew of backups.
    await sql('TRUNCATE magnetodb_backup.backups');
    await refused(client.backup(table, made[client.keys.id]), 404, 'BackupNotExists');
    const imported = await expectStatus(client.import({ source: locationOf(made) }), 200);
    expect(imported).toEqual({
      ...made,
      [client.keys.finish]: expect.any(String),
      strategy: { type: 'full', format: 'db-agnostic', location: { type: 'internal' }, compression: 'zstd' },
    });
    expect(await expectStatus(client.backup(table, made[client.keys.id]), 200)).toEqual(imported);
    await refused(other.import({ source: locationOf(made) }), 404, 'BackupNotExists');
    const job = await expectStatus(
      client.createRestore(`back_${table}`, { [client.keys.from]: made[client.keys.id] }),
      202,
    );
    expect(
      await client.finished(() => client.restore(`back_${table}`, job[client.keys.restoreId]), 'RESTORING'),
    ).toMatchObject({ status: 'RESTORED' });
  });

  it('answers the same for one that is there already', async () => {
    const { made, source } = await outside();
    expect(await expectStatus(client.import({ source }), 200)).toEqual(made);
    const answers = await Promise.all(
      Array.from({ length: 6 }, () => other.import({ source: { url: `${source}/manifest.json` } })),
    );
    for (const answer of answers) expect(answer).toMatchObject({ status: 200, body: answers[0]?.body });
  });

  it('shares a backup with another project, which forgets it without touching the data', async () => {
    const { made, source, table } = await outside();
    const theirs = await expectStatus(other.import({ source }), 200);
    expect(theirs).toMatchObject({
      [client.keys.id]: made[client.keys.id],
      table_name: table,
      status: 'CREATED',
      item_count: 2,
    });
    expect(JSON.stringify(theirs['links'])).toContain(other.table(table));
    await expectStatus(other.deleteBackup(table, made[client.keys.id]), 200);
    await other.gone(() => other.backup(table, made[client.keys.id]));
    expect(await expectStatus(client.backup(table, made[client.keys.id]), 200)).toEqual(made);
    expect(await expectStatus(other.import({ source }), 200)).toEqual(theirs);
  });

  it('deletes the data of an imported backup only if asked to', async () => {
    const { made, source, table } = await outside();
    await expectStatus(other.import({ source }), 200);
    const before = await server.files();
    await expectStatus(other.deleteBackup(table, made[client.keys.id], '?purge=true'), 200);
    await other.gone(() => other.backup(table, made[client.keys.id]));
    expect((await server.files()).length).toBeLessThan(before.length);
    await refused(other.import({ source }), 404, 'BackupNotExists');
  });

  it.each(['', '?purge=true'])(
    'lets a manifest that claims another backup’s id touch nothing of that one (delete%s)',
    async (query) => {
      const victim = newId();
      const folder = `${server.outsideUrl}/hostile-${victim}`;
      const root = fileURLToPath(folder);
      const store = new FilesystemObjectStore({ root, boundary: root, keep: root });
      await writeSampleArchive(store, { compression: 'zstd', draft: { backup_id: victim, table_name: 'hostile' } });
      const chunk = 'chunks/of-the-victim';
      await sql('INSERT INTO magnetodb_backup.backup_objects (backup_id, name) VALUES ($1, $2)', [victim, chunk]);
      await expectStatus(other.import({ source: folder }), 200);
      await expectStatus(other.deleteBackup('hostile', victim, query), 200);
      await other.gone(() => other.backup('hostile', victim));
      expect(await sql('SELECT name FROM magnetodb_backup.backup_objects WHERE backup_id = $1', [victim])).toEqual([
        { name: chunk },
      ]);
    },
  );

  it('refuses what is no backup, or where none may lie', async () => {
    await refused(client.import({ source: `${server.outsideUrl}/nothing` }), 404, 'BackupNotExists');
    await refused(client.import({ source: 'file:///etc' }), 403, 'Forbidden');
    await refused(client.import({ source: 'https://evil.example.org/x' }), 403, 'Forbidden', /evil\.example\.org/);
    await invalid(client.import({}), /"source" is required/);
    await invalid(client.import({ source: 7 }), /source/);
    await invalid(client.import({ source: `${server.outsideUrl}/../x` }), /source/);
    await invalid(client.import({ source: `${server.outsideUrl}/x`, name: 'a' }), /"name"/);
    await invalid(
      client.import({ source: `${server.outsideUrl}/x`, strategy: { compression: 'gzip' } }),
      /compression/,
    );
    const { source } = await outside();
    await writeFile(
      `${fileURLToPath(source)}/manifest.json`,
      '{"format":"magnetodb-backup","format_version":1,"requires":["time-travel"]}',
    );
    await invalid(other.import({ source }));
    await refused(client.send('GET', `${client.projectPath}/backups/import`), 405, 'MethodNotAllowed');
  });
});
