import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { getDataSourceToken } from '@nestjs/typeorm';
import { DataSource } from 'typeorm';
import { loadSettings } from '../../src/gateway/setting';
import { GatewaySettings } from '../../src/gateway/settings';
import { startGateway } from '../../src/gateway/start';
import { parseWebhooks } from '../../src/index';
import { newId } from '../../src/kernel';
import { answering, isSigned, OTHER_SECRET, SECRET, WebhookReceiver } from '../fakes/webhook-receiver';
import { createTestDatabase, TestDatabase } from '../setup/database';
import { until } from '../setup/until';
import { jsonLines, runCli } from './cli-io';
import { expectStatus, invalid, Json, ManagementClient, ManagementServer, makeTable, refused, startManagement } from './management-server';

const DEAD_LETTERS = '/v1/management/notifications/dead-letters';

describe('webhooks', () => {
  let server: ManagementServer;
  let audit: WebhookReceiver;
  let restores: WebhookReceiver;
  let admin: ManagementClient;

  beforeAll(async () => {
    [audit, restores] = [await WebhookReceiver.start(), await WebhookReceiver.start()];
    server = await startManagement({
      notificationSenders: parseWebhooks({
        audit: { url: audit.url, secrets: [SECRET, OTHER_SECRET], projects: ['demo'] },
        restores: { url: restores.url, secrets: [OTHER_SECRET], events: ['magnetodb.restore.*'] },
      }),
    });
    admin = server.client('deployed', 'admin-token', 'ops');
  });
  const query = (sql: string): Promise<Json[]> => server.app.get<DataSource>(getDataSourceToken('magnetodb_backup')).query(sql);
  afterEach(async () => {
    audit.behaviour = answering(204);
    restores.behaviour = answering(204);
    // No event of one test comes in another.
    await until(async () => (await query(`SELECT FROM magnetodb_backup.event_deliveries WHERE state = 'pending'`)).length === 0);
  });
  afterAll(async () => {
    await server.stop();
    await audit.close();
    await restores.close();
  });

  const typesOf = (receiver: WebhookReceiver, id: unknown): string[] =>
    receiver.events.filter(({ payload }) => [payload['backup_id'], payload['restore_job_id']].includes(id)).map(({ event_type }) => event_type.replace('magnetodb.', ''));
  const letters = async (query = ''): Promise<Json[]> => (await expectStatus(admin.get(DEAD_LETTERS + query), 200))['dead_letters'] as Json[];

  it('tell of the whole life of a backup and of a restore, signed, to those who want it', async () => {
    const client = server.client();
    const table = await makeTable(server.backend, 5);
    const id = (await client.madeBackup(table))['id'];
    const restore = await expectStatus(client.createRestore(`${table}_copy`, { id }), 202);
    await client.finished(() => client.restore(`${table}_copy`, restore['id']), 'RESTORING');
    await until(() => typesOf(restores, restore['id']).length === 2);
    await client.deleteBackup(table, id);
    await until(() => typesOf(audit, id).includes('backup.delete.end'));
    // The restore's events name the backup that they are of, too.
    const ofBackup = typesOf(audit, id);
    expect(ofBackup.filter((type) => type.startsWith('backup.'))).toEqual(['backup.create.start', 'backup.create.end', 'backup.delete.start', 'backup.delete.end']);
    expect(typesOf(audit, restore['id'])).toEqual(['restore.start', 'restore.end']);
    expect(typesOf(restores, restore['id'])).toEqual(['restore.start', 'restore.end']);
    for (const delivery of audit.accepted) {
      expect(isSigned(delivery, SECRET) && isSigned(delivery, OTHER_SECRET)).toBe(true);
      expect(delivery.headers['webhook-id']).toBe(delivery.event.message_id);
    }
    expect(restores.accepted.every((delivery) => isSigned(delivery, OTHER_SECRET) && !isSigned(delivery, SECRET))).toBe(true);

    const foreign = server.client('spec', 'other-token', 'other');
    const theirs = await makeTable(server.backend, 1, 'theirs', 'other');
    await foreign.madeBackup(theirs);
    await client.madeBackup(table);
    expect(audit.events.some(({ payload }) => payload['project_id'] !== 'demo')).toBe(false);
  });

  it('show what could not be delivered to administrators of the deployment, who have it delivered again or forget it', async () => {
    audit.behaviour = answering(410);
    const client = server.client();
    const table = await makeTable(server.backend, 1);
    const id = String((await client.madeBackup(table))['id']);
    const found = await until(async () => {
      const dead = await letters();
      return dead.length === 2 && dead;
    });
    expect(found[0]).toEqual({
      id: expect.stringMatching(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/) as string,
      sender: 'webhook-audit',
      attempts: 1,
      error: 'the receiver answered 410',
      last_attempt_at: expect.stringMatching(/Z$/) as string,
      given_up_at: expect.stringMatching(/Z$/) as string,
      event: expect.objectContaining({ event_type: 'magnetodb.backup.create.start', payload: expect.objectContaining({ backup_id: id, project_id: 'demo' }) as Json }) as Json,
    });
    expect(JSON.stringify(found)).not.toMatch(/127\.0\.0\.1|whsec_|tenant/);

    const first = String(found[0]?.['id']);
    const page = await expectStatus(admin.get(`${DEAD_LETTERS}?limit=1&sender=webhook-audit&project_id=demo`), 200);
    expect(page).toEqual({ dead_letters: [found[0]], last_evaluated_dead_letter_id: first });
    expect(await letters(`?exclusive_start_dead_letter_id=${first.replaceAll('-', '')}`)).toEqual([found[1]]);
    expect(await letters('?sender=webhook-restores')).toEqual([]);
    expect(await letters('?project_id=other')).toEqual([]);

    audit.behaviour = answering(204);
    expect(await expectStatus(admin.send('POST', `${DEAD_LETTERS}/${first}/retry`), 202)).toEqual(found[0]);
    await until(() => typesOf(audit, id).length === 1);
    expect(typesOf(audit, id)).toEqual(['backup.create.start']);
    await refused(admin.send('POST', `${DEAD_LETTERS}/${first}/retry`), 404, 'NotFound');
    expect(await expectStatus(admin.send('DELETE', `${DEAD_LETTERS}/${String(found[1]?.['id'])}`), 200)).toEqual(found[1]);
    expect(await letters()).toEqual([]);
    await refused(admin.send('DELETE', `${DEAD_LETTERS}/${newId()}`), 404, 'NotFound');
  });

  it('wait for a receiver that is away, and come in order when it is back', async () => {
    const { port } = audit;
    await audit.close();
    const client = server.client();
    const table = await makeTable(server.backend, 1);
    const made = await client.madeBackup(table);
    const waiting = until(async () => {
      const failed = await query(`SELECT last_error FROM magnetodb_backup.event_deliveries WHERE state = 'pending' AND last_error IS NOT NULL`);
      return failed[0];
    });
    expect(await waiting).toEqual({ last_error: 'the receiver cannot be reached (ECONNREFUSED)' });
    audit = await WebhookReceiver.start({ port });
    await until(() => typesOf(audit, made['id']).length === 2);
    expect(typesOf(audit, made['id'])).toEqual(['backup.create.start', 'backup.create.end']);
    expect(await letters()).toEqual([]);
  });

  it('refuse dead letters to everybody else, and what cannot be', async () => {
    for (const token of ['demo-token', 'reader-token', 'other-token', 'none-token']) {
      const client = server.client('spec', token);
      for (const [method, path] of [['GET', ''], ['POST', `/${newId()}/retry`], ['DELETE', `/${newId()}`]] as const) {
        await refused(client.send(method, DEAD_LETTERS + path), 403, 'Forbidden');
      }
    }
    await refused(server.client('spec', 'nonsense').get(DEAD_LETTERS), 401, 'Unauthorized');
    for (const query of ['limit=0', 'limit=1001', 'exclusive_start_dead_letter_id=x', 'sender=A', 'project_id=a/b', 'status=dead', 'sender=a&sender=b']) {
      await invalid(admin.get(`${DEAD_LETTERS}?${query}`));
    }
    await invalid(admin.send('POST', `${DEAD_LETTERS}/x/retry`), /dead_letter_id/);
    await invalid(admin.send('POST', `${DEAD_LETTERS}/${newId()}/retry?force=true`), /force/);
    await invalid(admin.send('DELETE', `${DEAD_LETTERS}/x`), /dead_letter_id/);
    expect((await admin.send('PUT', DEAD_LETTERS)).status).toBe(405);
    // A project of that name has its own calls beside these.
    await expectStatus(server.client('deployed', 'admin-token', 'notifications').get('/v1/management/notifications/backups'), 200);
  });

  it('are watched from the command line', async () => {
    audit.behaviour = answering(410);
    const client = server.client();
    const table = await makeTable(server.backend, 1);
    const ids = [String((await client.madeBackup(table))['id']), String((await client.madeBackup(table))['id'])];
    await until(async () => (await letters()).length === 4);
    const env = { MAGNETODB_URL: server.url, MAGNETODB_TOKEN: 'admin-token' };
    const cli = (...argv: string[]) => runCli(['dead-letters', ...argv], { env });

    const listed = await cli('--json');
    expect({ code: listed.code, err: listed.err }).toEqual({ code: 0, err: '' });
    expect(jsonLines(listed.out)).toEqual(await letters());
    const shown = await cli('list', '--sender', 'webhook-audit', '--limit', '2');
    expect(shown.out.split('\n')).toHaveLength(4);
    expect(shown.out).toMatch(/^ID .*SENDER .*EVENT .*PROJECT .*ATTEMPTS .*GIVEN UP .*ERROR\n[0-9a-f-]{36} +webhook-audit +magnetodb\.backup\.create\.start +demo .* the receiver answered 410\n/);

    const [first, second] = (await letters()).map((letter) => String(letter['id']));
    audit.behaviour = answering(204);
    expect(await cli('retry', String(first))).toMatchObject({ code: 0, out: `${String(first)}\n` });
    expect(await cli('retry', String(first))).toMatchObject({ code: 3 });
    expect(await cli('discard', String(second), '--json')).toMatchObject({ code: 0, out: expect.stringContaining(`"id":"${String(second)}"`) });
    expect((await cli('retry', '--all')).out.split('\n')).toHaveLength(3);
    expect(await letters()).toEqual([]);
    await until(() => typesOf(audit, ids[1]).length === 2);
    expect(await cli('retry')).toMatchObject({ code: 2, err: expect.stringContaining('an ID or --all') });
    expect(await cli('discard', String(first), '--all')).toMatchObject({ code: 2 });
    expect(await cli('list', String(first))).toMatchObject({ code: 2 });
    expect(await cli('forget', String(first))).toMatchObject({ code: 2 });
    expect(await runCli(['dead-letters'], { env: { ...env, MAGNETODB_TOKEN: 'demo-token' } })).toMatchObject({ code: 4 });
  });
});

describe('the webhooks of a gateway’s settings', () => {
  let database: TestDatabase;
  let folder: string;
  beforeAll(async () => {
    database = await createTestDatabase();
    folder = await mkdtemp(join(tmpdir(), 'webhooks-'));
  });
  afterAll(async () => {
    await database.drop();
    await rm(folder, { recursive: true, force: true });
  });
  const settings = (more: Record<string, string>): GatewaySettings =>
    loadSettings(GatewaySettings, { PORT: '0', DATA_DIR: folder, DATABASE_URL: database.url, DEV_TOKENS: 'demo-token=demo:member', LOG_LEVEL: 'silent', ...more });

  it('get every event: the one of the environment, and those of a file', async () => {
    const [simple, named] = [await WebhookReceiver.start(), await WebhookReceiver.start()];
    const file = join(folder, 'webhooks.json');
    await writeFile(file, JSON.stringify({ named: { url: named.url, secrets: [OTHER_SECRET] } }));
    const gateway = await startGateway(settings({ WEBHOOK_URL: simple.url, WEBHOOK_SECRET: `${SECRET},${OTHER_SECRET}`, WEBHOOKS_FILE: file }));
    try {
      const call = (path: string, body: unknown): Promise<Response> =>
        fetch(gateway.url + path, { method: 'POST', body: JSON.stringify(body), headers: { 'content-type': 'application/json', 'x-auth-token': 'demo-token' } });
      await call('/v1/data/demo/tables', { table_name: 'audited', attribute_definitions: [{ attribute_name: 'k', attribute_type: 'S' }], key_schema: [{ attribute_name: 'k', key_type: 'HASH' }] });
      expect((await call('/v1/management/demo/tables/audited/backups', { backup_name: 'b' })).status).toBe(202);
      await until(() => simple.events.length === 2 && named.events.length === 2);
      expect(simple.accepted.every((delivery) => isSigned(delivery, SECRET) && isSigned(delivery, OTHER_SECRET))).toBe(true);
      expect(named.accepted.every((delivery) => isSigned(delivery, OTHER_SECRET))).toBe(true);
    } finally {
      await gateway.stop();
      await simple.close();
      await named.close();
    }
  });

  it('keep it from starting if they make no sense, and are not shown', async () => {
    const broken = join(folder, 'broken.json');
    await writeFile(broken, `{"a": {"secrets": ["${SECRET}"`);
    const wrong = join(folder, 'wrong.json');
    await writeFile(wrong, JSON.stringify({ a: { url: 'https://a.example/', secrets: [SECRET], color: 'red' } }));
    const short = `whsec_${Buffer.alloc(8).toString('base64')}`;
    for (const [given, message] of [
      [{ WEBHOOK_URL: 'https://a.example/' }, /^WEBHOOK_URL and WEBHOOK_SECRET: .*"secrets"/],
      [{ WEBHOOK_SECRET: SECRET }, /^WEBHOOK_SECRET needs WEBHOOK_URL/],
      [{ WEBHOOK_URL: 'https://a.example/', WEBHOOK_SECRET: short }, /^WEBHOOK_URL and WEBHOOK_SECRET: .*"secrets"/],
      [{ WEBHOOKS_FILE: broken }, /^WEBHOOKS_FILE: the file is not JSON$/],
      [{ WEBHOOKS_FILE: wrong }, /^WEBHOOKS_FILE: .*"a" has unknown keys: color/],
      [{ WEBHOOKS_FILE: join(folder, 'absent.json') }, /^WEBHOOKS_FILE: /],
    ] as const) {
      const error: unknown = await startGateway(settings({ ...given })).catch((caught: unknown) => caught);
      expect(String((error as Error).message)).toMatch(message);
      expect(String((error as Error).message)).not.toContain(SECRET);
    }
  });
});
