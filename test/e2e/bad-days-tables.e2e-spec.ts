import { Item } from '../../src/kernel';
import { until } from '../setup/until';
import { BadDaysGateway, Door, contentOf, eventsOf, startBadDays, unpublished } from './bad-days-gateway';
import { DataApiClient, ok } from './data-api-server';
import { Json, ManagementClient, expectStatus, makeTable, refused } from './management-server';

/** Six chunks of a table of this size, and a process that could work on all of them at once. */
const JOBS = { rangeBytes: 16 * 1024, maxRanges: 6, stepsPerProcess: 8, maxJobsPerProject: 4 };
const ITEMS = 600;
const CHUNKS = /^chunks\//;

let gateway: BadDaysGateway;
let client: ManagementClient;
let data: DataApiClient;
beforeAll(async () => {
  gateway = await startBadDays(JOBS);
  client = gateway.client();
  data = gateway.data();
});
afterEach(() => gateway.heal());
afterAll(() => gateway.stop());

const KEY = (subject: string): Json => ({ forum: { S: 'forum' }, subject: { S: subject } });
const put = (table: string, subject: string, version: string): Promise<Json> =>
  ok(data.call(table, 'put_item', { item: { ...KEY(subject), version: { S: version } } }));

/** A table with the structure of THREADS and an item for each subject. */
async function tableOf(subjects: readonly string[], version: string): Promise<string> {
  const table = await makeTable(gateway.backend, 0);
  for (const subject of subjects) await put(table, subject, version);
  return table;
}

async function versionOf(table: string, subject: string): Promise<unknown> {
  const { item } = await ok(data.call(table, 'get_item', { key: KEY(subject), consistent_read: true }));
  return (item as Record<string, Json> | undefined)?.['version']?.['S'];
}

const made = (table: string, id: unknown): Promise<Json> => client.finished(() => client.backup(table, id), 'CREATING');
const restored = (table: string, id: unknown): Promise<Json> => client.finished(() => client.restore(table, id), 'RESTORING');

async function restore(table: string, body: Json): Promise<Json> {
  return restored(table, (await expectStatus(client.createRestore(table, body), 202))['id']);
}

/** Asks for a restore, and holds it with its first chunk in hand. */
async function heldRestore(table: string, body: Json): Promise<{ id: unknown; door: Door }> {
  const door = new Door();
  gateway.spoil((store) => store.at('get:before', CHUNKS, door.wait));
  const { id } = await expectStatus(client.createRestore(table, body), 202);
  await door.reached;
  return { id, door };
}

describe('a table that changes during its backup', () => {
  /** Changes the table while its backup is about to store its first chunk. */
  async function changedMeanwhile(change: (table: string) => Promise<unknown>): Promise<void> {
    const table = await makeTable(gateway.backend, ITEMS);
    const files = await gateway.files();
    const door = new Door();
    gateway.spoil((store) => store.at('put:before', CHUNKS, door.wait));
    const { id } = await expectStatus(client.createBackup(table), 202);
    await door.reached;
    gateway.heal();
    await change(table);
    door.open();
    const failed = await made(table, id);
    expect(failed).toMatchObject({ status: 'CREATE_FAILED', restorable: false, error: { type: 'TableChanged', message: expect.stringMatching(/dropped or replaced/) } });
    expect(await eventsOf(gateway, id)).toEqual(['backup.create.start', 'backup.create.error']);
    expect((await gateway.files()).filter((file) => file.includes(String(id)))).toEqual([]);
    expect((await gateway.files()).length).toBeGreaterThanOrEqual(files.length);
  }

  it('fails it with TableChanged when it was dropped', () => changedMeanwhile((table) => ok(data.deleteTable(table))));

  it('fails it with TableChanged when it was dropped and made again', () =>
    changedMeanwhile(async (table) => {
      await ok(data.deleteTable(table));
      await makeTable(gateway.backend, ITEMS, table);
    }));

  it('fails it with TableChanged when a restore replaced it', async () => {
    const other = await makeTable(gateway.backend, ITEMS);
    const { id } = await client.madeBackup(other);
    await changedMeanwhile(async (table) => {
      expect(await restore(table, { id, on_existing: 'replace' })).toMatchObject({ status: 'RESTORED' });
    });
  });

  it.each<[string, (table: string) => Promise<unknown>]>([
    ['dropped', (table) => ok(data.deleteTable(table))],
    ['dropped and made again', (table) => ok(data.deleteTable(table)).then(() => makeTable(gateway.backend, 3, table))],
  ])('fails it with TableChanged when it was %s once all of it was read, too', async (_what, change) => {
    const table = await makeTable(gateway.backend, 3);
    const door = new Door();
    gateway.spoil((store) => store.at('put:after', CHUNKS, door.wait));
    const { id } = await expectStatus(client.createBackup(table), 202);
    await door.reached;
    await change(table);
    door.open();
    expect(await made(table, id)).toMatchObject({ status: 'CREATE_FAILED', restorable: false, error: { type: 'TableChanged' } });
    expect((await gateway.files()).filter((file) => file.includes(String(id)))).toEqual([]);
  });

  it('fails it with TableChanged before anything of it was read, too', async () => {
    const table = await makeTable(gateway.backend, ITEMS);
    gateway.before('splitRanges', () => gateway.backend.dropTable({ projectId: 'demo', name: table }));
    const { id } = await expectStatus(client.createBackup(table), 202);
    expect(await made(table, id)).toMatchObject({ status: 'CREATE_FAILED', error: { type: 'TableChanged' } });
    expect((await gateway.files()).filter((file) => file.includes(String(id)))).toEqual([]);
  });

  it('writes to it do not', async () => {
    const table = await tableOf(['a', 'b'], 'old');
    const door = new Door();
    gateway.spoil((store) => store.at('put:before', /started/, door.wait));
    const { id } = await expectStatus(client.createBackup(table), 202);
    await door.reached;
    await put(table, 'c', 'new');
    door.open();
    expect(await made(table, id)).toMatchObject({ status: 'CREATED', item_count: 3 });
  });
});

describe('a target that changes during its restore', () => {
  let backup: Json;
  beforeAll(async () => {
    backup = await client.madeBackup(await makeTable(gateway.backend, ITEMS));
  });

  /** The restore must fail so, and leave nothing unpublished behind. */
  async function fails(target: string, body: Json, type: string, message: RegExp, meanwhile: () => Promise<unknown>): Promise<void> {
    const { id, door } = await heldRestore(target, { id: backup['id'], ...body });
    await meanwhile();
    door.open();
    expect(await restored(target, id)).toMatchObject({ status: 'RESTORE_FAILED', error: { type, message: expect.stringMatching(message) } });
    expect(await eventsOf(gateway, id)).toEqual(['restore.start', 'restore.error']);
    expect(await unpublished(gateway)).toBe(0);
  }

  it('and gains items before publishing: the restore fails saying so, and the items stay', async () => {
    const target = await makeTable(gateway.backend, 0);
    await fails(target, {}, 'ConflictError', /items?/, () => put(target, 'late', 'mine'));
    expect(await contentOf(data, target)).toHaveLength(1);
    expect(await versionOf(target, 'late')).toBe('mine');
  });

  it('and is made by somebody else: the restore fails, and their table stays', async () => {
    await fails('made_meanwhile', {}, 'ConflictError', /./, () => makeTable(gateway.backend, 2, 'made_meanwhile'));
    expect(await contentOf(data, 'made_meanwhile')).toHaveLength(2);
  });

  it('and is dropped while it is to be replaced: no table comes of it', async () => {
    const target = await makeTable(gateway.backend, 2);
    await fails(target, { on_existing: 'replace' }, 'ConflictError', /no longer/, () => ok(data.deleteTable(target)));
    await expect(gateway.backend.describeTable({ projectId: 'demo', name: target })).rejects.toMatchObject({ code: 'TableNotExistsException' });
  });

  it('and is dropped and made again while it is merged into: nothing gets into the new one', async () => {
    const target = await makeTable(gateway.backend, 0);
    await fails(target, { on_existing: 'merge' }, 'TableChanged', /./, async () => {
      await ok(data.deleteTable(target));
      await makeTable(gateway.backend, 0, target);
    });
    expect(await contentOf(data, target)).toEqual([]);
  });

  it('is one restore’s at a time: a second is refused with 409, and goes once the first has ended', async () => {
    const { id, door } = await heldRestore('contended', { id: backup['id'] });
    const second = { id: backup['id'], on_existing: 'merge' };
    await refused(client.createRestore('contended', second), 409, 'ConflictError', /restore/);
    await refused(gateway.client('deployed').createRestore('contended', { backup_id: backup['id'] }), 409, 'ConflictError', /restore/);
    door.open();
    expect(await restored('contended', id)).toMatchObject({ status: 'RESTORED' });
    expect(await restore('contended', second)).toMatchObject({ status: 'RESTORED' });
    expect(await contentOf(data, 'contended')).toHaveLength(ITEMS);
  });

  it('is one restore’s at a time however many ask at once', async () => {
    const door = new Door();
    gateway.spoil((store) => store.at('get:before', CHUNKS, door.wait));
    const answers = await Promise.all(Array.from({ length: 8 }, () => client.createRestore('raced_for', { id: backup['id'] })));
    expect(answers.map((answer) => answer.status).sort()).toEqual([202, 409, 409, 409, 409, 409, 409, 409]);
    door.open();
    const winner = answers.find((answer) => answer.status === 202);
    expect(await restored('raced_for', winner?.body['id'])).toMatchObject({ status: 'RESTORED' });
  });
});

describe('a backend that does not keep what it was given', () => {
  it.each<[string, (content: string) => string]>([
    ['loses one item', (content) => `DELETE FROM ${content} WHERE ctid = (SELECT ctid FROM ${content} LIMIT 1)`],
    ['changes one bit of one item', (content) => `UPDATE ${content} SET item = set_bit(item, 200, 1 - get_bit(item, 200)) WHERE ctid = (SELECT ctid FROM ${content} LIMIT 1)`],
  ])('and %s between loading and publishing: the restore fails its verification, and the old table stays', async (_what, spoil) => {
    const backup = await client.madeBackup(await makeTable(gateway.backend, ITEMS));
    const target = await makeTable(gateway.backend, 3);
    const before = await contentOf(data, target);
    gateway.before('sealBuild', async (build) => {
      const { generation } = build as { generation: string };
      await gateway.query(spoil(`magnetodb_data.c_${generation.replaceAll('-', '')}`));
    });
    const job = await restore(target, { id: backup['id'], on_existing: 'replace' });
    expect(job).toMatchObject({ status: 'RESTORE_FAILED', error: { type: 'VerificationFailed' } });
    expect(await contentOf(data, target)).toEqual(before);
    expect(await unpublished(gateway)).toBe(0);
  });
});

describe('replace', () => {
  it('shows every reader the old table or the new one, never both, never none', async () => {
    const subjects = Array.from({ length: 60 }, (_, index) => `subject ${index}`);
    const table = await tableOf(subjects, 'new');
    const backup = await client.madeBackup(table);
    for (const subject of subjects) await put(table, subject, 'old');
    const { table_id: tableId } = (await ok(data.get(`tables/${table}`)))['table'] as Json;

    const seen: string[][] = [];
    let stopped = false;
    const versionsIn = (items: unknown): string => {
      const all = items as Record<string, Json>[];
      expect(all).toHaveLength(subjects.length);
      return [...new Set(all.map((item) => item['version']?.['S']))].join('+');
    };
    const readers: (() => Promise<string>)[] = [
      async () => versionsIn((await ok(data.call(table, 'scan', {})))['items']),
      async () => {
        const key_conditions = { forum: { attribute_value_list: [{ S: 'forum' }], comparison_operator: 'EQ' } };
        return versionsIn((await ok(data.call(table, 'query', { key_conditions })))['items']);
      },
      async () => String(await versionOf(table, 'subject 7')),
    ];
    const reading = readers.map(async (read, index) => {
      const mine: string[] = (seen[index] = []);
      while (!stopped) mine.push(await read());
    });

    const { id, door } = await heldRestore(table, { id: backup['id'], on_existing: 'replace' });
    await until(() => readers.every((_, index) => (seen[index]?.length ?? 0) > 0));
    door.open();
    expect(await restored(table, id)).toMatchObject({ status: 'RESTORED' });
    const counts = seen.map((mine) => mine.length);
    // Two more answers each: one of them was asked for after the end.
    await until(() => seen.every((mine, index) => mine.length > (counts[index] ?? 0) + 1));
    stopped = true;
    await Promise.all(reading);
    for (const mine of seen) {
      // Old, old, … new, new: nobody is ever thrown back.
      expect(mine.join(' ').replace(/(old|new)( \1)+/g, '$1')).toBe('old new');
    }
    expect((await ok(data.get(`tables/${table}`)))['table']).toMatchObject({ table_id: tableId });
  });
});

describe('merge', () => {
  it('writes whole items as of the job’s start: newer writes and deletes win', async () => {
    const table = await tableOf(['before', 'during', 'deleted during', 'deleted before', 'untouched'], 'backup');
    const backup = await client.madeBackup(table);
    await ok(data.call(table, 'put_item', { item: { ...KEY('before'), version: { S: 'before' }, extra: { S: 'x' } } }));
    await ok(data.call(table, 'delete_item', { key: KEY('deleted before') }));
    await put(table, 'not in the backup', 'mine');
    const { id, door } = await heldRestore(table, { id: backup['id'], on_existing: 'merge' });
    await put(table, 'during', 'during');
    await put(table, 'new during', 'during');
    await ok(data.call(table, 'delete_item', { key: KEY('deleted during') }));
    door.open();
    expect(await restored(table, id)).toMatchObject({ status: 'RESTORED' });

    const { item } = await ok(data.call(table, 'get_item', { key: KEY('before') }));
    expect(item).toEqual({ ...KEY('before'), version: { S: 'backup' } });
    expect(await versionOf(table, 'untouched')).toBe('backup');
    expect(await versionOf(table, 'deleted before')).toBe('backup');
    expect(await versionOf(table, 'not in the backup')).toBe('mine');
    expect(await versionOf(table, 'during')).toBe('during');
    expect(await versionOf(table, 'new during')).toBe('during');
    expect(await versionOf(table, 'deleted during')).toBeUndefined();
    expect(await unpublished(gateway)).toBe(0);
  });
});

describe('expiry', () => {
  const mortal = (subject: string, expiresAt: number | undefined): { item: Item; expiresAt: number | undefined } => ({
    item: new Map([
      ['forum', { type: 'S', value: 'forum' }],
      ['subject', { type: 'S', value: subject }],
    ]),
    expiresAt,
  });

  /** A backup that holds three items, one of which expires soon: not too soon for a busy machine. */
  async function backupBeforeExpiry(later: number, seconds = 3): Promise<{ table: string; backup: Json }> {
    const table = await makeTable(gateway.backend, 0);
    const soon = Math.floor(Date.now() / 1000) + seconds;
    await gateway.backend.putItems({ projectId: 'demo', name: table }, [mortal('soon', soon), mortal('later', later), mortal('never', undefined)]);
    const backup = await client.madeBackup(table);
    expect(backup['status']).toBe('CREATED');
    if (backup['item_count'] !== 3 && seconds < 20) return backupBeforeExpiry(later, 2 * seconds);
    expect(backup['item_count']).toBe(3);
    return { table, backup };
  }

  it('outlives a restore: what has expired is not restored, what will keeps its time', async () => {
    const later = Math.floor(Date.now() / 1000) + 7200;
    const { table, backup } = await backupBeforeExpiry(later);
    await until(async () => (await ok(data.call(table, 'get_item', { key: KEY('soon') })))['item'] === undefined, 30_000);

    const merged = await makeTable(gateway.backend, 0);
    for (const [target, on_existing] of [['mortals', 'fail'], [merged, 'merge'], [table, 'replace']] as const) {
      expect(await restore(target, { id: backup['id'], on_existing })).toMatchObject({ status: 'RESTORED' });
      const stored = async (subject: string) => gateway.backend.getItem({ projectId: 'demo', name: target }, mortal(subject, undefined).item, { consistent: true });
      expect(await stored('soon')).toBeUndefined();
      expect((await stored('later'))?.expiresAt).toBe(later);
      expect(await stored('never')).toMatchObject({ expiresAt: undefined });
      expect(await contentOf(data, target)).toHaveLength(2);
    }
  });
});

describe('a running job', () => {
  /** Another backup runs from beginning to end: the runner is awake, and the held job had every chance. */
  const anotherRuns = async (): Promise<void> => {
    expect(await client.madeBackup(await makeTable(gateway.backend, 3))).toMatchObject({ status: 'CREATED' });
  };

  async function patch(kind: 'backups' | 'restores', table: string, id: unknown, body: Json): Promise<Json> {
    return expectStatus(client.send('PATCH', `${client.table(table)}/${kind}/${String(id)}`, body), 200);
  }

  it('that is paused makes no progress until it goes on', async () => {
    const table = await makeTable(gateway.backend, ITEMS);
    const door = new Door();
    const stored: string[] = [];
    gateway.spoil((store) => {
      store.at('put:before', /started/, door.wait);
      store.at('put:before', CHUNKS, (name) => stored.push(name));
    });
    const { id } = await expectStatus(client.createBackup(table), 202);
    await door.reached;
    await patch('backups', table, id, { paused: true });
    door.open();
    await anotherRuns();
    await until(async () => (await gateway.query(`SELECT FROM magnetodb_backup.jobs WHERE subject_id = $1 AND stage = 'copy'`, [id])).length === 1);
    // One chunk was stored: the other backup's.
    const others = 1;
    await anotherRuns();
    expect(stored).toHaveLength(others + 1);
    expect(await expectStatus(client.backup(table, id), 200)).toMatchObject({ status: 'CREATING', progress: { phase: 'copy', items_done: 0 } });
    await patch('backups', table, id, { paused: false });
    expect(await made(table, id)).toMatchObject({ status: 'CREATED', item_count: ITEMS });
  });

  it.each([{ items_per_second: 1 }, { bytes_per_second: 20 }])('a backup under %j stores one chunk, and waits before the next', async (rate_limit) => {
    const table = await makeTable(gateway.backend, ITEMS);
    const door = new Door();
    gateway.spoil((store) => store.at('put:before', /started/, door.wait));
    const { id } = await expectStatus(client.createBackup(table), 202);
    await door.reached;
    await patch('backups', table, id, { rate_limit });
    door.open();
    const chunks = async () => (await gateway.files()).filter((file) => file.includes(`${String(id)}/chunks/`)).length;
    await until(async () => (await chunks()) > 0);
    await anotherRuns();
    expect(await chunks()).toBe(1);
    await patch('backups', table, id, { rate_limit: null });
    expect(await made(table, id)).toMatchObject({ status: 'CREATED', item_count: ITEMS });
    expect(await chunks()).toBeGreaterThan(2);
  });

  it('a restore under a limit loads one chunk, and waits before the next', async () => {
    const backup = await client.madeBackup(await makeTable(gateway.backend, ITEMS));
    let loads = 0;
    gateway.before('loadItems', () => (loads += 1));
    const door = new Door();
    gateway.before('openBuild', door.wait);
    const { id } = await expectStatus(client.createRestore('slowly', { id: backup['id'] }), 202);
    await door.reached;
    await patch('restores', 'slowly', id, { rate_limit: { items_per_second: 1 } });
    door.open();
    await until(() => loads > 0);
    await anotherRuns();
    expect(loads).toBe(1);
    await patch('restores', 'slowly', id, { rate_limit: null });
    expect(await restored('slowly', id)).toMatchObject({ status: 'RESTORED' });
    expect(await contentOf(data, 'slowly')).toHaveLength(ITEMS);
  });

  it('that is cancelled leaves nothing: no object of a backup, no table of a restore', async () => {
    const table = await makeTable(gateway.backend, ITEMS);
    const backup = await client.madeBackup(table);
    const files = await gateway.files();
    const { id: restoreId, door: restoreDoor } = await heldRestore('cancelled', { id: backup['id'] });
    await expectStatus(client.send('DELETE', `${client.table('cancelled')}/restores/${String(restoreId)}`), 200);
    restoreDoor.open();
    expect(await restored('cancelled', restoreId)).toMatchObject({ status: 'RESTORE_FAILED', error: { type: 'Cancelled' } });
    expect(await unpublished(gateway)).toBe(0);
    await expect(gateway.backend.describeTable({ projectId: 'demo', name: 'cancelled' })).rejects.toMatchObject({ code: 'TableNotExistsException' });

    const door = new Door();
    gateway.spoil((store) => store.at('put:after', CHUNKS, door.wait));
    const { id } = await expectStatus(client.createBackup(table), 202);
    await door.reached;
    await expectStatus(client.deleteBackup(table, id), 200);
    door.open();
    await client.gone(() => client.backup(table, id));
    expect(await gateway.files()).toEqual(files);
    expect(await eventsOf(gateway, id)).toEqual(['backup.create.start', 'backup.create.error', 'backup.delete.start', 'backup.delete.end']);
  });
});
