import { mkdir, rename, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { MapArchiveStore } from '../fakes/map-archive-store';
import { SampleItem, writeSampleArchive } from '../fakes/sample-archive';
import { BadDaysGateway, Door, eventsOf, startBadDays, unpublished } from './bad-days-gateway';
import { ManagementClient, expectStatus, refused } from './management-server';

let gateway: BadDaysGateway;
let client: ManagementClient;
let archives = 0;
beforeAll(async () => {
  gateway = await startBadDays({ maxAttempts: 1 });
  client = gateway.client();
});
afterEach(() => gateway.heal());
afterAll(() => gateway.stop());

async function placed(items: readonly SampleItem[], draft = {}): Promise<{ folder: string; source: string }> {
  const store = new MapArchiveStore();
  await writeSampleArchive(store, { compression: 'none', items, draft });
  const folder = join(gateway.outside, `archive-${(archives += 1)}`);
  for (const [name, body] of store.objects) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), body);
  }
  return { folder, source: pathToFileURL(folder).href };
}

const sample = (city: string, note = ''): SampleItem => ({ item: { city: { S: city }, rank: { N: '1' }, note: { S: note } } });

async function restored(source: string, table: string): Promise<{ id: unknown }> {
  const { id } = await expectStatus(client.createRestore(table, { source }), 202);
  return { id };
}

it('a restore whose source goes away for good leaves nothing behind', async () => {
  const { folder, source } = await placed([sample('a'), sample('b')]);
  const door = new Door();
  gateway.before('sealBuild', door.wait);
  const { id } = await restored(source, 'source_gone');
  await door.reached;
  expect(await unpublished(gateway)).toBe(1);
  // As if it had been taken from the list of allowed places: from now on it is not to be opened.
  await rename(folder, join(gateway.objects, 'moved'));
  await symlink(join(gateway.objects, 'moved'), folder);
  door.open();
  const job = await client.finished(() => client.restore('source_gone', id), 'RESTORING');
  expect(job).toMatchObject({ status: 'RESTORE_FAILED', error: { type: 'Forbidden' } });
  expect(await unpublished(gateway)).toBe(0);
});

it.each(['', 'x'])('a collision of keys that would be cut within a character ends its restore (%j)', async (start) => {
  const city = `${start}${'😀'.repeat(200)}`;
  const { source } = await placed([sample(city, 'one'), sample(city, 'another')]);
  const { id } = await restored(source, 'collides');
  const job = await client.finished(() => client.restore('collides', id), 'RESTORING');
  expect(job).toMatchObject({ status: 'RESTORE_FAILED', error: { type: 'KeyCollision', message: expect.stringContaining('😀') } });
  expect(await eventsOf(gateway, id)).toEqual(['restore.start', 'restore.error']);
});

it('a restore whose job ended without its handler can be forgotten, and bars its table no longer', async () => {
  const { source } = await placed([sample('a')]);
  const door = new Door();
  gateway.before('openBuild', door.wait);
  const { id } = await restored(source, 'orphaned');
  await door.reached;
  // What the runner's last resort does, for a handler that cannot end its job however often it is asked to.
  await gateway.query(`UPDATE magnetodb_backup.jobs SET state = 'failed', finished_at = clock_timestamp() WHERE subject_id = $1`, [id]);
  await gateway.query(`DELETE FROM magnetodb_backup.job_steps s USING magnetodb_backup.jobs j WHERE j.id = s.job_id AND j.subject_id = $1`, [id]);
  await refused(client.createRestore('orphaned', { source }), 409, 'ConflictError');
  await expectStatus(client.send('DELETE', `${client.table('orphaned')}/restores/${String(id)}`), 200);
  await refused(client.restore('orphaned', id), 404, 'RestoreJobNotExists');
  door.open();
  const again = await restored(source, 'orphaned');
  expect(await client.finished(() => client.restore('orphaned', again.id), 'RESTORING')).toMatchObject({ status: 'RESTORED' });
});
