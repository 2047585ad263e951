import { readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { AttributeType, AttributeValue, Item, TableSchema } from '../../src/kernel';
import { expectStatus, invalid, Json, makeTable, ManagementClient, ManagementServer, refused, startManagement, THREADS, thread } from './management-server';

const scalar = (type: 'S' | 'N' | 'B', value: string): AttributeValue => ({ type, value });
const base64 = (...bytes: number[]): string => Buffer.from(bytes).toString('base64');

describe('restores of a part', () => {
  let server: ManagementServer;
  let spec: ManagementClient;
  let backupId: string;
  let source: string;
  let restored = 0;

  beforeAll(async () => {
    // Chunks so small that the table has many.
    server = await startManagement({ jobs: { chunkBytes: 1024, rangeBytes: 4096 } });
    spec = server.client('spec');
    const table = await makeTable(server.backend, 0);
    const items = Array.from({ length: 70 }, (_each, index) => new Map([...thread(index), ['text', scalar('S', `text ${index}`)], ['likes', scalar('N', '1')]]));
    await put(table, items);
    const backup = await spec.madeBackup(table);
    backupId = String(backup['id']);
    source = (backup['links'] as { rel: string; href: string }[]).find(({ rel }) => rel === 'location')?.href ?? '';
  });
  afterAll(() => server.stop());

  const newName = (): string => `part_${(restored += 1)}`;

  async function put(name: string, items: readonly Item[], expiresAt?: number): Promise<void> {
    await server.backend.putItems({ projectId: 'demo', name }, items.map((item) => ({ item, expiresAt })));
  }

  async function items(name: string): Promise<Item[]> {
    return [...(await server.backend.scan({ projectId: 'demo', name }, { segment: 0, totalSegments: 1 })).items];
  }

  async function done(target: string, body: Json, client = spec): Promise<Json> {
    const asked = await expectStatus(client.createRestore(target, { [client.keys.from]: backupId, ...body }), 202);
    return client.finished(() => client.restore(target, asked[client.keys.restoreId]), 'RESTORING');
  }

  /** A table with such a hash key and nothing else, backed up. */
  async function keyed(type: AttributeType & ('S' | 'N' | 'B'), values: readonly string[]): Promise<string> {
    const name = newName();
    const schema: TableSchema = { attributes: new Map([['key', type]]), hashKey: 'key', indexes: [] };
    await server.backend.createTable({ projectId: 'demo', name }, schema);
    await put(name, values.map((value) => new Map([['key', scalar(type, value)]])));
    return String((await spec.madeBackup(name))['id']);
  }

  async function keysOf(id: string, select: Json): Promise<string[]> {
    const target = newName();
    expect(await done(target, { id, select })).toMatchObject({ status: 'RESTORED' });
    return (await items(target)).map((item) => String(item.get('key')?.value)).sort();
  }

  it.each(['spec', 'deployed'] as const)('brings the items of a list of hash keys and no others, and counts both (%s)', async (dialect) => {
    const target = newName();
    const select = { hash_keys: [{ S: 'forum 2' }, { S: 'forum 5' }, { S: 'no such forum' }] };
    const job = await done(target, { select }, server.client(dialect));
    expect(job).toMatchObject({ status: 'RESTORED', select, items_restored: 20, items_left_out: 50 });
    const found = await items(target);
    expect(new Set(found.map((item) => item.get('forum')?.value))).toEqual(new Set(['forum 2', 'forum 5']));
    expect(found).toHaveLength(20);
    expect(found.every((item) => item.has('text') && item.has('likes'))).toBe(true);
    expect((await server.backend.describeTable({ projectId: 'demo', name: target })).schema).toEqual(THREADS);
  });

  it('brings the items whose hash key begins so', async () => {
    const id = await keyed('S', ['ab', 'abc', 'a', 'b', 'ba', 'aB', '\u0000']);
    expect(await keysOf(id, { hash_key_prefix: { S: 'ab' } })).toEqual(['ab', 'abc']);
    expect(await keysOf(id, { hash_keys: [{ S: '\u0000' }] })).toEqual(['\u0000']);
    const bytes = await keyed('B', [base64(1, 2, 3), base64(1, 2), base64(1), base64(2, 1), base64(1, 3)]);
    expect(await keysOf(bytes, { hash_key_prefix: { B: base64(1, 2) } })).toEqual([base64(1, 2), base64(1, 2, 3)].sort());
  });

  it('knows a number in any spelling', async () => {
    const id = await keyed('N', ['1', '10', '1.5', '1E40']);
    expect(await keysOf(id, { hash_keys: [{ N: '1.0' }, { N: '0.15e1' }, { N: '10000000000000000000000000000000000000000' }] })).toEqual(['1', '1.5', '1E40']);
  });

  it('leaves attributes out, of all items or of a part', async () => {
    const target = newName();
    const job = await done(target, { exclude_attributes: ['text', 'nobody.has.it', 'text'] });
    expect(job).toMatchObject({ status: 'RESTORED', exclude_attributes: ['nobody.has.it', 'text'], items_restored: 70, items_left_out: 0 });
    expect(job).not.toHaveProperty('select');
    for (const item of await items(target)) expect([...item.keys()].sort()).toEqual(['forum', 'likes', 'replies', 'subject']);
    const both = newName();
    await done(both, { select: { hash_key_prefix: { S: 'forum 1' } }, exclude_attributes: ['likes'] });
    const found = await items(both);
    expect(found).toHaveLength(10);
    for (const item of found) expect([...item.keys()].sort()).toEqual(['forum', 'replies', 'subject', 'text']);
  });

  it('works from a source alone, and onto tables that are there', async () => {
    const select = { hash_keys: [{ S: 'forum 3' }] };
    const empty = await makeTable(server.backend, 0);
    expect(await done(empty, { id: undefined, source, select })).toMatchObject({ status: 'RESTORED', items_restored: 10 });
    expect(await items(empty)).toHaveLength(10);
    const full = await makeTable(server.backend, 21);
    expect(await done(full, { select, on_existing: 'replace' })).toMatchObject({ status: 'RESTORED' });
    expect(await items(full)).toHaveLength(10);
    const other = await makeTable(server.backend, 0);
    await put(other, [thread(1), thread(3)]);
    expect(await done(other, { select, on_existing: 'merge' })).toMatchObject({ status: 'RESTORED', items_restored: 10, items_left_out: 60 });
    const merged = await items(other);
    expect(merged).toHaveLength(11);
    expect(merged.filter((item) => item.has('text'))).toHaveLength(10);
  });

  it('restores an empty part as an empty table', async () => {
    const target = newName();
    expect(await done(target, { select: { hash_keys: [{ S: 'x' }] } })).toMatchObject({ status: 'RESTORED', items_restored: 0, items_left_out: 70 });
    expect(await items(target)).toEqual([]);
  });

  it('reads items one by one out of a native backup, too', async () => {
    const table = await makeTable(server.backend, 21);
    const made = await spec.madeBackup(table, 'native', { strategy: { format: 'native' } });
    const target = newName();
    const job = await done(target, { id: made['id'], select: { hash_keys: [{ S: 'forum 2' }] }, exclude_attributes: ['x'] });
    expect(job).toMatchObject({ status: 'RESTORED', format: 'db-agnostic', items_restored: 3, items_left_out: 18 });
    expect(await items(target)).toHaveLength(3);
    await invalid(spec.createRestore(newName(), { id: made['id'], format: 'native', select: { hash_keys: [{ S: 'forum 2' }] } }), /db-agnostic/);
  });

  it('proves the whole archive all the same: damage among what is left out fails it', async () => {
    const table = await makeTable(server.backend, 0);
    // Of one length each, so that a chunk may be put in another's place but for its digests.
    await put(table, Array.from({ length: 40 }, (_each, index) => thread(100 + index)));
    const made = await spec.madeBackup(table, 'to be damaged', { strategy: { compression: 'none' } });
    const location = fileURLToPath((made['links'] as { rel: string; href: string }[]).find(({ rel }) => rel === 'location')?.href ?? '');
    const body = { id: made['id'], select: { hash_keys: [{ S: 'forum 2' }] } };
    expect(await done(newName(), body)).toMatchObject({ status: 'RESTORED' });
    for (const name of await readdir(join(location, 'chunks'))) {
      const file = join(location, 'chunks', name);
      const text = await readFile(file, 'utf8');
      if (text.includes('forum 2')) continue;
      await rename(file, `${file}.away`);
      await writeFile(file, text.replace('subject 1', 'subject 9'));
      break;
    }
    const target = newName();
    expect(await done(target, body)).toMatchObject({ status: 'RESTORE_FAILED', error: { type: 'ArchiveDamaged' } });
    await expect(server.backend.describeTable({ projectId: 'demo', name: target })).rejects.toMatchObject({ code: 'TableNotExistsException' });
  });

  it('says in a dry run that it is a part, and promises no counts', async () => {
    const select = { hash_key_prefix: { S: 'forum' } };
    const { plan } = await expectStatus(spec.createRestore(newName(), { id: backupId, select, exclude_attributes: ['text'], dry_run: true }), 200);
    expect(plan).toMatchObject({ partial: true, select, exclude_attributes: ['text'], item_count: 70, conflict: null });
    expect((plan as { table: Json }).table).not.toHaveProperty('item_count');
    const whole = await expectStatus(spec.createRestore(newName(), { id: backupId, dry_run: true }), 200);
    expect(whole['plan']).toMatchObject({ table: { item_count: 70 } });
    expect(whole['plan']).not.toHaveProperty('partial');
  });

  it('answers a repeated request with the same job, and another part with a conflict', async () => {
    const target = newName();
    const body = { id: backupId, select: { hash_keys: [{ S: 'forum 1' }] }, client_request_token: 'part' };
    const first = await expectStatus(spec.createRestore(target, body), 202);
    expect((await expectStatus(spec.createRestore(target, body), 202))['id']).toBe(first['id']);
    await refused(spec.createRestore(target, { ...body, select: { hash_keys: [{ S: 'forum 2' }] } }), 409, 'ConflictError');
    await spec.finished(() => spec.restore(target, first['id']), 'RESTORING');
  });

  it.each<[string, Json, RegExp]>([
    ['no object', { select: [] }, /"select" must be a JSON object/],
    ['null', { select: null }, /"select"/],
    ['an unknown key', { select: { range_keys: [] } }, /range_keys/],
    ['nothing', { select: {} }, /either "hash_keys" or "hash_key_prefix"/],
    ['both', { select: { hash_keys: [{ S: 'a' }], hash_key_prefix: { S: 'a' } } }, /not both/],
    ['no key', { select: { hash_keys: [] } }, /1 to 1000/],
    ['too many keys', { select: { hash_keys: Array.from({ length: 1001 }, (_each, index) => ({ S: String(index) })) } }, /1 to 1000/],
    ['untyped keys', { select: { hash_keys: ['a'] } }, /hash_keys"\[0\]/],
    ['a set', { select: { hash_keys: [{ SS: ['a'] }] } }, /S or N or B/],
    ['another type', { select: { hash_keys: [{ N: '1' }] } }, /type S: that of the backup’s hash key forum/],
    ['a number to begin with', { select: { hash_key_prefix: { N: '1' } } }, /S or B/],
    ['an empty prefix', { select: { hash_key_prefix: { S: '' } } }, /empty/],
    ['a prefix of another type', { select: { hash_key_prefix: { B: 'AA==' } } }, /type S/],
    ['no list of names', { exclude_attributes: 'text' }, /list of 1 to 1000/],
    ['no names', { exclude_attributes: [] }, /list of 1 to 1000/],
    ['a name that cannot be', { exclude_attributes: ['a b'] }, /names of 1 to 255/],
    ['the hash key', { exclude_attributes: ['text', 'forum'] }, /indexes: forum\./],
    ['the range key', { exclude_attributes: ['subject'] }, /indexes: subject\./],
    ['an index’s key', { exclude_attributes: ['replies'] }, /indexes: replies\./],
    ['attributes of merged items', { exclude_attributes: ['text'], on_existing: 'merge' }, /merge/],
    ['a native restore', { select: { hash_keys: [{ S: 'a' }] }, format: 'native' }, /db-agnostic/],
  ])('refuses %s', async (_what, body, message) => {
    await invalid(spec.createRestore(newName(), { id: backupId, ...body }), message);
  });
});
