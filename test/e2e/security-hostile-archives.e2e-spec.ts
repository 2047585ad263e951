import { execFileSync } from 'node:child_process';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { MapArchiveStore } from '../fakes/map-archive-store';
import { writeSampleArchive } from '../fakes/sample-archive';
import { Loose, editManifest, entriesOf, forgeChunkBytes, forgeList } from '../fakes/tampering';
import { BadDaysGateway, contentOf, startBadDays, unpublished } from './bad-days-gateway';
import { Json, ManagementClient, expectStatus, refused } from './management-server';

const SECRET = 'a-secret-of-this-machine';

let gateway: BadDaysGateway;
let client: ManagementClient;
let sample: MapArchiveStore;
let archives = 0;
beforeAll(async () => {
  gateway = await startBadDays();
  client = gateway.client();
  sample = new MapArchiveStore();
  await writeSampleArchive(sample, { compression: 'zstd' });
  await writeFile(join(gateway.objects, 'secret'), SECRET);
});
afterAll(() => gateway.stop());

/** Puts an archive where a user may point at. */
async function placed(arm: (store: MapArchiveStore) => unknown = () => undefined): Promise<{ folder: string; source: string }> {
  const store = sample.copy();
  await arm(store);
  const folder = join(gateway.outside, `archive-${(archives += 1)}`);
  for (const [name, body] of store.objects) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), body);
  }
  return { folder, source: pathToFileURL(folder).href };
}

/** Everything that a hostile archive must not change. */
async function state(): Promise<unknown> {
  const [tables] = await gateway.query('SELECT (SELECT count(*) FROM magnetodb.table_info) AS tables, (SELECT count(*) FROM magnetodb_backup.backups) AS backups');
  return { ...tables, unpublished: await unpublished(gateway), internal: (await gateway.files()).filter((name) => name.startsWith('objects/')) };
}

const manifest = (edit: (manifest: Loose) => void) => (store: MapArchiveStore) => editManifest(store, edit);
const table = (edit: (table: Loose) => void) => manifest((all) => edit(all['table'] as Loose));
const nested = (levels: number): unknown => (levels === 0 ? 1 : { deeper: nested(levels - 1) });

it('the sample, left alone, is restored: what follows fails for what was done to it', async () => {
  const { source } = await placed();
  const { id } = await expectStatus(client.createRestore('sample_restored', { source }), 202);
  expect(await client.finished(() => client.restore('sample_restored', id), 'RESTORING')).toMatchObject({ status: 'RESTORED' });
  expect((await contentOf(gateway.data(), 'sample_restored')).length).toBeGreaterThan(10);
});

describe('an archive whose manifest is hostile is refused by every call, and nothing is made', () => {
  it.each<[string, (store: MapArchiveStore) => unknown]>([
    ['a table name that leaves its folder', manifest((all) => (all['table_name'] = '../../../etc/passwd'))],
    ['a table name that ends a statement', manifest((all) => (all['table_name'] = 'x"; DROP TABLE magnetodb.table_info; --'))],
    ['a table name of 256 characters', manifest((all) => (all['table_name'] = 'x'.repeat(256)))],
    ['a backup id that is a path', manifest((all) => (all['backup_id'] = '../other'))],
    ['a table id that is none', manifest((all) => (all['table_id'] = 7))],
    ['a project that is no text', manifest((all) => (all['project_id'] = { id: 'other' }))],
    ['an attribute name that ends an identifier', table((all) => (all['attribute_definitions'] = [{ attribute_name: 'a"b', attribute_type: 'S' }]))],
    ['an attribute of no type', table((all) => (all['attribute_definitions'] = [{ attribute_name: 'city', attribute_type: 'X' }]))],
    ['no table', manifest((all) => delete all['table'])],
    ['a list outside of the archive', manifest((all) => ((all['chunk_lists'] as Loose[])[0] = { name: '../../secret', sha256: '0'.repeat(64), size: 1, chunks: 1 }))],
    ['counts beyond all numbers', manifest((all) => (all['item_count'] = 2 ** 60))],
    ['negative counts', manifest((all) => (all['size_bytes'] = -1))],
    ['a strategy nested deep', manifest((all) => (all['strategy'] = nested(40)))],
    ['a hundred thousand ranges', manifest((all) => (all['ranges'] = new Array(100_000).fill({})))],
    ['a type that is not there yet', manifest((all) => (all['type'] = 'incremental'))],
    ['native files', manifest((all) => (all['data_format'] = 'native'))],
    ['a manifest of a newer version', manifest((all) => (all['format_version'] = 2))],
    ['a requirement that nobody knows', manifest((all) => (all['requires'] = ['zstd', 'teleport']))],
    ['chunks that are listed twice', (store) => forgeList(store, [...entriesOf(store), ...entriesOf(store)].map((each) => JSON.stringify(each)))],
    ['no JSON at all', (store) => store.objects.set('manifest.json', Buffer.alloc(5000, 0xff))],
    ['brackets a million deep', (store) => store.objects.set('manifest.json', Buffer.alloc(2_000_000, '['))],
    ['20 MiB of manifest', (store) => store.objects.set('manifest.json', Buffer.alloc(20 * 1024 * 1024, ' '))],
  ])('%s', async (_what, arm) => {
    const { source } = await placed(arm);
    const before = await state();
    for (const call of [client.createRestore('hostile', { source }), client.createRestore('hostile', { source, dry_run: true }), client.import({ source })]) {
      const { body } = await refused(call, 400, 'ValidationError');
      expect(JSON.stringify(body).length).toBeLessThan(2000);
      expect(JSON.stringify(body)).not.toContain(gateway.outside);
    }
    expect(await state()).toEqual(before);
  });
});

it('a backup name of control characters does not get into the catalogue', async () => {
  const { source } = await placed(manifest((all) => (all['backup_name'] = 'a\u0000\u001b[2J')));
  const before = await state();
  await refused(client.import({ source }), 400, 'ValidationError', /backup_name/);
  expect(await state()).toEqual(before);
});

describe('an archive whose manifest is well, but not what it names, fails its restore, and nothing is made', () => {
  const first = (store: MapArchiveStore, edit: Loose): void => {
    const [entry, ...others] = entriesOf(store);
    forgeList(store, [{ ...entry, ...edit }, ...others].map((each) => JSON.stringify(each)));
  };

  it.each<[string, (store: MapArchiveStore) => unknown]>([
    ['a chunk outside of the archive', (store) => first(store, { name: 'chunks/../../../secret' })],
    ['a chunk with an absolute name', (store) => first(store, { name: '/etc/passwd' })],
    ['a chunk that says that it is huge', (store) => first(store, { raw_bytes: 2 ** 40, stored_bytes: 2 ** 40 })],
    ['counts that do not add up', (store) => first(store, { items: 2 ** 52 })],
    ['a chunk of another range', (store) => first(store, { range: 4096 })],
    ['a zstd bomb', (store) => forgeChunkBytes(store, zstdBomb(100_000), 5000, '.jsonl.zst')],
    ['a zstd bomb that owns up to 64 MiB', (store) => forgeChunkBytes(store, zstdBomb(512), 64 * 1024 * 1024, '.jsonl.zst')],
    ['a chunk of another compression', (store) => forgeChunkBytes(store, Buffer.from('{}\n'), 3, '.jsonl')],
  ])('%s', async (_what, arm) => {
    await fails((await placed(arm)).source);
  });

  it('a chunk that is a link to a file of the machine', async () => {
    const { folder, source } = await placed();
    const name = entriesOf(sample)[0]?.name ?? '';
    execFileSync('ln', ['-sf', join(gateway.objects, 'secret'), join(folder, name)]);
    const job = await fails(source);
    expect(JSON.stringify(job)).not.toContain(SECRET);
  });

  async function fails(source: string): Promise<Json> {
    const before = await state();
    const { id } = await expectStatus(client.createRestore('hostile', { source }), 202);
    const job = await client.finished(() => client.restore('hostile', id), 'RESTORING');
    expect(job).toMatchObject({ status: 'RESTORE_FAILED', error: { type: 'ArchiveDamaged' } });
    expect(await state()).toEqual(before);
    await refused(client.createBackup('hostile'), 404, 'TableNotExistsException');
    return job;
  }

  /** So many blocks of 128 KiB of one letter, 4 bytes each (RFC 8878, RLE blocks). */
  function zstdBomb(blocks: number): Buffer {
    const block = (last: boolean): Buffer => {
      const bytes = Buffer.from([0, 0, 0, 0x61]);
      bytes.writeUIntLE(((128 * 1024) << 3) | 2 | (last ? 1 : 0), 0, 3);
      return bytes;
    };
    return Buffer.concat([Buffer.from('28b52ffd0058', 'hex'), ...Array.from({ length: blocks }, (_, index) => block(index === blocks - 1))]);
  }
});

describe('a source that leads elsewhere', () => {
  async function nothing(source: string, status: number, type: string): Promise<void> {
    const before = await state();
    for (const call of [client.createRestore('hostile', { source }), client.import({ source })]) {
      const { body } = await refused(call, status, type);
      expect(JSON.stringify(body)).not.toContain(SECRET);
      expect(JSON.stringify(body)).not.toContain('/etc');
    }
    expect(await state()).toEqual(before);
  }

  it('by a link into the deployment’s own store is not allowed', async () => {
    await symlink(gateway.objects, join(gateway.outside, 'inside'));
    await nothing(`${gateway.outsideUrl}/inside`, 403, 'Forbidden');
    await nothing(`${gateway.outsideUrl}/inside/demo`, 403, 'Forbidden');
  });

  it('by a link out of the allowed folder is not allowed', async () => {
    await symlink('/etc', join(gateway.outside, 'etc'));
    await nothing(`${gateway.outsideUrl}/etc`, 403, 'Forbidden');
  });

  it.each(['..', '%2e%2e', '%2e%2e%2f%2e%2e', '..%2f..', '.%2e/objects', '%252e%252e', '%00', 'a%00b', 'a%0ab', 'a\\..\\b'])('by the path trick %s is refused', async (trick) => {
    const answer = await client.createRestore('hostile', { source: `${gateway.outsideUrl}/${trick}` });
    expect([400, 403, 404]).toContain(answer.status);
    expect(answer.body).toMatchObject({ code: answer.status, error: { traceback: null } });
    expect(JSON.stringify(answer.body)).not.toContain('ENOENT');
  });

  it.each(['file://other.host/x', 'file:relative', 'javascript:alert(1)', 'ftp://x/y', 'data:,x', '', ' ', 'x'.repeat(5000), 'file:///'])('to the URL %s is refused', async (source) => {
    const answer = await client.createRestore('hostile', { source });
    expect([400, 403]).toContain(answer.status);
    expect(answer.body).toMatchObject({ code: answer.status, error: { traceback: null } });
  });

  it.each(['http://169.254.169.254/latest/meta-data', 'http://127.0.0.1:1/x', 'http://[::1]/x', 'https://localhost/x', 's3://bucket/x', 'http://0x7f000001/x'])(
    'to the host of %s is not allowed, and not asked',
    async (source) => {
      await nothing(source, 403, 'Forbidden');
    },
  );

  it('to a pipe instead of a manifest ends at once', async () => {
    const folder = join(gateway.outside, 'pipe');
    await mkdir(folder);
    execFileSync('mkfifo', [join(folder, 'manifest.json')]);
    await nothing(pathToFileURL(folder).href, 404, 'BackupNotExists');
  });

  it('to a manifest that is a link ends without following it', async () => {
    const folder = join(gateway.outside, 'linked');
    await mkdir(folder);
    await symlink(join(gateway.objects, 'secret'), join(folder, 'manifest.json'));
    await nothing(pathToFileURL(folder).href, 404, 'BackupNotExists');
  });
});
