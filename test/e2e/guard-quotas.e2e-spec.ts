import { expectStatus, Json, makeTable, ManagementClient, ManagementServer, refused, startManagement } from './management-server';
import { Gate } from './management-gate';

const LIMIT = 12_000;

describe('the quota of stored bytes', () => {
  const gate = new Gate();
  let server: ManagementServer;
  let client: ManagementClient;
  beforeAll(async () => {
    server = await startManagement({
      wrapBackend: gate.before('splitRanges'),
      jobs: { chunkBytes: 2048 },
      quotas: { maxBackupBytes: LIMIT, projects: { other: { maxBackupBytes: null, maxBackups: 2 } } },
    });
    client = server.client();
  });
  afterEach(async () => {
    gate.open();
    for (const row of (await expectStatus(client.get(`${client.projectPath}/backups`), 200))['backups'] as Json[]) {
      await expectStatus(client.deleteBackup(String(row['table_name']), row['id']), 200);
      await client.gone(() => client.backup(String(row['table_name']), row['id']));
    }
  });
  afterAll(() => server.stop());

  const PLAIN = { strategy: { compression: 'none' } };
  const stored = async (): Promise<string[]> => (await server.files()).filter((name) => name.startsWith('objects/demo/'));

  it('refuses a backup when it is used up, saying the numbers, and lets others go on when something was deleted', async () => {
    const table = await makeTable(server.backend, 90);
    const first = await client.madeBackup(table, 'first', PLAIN);
    const size = Number(first['size_bytes']);
    expect(size).toBeLessThan(LIMIT);
    const small = await makeTable(server.backend, 3);
    const rest = Math.floor((LIMIT - size) / 300);
    const filler = await makeTable(server.backend, 0);
    await server.backend.putItems({ projectId: 'demo', name: filler }, [
      { item: new Map([['forum', { type: 'S', value: 'f' }], ['subject', { type: 'S', value: 'x'.repeat(200) }], ['text', { type: 'S', value: 'x'.repeat(Math.max(0, rest) * 300 - 300) }]]), expiresAt: undefined },
    ]);
    const second = await client.madeBackup(filler, 'second', PLAIN);
    expect(second['status']).toBe('CREATED');
    const used = size + Number(second['size_bytes']);
    expect(used).toBeLessThanOrEqual(LIMIT);
    const tooMuch = await client.madeBackup(table, 'too much', PLAIN);
    expect(tooMuch).toMatchObject({ status: 'CREATE_FAILED', restorable: false, error: { type: 'BackupQuotaExceeded', message: expect.stringMatching(new RegExp(`they may take ${LIMIT}`)) } });
    // What it had stored is gone again: only the two good ones lie there.
    const ids = [first['id'], second['id']].map(String);
    expect((await stored()).filter((name) => !ids.some((id) => name.includes(id)))).toEqual([]);
    expect(await client.madeBackup(small, 'still fits', { strategy: { compression: 'zstd' } })).toMatchObject({ status: expect.stringMatching(/^CREATE/) });
    await expectStatus(client.deleteBackup(table, first['id']), 200);
    await client.gone(() => client.backup(table, first['id']));
    expect(await client.madeBackup(small, 'fits again', PLAIN)).toMatchObject({ status: 'CREATED' });
  });

  it('refuses with 413 what begins above it', async () => {
    const table = await makeTable(server.backend, 0);
    const line = 'x'.repeat(LIMIT - 80);
    await server.backend.putItems({ projectId: 'demo', name: table }, [
      { item: new Map([['forum', { type: 'S', value: 'f' }], ['subject', { type: 'S', value: 's' }], ['t', { type: 'S', value: line }]]), expiresAt: undefined },
    ]);
    const made = await client.madeBackup(table, 'exactly', PLAIN);
    const room = LIMIT - Number(made['size_bytes']);
    expect(room).toBeGreaterThanOrEqual(0);
    // Whatever room is left is taken, to the byte.
    if (room > 0) {
      await client.deleteBackup(table, made['id']);
      await client.gone(() => client.backup(table, made['id']));
      await server.backend.putItems({ projectId: 'demo', name: table }, [
        { item: new Map([['forum', { type: 'S', value: 'f' }], ['subject', { type: 'S', value: 's' }], ['t', { type: 'S', value: line + 'x'.repeat(room) }]]), expiresAt: undefined },
      ]);
      expect(await client.madeBackup(table, 'to the byte', PLAIN)).toMatchObject({ status: 'CREATED', size_bytes: LIMIT });
    }
    await refused(client.createBackup(table, 'one more', PLAIN), 413, 'BackupQuotaExceeded', new RegExp(`${LIMIT} bytes of the ${LIMIT}.*table has about \\d+`));
  });

  it('counts the bytes of several backups that are being made together', async () => {
    const tables = [await makeTable(server.backend, 90), await makeTable(server.backend, 90)];
    gate.shut();
    const asked: [string, Json][] = [];
    for (const table of tables) asked.push([table, await expectStatus(client.createBackup(table, 'at once', PLAIN), 202)]);
    gate.open();
    const ended = await Promise.all(asked.map(([table, { id }]) => client.finished(() => client.backup(table, id), 'CREATING')));
    const bytes = ended.reduce((sum, { size_bytes: size }) => sum + Number(size ?? 0), 0);
    expect(bytes).toBeLessThanOrEqual(LIMIT);
    expect(ended.map(({ status }) => status)).toContain('CREATE_FAILED');
    for (const { status, error } of ended) if (status === 'CREATE_FAILED') expect(error).toMatchObject({ type: 'BackupQuotaExceeded' });
  });

  it('does not count imported ones, and holds other projects to their own', async () => {
    const other = server.client('spec', 'other-token', 'other');
    const table = await makeTable(server.backend, 200, undefined, 'other');
    const made = await other.madeBackup(table, 'large', { strategy: { compression: 'none', location: { type: 'external', url: server.outsideUrl } } });
    expect(made['status']).toBe('CREATED');
    expect(Number(made['size_bytes'])).toBeGreaterThan(LIMIT);
    const source = (made['links'] as { rel: string; href: string }[]).find(({ rel }) => rel === 'location')?.href;
    await expectStatus(client.import({ source }), 200);
    const small = await makeTable(server.backend, 3);
    expect(await client.madeBackup(small)).toMatchObject({ status: 'CREATED' });
    await other.madeBackup(table, 'second');
    await refused(other.createBackup(table), 413, 'BackupQuotaExceeded', /2 backups of the 2.*1 more/);
  });
});

describe('the rate of requests', () => {
  let server: ManagementServer;
  beforeAll(async () => {
    // So slow that no token comes back while the test runs.
    server = await startManagement({ apiOnly: true, quotas: { projects: { demo: { requestsPerSecond: 1, requestBurst: 5 }, ops: { requestsPerSecond: 1, requestBurst: 2 } } } });
  });
  afterAll(() => server.stop());

  it('is 429 with Retry-After for a project that calls too often, whoever calls and whatever, and for no other project', async () => {
    const [client, reader] = [server.client('spec'), server.client('deployed', 'reader-token')];
    const list = (one: ManagementClient): ReturnType<ManagementClient['get']> => one.get(`${one.projectPath}/backups`);
    const answers = [];
    // Faster than one a second, whatever the machine: many, until some are refused.
    for (let round = 0; round < 40; round += 1) answers.push(...(await Promise.all([list(client), list(reader), client.get('/v1/foreign/management/backups')])));
    const statuses = answers.map(({ status }) => status);
    expect(statuses.slice(0, 3).sort()).toEqual([200, 200, 403]);
    expect(statuses.filter((status) => status === 429).length).toBeGreaterThan(60);
    expect(new Set(statuses)).toEqual(new Set([200, 403, 429]));
    for (const answer of answers.filter(({ status }) => status === 429)) expect(answer.headers.get('retry-after')).toMatch(/^[1-9]\d*$/);
    const flood = await Promise.all(Array.from({ length: 30 }, () => list(client)));
    const refusal = flood.find(({ status }) => status === 429);
    await refused(Promise.resolve(refusal ?? flood[0]!), 429, 'RequestQuotaExceeded', /1 requests a second, 5 at once/);
    const other = server.client('spec', 'other-token', 'other');
    const calm = await Promise.all(Array.from({ length: 30 }, () => list(other)));
    expect(new Set(calm.map(({ status }) => status))).toEqual(new Set([200]));
  });

  it('counts an admin to the admin’s own project, also in another’s', async () => {
    const other = server.client('spec', 'admin-token', 'other');
    const answers = await Promise.all(Array.from({ length: 30 }, () => other.get(`${other.projectPath}/backups`)));
    expect(answers.filter(({ status }) => status === 429).length).toBeGreaterThan(20);
    expect((await server.client('spec', 'other-token', 'other').get('/v1/other/management/backups')).status).toBe(200);
  });
});
