import { copyFile, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { MapArchiveStore } from '../fakes/map-archive-store';
import { editManifest } from '../fakes/tampering';
import { until } from '../setup/until';
import { BadDaysGateway, startBadDays } from './bad-days-gateway';
import { runCli } from './cli-io';
import { DIALECTS, expectStatus, invalid, Json, makeTable, ManagementClient, refused } from './management-server';

describe('the verification of a backup', () => {
  let gateway: BadDaysGateway;
  let client: ManagementClient;
  let table: string;
  beforeAll(async () => {
    // Two items a chunk: three chunks.
    gateway = await startBadDays({ leaseSeconds: 2, chunkBytes: 100 });
    client = gateway.client('deployed');
    table = await makeTable(gateway.backend, 6);
  });
  afterEach(() => gateway.heal());
  afterAll(() => gateway.stop());

  const verifyPath = (id: unknown, of = client): string => `${of.table(table)}/backups/${String(id)}/verify`;
  const ask = (id: unknown, of = client): Promise<Json> => expectStatus(of.send('POST', verifyPath(id, of)), 202);
  const idOf = (backup: Json): unknown => backup['backup_id'];
  const stateOf = (backup: Json): Json => (backup['verification'] ?? {}) as Json;

  async function verified(id: unknown, of = client): Promise<Json> {
    await ask(id, of);
    return until(async () => {
      const backup = await expectStatus(of.backup(table, id), 200);
      return stateOf(backup)['status'] === 'RUNNING' ? undefined : backup;
    }, 40_000);
  }

  /** The names of a backup's chunks, and where its folder lies. */
  async function chunksOf(backup: Json): Promise<{ folder: string; names: string[] }> {
    const folder = fileURLToPath(String(backup['location']));
    return { folder, names: (await readdir(join(folder, 'chunks'))).map((name) => `chunks/${name}`) };
  }

  /** Holds reads of chunks back, behind the first `free` ones; gives the way to let them go on. */
  function holdChunks(free = 0): () => void {
    let open: () => void = () => undefined;
    const opened = new Promise<void>((resolve) => (open = resolve));
    let left = free;
    gateway.spoil((store) => store.at('get:before', /^chunks\//, () => ((left -= 1) >= 0 ? undefined : opened)));
    return open;
  }

  it.each(DIALECTS)('finds a whole backup whole, in the %s dialect', async (dialect) => {
    const of = gateway.client(dialect);
    const made = await of.madeBackup(table, 'whole');
    expect(made).not.toHaveProperty('last_verified_at');
    expect(made).not.toHaveProperty('verification');
    const asked = await ask(made[of.keys.id], of);
    expect(asked).toMatchObject({ status: 'CREATED', restorable: true, verification: { status: 'RUNNING', started_at: expect.any(String) } });
    const whole = await verified(made[of.keys.id], of);
    expect(whole).toEqual({
      ...made,
      last_verified_at: expect.stringMatching(/Z$/),
      restorable: true,
      verification: { status: 'PASSED', started_at: expect.any(String), finished_at: whole['last_verified_at'] },
    });
    expect(await expectStatus(of.get(`${of.table(table)}/backups?name=whole`), 200)).toMatchObject({
      backups: expect.arrayContaining([whole]) as unknown,
    });
  });

  it('verifies a backup of an empty table, and one of another store', async () => {
    const empty = await makeTable(gateway.backend, 0);
    const of = (name: string): string => `${client.table(name)}/backups`;
    const made = await client.madeBackup(empty, 'empty', { strategy: { location: { type: 'external', url: gateway.outsideUrl } } });
    await expectStatus(client.send('POST', `${of(empty)}/${String(idOf(made))}/verify`, {}), 202);
    await until(async () => stateOf(await expectStatus(client.backup(empty, idOf(made)), 200))['status'] === 'PASSED');
  });

  it('verifies a native backup item by item, and finds its damage', async () => {
    const made = await client.madeBackup(table, 'native', { strategy: { format: 'native' } });
    expect(made).toMatchObject({ status: 'CREATED', strategy: { format: 'native' } });
    expect(await verified(idOf(made))).toMatchObject({ restorable: true, verification: { status: 'PASSED' } });
    const { folder, names } = await chunksOf(made);
    await rm(join(folder, names[0] ?? ''));
    expect(await verified(idOf(made))).toMatchObject({ restorable: false, verification: { status: 'DAMAGED', message: expect.stringContaining(names[0] ?? '') } });
  });

  it.each([
    ['a bit that has turned', async (path: string) => {
      const bytes = await readFile(path);
      bytes.writeUInt8(bytes.readUInt8(bytes.length >> 1) ^ 1, bytes.length >> 1);
      await writeFile(path, bytes);
    }],
    ['a chunk cut short', async (path: string) => writeFile(path, (await readFile(path)).subarray(0, -1))],
    ['a chunk that is gone', (path: string) => rm(path)],
  ])('names the damaged object: %s; a repaired backup is whole again', async (_what, damage) => {
    const made = await client.madeBackup(table, 'to be damaged');
    await verified(idOf(made));
    const { folder, names } = await chunksOf(made);
    const victim = names[names.length >> 1] ?? '';
    const kept = join(folder, 'kept-by-the-test');
    await copyFile(join(folder, victim), kept);
    await damage(join(folder, victim));

    const damaged = await verified(idOf(made));
    expect(damaged).toMatchObject({ status: 'CREATED', restorable: false, last_verified_at: expect.any(String) });
    expect(stateOf(damaged)).toEqual({
      status: 'DAMAGED',
      type: 'ArchiveDamaged',
      message: expect.stringContaining(victim),
      started_at: expect.any(String),
      finished_at: expect.any(String),
    });
    expect(damaged).not.toHaveProperty('error');
    await refused(client.createRestore(`${table}_copy`, { backup_id: idOf(made) }), 409, 'ConflictError');

    await copyFile(kept, join(folder, victim));
    await rm(kept);
    expect(await verified(idOf(made))).toMatchObject({ restorable: true, verification: { status: 'PASSED' } });
  });

  it('finds a manifest that is gone, or another backup’s', async () => {
    const [made, other] = [await client.madeBackup(table, 'one'), await client.madeBackup(table, 'another')];
    const [path, otherPath] = [made, other].map((backup) => join(fileURLToPath(String(backup['location'])), 'manifest.json'));
    await copyFile(otherPath ?? '', path ?? '');
    expect(await verified(idOf(made))).toMatchObject({ restorable: false, verification: { status: 'DAMAGED', type: 'ArchiveDamaged' } });
    await rm(path ?? '');
    expect(await verified(idOf(made))).toMatchObject({ restorable: false, verification: { status: 'DAMAGED', type: 'BackupNotExists' } });
  });

  it('finds a manifest that proves itself and every chunk, but not the items', async () => {
    const made = await client.madeBackup(table, 'forged');
    const path = join(fileURLToPath(String(made['location'])), 'manifest.json');
    const store = new MapArchiveStore();
    store.objects.set('manifest.json', await readFile(path));
    // Two hash buckets change places: all sums stay as they were.
    editManifest(store, (manifest) => {
      const buckets = manifest['buckets'] as string[];
      const [full, empty] = [buckets.findIndex((bucket) => !bucket.startsWith('0:')), buckets.findIndex((bucket) => bucket.startsWith('0:'))];
      manifest['buckets'] = buckets.map((bucket, index) => buckets[index === full ? empty : index === empty ? full : index] ?? bucket);
    });
    await writeFile(path, store.objects.get('manifest.json') ?? '');
    expect(await verified(idOf(made))).toMatchObject({
      restorable: false,
      verification: { status: 'DAMAGED', message: expect.stringMatching(/manifest\.json differs from the items in 2 /) },
    });
  });

  it('learns nothing of a backup that cannot be read: it stays what it was', async () => {
    const made = await client.madeBackup(table, 'out of reach');
    gateway.spoil((store) => store.fail({ operation: 'get', name: /^chunks\// }));
    const failed = await verified(idOf(made));
    expect(failed).toMatchObject({ status: 'CREATED', restorable: true, verification: { status: 'FAILED', type: 'StorageError' } });
    expect(failed).not.toHaveProperty('last_verified_at');
  });

  it('shows its progress, can be paused and limited, and runs once however often it is asked for', async () => {
    const made = await client.madeBackup(table, 'looked at');
    const open = holdChunks(2);
    const asked = await Promise.all(Array.from({ length: 4 }, () => ask(idOf(made))));
    const path = `${client.table(table)}/backups/${String(idOf(made))}`;
    const running = await until(async () => {
      const backup = await expectStatus(client.get(path), 200);
      return ((backup['progress'] as Json | undefined)?.['items_done'] ?? 0) === 0 ? undefined : backup;
    });
    expect(running['progress']).toMatchObject({ phase: 'verifying', items_total_estimate: 6, ranges_total: 1, started_at: expect.any(String) });
    for (const answer of asked) expect(stateOf(answer)).toEqual(stateOf(running));
    expect(await gateway.query('SELECT FROM magnetodb_backup.jobs WHERE kind = $1 AND subject_id = $2', ['backup.verify', idOf(made)])).toHaveLength(1);

    await expectStatus(client.send('PATCH', path, { paused: true, rate_limit: { items_per_second: 1000 } }), 200);
    expect(await gateway.query('SELECT paused, items_per_second FROM magnetodb_backup.jobs WHERE subject_id = $1 AND kind = $2', [idOf(made), 'backup.verify'])).toEqual([
      { paused: true, items_per_second: '1000' },
    ]);
    open();
    await expectStatus(client.send('PATCH', path, { paused: false, rate_limit: null }), 200);
    const whole = await until(async () => {
      const backup = await expectStatus(client.get(path), 200);
      return stateOf(backup)['status'] === 'PASSED' ? backup : undefined;
    });
    expect(whole).not.toHaveProperty('progress');
    await refused(client.send('PATCH', path, { paused: true }), 409, 'ConflictError');
  });

  it('goes on after its process lost the lease, and counts nothing twice', async () => {
    const made = await client.madeBackup(table, 'interrupted');
    const open = holdChunks(2);
    await ask(idOf(made));
    // The lease of the step that has committed something, which is lost for certain.
    const lose = `UPDATE magnetodb_backup.job_steps SET lease_token = gen_random_uuid() WHERE lease_token IS NOT NULL AND cursor::text <> 'null'
      AND job_id IN (SELECT id FROM magnetodb_backup.jobs WHERE subject_id = $1 AND kind = 'backup.verify') RETURNING id`;
    await until(async () => (await gateway.query(lose, [idOf(made)])).length === 1);
    open();
    gateway.heal();
    await until(async () => stateOf(await expectStatus(client.backup(table, idOf(made)), 200))['status'] === 'PASSED');
    const [job] = await gateway.query<{ items_done: string }>(`SELECT items_done FROM magnetodb_backup.jobs WHERE subject_id = $1 AND kind = 'backup.verify'`, [idOf(made)]);
    expect(job?.items_done).toBe('6');
    expect(await gateway.query('SELECT FROM magnetodb_backup.verification_proofs')).toEqual([]);
  });

  it('ends when the backup is deleted meanwhile', async () => {
    const made = await client.madeBackup(table, 'deleted');
    const open = holdChunks(1);
    await ask(idOf(made));
    const deleting = await expectStatus(client.deleteBackup(table, idOf(made)), 200);
    expect(deleting).toMatchObject({ status: 'DELETING' });
    expect(deleting).not.toHaveProperty('verification');
    await refused(client.send('POST', verifyPath(idOf(made))), 409, 'ConflictError', /DELETING/);
    open();
    await client.gone(() => client.backup(table, idOf(made)));
    const ended = `SELECT error->>'type' AS type FROM magnetodb_backup.jobs WHERE subject_id = $1 AND kind = 'backup.verify' AND state = 'failed'`;
    const jobs = await until(async () => {
      const found = await gateway.query<{ type: string }>(ended, [idOf(made)]);
      return found.length === 0 ? undefined : found;
    });
    // Told to end: what it would have found missing is no damage.
    expect(jobs).toEqual([{ type: 'Cancelled' }]);
    expect(await gateway.query(`SELECT FROM magnetodb_backup.jobs WHERE state IN ('queued', 'running')`)).toEqual([]);
  });

  it('is asked for again where its job has gone without a word', async () => {
    const made = await client.madeBackup(table, 'orphaned');
    await verified(idOf(made));
    await gateway.query(`UPDATE magnetodb_backup.backups SET verification = '{"status": "RUNNING", "startedAt": 1}' WHERE id = $1`, [idOf(made)]);
    expect(stateOf(await verified(idOf(made)))).toMatchObject({ status: 'PASSED' });
  });

  it('is refused to readers, other projects, unknown backups and bodies that say something', async () => {
    const made = await client.madeBackup(table, 'guarded');
    const path = verifyPath(idOf(made));
    await refused(gateway.client('deployed', 'reader-token').send('POST', path), 403, 'Forbidden', /backup:verify/);
    await refused(gateway.client('deployed', 'other-token').send('POST', path), 403, 'Forbidden');
    await refused(client.send('POST', verifyPath('01890a5d-ac96-774b-bcce-b302099a8057')), 404, 'BackupNotExists');
    await refused(client.send('POST', `${client.table('another')}/backups/${String(idOf(made))}/verify`), 404, 'BackupNotExists');
    await invalid(client.send('POST', verifyPath('nonsense')), /backup_id/);
    await invalid(client.send('POST', path, { deep: true }), /"deep"/);
    await invalid(client.send('POST', `${path}?deep=true`), /deep/);
    await refused(client.get(path), 405, 'MethodNotAllowed');
    expect(await expectStatus(client.backup(table, idOf(made)), 200)).not.toHaveProperty('verification');
  });

  describe('from the command line', () => {
    const cli = (...argv: string[]): ReturnType<typeof runCli> =>
      runCli(argv, { env: { MAGNETODB_URL: gateway.url, MAGNETODB_PROJECT: 'demo', MAGNETODB_TOKEN: 'demo-token' } });

    it('asks the gateway by id, and says in its exit code what was found', async () => {
      const made = await client.madeBackup(table, 'by hand');
      const id = String(idOf(made));
      const asked = await cli('verify', id, '--json');
      expect(asked.code).toBe(0);
      expect(JSON.parse(asked.out)).toMatchObject({ backup_id: id, status: 'CREATED', verification: { status: expect.stringMatching(/RUNNING|PASSED/) } });
      const waited = await cli('verify', id, '--wait', '--json');
      expect(waited.code).toBe(0);
      expect(JSON.parse(waited.out)).toMatchObject({ verification: { status: 'PASSED' }, restorable: true });

      const { folder, names } = await chunksOf(made);
      await rm(join(folder, names[0] ?? ''));
      const damaged = await cli('verify', id, '--wait', '--json');
      expect(damaged.code).toBe(1);
      expect(JSON.parse(damaged.out)).toMatchObject({ verification: { status: 'DAMAGED', message: expect.stringContaining(names[0] ?? '') } });
      // The folder itself is asked without the gateway.
      expect(await cli('verify', folder)).toMatchObject({ code: 1, err: expect.stringContaining(names[0] ?? '') });
    });

    it('takes --wait for a backup only, and knows when there is none', async () => {
      expect(await cli('verify', './somewhere', '--wait')).toMatchObject({ code: 2, err: expect.stringContaining('--wait') });
      expect((await cli('verify', '01890a5d-ac96-774b-bcce-b302099a8057')).code).toBe(3);
    });
  });
});
