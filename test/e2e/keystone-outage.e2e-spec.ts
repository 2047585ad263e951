import { KeystoneTokenValidator } from '../../src/auth/keystone';
import { ManualClock } from '../../src/kernel';
import { KeystoneService, pythonIsThere } from '../setup/keystone-service';
import { until } from '../setup/until';
import { BadDaysGateway, contentOf, Door, startBadDays } from './bad-days-gateway';
import { expectStatus, makeTable, ManagementClient, refused } from './management-server';

const describeIfThere = pythonIsThere('an outage of Keystone') ? describe : describe.skip;
const ITEMS = 600;
const CHUNKS = /^chunks\//;
/** A Keystone may have to be installed first, and one is started again on a machine that has other work. */
const PATIENCE = 300_000;
const CACHE_SECONDS = 60;

describeIfThere('In the middle of a job, with a real Keystone', () => {
  let keystone: KeystoneService;
  let gateway: BadDaysGateway;
  let project: string;
  /** The validator's, so that the time for which it believes tokens passes when the test says so. */
  const clock = new ManualClock(Date.now());

  beforeAll(async () => {
    keystone = await KeystoneService.own();
    project = keystone.ids.projects['demo'] ?? '';
    const validator = new KeystoneTokenValidator({ ...keystone.serviceUser, cacheSeconds: CACHE_SECONDS }, clock);
    gateway = await startBadDays({ rangeBytes: 16 * 1024, maxRanges: 4, stepsPerProcess: 12 }, { kind: 'validator', validator });
  }, PATIENCE);
  afterEach(() => gateway?.heal());
  afterAll(async () => {
    await gateway?.stop();
    await keystone?.stop();
  });

  /** Resolves when the gateway says so of Keystone. */
  const identityIs = (verdict: 'OK' | 'ERROR'): Promise<unknown> =>
    until(async () => {
      const answer = (await (await fetch(`${gateway.url}/healthcheck?fullcheck=true`)).json()) as { Identity: string };
      return answer.Identity === verdict;
    });
  const clientOf = (token: string): ManagementClient => gateway.client('spec', token, project);
  const list = (token: string): ReturnType<ManagementClient['get']> => clientOf(token).get(`${clientOf(token).projectPath}/backups`);

  interface HeldJobs {
    readonly table: string;
    readonly backup: unknown;
    readonly restore: unknown;
    /** Lets both go on, and resolves with what the database says became of them: nobody may be able to ask the gateway. */
    goOn(): Promise<string[]>;
  }

  /** Begins a backup and a restore that wait with a chunk in hand. */
  async function heldJobs(token: string): Promise<HeldJobs> {
    const table = await makeTable(gateway.backend, ITEMS, undefined, project);
    const client = clientOf(token);
    const source = await client.madeBackup(table);
    const [writing, reading] = [new Door(), new Door()];
    gateway.spoil((store) => {
      store.at('put:before', CHUNKS, writing.wait);
      store.at('get:before', CHUNKS, reading.wait);
    });
    const { id: backup } = await expectStatus(client.createBackup(table), 202);
    const { id: restore } = await expectStatus(client.createRestore(`${table}_again`, { id: source['id'] }), 202);
    await Promise.all([writing.reached, reading.reached]);
    return {
      table,
      backup,
      restore,
      goOn: () => {
        writing.open();
        reading.open();
        return Promise.all([ended('backups', backup), ended('restores', restore)]);
      },
    };
  }

  function ended(relation: 'backups' | 'restores', id: unknown): Promise<string> {
    return until(async () => {
      const [row] = await gateway.query<{ status: string }>(`SELECT status FROM magnetodb_backup.${relation} WHERE id = $1`, [id]);
      return row !== undefined && !/ING$/.test(row.status) && row.status;
    });
  }

  it(
    'Keystone may go and come back: jobs go on; whoever was known is, for a while; nobody else comes in',
    async () => {
      const [known, unknown] = [await keystone.logIn('member'), await keystone.logIn('operator')];
      const jobs = await heldJobs(known);
      await keystone.stop();

      clock.advance(CACHE_SECONDS * 1000 - 1);
      await expectStatus(list(known), 200);
      const answer = await refused(list(unknown), 503, 'ServiceUnavailable');
      expect(answer.headers.get('retry-after')).toBe('5');
      clock.advance(1);
      await refused(list(known), 503, 'ServiceUnavailable');
      await identityIs('ERROR');
      expect(await jobs.goOn()).toEqual(['CREATED', 'RESTORED']);
      await refused(list(known), 503, 'ServiceUnavailable');

      await keystone.start();
      for (const token of [known, unknown]) await expectStatus(list(token), 200);
      await identityIs('OK');
      const content = (name: string): Promise<string[]> => contentOf(gateway.data(known, project), name);
      expect(await content(`${jobs.table}_again`)).toEqual(await content(jobs.table));
    },
    PATIENCE,
  );

  it('the token that asked for them may be revoked: jobs go on, and it opens nothing more', async () => {
    const [token, another] = [await keystone.logIn('member'), await keystone.logIn('operator')];
    const jobs = await heldJobs(token);
    await keystone.revoke(token);
    clock.advance(CACHE_SECONDS * 1000);
    await refused(list(token), 401, 'Unauthorized');
    expect(await jobs.goOn()).toEqual(['CREATED', 'RESTORED']);
    await expectStatus(clientOf(another).backup(jobs.table, jobs.backup), 200);
    await expectStatus(clientOf(another).restore(`${jobs.table}_again`, jobs.restore), 200);
    await refused(list(token), 401, 'Unauthorized');
  });
});
