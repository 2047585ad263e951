import { createServer, Server } from 'node:http';
import { AddressInfo } from 'node:net';
import { newId } from '../../src/kernel';
import { CliOptions, CliResult, jsonLines, runCli } from './cli-io';
import { Gate } from './management-gate';
import { Json, ManagementServer, makeTable, startManagement } from './management-server';

describe('the command line with a gateway', () => {
  const gate = new Gate();
  let server: ManagementServer;
  let env: Record<string, string>;
  beforeAll(async () => {
    server = await startManagement({ wrapBackend: gate.before('splitRanges') });
    env = { MAGNETODB_URL: server.url, MAGNETODB_PROJECT: 'demo', MAGNETODB_TOKEN: 'demo-token' };
  });
  afterEach(() => gate.open());
  afterAll(() => server.stop());

  const cli = (argv: readonly string[], options: CliOptions = {}): Promise<CliResult> =>
    runCli(argv, { env, ...options });

  /** The one JSON object that a command printed. */
  async function json(...argv: string[]): Promise<Json> {
    const { code, out, err } = await cli([...argv, '--json']);
    expect({ argv, code, err }).toEqual({ argv, code: 0, err: expect.any(String) });
    return jsonLines(out).at(-1) ?? {};
  }

  it('takes a table through its whole way: create, list, show, restore, delete', async () => {
    const table = await makeTable(server.backend, 12);
    const backup = await json('create', table, '--name', 'nightly', '--compression', 'gzip', '--wait');
    expect(backup).toMatchObject({
      status: 'CREATED',
      backup_name: 'nightly',
      item_count: 12,
      strategy: { compression: 'gzip' },
    });
    const id = String(backup['backup_id']);

    expect(await json('list', table)).toEqual(backup);
    expect(await json('list', '--name', 'nightly', '--status', 'CREATED', '--limit', '1')).toEqual(backup);
    expect((await cli(['list', table])).out).toMatch(new RegExp(`^ID .*\\n${id}  nightly  ${table}  CREATED .* 12 `));
    expect(await json('show', id)).toEqual(backup);
    expect((await cli(['show', id])).out).toMatch(/^status +CREATED$/m);

    const copy = `${table}_again`;
    const job = await json('restore', id, '--to', copy, '--wait');
    expect(job).toMatchObject({ status: 'RESTORED', table_name: copy, backup_id: id });
    expect((await server.backend.describeTable({ projectId: 'demo', name: copy }))?.schema.rangeKey).toBe('subject');
    expect(await json('list', '--restores', copy)).toEqual(job);
    expect(await json('show', String(job['restore_job_id']))).toEqual(job);

    const gone = await cli(['delete', id, '--wait']);
    expect(gone).toMatchObject({ code: 0, out: 'deleted\n' });
    expect((await cli(['show', id])).code).toBe(3);
  });

  it('restores from a URL and imports from one, and verifies without the server what the server made', async () => {
    const table = await makeTable(server.backend, 5);
    const backup = await json('create', table, '--location', server.outsideUrl, '--wait');
    const location = String(backup['location']);
    expect(await cli(['verify', location])).toMatchObject({ code: 0, out: expect.stringContaining('5 items') });
    expect(jsonLines((await cli(['cat', location])).out)).toHaveLength(5);

    const plan = await json('restore', '--source', location, '--to', `${table}_new`, '--dry-run');
    expect(plan).toMatchObject({ plan: { item_count: 5, conflict: null } });
    expect(await json('restore', '--source', location, '--to', `${table}_new`, '--wait')).toMatchObject({
      status: 'RESTORED',
    });

    const other = await json('create', table, '--location', server.outsideUrl, '--wait');
    const foreign = { ...env, MAGNETODB_PROJECT: 'other', MAGNETODB_TOKEN: 'other-token' };
    const imported = await cli(['import', String(other['location']), '--json'], { env: foreign });
    expect(imported.code).toBe(0);
    expect(jsonLines(imported.out)).toEqual([
      expect.objectContaining({ status: 'CREATED', location: other['location'] }),
    ]);
  });

  it('asks once for what is asked twice with one request token', async () => {
    const table = await makeTable(server.backend, 2);
    const words = ['create', table, '--name', 'once', '--request-token', newId()];
    expect((await json(...words))['backup_id']).toBe((await json(...words))['backup_id']);
  });

  it('watches a running job: progress on stderr, every state on stdout, and its end', async () => {
    const table = await makeTable(server.backend, 30);
    gate.shut();
    const { backup_id: id } = await json('create', table);
    const onText = (out: string): void => {
      // The first state has been printed: the job may go on.
      if (out.includes('CREATING')) gate.open();
    };
    const watched = await cli(['watch', String(id), '--json'], { onText, terminal: true });
    expect(watched.code).toBe(0);
    const statuses = jsonLines(watched.out).map(({ status }) => status);
    expect(statuses[0]).toBe('CREATING');
    expect(statuses.at(-1)).toBe('CREATED');
    expect(watched.err).toMatch(/\r.*items/);
  });

  it('stops watching when it is interrupted, and leaves the job alone', async () => {
    const table = await makeTable(server.backend, 3);
    gate.shut();
    const { backup_id: id } = await json('create', table);
    const stop = new AbortController();
    const onText = (_out: string, err: string): void => {
      if (err !== '') stop.abort();
    };
    expect(await cli(['watch', String(id)], { signal: stop.signal, onText })).toMatchObject({ code: 130, out: '' });
    gate.open();
    expect((await json('watch', String(id)))['status']).toBe('CREATED');
  });

  it('cancels a backup that is being made', async () => {
    const table = await makeTable(server.backend, 3);
    gate.shut();
    const { backup_id: id } = await json('create', table);
    gate.open();
    expect((await cli(['delete', String(id), '--wait'])).code).toBe(0);
    expect((await cli(['show', String(id)])).code).toBe(3);
  });

  it('tells a script by its exit code what went wrong', async () => {
    const table = await makeTable(server.backend, 3);
    const { backup_id: id } = await json('create', table, '--wait');
    const refused = async (
      argv: string[],
      code: number,
      type: string,
      more: Record<string, string> = {},
    ): Promise<void> => {
      const { code: given, out, err } = await cli([...argv, '--json'], { env: { ...env, ...more } });
      expect({ argv, given, out }).toEqual({ argv, given: code, out: expect.any(String) });
      expect(jsonLines(err).at(-1)).toMatchObject({ error: { type }, exit_code: code });
    };
    await refused(['create', 'nowhere'], 3, 'TableNotExistsException');
    await refused(['show', newId()], 3, 'NotFound');
    await refused(['show', 'no-id'], 2, 'UsageError');
    await refused(['create', table, '--strategy', '{"fly":true}'], 2, 'ValidationError');
    await refused(['create', table, '--strategy', 'secret'], 2, 'UsageError');
    await refused(['list'], 4, 'Unauthorized', { MAGNETODB_TOKEN: 'wrong' });
    await refused(['create', table], 4, 'Forbidden', { MAGNETODB_TOKEN: 'reader-token' });
    await refused(['restore', String(id), '--to', table], 5, 'ConflictError');
    await refused(['restore', String(id), '--dry-run'], 5, 'ConflictError');
    await refused(['import', `${server.outsideUrl}/nothing`], 3, 'BackupNotExists');
  });

  it('ends with 1 if the job that it waits for fails', async () => {
    const table = await makeTable(server.backend, 3);
    gate.shut();
    const { backup_id: id } = await json('create', table);
    await server.backend.dropTable({ projectId: 'demo', name: table });
    gate.open();
    const failed = await cli(['watch', String(id), '--json']);
    expect(failed.code).toBe(1);
    expect(jsonLines(failed.out).at(-1)).toMatchObject({ status: 'CREATE_FAILED', error: { type: 'TableChanged' } });
  });

  describe('with a server that is none of ours', () => {
    let foreign: Server;
    let seen: { url: string | undefined; token: unknown }[];
    let answer: (count: number) => { status: number; body: string; headers?: Record<string, string> };
    beforeEach(async () => {
      seen = [];
      foreign = createServer((request, response) => {
        seen.push({ url: request.url, token: request.headers['x-auth-token'] });
        const { status, body, headers = {} } = answer(seen.length);
        response.writeHead(status, { Connection: 'close', ...headers }).end(body);
      });
      await new Promise<void>((resolve) => foreign.listen(0, '127.0.0.1', resolve));
    });
    afterEach(() => new Promise((resolve) => foreign.close(resolve)));
    const url = (): string => `http://127.0.0.1:${(foreign.address() as AddressInfo).port}`;

    it('sends its token nowhere else', async () => {
      answer = (count) =>
        count === 1 ? { status: 302, body: '', headers: { Location: `${url()}/thief` } } : { status: 200, body: '{}' };
      expect((await cli(['list', '--url', url()])).code).not.toBe(0);
      expect(seen).toEqual([{ url: '/v1/management/demo/backups?limit=1000', token: 'demo-token' }]);
    });

    it('says that a gateway is away, or is none', async () => {
      answer = () => ({ status: 503, body: '' });
      expect((await cli(['list', '--url', url()])).code).toBe(6);
      answer = () => ({ status: 200, body: '<html>' });
      expect((await cli(['list', '--url', url()])).code).toBe(1);
      const closed = createServer();
      await new Promise<void>((resolve) => closed.listen(0, '127.0.0.1', resolve));
      const { port } = closed.address() as AddressInfo;
      await new Promise((resolve) => closed.close(resolve));
      const away = await cli(['list', '--url', `http://127.0.0.1:${port}`]);
      expect(away).toMatchObject({ code: 6, err: expect.not.stringContaining('demo-token') });
      expect(away.err).toContain(`http://127.0.0.1:${port} cannot be reached (ECONNREFUSED); --url or MAGNETODB_URL`);
      for (const hides of [`http://somebody:secret@127.0.0.1:${port}`, `http://127.0.0.1:${port}/below?key=secret`]) {
        expect(await cli(['list', '--url', hides])).toMatchObject({ code: 2, err: expect.not.stringContaining('secret') });
      }
    });

    it('goes on watching when the gateway comes back', async () => {
      const id = newId();
      const page = (status: string): string =>
        JSON.stringify({ backups: [{ backup_id: id, status, table_name: 'abc' }] });
      answer = (count) =>
        count === 2 ? { status: 503, body: '' } : { status: 200, body: page(count < 3 ? 'CREATING' : 'CREATED') };
      const watched = await cli(['watch', id, '--json', '--url', url()]);
      expect(watched.code).toBe(0);
      expect(jsonLines(watched.out).map(({ status }) => status)).toEqual(['CREATING', 'CREATED']);
      expect(seen).toHaveLength(3);
    });

    it('reads a list of several pages to its end', async () => {
      const ids = [newId(), newId(), newId()];
      answer = (count) => ({
        status: 200,
        body: JSON.stringify({
          backups: [{ backup_id: ids[count - 1], status: 'CREATED', table_name: 'abc' }],
          ...(count < 3 ? { last_evaluated_backup_id: ids[count - 1] } : {}),
        }),
      });
      const { out } = await cli(['list', '--json', '--url', url()]);
      expect(jsonLines(out).map(({ backup_id }) => backup_id)).toEqual(ids);
      expect(seen.map((one) => one.url?.split('exclusive_start_backup_id=')[1])).toEqual([undefined, ids[0], ids[1]]);
    });
  });
});
