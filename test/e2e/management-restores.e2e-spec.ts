import { rm, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
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
  THREADS,
} from './management-server';

const UNKNOWN_ID = '01890a5d-ac96-774b-bcce-b302099a8057';
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

describe.each(DIALECTS)('restores in the %s dialect', (dialect) => {
  let server: ManagementServer;
  let client: ManagementClient;
  let table: string;
  let backup: Json;
  let id: unknown;
  let source: string;
  let restored = 0;
  const start = dialect === 'spec' ? 'start_datetime' : 'start_date_time';
  const finish = dialect === 'spec' ? 'finish_datetime' : 'finish_date_time';

  beforeAll(async () => {
    server = await startManagement();
    client = server.client(dialect);
    table = await makeTable(server.backend, 5);
    backup = await client.madeBackup(table);
    id = backup[client.keys.id];
    source = locationOf(backup);
  });
  afterAll(() => server.stop());

  const newName = (): string => `restored_${(restored += 1)}`;
  const fromId = (rest: Json = {}): Json => ({ [client.keys.from]: id, ...rest });

  function locationOf(body: Json): string {
    const links = body['links'] as { rel: string; href: string }[];
    return links.find(({ rel }) => rel === 'location')?.href ?? '';
  }

  async function done(target: string, body: Json): Promise<Json> {
    const asked = await expectStatus(client.createRestore(target, body), 202);
    return client.finished(() => client.restore(target, asked[client.keys.restoreId]), 'RESTORING');
  }

  async function itemCount(name: string): Promise<number> {
    const page = await server.backend.scan({ projectId: 'demo', name }, { segment: 0, totalSegments: 1 });
    return page.items.length;
  }

  it('restores a backup by its id onto a new table', async () => {
    const target = newName();
    const asked = await expectStatus(client.createRestore(target, fromId()), 202);
    const self = `${server.url}${client.table(target)}/restores/${String(asked[client.keys.restoreId])}`;
    expect(asked).toEqual({
      [client.keys.restoreId]: expect.stringMatching(/^[0-9a-f-]{32,36}$/),
      backup_id: id,
      table_name: target,
      status: 'RESTORING',
      [start]: expect.stringMatching(TIME),
      source,
      links: [
        { rel: 'self', href: self },
        { rel: 'source', href: source },
      ],
      format: 'db-agnostic',
      format_reason: expect.any(String),
    });
    const finished = await client.finished(() => client.send('GET', self.slice(server.url.length)), 'RESTORING');
    const made = await server.backend.describeTable({ projectId: 'demo', name: target });
    const tableId = dialect === 'spec' ? made.id : made.id.replaceAll('-', '');
    expect(finished).toEqual({
      ...asked,
      status: 'RESTORED',
      [finish]: expect.stringMatching(TIME),
      table_id: tableId,
    });
    expect(made.schema).toEqual(THREADS);
    expect(await itemCount(target)).toBe(5);
    expect(await expectStatus(client.restore(tableId, asked[client.keys.restoreId]), 200)).toEqual(finished);
  });

  it.each<[string, (url: string) => unknown]>([
    ['a URL', (url) => url],
    ['a URL with a slash', (url) => `${url}/`],
    ['the manifest itself', (url) => `${url}/manifest.json`],
    ['an object', (url) => ({ url })],
  ])('restores from the source alone, given as %s', async (_how, spell) => {
    const target = newName();
    const finished = await done(target, { source: spell(source), format: 'db-agnostic' });
    expect(finished).toMatchObject({ status: 'RESTORED', backup_id: id, source });
    expect(await itemCount(target)).toBe(5);
  });

  it('fills an empty table of the same structure, keeping its id', async () => {
    const target = await makeTable(server.backend, 0);
    const before = await server.backend.describeTable({ projectId: 'demo', name: target });
    expect(await done(before.id, fromId())).toMatchObject({ status: 'RESTORED', table_name: target });
    expect((await server.backend.describeTable({ projectId: 'demo', name: target })).id).toBe(before.id);
    expect(await itemCount(target)).toBe(5);
  });

  it('refuses a target with items or another structure, unless told what to do', async () => {
    const target = await makeTable(server.backend, 7);
    await refused(client.createRestore(target, fromId()), 409, 'ConflictError', /items/);
    const other = newName();
    await server.backend.createTable({ projectId: 'demo', name: other }, { ...THREADS, indexes: [] });
    await refused(client.createRestore(other, fromId()), 409, 'ConflictError', /structure/);
    await refused(client.createRestore(other, fromId({ on_existing: 'merge' })), 409, 'ConflictError', /structure/);
    expect(await done(other, fromId({ on_existing: 'replace' }))).toMatchObject({ status: 'RESTORED' });
    expect((await server.backend.describeTable({ projectId: 'demo', name: other })).schema).toEqual(THREADS);
    expect(await done(target, fromId({ on_existing: 'merge' }))).toMatchObject({ status: 'RESTORED' });
    expect(await itemCount(target)).toBe(7);
    expect(await done(target, fromId({ on_existing: 'replace' }))).toMatchObject({ status: 'RESTORED' });
    expect(await itemCount(target)).toBe(5);
  });

  it('shows the plan and changes nothing', async () => {
    const target = newName();
    const before = await server.files();
    const { plan } = await expectStatus(
      client.createRestore(target, fromId({ dry_run: true, on_existing: 'merge' })),
      200,
    );
    const tableUrl = `${server.url}/v1/demo/data/tables/${target}`;
    expect(plan).toEqual({
      table: {
        attribute_definitions: [
          { attribute_name: 'forum', attribute_type: 'S' },
          { attribute_name: 'subject', attribute_type: 'S' },
          { attribute_name: 'replies', attribute_type: 'N' },
        ],
        key_schema: [
          { attribute_name: 'forum', key_type: 'HASH' },
          { attribute_name: 'subject', key_type: 'RANGE' },
        ],
        local_secondary_indexes: [
          {
            index_name: 'by_replies',
            key_schema: [
              { attribute_name: 'forum', key_type: 'HASH' },
              { attribute_name: 'replies', key_type: 'RANGE' },
            ],
            projection: { projection_type: 'ALL' },
            index_size_bytes: 0,
            item_count: 0,
          },
        ],
        table_name: target,
        table_status: 'ACTIVE',
        item_count: 5,
        table_size_bytes: backup['table_size_bytes'],
        links: [
          { rel: 'self', href: tableUrl },
          { rel: 'bookmark', href: tableUrl },
        ],
      },
      item_count: 5,
      size_bytes: backup['size_bytes'],
      chain: [id],
      format: 'db-agnostic',
      format_reason: expect.any(String),
      on_existing: 'merge',
      conflict: null,
    });
    const full = await makeTable(server.backend, 1);
    const answer = await expectStatus(client.createRestore(full, fromId({ dry_run: true })), 200);
    expect(answer['plan']).toMatchObject({
      table: { table_id: expect.any(String), creation_date_time: expect.stringMatching(TIME) },
    });
    expect(answer['plan']).toMatchObject({
      conflict: { type: 'ConflictError', message: expect.stringContaining('items') },
      on_existing: 'fail',
    });
    expect(await server.files()).toEqual(before);
    expect(await expectStatus(client.get(`${client.table(target)}/restores`), 200)).toEqual({ restore_jobs: [] });
    expect(await expectStatus(client.get(`${client.table(full)}/restores`), 200)).toEqual({ restore_jobs: [] });
    expect(await server.backend.findTableById('demo', target)).toBeUndefined();
  });

  it('answers 423 for a target in MAINTENANCE, and names it in a plan', async () => {
    const target = await makeTable(server.backend, 0);
    const ref = { projectId: 'demo', name: target };
    await server.backend.lock(ref, { owner: 'test', seconds: 60 });
    const locked = await refused(client.createRestore(target, fromId()), 423, 'TableLocked');
    expect(Number(locked.headers.get('retry-after'))).toBeGreaterThan(0);
    const answer = await expectStatus(client.createRestore(target, fromId({ dry_run: true })), 200);
    expect(answer['plan']).toMatchObject({ conflict: { type: 'TableLocked' } });
    await server.backend.unlock(ref, 'test');
    expect(await done(target, fromId())).toMatchObject({ status: 'RESTORED' });
  });

  it('refuses what it does not understand', async () => {
    const target = newName();
    await invalid(client.createRestore(target, {}), /not both/);
    await invalid(client.createRestore(target, fromId({ source })), /not both/);
    await invalid(client.createRestore(target, fromId({ foo: 1 })), /"foo"/);
    await invalid(client.createRestore(target, fromId({ format: 'native' })), /native/);
    await invalid(client.createRestore(target, fromId({ on_existing: 'overwrite' })), /on_existing/);
    await invalid(client.createRestore(target, fromId({ dry_run: 'yes' })), /dry_run/);
    await invalid(client.createRestore(target, { [client.keys.from]: 'x' }));
    await invalid(client.createRestore(target, { source: 7 }), /source/);
    await invalid(client.createRestore(target, { source: 'nonsense' }), /source/);
    await invalid(client.createRestore(target, { source: { url: source, foo: 1 } }), /foo/);
    await invalid(client.createRestore(target, { source, strategy: { compression: 'gzip' } }), /compression/);
    await invalid(
      client.createRestore(target, { source, strategy: { encryption: { passphrase: 'secret-word' } } }),
      /encryption/,
    );
    await invalid(client.createRestore('a', fromId()), /3 to 255/);
    await invalid(client.restore(target, 'x'), /restore_job_id/);
    await invalid(client.send('DELETE', `${client.table(target)}/restores/x`), /restore_job_id/);
    await invalid(client.send('PATCH', `${client.table(target)}/restores/${UNKNOWN_ID}`, { paused: 'x' }), /paused/);
    await refused(client.restore(target, UNKNOWN_ID), 404, 'RestoreJobNotExists');
    await refused(client.send('DELETE', `${client.table(target)}/restores/${UNKNOWN_ID}`), 404, 'RestoreJobNotExists');
    await refused(
      client.send('PATCH', `${client.table(target)}/restores/${UNKNOWN_ID}`, { paused: true }),
      404,
      'RestoreJobNotExists',
    );
  });

  it('knows only backups of the project', async () => {
    const target = newName();
    await refused(client.createRestore(target, { [client.keys.from]: UNKNOWN_ID }), 404, 'BackupNotExists');
    const other = server.client(dialect, 'other-token', 'other');
    await refused(other.createRestore(target, fromId()), 404, 'BackupNotExists');
    // The very place, asked for by another project, looks as if it were empty.
    await refused(other.createRestore(target, { source }), 404, 'BackupNotExists');
    await refused(
      client.createRestore(target, { source: `${server.objectsUrl}/demo/${UNKNOWN_ID}` }),
      404,
      'BackupNotExists',
    );
    await refused(client.createRestore(target, { source: `${server.objectsUrl}/demo` }), 404, 'BackupNotExists');
    await refused(client.createRestore(target, { source: `${server.outsideUrl}/nothing` }), 404, 'BackupNotExists');
    await refused(
      client.createRestore(target, { source: 'https://evil.example.org/x' }),
      403,
      'Forbidden',
      /evil\.example\.org/,
    );
    await refused(client.createRestore(target, { source: 'file:///etc' }), 403, 'Forbidden');
    await refused(server.client(dialect, 'reader-token').createRestore(target, fromId()), 403, 'Forbidden');
  });

  it('forgets a finished job, and leaves the table', async () => {
    const target = newName();
    const finished = await done(target, fromId());
    const path = `${client.table(target)}/restores/${String(finished[client.keys.restoreId])}`;
    await refused(client.send('PATCH', path, { paused: true }), 409, 'ConflictError');
    expect(await expectStatus(client.send('DELETE', path), 200)).toEqual(finished);
    await refused(client.get(path), 404, 'RestoreJobNotExists');
    await refused(client.send('DELETE', path), 404, 'RestoreJobNotExists');
    expect(await itemCount(target)).toBe(5);
  });

  it('restores only what is CREATED and whole', async () => {
    const mine = await makeTable(server.backend, 1);
    const made = await client.madeBackup(mine);
    const folder = fileURLToPath(locationOf(made));
    await writeFile(`${folder}/manifest.json`, '{"format": "magnetodb-backup", "format_version": 2}');
    const body = { [client.keys.from]: made[client.keys.id] };
    await invalid(client.createRestore(newName(), body), /version/);
    await writeFile(`${folder}/manifest.json`, 'garbage');
    await invalid(client.createRestore(newName(), body), /manifest/);
    await invalid(client.createRestore(newName(), { source: locationOf(made) }), /manifest/);
    await rm(`${folder}/manifest.json`);
    await refused(client.createRestore(newName(), body), 404, 'BackupNotExists');
  });
});

describe('what an operator decides of restores', () => {
  it('refuses to replace where gateways do not all know of it', async () => {
    const server = await startManagement({ exclusiveGateways: false });
    try {
      const client = server.client();
      const table = await makeTable(server.backend, 1);
      const { id } = await client.madeBackup(table);
      await refused(
        client.createRestore(table, { id, on_existing: 'replace' }),
        409,
        'ConflictError',
        /exclusive_gateways/,
      );
    } finally {
      await server.stop();
    }
  });

  it('can take sources and outside locations away', async () => {
    const server = await startManagement({ policyRules: { 'restore:source': '!', 'backup:location:external': '!' } });
    try {
      const client = server.client();
      const table = await makeTable(server.backend, 1);
      const made = await client.madeBackup(table);
      await refused(
        client.createRestore('from_source', { source: `${server.outsideUrl}/x` }),
        403,
        'Forbidden',
        /restore:source/,
      );
      await expectStatus(client.createRestore('from_id', { id: made['id'] }), 202);
      const strategy = { location: { type: 'external', url: server.outsideUrl } };
      await refused(client.createBackup(table, 'a', { strategy }), 403, 'Forbidden', /backup:location:external/);
    } finally {
      await server.stop();
    }
  });
});
