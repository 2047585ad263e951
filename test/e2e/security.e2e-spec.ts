import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { IncomingHttpHeaders, IncomingMessage, request } from 'node:http';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { until } from '../setup/until';
import { BadDaysGateway, MAX_BODY_BYTES, MAX_ITEM_BYTES, eventsOf, startBadDays } from './bad-days-gateway';
import { Answer, DIALECTS, Json, expectStatus, invalid, makeTable, refused } from './management-server';

const UNKNOWN_ID = '01890a5d-ac96-774b-bcce-b302099a8057';
/** What would betray the inside of the service. */
const INSIDE = /\/tmp|\/etc|node_modules|at [A-Z]\w+\.|SELECT |INSERT |magnetodb_backup|ENOENT|127\.0\.0\.1:5|postgres/;

let gateway: BadDaysGateway;
let table: string;
let backup: Json;
beforeAll(async () => {
  gateway = await startBadDays();
  table = await makeTable(gateway.backend, 3);
  backup = await gateway.client().madeBackup(table);
});
afterAll(() => gateway.stop());

/** A request whose path goes out as it is written: `fetch` would tidy it up. */
async function raw(method: string, path: string, headers: Record<string, string> = {}, body?: string | Readable): Promise<Answer & { text: string; raw: IncomingHttpHeaders }> {
  const { hostname, port } = new URL(gateway.url);
  const sent = request({ hostname, port, method, path, headers: { 'X-Auth-Token': 'demo-token', ...headers } });
  // A body that is refused may never be taken to its end.
  if (body instanceof Readable) pipeline(body, sent).catch(() => undefined);
  else sent.end(body);
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  const answer = await text(response);
  return { status: response.statusCode ?? 0, headers: new Headers(), raw: response.headers, text: answer, body: answer === '' ? {} : (JSON.parse(answer) as Json) };
}

/** A refusal by the contract: its one body, and nothing from inside in it. */
function expectRefusal(answer: Answer, statuses: readonly number[]): void {
  expect(statuses).toContain(answer.status);
  expect(answer.body).toEqual({
    code: answer.status,
    title: expect.any(String),
    explanation: expect.any(String),
    error: { message: expect.any(String), type: expect.any(String), traceback: null },
  });
  expect(JSON.stringify(answer.body)).not.toMatch(INSIDE);
}

/** Every call with a body, as [method, path]; the two dialects and the data API. */
function callsWithBody(): [string, string][] {
  const management = DIALECTS.flatMap((dialect): [string, string][] => {
    const client = gateway.client(dialect);
    return [
      ['POST', `${client.table(table)}/backups`],
      ['PATCH', `${client.table(table)}/backups/${String(backup['id'])}`],
      ['POST', `${client.table(table)}/backups/${String(backup['id'])}/verify`],
      ['POST', `${client.table(table)}/restores`],
      ['PATCH', `${client.table(table)}/restores/${UNKNOWN_ID}`],
      ['POST', `${client.projectPath}/backups/import`],
      ['POST', `${client.projectPath}/backups/find`],
    ];
  });
  const onTable = ['put_item', 'get_item', 'update_item', 'delete_item', 'query', 'scan'].map((call): [string, string] => ['POST', `/v1/data/demo/tables/${table}/${call}`]);
  return [...management, ...onTable, ['POST', '/v1/data/demo/tables'], ['POST', '/v1/data/demo/batch_get_item'], ['POST', '/v1/data/demo/batch_write_item']];
}

describe('bodies', () => {
  const JSON_TYPE = { 'Content-Type': 'application/json' };

  it.each<[string, string, Record<string, string>]>([
    ['malformed JSON', '{"a": ', JSON_TYPE],
    ['a list', '[]', JSON_TYPE],
    ['null', 'null', JSON_TYPE],
    ['a text', '"backup"', JSON_TYPE],
    ['a number', '1e999', JSON_TYPE],
    ['JSON with something behind it', '{} {}', JSON_TYPE],
    ['bytes that are no UTF-8', '{"\xff\xfe": 1}', JSON_TYPE],
    ['brackets without end', '['.repeat(60_000), JSON_TYPE],
    ['objects nested deep', '{"a":'.repeat(10_000) + '1' + '}'.repeat(10_000), JSON_TYPE],
    ['unknown keys', '{"surprise": 1, "__proto__": {"admin": true}}', JSON_TYPE],
    ['another media type', '<backup/>', { 'Content-Type': 'application/xml' }],
    ['a form', 'name=x', { 'Content-Type': 'application/x-www-form-urlencoded' }],
    ['nothing', '', JSON_TYPE],
  ])('%s: 400 from every call, and nothing happens', async (_what, body, headers) => {
    const before = await gateway.query('SELECT count(*) FROM magnetodb_backup.jobs');
    for (const [method, path] of callsWithBody()) {
      // A scan needs nothing; so for it an absent body is none that is wrong.
      if (body === '' && path.endsWith('/scan')) continue;
      const answer = await raw(method, path, { ...headers, 'Content-Length': String(Buffer.byteLength(body)) }, body);
      expectRefusal(answer, [400]);
    }
    expect(await gateway.query('SELECT count(*) FROM magnetodb_backup.jobs')).toEqual(before);
  });

  it('over the limit: 413 from every call, however they say how long they are', async () => {
    const body = JSON.stringify({ name: 'x'.repeat(MAX_BODY_BYTES) });
    for (const [method, path] of callsWithBody()) {
      expectRefusal(await raw(method, path, { ...JSON_TYPE, 'Content-Length': String(body.length) }, body), [413]);
    }
    const [method, path] = callsWithBody()[0] ?? ['', ''];
    expectRefusal(await raw(method, path, { ...JSON_TYPE, 'Transfer-Encoding': 'chunked' }, Readable.from([body])), [413]);
  });

  it('items over the limit: 400, and one just below is stored', async () => {
    const put = (size: number): Promise<Answer> => {
      const item = { forum: { S: 'limits' }, subject: { S: 'size' }, text: { S: '' } };
      const empty = JSON.stringify(item).length;
      return gateway.data().call(table, 'put_item', { item: { ...item, text: { S: 'x'.repeat(size - empty) } } });
    };
    expectRefusal(await put(MAX_ITEM_BYTES + 1), [400]);
    expect((await put(MAX_ITEM_BYTES)).status).toBe(200);
    await gateway.data().call(table, 'delete_item', { key: { forum: { S: 'limits' }, subject: { S: 'size' } } });
  });

  it('wrong types and values out of range: 400, naming the key', async () => {
    const client = gateway.client();
    const path = `${client.table(table)}/backups`;
    for (const name of [1, true, null, {}, [], '', 'x'.repeat(256), 'a\u0000b', 'a\nb', '\ud800']) await invalid(client.createBackup(table, name), /"name"/);
    for (const token of [1, '', 'x'.repeat(65), 'a\nb']) await invalid(client.createBackup(table, 'x', { client_request_token: token }), /client_request_token/);
    for (const strategy of ['full', [], 1, { type: 7 }, { compression: 'lzma' }, { location: 'here' }, { encryption: 1 }]) await invalid(client.createBackup(table, 'x', { strategy }));
    for (const limits of [{ items_per_second: 0 }, { items_per_second: 1.5 }, { items_per_second: '9' }, { bytes_per_second: -1 }, { bytes_per_second: 1e300 }, {}, []]) {
      await invalid(client.send('PATCH', `${path}/${String(backup['id'])}`, { rate_limit: limits }), /rate_limit|per_second/);
    }
    for (const limit of ['0', '-1', '1001', '1e3', ' 1', '1.0', '', 'x', '9'.repeat(400)]) await invalid(client.get(`${path}?limit=${limit}`), /limit/);
    await invalid(client.get(`${path}?limit=1&limit=2`), /limit/);
    for (const body of [{}, { id: UNKNOWN_ID, source: 'file:///x' }, { id: 7 }, { id: 'x' }, { id: null }, { id: UNKNOWN_ID, on_existing: 'destroy' }, { id: UNKNOWN_ID, dry_run: 'yes' }]) {
      await invalid(client.createRestore(table, body as Json));
    }
  });
});

describe('URLs', () => {
  const TRICKS = ['..', '%2e%2e', '..%2f..%2fother', '..%2F..%2F..%2Fetc%2Fpasswd', '%2fetc%2fpasswd', '..%5c..', '%00', 'a%00b', `${'a'.repeat(256)}`, 'a'.repeat(1000), '%zz', '%', '%c0%ae%c0%ae', '%ff', "x';--", '%F0%9F%98%80', '*', 'a b'.replace(' ', '%20'), '%25%30%30'];

  it.each(TRICKS)('with %s for a table are refused, whatever the call', async (trick) => {
    for (const dialect of DIALECTS) {
      const client = gateway.client(dialect);
      expectRefusal(await raw('POST', `${client.table(trick)}/backups`, { 'Content-Type': 'application/json' }, JSON.stringify({ [client.keys.name]: 'x' })), [400, 404]);
      expectRefusal(await raw('POST', `${client.table(trick)}/restores`, { 'Content-Type': 'application/json' }, JSON.stringify({ [client.keys.from]: backup['id'] })), [400, 404]);
      expectRefusal(await raw('GET', `${client.table(trick)}/backups/${String(backup['id'])}`), [400, 404]);
      expectRefusal(await raw('DELETE', `${client.table(trick)}/backups/${String(backup['id'])}`), [400, 404]);
    }
    expectRefusal(await raw('GET', `/v1/data/demo/tables/${trick}`), [400, 404]);
    expectRefusal(await raw('POST', `/v1/data/demo/tables/${trick}/scan`, { 'Content-Type': 'application/json' }, '{}'), [400, 404]);
  });

  it.each([...TRICKS, '1', UNKNOWN_ID.slice(1), `${UNKNOWN_ID}0`, `{${UNKNOWN_ID}}`, '0x1', '00000000000000000000000000000000g'])('with %s for an id are refused', async (trick) => {
    for (const dialect of DIALECTS) {
      const client = gateway.client(dialect);
      for (const kind of ['backups', 'restores']) {
        expectRefusal(await raw('GET', `${client.table(table)}/${kind}/${trick}`), [400, 404]);
        expectRefusal(await raw('DELETE', `${client.table(table)}/${kind}/${trick}`), [400, 404]);
      }
    }
  });

  it('with an unknown id say so, in every spelling', async () => {
    for (const id of [UNKNOWN_ID, UNKNOWN_ID.replaceAll('-', ''), UNKNOWN_ID.toUpperCase()]) {
      await refused(gateway.client().backup(table, id), 404, 'BackupNotExists');
      await refused(gateway.client().deleteBackup(table, id), 404, 'BackupNotExists');
      await refused(gateway.client().restore(table, id), 404, 'RestoreJobNotExists');
      await refused(gateway.client().createRestore('anywhere', { id }), 404, 'BackupNotExists');
    }
  });

  it.each(['/', '//', '/v1', '/v1/', '/v1/management/demo/tables//backups', '/v1/./management/demo/backups', '/v1/data/../management/demo/backups', '/v2/management/demo/backups', '/v1/management/demo/backups/', '/favicon.ico', '/.git/config', '/docs/../package.json', '/docs/%2e%2e/%2e%2e/package.json', '/static/../../etc/passwd', `/${'a'.repeat(9000)}`])(
    'that are no call of this service (%s) answer by the contract',
    async (path) => {
      const answer = await raw('GET', path);
      expect(answer.text).not.toMatch(INSIDE);
      expectRefusal(answer, [400, 403, 404, 405]);
    },
  );

  it('in absolute form do not lead to another host', async () => {
    expectRefusal(await raw('GET', 'http://evil.example.org/v1/management/demo/nothing'), [400, 404]);
  });

  it('with tokens in them are refused: a token in a URL ends up in logs', async () => {
    for (const query of ['token=demo-token', 'access_token=demo-token', 'X-Auth-Token=demo-token']) {
      const { hostname, port } = new URL(gateway.url);
      const response = await fetch(`http://${hostname}:${port}/v1/management/demo/backups?${query}`);
      expect([400, 401]).toContain(response.status);
    }
    expect(gateway.logs()).not.toContain('demo-token');
  });

  it('with methods that a path has not: 405 or 404', async () => {
    for (const method of ['PUT', 'DELETE', 'PATCH', 'OPTIONS', 'TRACE', 'PROPFIND']) {
      const answer = await raw(method, `/v1/management/demo/backups`);
      expect(answer.text).not.toMatch(INSIDE);
      expect([404, 405]).toContain(answer.status);
    }
  });
});

describe('another project', () => {
  it('is out of reach by URL, before anything is looked up', async () => {
    for (const dialect of DIALECTS) {
      const [there, nowhere] = [gateway.client(dialect, 'other-token', 'demo'), gateway.client(dialect, 'other-token', 'no_such_project')];
      for (const client of [there, nowhere]) {
        await refused(client.backup(table, backup['id']), 403, 'Forbidden');
        await refused(client.backup(table, UNKNOWN_ID), 403, 'Forbidden');
        await refused(client.backup(table, 'not-an-id'), 403, 'Forbidden');
        await refused(client.createBackup(table), 403, 'Forbidden');
        await refused(client.deleteBackup(table, backup['id']), 403, 'Forbidden');
        await refused(client.get(`${client.projectPath}/backups`), 403, 'Forbidden');
        await refused(client.createRestore('mine', { [client.keys.from]: backup['id'] }), 403, 'Forbidden');
        await refused(client.import({ source: 'file:///x' }), 403, 'Forbidden');
      }
    }
    expect((await gateway.data('other-token', 'demo').get(`tables/${table}`)).status).toBe(403);
  });

  it('has ids that mean nothing here, and looks exactly like one that never was', async () => {
    const other = gateway.client('spec', 'other-token', 'other');
    await makeTable(gateway.backend, 1, table, 'other');
    for (const call of [(id: unknown) => other.backup(table, id), (id: unknown) => other.deleteBackup(table, id), (id: unknown) => other.createRestore('mine', { id })]) {
      const [theirs, none] = [await refused(call(backup['id']), 404, 'BackupNotExists'), await refused(call(UNKNOWN_ID), 404, 'BackupNotExists')];
      expect(theirs.body).toEqual(none.body);
    }
    expect((await expectStatus(other.get(`${other.projectPath}/backups`), 200))['backups']).toEqual([]);
    // By the id of the table, too.
    await refused(other.createBackup(String(backup['table_id'])), 404, 'TableNotExistsException');
  });

  it('keeps its archives to itself: a URL into the deployment’s store leads nowhere', async () => {
    const links = backup['links'] as { rel: string; href: string }[];
    const source = links.find((link) => link.rel === 'location')?.href ?? '';
    const other = gateway.client('spec', 'other-token', 'other');
    const root = dirname(dirname(source));
    for (const url of [source, `${source}/manifest.json`, `${root}/other/../demo/${String(backup['id'])}`, `${root}/demo`, root, `${root}/other`, `${root}/other/${String(backup['id'])}`]) {
      const answer = await other.createRestore('mine', { source: url });
      expectRefusalWithPath(answer, [400, 403, 404]);
      expectRefusalWithPath(await other.import({ source: url }), [400, 403, 404]);
    }
    await refused(other.createRestore('mine', { source }), 404, 'BackupNotExists');
    // An admin of the admin project works in the project that the URL names: there, its archives are found.
    const admin = gateway.client('spec', 'admin-token', 'demo');
    const { id } = await expectStatus(admin.createRestore('by_admin', { source }), 202);
    expect(await admin.finished(() => admin.restore('by_admin', id), 'RESTORING')).toMatchObject({ status: 'RESTORED' });
    await refused(gateway.client('spec', 'admin-token', 'other').createRestore('mine', { source }), 404, 'BackupNotExists');
  });

  function expectRefusalWithPath(answer: Answer, statuses: readonly number[]): void {
    expect(statuses).toContain(answer.status);
    expect(JSON.stringify(answer.body)).not.toContain(gateway.objects);
    expect(answer.body).toMatchObject({ code: answer.status, error: { traceback: null } });
  }
});

describe('what is announced and kept', () => {
  const PRIVATE = 'a-very-private-item';
  const CREDENTIALS = { access_key: 'AKIAFAKEFAKEFAKEFAKE', secret_key: 'fake-secret-key-of-a-user' };
  const REQUEST_TOKEN = 'request-token-of-a-client';

  it('is one start and one end or error an operation, to the outbox and to the log, without secrets or items', async () => {
    const client = gateway.client();
    const name = await makeTable(gateway.backend, 0);
    const put = await gateway.data().call(name, 'put_item', { item: { forum: { S: PRIVATE }, subject: { S: PRIVATE }, text: { S: PRIVATE } } });
    expect(put.status).toBe(200);
    const url = gateway.outsideUrl;
    const strategy = { compression: 'none', location: { type: 'external', url } };
    const made = await client.madeBackup(name, 'announced', { strategy, client_request_token: REQUEST_TOKEN });
    const { id: restoreId } = await expectStatus(client.createRestore('announced_table', { id: made['id'] }), 202);
    await client.finished(() => client.restore('announced_table', restoreId), 'RESTORING');
    const { id: failedId } = await expectStatus(client.createRestore('cancelled_table', { id: made['id'] }), 202);
    await client.send('DELETE', `${client.table('cancelled_table')}/restores/${String(failedId)}`);
    // Secrets that users send: credentials, beside and inside of URLs.
    for (const source of [{ url: 's3://bucket/x', credentials: CREDENTIALS }, `https://user:${CREDENTIALS.secret_key}@host/x`, `https://host/x?X-Amz-Signature=${CREDENTIALS.secret_key}`]) {
      const answer = await client.createRestore('leaky', { source });
      expect([400, 403]).toContain(answer.status);
      expect(JSON.stringify(answer.body)).not.toContain(CREDENTIALS.secret_key);
    }
    const refusedStrategy = await client.createBackup(name, 'x', { strategy: { location: { type: 'external', url: 's3://bucket/x', credentials: CREDENTIALS } } });
    expect(JSON.stringify(refusedStrategy.body)).not.toContain(CREDENTIALS.secret_key);
    await client.finished(() => client.restore('cancelled_table', failedId), 'RESTORING');
    // Items do lie in an archive; look at the files before it is deleted.
    const files = await Promise.all((await gateway.files()).map((file) => readFile(join(dirname(gateway.objects), file), 'latin1')));
    for (const secret of secrets()) expect(files.filter((content) => content.includes(secret))).toEqual([]);
    await expectStatus(client.deleteBackup(name, made['id']), 200);
    await client.gone(() => client.backup(name, made['id']));

    expect(await eventsOf(gateway, made['id'])).toEqual(expect.arrayContaining(['backup.create.start', 'backup.create.end', 'restore.start', 'restore.end', 'backup.delete.start', 'backup.delete.end']));
    const rows = await gateway.query<{ event_type: string; job_id: string; payload: Json }>(`SELECT 'magnetodb.' || operation || '.' || phase AS event_type, job_id, payload FROM magnetodb_backup.events ORDER BY seq`);
    for (const jobId of new Set(rows.map((row) => row.job_id))) {
      const types = rows.filter((row) => row.job_id === jobId).map((row) => row.event_type);
      expect(types[0]).toMatch(/\.start$/);
      expect(types[1]).toMatch(/\.(end|error)$/);
      expect(types).toHaveLength(2);
    }
    // The log is the first sender: each event once, as it stands in the outbox.
    await until(() => logged().length >= rows.length);
    expect(logged().map(({ event_type, payload }) => ({ event_type, payload })).sort(byText)).toEqual(rows.map(({ event_type, payload }) => ({ event_type, payload })).sort(byText));
    expect(JSON.stringify(rows)).not.toContain(PRIVATE);
  });

  it('holds no token, no credential and no item in logs, nor secrets in the database', async () => {
    const logs = gateway.logs();
    expect(logs).toContain('request completed');
    for (const secret of [...secrets(), PRIVATE]) expect(logs).not.toContain(secret);
    const dump = await databaseText();
    expect(dump).toContain('announced');
    for (const secret of secrets()) expect(dump).not.toContain(secret);
  });

  const secrets = (): string[] => ['demo-token', 'other-token', 'admin-token', CREDENTIALS.access_key, CREDENTIALS.secret_key, REQUEST_TOKEN, new URL(gateway.databaseUrl).password];
  const byText = (a: unknown, b: unknown): number => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1);

  function logged(): { event_type: string; payload: Json }[] {
    const lines = gateway.logs().split('\n').filter((line) => line.includes('"notification"'));
    return lines.map((line) => (JSON.parse(line) as { notification: { event_type: string; payload: Json } }).notification);
  }

  /** Every row of the plugin's own tables, as text. */
  async function databaseText(): Promise<string> {
    const tables = await gateway.query<{ name: string }>(`SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'magnetodb_backup'`);
    const rows: string[] = [];
    for (const { name } of tables) rows.push(...(await gateway.query<{ row: string }>(`SELECT t::text AS row FROM magnetodb_backup."${name}" t`)).map(({ row }) => row));
    return rows.join('\n');
  }
});
