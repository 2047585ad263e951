import { newId } from '../../src/kernel';
import { Deployment, PROJECT } from '../crash/deployment';
import { until } from '../setup/until';
import { expectStatus, THREADS } from './management-server';

describe('builds that nobody will end', () => {
  let deployment: Deployment;

  beforeAll(async () => {
    deployment = await Deployment.start();
  });
  afterAll(() => deployment.stop());

  const builds = async (): Promise<string[]> => (await deployment.backend.listBuilds()).map(({ buildId }) => buildId);
  const age = (buildId: string, hours: number): Promise<unknown> =>
    deployment.query(`UPDATE magnetodb.table_contents SET created_at = created_at - $2 WHERE build_id = $1`, [buildId, hours * 3_600_000]);

  it('are dropped, and those of running restores and of strangers are not', async () => {
    const { client, backend } = deployment;
    await deployment.makeTable('source', 0, 20);
    const { id, cancelled } = await deployment.whileWorking(async () => {
      const backup = await client.madeBackup('source');
      const path = `${client.table('copy')}/restores`;
      const asked = await expectStatus(client.send('POST', path, { id: backup['id'] }), 202);
      await expectStatus(client.send('PATCH', `${path}/${String(asked['id'])}`, { paused: true }), 200);
      await expectStatus(client.send('DELETE', `${path}/${String(asked['id'])}`), 200);
      await client.finished(() => client.restore('copy', asked['id']), 'RESTORING');
      return { id: backup['id'], cancelled: String(asked['id']) };
    });
    const held = String((await expectStatus(client.createRestore('later', { id }), 202))['id']);
    await expectStatus(client.send('PATCH', `${client.table('later')}/restores/${held}`, { paused: true }), 200);
    // As a process leaves it that was stopped in the plan of a restore, and came back when that was over.
    const [stranger, lost] = [newId(), newId()];
    for (const id of [cancelled, held, stranger, lost]) await backend.openBuild(PROJECT, id, THREADS);
    await backend.openBuild(PROJECT, 'no restore of ours', THREADS);
    expect(await builds()).toHaveLength(5);
    await age(held, 48);
    await age(lost, 25);
    await age(stranger, 23);
    await deployment.whileWorking(() => until(async () => !(await builds()).includes(cancelled) && !(await builds()).includes(lost)));
    expect((await builds()).sort()).toEqual([held, stranger, 'no restore of ours'].sort());

    await deployment.whileWorking(async () => {
      await expectStatus(client.send('PATCH', `${client.table('later')}/restores/${held}`, { paused: false }), 200);
      expect(await client.finished(() => client.restore('later', held), 'RESTORING')).toMatchObject({ status: 'RESTORED' });
    });
    expect((await builds()).sort()).toEqual([stranger, 'no restore of ours'].sort());
  });
});
