import { CliOptions, CliResult, jsonLines, runCli } from './cli-io';
import { Json, ManagementServer, makeTable, startManagement } from './management-server';

describe('the command line for parts, protection and settings', () => {
  let server: ManagementServer;
  let env: Record<string, string>;
  beforeAll(async () => {
    server = await startManagement();
    env = { MAGNETODB_URL: server.url, MAGNETODB_PROJECT: 'demo', MAGNETODB_TOKEN: 'demo-token' };
  });
  afterAll(() => server.stop());

  const cli = (argv: readonly string[], options: CliOptions = {}): Promise<CliResult> => runCli(argv, { env, ...options });

  async function json(...argv: string[]): Promise<Json> {
    const { code, out, err } = await cli([...argv, '--json']);
    expect({ argv, code, err }).toEqual({ argv, code: 0, err: expect.any(String) });
    return jsonLines(out).at(-1) ?? {};
  }

  it('restores items by hash key or prefix, and leaves attributes out', async () => {
    const table = await makeTable(server.backend, 14);
    const { backup_id: id } = await json('create', table, '--wait');
    const some = await json('restore', String(id), '--to', `${table}_some`, '--hash-key', 'forum 1', '--hash-key', 'forum 2', '--wait');
    expect(some).toMatchObject({ status: 'RESTORED', items_restored: 4, items_left_out: 10, select: { hash_keys: [{ S: 'forum 1' }, { S: 'forum 2' }] } });
    const prefix = await json('restore', String(id), '--to', `${table}_prefix`, '--hash-key-prefix', 'forum', '--exclude', 'x', '--exclude', 'y', '--wait');
    expect(prefix).toMatchObject({ items_restored: 14, exclude_attributes: ['x', 'y'], select: { hash_key_prefix: { S: 'forum' } } });
    const typed = await cli(['restore', String(id), '--to', `${table}_typed`, '--hash-key', '1', '--hash-key-type', 'N']);
    expect(typed).toMatchObject({ code: 2, err: expect.stringContaining('type S') });
    for (const wrong of [
      ['--hash-key', 'a', '--hash-key-prefix', 'a'],
      ['--hash-key-type', 'S'],
      ['--hash-key', 'a', '--hash-key-type', 'SS'],
    ])
      expect((await cli(['restore', String(id), ...wrong])).code).toBe(2);
  });

  it('protects backups, and says that a protected one is not deleted', async () => {
    const table = await makeTable(server.backend, 2);
    const { backup_id: id } = await json('create', table, '--protect', '--wait');
    expect(await cli(['delete', String(id)])).toMatchObject({ code: 5, err: expect.stringContaining('protected') });
    expect(await json('unprotect', String(id))).toMatchObject({ delete_protection: false });
    expect(await json('protect', String(id))).toMatchObject({ delete_protection: true });
    expect((await cli(['unprotect', String(id)])).out).toMatch(/^delete_protection +false$/m);
    expect((await cli(['delete', String(id), '--wait'])).code).toBe(0);
    const { restore_job_id: job } = await json('restore', String((await json('create', table, '--wait'))['backup_id']), '--to', `${table}_copy`, '--wait');
    expect((await cli(['protect', String(job)])).code).toBe(2);
  });

  it('shows and changes settings', async () => {
    const table = await makeTable(server.backend, 0);
    expect(await json('settings', '--backup-before-drop', 'yes')).toEqual({ backup_before_drop: true });
    expect(await json('settings', table)).toMatchObject({ table_name: table, backup_before_drop: true, inherited: true });
    expect((await cli(['settings', table, '--backup-before-drop', 'no'])).out).toMatch(/^backup_before_drop +false$/m);
    expect(await json('settings', table, '--backup-before-drop', 'inherit')).toMatchObject({ backup_before_drop: true, inherited: true });
    expect((await cli(['settings', '--backup-before-drop', 'inherit'])).code).toBe(2);
    expect((await cli(['settings', 'no_such_table'])).code).toBe(3);
  });
});
