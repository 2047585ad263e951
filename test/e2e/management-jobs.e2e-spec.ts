import { until } from '../setup/until';
import { Gate } from './management-gate';
import {
  DIALECTS,
  expectStatus,
  Json,
  ManagementClient,
  ManagementServer,
  makeTable,
  refused,
  startManagement,
} from './management-server';

describe.each(DIALECTS)('jobs that run, in the %s dialect', (dialect) => {
  const builds = new Gate();
  const splits = new Gate();
  let server: ManagementServer;
  let client: ManagementClient;
  let source: Json;
  beforeAll(async () => {
    server = await startManagement({
      wrapBackend: (backend) => splits.before('splitRanges')(builds.before('openBuild')(backend)),
    });
    client = server.client(dialect);
    const table = await makeTable(server.backend, 5);
    source = await client.madeBackup(table);
  });
  afterEach(() => {
    builds.open();
    splits.open();
  });
  afterAll(() => server.stop());

  const body = (rest: Json = {}): Json => ({ [client.keys.from]: source[client.keys.id], ...rest });
  const restorePath = (target: string, job: Json): string =>
    `${client.table(target)}/restores/${String(job[client.keys.restoreId])}`;
  const backupPath = (table: string, backup: Json): string =>
    `${client.table(table)}/backups/${String(backup[client.keys.id])}`;

  it('shows progress while a job runs, and none afterwards', async () => {
    splits.shut();
    const table = await makeTable(server.backend, 4);
    const asked = await expectStatus(client.createBackup(table), 202);
    const running = await until(async () => {
      const shown = await expectStatus(client.backup(table, asked[client.keys.id]), 200);
      return shown['progress'] === undefined ? undefined : shown;
    });
    expect(running).toMatchObject({
      status: 'CREATING',
      progress: {
        phase: 'plan',
        items_done: 0,
        items_total_estimate: expect.any(Number),
        bytes_done: 0,
        ranges_done: 0,
        ranges_total: expect.any(Number),
        started_at: expect.stringMatching(/Z$/),
      },
    });
    const { backups } = await expectStatus(client.get(`${client.table(table)}/backups?status=CREATING`), 200);
    expect(backups).toEqual([expect.objectContaining({ progress: expect.objectContaining({ phase: 'plan' }) })]);
    splits.open();
    expect(await client.finished(() => client.backup(table, asked[client.keys.id]), 'CREATING')).not.toHaveProperty(
      'progress',
    );
  });

  it('pauses, limits and resumes a backup', async () => {
    splits.shut();
    const table = await makeTable(server.backend, 4);
    const asked = await expectStatus(client.createBackup(table), 202);
    const path = backupPath(table, asked);
    expect(
      await expectStatus(client.send('PATCH', path, { paused: true, rate_limit: { items_per_second: 5 } }), 200),
    ).toMatchObject({ status: 'CREATING' });
    await expectStatus(client.send('PATCH', path, { rate_limit: null }), 200);
    splits.open();
    await expectStatus(client.send('PATCH', path, { paused: false }), 200);
    expect(await client.finished(() => client.get(path), 'CREATING')).toMatchObject({ status: 'CREATED' });
    await refused(client.send('PATCH', path, { paused: false }), 409, 'ConflictError');
  });

  it('holds a paused job until it is resumed', async () => {
    splits.shut();
    const table = await makeTable(server.backend, 4);
    const path = backupPath(table, await expectStatus(client.createBackup(table), 202));
    await expectStatus(client.send('PATCH', path, { paused: true }), 200);
    splits.open();
    // Others that were asked for later are made meanwhile, one after another: the paused one was passed over each time.
    const later = await makeTable(server.backend, 4);
    for (let backup = 0; backup < 4; backup++) await client.madeBackup(later);
    expect(await expectStatus(client.get(path), 200)).toMatchObject({ status: 'CREATING' });
    await expectStatus(client.send('PATCH', path, { paused: false }), 200);
    expect(await client.finished(() => client.get(path), 'CREATING')).toMatchObject({ status: 'CREATED' });
  });

  it('cancels and removes a backup that is being made', async () => {
    splits.shut();
    const before = await server.files();
    const table = await makeTable(server.backend, 4);
    const asked = await expectStatus(client.createBackup(table), 202);
    await until(
      async () => (await expectStatus(client.backup(table, asked[client.keys.id]), 200))['progress'] !== undefined,
    );
    const path = backupPath(table, asked);
    expect(await expectStatus(client.send('DELETE', path), 200)).toMatchObject({ status: 'DELETING' });
    expect(await expectStatus(client.send('DELETE', path), 200)).toMatchObject({ status: 'DELETING' });
    expect(await expectStatus(client.get(path), 200)).toMatchObject({ status: 'DELETING' });
    await refused(client.send('PATCH', path, { paused: true }), 409, 'ConflictError');
    await refused(
      client.createRestore('never_made', { [client.keys.from]: asked[client.keys.id] }),
      409,
      'ConflictError',
      /DELETING/,
    );
    splits.open();
    await client.gone(() => client.get(path));
    expect(await server.files()).toEqual(before);
  });

  it('removes a backup wherever in its making the deletion meets it', async () => {
    const before = await server.files();
    const table = await makeTable(server.backend, 4);
    const all = Array.from({ length: 10 }, async (_none, looks) => {
      const path = backupPath(table, await expectStatus(client.createBackup(table), 202));
      for (let look = 0; look < looks; look += 1) await client.get(path);
      expect(await expectStatus(client.send('DELETE', path), 200)).toMatchObject({ status: 'DELETING' });
      await client.gone(() => client.get(path));
    });
    await Promise.all(all);
    expect(await server.files()).toEqual(before);
  });

  it('refuses a backup that is being made as the source of a restore', async () => {
    splits.shut();
    const table = await makeTable(server.backend, 1);
    const asked = await expectStatus(client.createBackup(table), 202);
    await refused(
      client.createRestore('too_early', { [client.keys.from]: asked[client.keys.id] }),
      409,
      'ConflictError',
      /CREATING/,
    );
    await refused(
      client.createRestore('too_early', { [client.keys.from]: asked[client.keys.id], dry_run: true }),
      409,
      'ConflictError',
      /CREATING/,
    );
  });

  it('runs one restore at a time onto a table', async () => {
    builds.shut();
    const answers = await Promise.all(
      Array.from({ length: 8 }, () => client.createRestore('contested', body({ on_existing: 'replace' }))),
    );
    expect(answers.map((answer) => answer.status).sort()).toEqual([202, 409, 409, 409, 409, 409, 409, 409]);
    await refused(client.createRestore('contested', body()), 409, 'ConflictError', /Another restore/);
    const plan = await expectStatus(client.createRestore('contested', body({ dry_run: true })), 200);
    expect(plan).toMatchObject({ plan: { conflict: { type: 'ConflictError' } } });
    builds.open();
    const job = answers.find((answer) => answer.status === 202)?.body ?? {};
    expect(await client.finished(() => client.get(restorePath('contested', job)), 'RESTORING')).toMatchObject({
      status: 'RESTORED',
    });
    await expectStatus(client.createRestore('contested', body({ on_existing: 'replace' })), 202);
  });

  it('cancels a restore, which leaves nothing behind', async () => {
    builds.shut();
    const job = await expectStatus(client.createRestore('cancelled_one', body()), 202);
    const path = restorePath('cancelled_one', job);
    expect(await expectStatus(client.send('DELETE', path), 200)).toMatchObject({ status: 'RESTORING' });
    expect(await expectStatus(client.send('DELETE', path), 200)).toMatchObject({ status: 'RESTORING' });
    builds.open();
    const ended = await client.finished(() => client.get(path), 'RESTORING');
    expect(ended).toMatchObject({
      status: 'RESTORE_FAILED',
      error: { type: 'Cancelled', message: 'The restore was cancelled.' },
    });
    expect((await server.backend.listTables('demo', { limit: 1000 })).names).not.toContain('cancelled_one');
    expect(await expectStatus(client.send('DELETE', path), 200)).toEqual(ended);
    await refused(client.get(path), 404, 'RestoreJobNotExists');
  });
});

describe('the quota of backups', () => {
  let server: ManagementServer;
  beforeAll(async () => {
    server = await startManagement({ quotas: { maxBackups: 3 }, apiOnly: true });
  });
  afterAll(() => server.stop());

  it('holds against many requests at once, and counts a project', async () => {
    const client = server.client();
    const table = await makeTable(server.backend, 0);
    const answers = await Promise.all(Array.from({ length: 8 }, () => client.createBackup(table)));
    expect(answers.map((answer) => answer.status).sort()).toEqual([202, 202, 202, 413, 413, 413, 413, 413]);
    await refused(client.createBackup(table), 413, 'BackupQuotaExceeded', /3/);
    await makeTable(server.backend, 0, table, 'other');
    await expectStatus(server.client('deployed', 'other-token', 'other').createBackup(table), 202);
  });
});
