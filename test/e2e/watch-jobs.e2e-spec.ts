import { JOB_QUEUE, JobQueue } from '../../src/jobs';
import { TOKEN_VALIDATOR, TokenValidator } from '../../src/index';
import { JobWatches } from '../../src/progress/job-watches';
import { until } from '../setup/until';
import { Gate } from './management-gate';
import { expectStatus, Json, makeTable, ManagementClient, ManagementServer, refused, startManagement } from './management-server';
import { WatchClient } from './watch-client';

describe.each([
  ['fastify', 'spec'],
  ['express', 'deployed'],
] as const)('watching jobs, on %s in the %s dialect', (platform, dialect) => {
  const splits = new Gate();
  let server: ManagementServer;
  let client: ManagementClient;
  const open: WatchClient[] = [];

  beforeAll(async () => {
    server = await startManagement({ platform, wrapBackend: (backend) => splits.before('splitRanges')(backend) });
    client = server.client(dialect);
  });
  afterEach(() => {
    splits.open();
    for (const watch of open.splice(0)) watch.close();
    jest.restoreAllMocks();
  });
  afterAll(() => server.stop());

  const url = (): string => `${server.url}${client.projectPath}/jobs/watch`;
  const watch = async (headers?: Record<string, string>): Promise<WatchClient> => {
    const opened = await WatchClient.open(url(), headers);
    open.push(opened);
    return opened;
  };
  const idOf = (resource: Json): unknown => resource[client.keys.id];
  const tells = (key: 'backup' | 'restore_job', id: unknown, status: string) => (line: Json): boolean => {
    const told = line[key] as Json | undefined;
    return told?.[key === 'backup' ? client.keys.id : client.keys.restoreId] === id && told?.['status'] === status;
  };

  it('begins with what runs, and tells each change up to the end, as a describe call would', async () => {
    splits.shut();
    const table = await makeTable(server.backend, 3);
    const asked = await expectStatus(client.createBackup(table), 202);
    const opened = await watch();
    expect(opened.response.headers['content-type']).toMatch(/^application\/x-ndjson/);
    expect(opened.response.headers['cache-control']).toBe('no-store');
    const snapshot = await opened.next();
    expect(snapshot).toMatchObject({ event: 'snapshot', restore_jobs: [] });
    expect((snapshot?.['backups'] as Json[]).map(idOf)).toEqual([idOf(asked)]);
    splits.open();
    const ended = await opened.until(tells('backup', idOf(asked), 'CREATED'));
    expect(ended).toEqual({ event: 'backup', backup: await expectStatus(client.backup(table, idOf(asked)), 200) });

    const restore = await expectStatus(client.createRestore(`${table}_copy`, { [client.keys.from]: idOf(asked) }), 202);
    const done = await opened.until(tells('restore_job', restore[client.keys.restoreId], 'RESTORED'));
    const described = await expectStatus(client.restore(`${table}_copy`, restore[client.keys.restoreId]), 200);
    expect(done).toEqual({ event: 'restore_job', restore_job: described });

    await expectStatus(client.deleteBackup(table, idOf(asked)), 200);
    expect(await opened.until((line) => line['event'] === 'backup_deleted')).toEqual({ event: 'backup_deleted', backup_id: idOf(asked) });
  });

  it('tells a deletion that began and ended between two looks', async () => {
    const table = await makeTable(server.backend, 1);
    const made = await client.madeBackup(table);
    const opened = await watch();
    await opened.next();
    const queue = server.app.get<JobQueue>(JOB_QUEUE);
    const look = queue.recent.bind(queue);
    let goOn = (): void => undefined;
    const held = new Promise<void>((resolve) => (goOn = resolve));
    const looks = jest.spyOn(queue, 'recent').mockImplementation((...given) => held.then(() => look(...given)));
    try {
      // The look before is over.
      await until(() => looks.mock.calls.length > 0);
      await expectStatus(client.deleteBackup(table, idOf(made)), 200);
      await client.gone(() => client.backup(table, idOf(made)));
      goOn();
      expect(await opened.until((line) => line['event'] === 'backup_deleted')).toEqual({ event: 'backup_deleted', backup_id: idOf(made) });
    } finally {
      goOn();
      looks.mockRestore();
    }
  });

  it('says that a job is paused, and that it is not any more', async () => {
    splits.shut();
    const table = await makeTable(server.backend, 3);
    const opened = await watch();
    await opened.next();
    const asked = await expectStatus(client.createBackup(table), 202);
    const path = `${client.table(table)}/backups/${String(idOf(asked))}`;
    expect(await expectStatus(client.send('PATCH', path, { paused: true }), 200)).toMatchObject({ paused: true });
    await opened.until((line) => (line['backup'] as Json | undefined)?.['paused'] === true);
    await expectStatus(client.send('PATCH', path, { paused: false }), 200);
    splits.open();
    expect((await opened.until(tells('backup', idOf(asked), 'CREATED')))['backup']).not.toHaveProperty('paused');
  });

  it('tells nobody of another project’s jobs', async () => {
    const other = server.client(dialect, 'other-token', 'other');
    const theirs = await makeTable(server.backend, 1, 'theirs', 'other');
    splits.shut();
    await expectStatus(other.createBackup(theirs), 202);
    // They watch, too: what is looked at for them is not for others.
    const themselves = await WatchClient.open(`${server.url}${other.projectPath}/jobs/watch`, { 'X-Auth-Token': 'other-token' });
    open.push(themselves);
    expect((await themselves.next())?.['backups']).toMatchObject([{ table_name: 'theirs' }]);
    const opened = await watch();
    expect(await opened.next()).toEqual({ event: 'snapshot', backups: [], restore_jobs: [] });
    splits.open();
    const table = await makeTable(server.backend, 1);
    const asked = await expectStatus(client.createBackup(table), 202);
    await opened.until(tells('backup', idOf(asked), 'CREATED'));
    expect(JSON.stringify(opened.told)).not.toContain('theirs');
  });

  it('looks once for all watchers, and not at all once they are gone', async () => {
    const looks = jest.spyOn(server.app.get<JobQueue>(JOB_QUEUE), 'recent');
    const forgotten = jest.spyOn(JobWatches.prototype, 'forget');
    const several = await Promise.all(Array.from({ length: 8 }, () => watch()));
    await Promise.all(several.map((each) => each.next()));
    looks.mockClear();
    await until(() => looks.mock.calls.length >= 2);
    expect(looks.mock.calls.length).toBeLessThan(8);
    for (const each of several) each.close();
    await until(() => forgotten.mock.calls.length >= 8);
    looks.mockClear();
    const table = await makeTable(server.backend, 1);
    await client.madeBackup(table);
    expect(looks).not.toHaveBeenCalled();
  });

  it('ends when the token does', async () => {
    const validator = server.app.get<TokenValidator>(TOKEN_VALIDATOR);
    const identity = await validator.validate('demo-token');
    jest.spyOn(validator, 'validate').mockResolvedValue({ ...identity, expiresAt: Date.now() + 1000 });
    const opened = await watch();
    expect(await opened.until((line) => line['event'] === 'end')).toEqual({ event: 'end', reason: 'token_expired' });
    expect(await opened.next()).toBeUndefined();
  });

  it('is refused without a token, to another project, without one of the two rules, and with a parameter', async () => {
    const path = `${client.projectPath}/jobs/watch`;
    expect((await fetch(url())).status).toBe(401);
    await refused(server.client(dialect, 'none-token').get(path), 403, 'Forbidden', /backup:list/);
    await refused(server.client(dialect, 'other-token').get(path), 403, 'Forbidden');
    await refused(client.get(`${path}?watch=true`), 400, 'ValidationError', /watch/);
    expect((await fetch(url(), { method: 'HEAD', headers: { 'X-Auth-Token': 'demo-token' } })).status).toBe(200);
    const reader = await watch({ 'X-Auth-Token': 'reader-token' });
    expect(await reader.next()).toMatchObject({ event: 'snapshot' });
  });

  it('answers 503 if it cannot look, and ends an open watch', async () => {
    const opened = await watch();
    await opened.next();
    jest.spyOn(server.app.get<JobQueue>(JOB_QUEUE), 'recent').mockRejectedValue(Object.assign(new Error('away'), { code: 'ECONNREFUSED' }));
    expect(await opened.until((line) => line['event'] === 'end')).toEqual({ event: 'end', reason: 'unavailable' });
    await refused(client.get(`${client.projectPath}/jobs/watch`), 503, 'ServiceUnavailable');
  });
});

describe('a watch that needs both rules', () => {
  it('is refused where restores may not be listed', async () => {
    const server = await startManagement({ apiOnly: true, policyRules: { 'restore:list': '!' } });
    try {
      await refused(server.client().get('/v1/demo/management/jobs/watch'), 403, 'Forbidden', /restore:list/);
    } finally {
      await server.stop();
    }
  });
});

describe.each(['fastify', 'express'] as const)('a stopping process on %s', (platform) => {
  it('ends its watches at once, and says why', async () => {
    const server = await startManagement({ apiOnly: true, platform });
    const opened = await WatchClient.open(`${server.url}/v1/demo/management/jobs/watch`);
    await opened.next();
    const stopped = server.stop();
    expect(await opened.next()).toEqual({ event: 'end', reason: 'draining' });
    expect(await opened.next()).toBeUndefined();
    await stopped;
  });
});
