import { createServer, Server } from 'node:http';
import { once } from 'node:events';
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { TestProcess } from '../setup/child-process';
import { createTestDatabase, TestDatabase } from '../setup/database';
import { until } from '../setup/until';
import { Answer, expectStatus, Json, ManagementClient } from './management-server';

jest.setTimeout(300_000);

const READY = /^MagnetoDB gateway ready: (http:\/\/\S+) /m;
const TOKEN = 'a-good-token-that-nobody-else-may-see';
const BAD_TOKEN = 'a-bad-token-that-may-be-a-good-one-elsewhere';
const ITEM = 'an item that nobody else may see';
const WEBHOOK_SECRET = `whsec_${Buffer.from('a webhook secret of thirty-two b').toString('base64')}`;
const CREDENTIALS = { access_key: 'AKIAFAKEFAKEFAKEFAKE', secret_key: 'fake-secret-key-of-a-user' };

/** The whole life of a deployment, in a process of its own: what it has written when all is over. */
let lines: Json[];
let stderr: string;
let stdout: string;
let folder: string;
let database: TestDatabase;
let receiver: Server;
let backup: Json;
let failedBackup: Json;
const answers: Answer[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'logs-'));
  await mkdir(join(folder, 'outside'));
  database = await createTestDatabase();
  receiver = createServer((request, response) => request.resume().on('end', () => response.writeHead(500).end('what the receiver says')));
  receiver.listen(0, '127.0.0.1');
  await once(receiver, 'listening');
  const gateway = TestProcess.start('src/gateway/main.ts', {
    NODE_ENV: 'development',
    PORT: '0',
    HOST: '',
    DATABASE_URL: database.url,
    DATA_DIR: folder,
    ALLOWED_FOLDERS: join(folder, 'outside'),
    DEV_TOKENS: `${TOKEN}=demo:member`,
    MAX_ATTEMPTS: '1',
    LOG_LEVEL: 'trace',
    WEBHOOK_URL: `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/hook?key=of-the-receiver`,
    WEBHOOK_SECRET,
  });
  try {
    await until(() => READY.test(gateway.stdout) || !gateway.running, 60_000, 'the gateway did not become ready');
    const url = READY.exec(gateway.stdout)?.[1];
    if (url === undefined) throw new Error(`the gateway did not start: ${gateway.stderr}`);
    await live(new ManagementClient(url, 'spec', TOKEN, 'demo'), new ManagementClient(url, 'spec', BAD_TOKEN, 'demo'), url);
    gateway.signal('SIGTERM');
    expect((await gateway.exited).code).toBe(0);
  } finally {
    await gateway.kill();
  }
  ({ stderr, stdout } = gateway);
  lines = stderr.trimEnd().split('\n').map((line) => JSON.parse(line) as Json);
});
afterAll(async () => {
  receiver.closeAllConnections();
  receiver.close();
  await database.drop();
  await rm(folder, { recursive: true, force: true });
});

async function live(client: ManagementClient, stranger: ManagementClient, url: string): Promise<void> {
  const keep = async (answer: Promise<Answer>): Promise<Answer> => {
    answers.push(await answer);
    return answer;
  };
  const put = (table: string): Promise<Answer> => keep(client.send('POST', `/v1/data/demo/tables/${table}/put_item`, { item: { id: { S: ITEM }, text: { S: ITEM } } }));
  const schema = { attribute_definitions: [{ attribute_name: 'id', attribute_type: 'S' }], key_schema: [{ attribute_name: 'id', key_type: 'HASH' }] };
  await expectStatus(keep(client.send('POST', '/v1/data/demo/tables', { table_name: 'threads', ...schema })), 200);
  expect((await put('threads')).status).toBe(200);
  backup = await client.madeBackup('threads');
  const restored = await expectStatus(keep(client.createRestore('again', { id: backup['id'] })), 202);
  await client.finished(() => client.restore('again', restored['id']), 'RESTORING');
  // Strangers, and secrets where they do not belong.
  expect((await keep(stranger.get('/v1/demo/management/backups'))).status).toBe(401);
  expect((await keep(client.get(`/v1/demo/management/backups?access_token=${BAD_TOKEN}`))).status).toBe(401);
  await keep(client.createRestore('leaky', { source: { url: 's3://bucket/x', credentials: CREDENTIALS } }));
  await keep(client.createRestore('leaky', { source: `https://user:${CREDENTIALS.secret_key}@host/x` }));
  await keep(client.send('POST', '/v1/data/demo/tables/threads/put_item', `{"item": {"id": {"S": "${ITEM}"`));
  // The database refuses a row, and quotes it as it does.
  await sql(`DO $$ DECLARE t regclass; BEGIN
    FOR t IN SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'r' AND n.nspname LIKE 'magnetodb%' AND c.relname LIKE '%0%'
    LOOP EXECUTE format('ALTER TABLE %s ADD CONSTRAINT refuses CHECK (false) NOT VALID', t); END LOOP; END $$`);
  expect((await put('threads')).status).toBe(500);
  // The store refuses everything.
  await rename(join(folder, 'objects'), join(folder, 'away'));
  await writeFile(join(folder, 'objects'), 'no folder');
  const asked = await expectStatus(keep(client.createBackup('threads', 'fails')), 202);
  failedBackup = await client.finished(() => client.backup('threads', asked['id']), 'CREATING');
  expect(failedBackup['status']).toBe('CREATE_FAILED');
  expect((await fetch(`${url}/healthcheck?fullcheck=true`)).status).toBe(503);
}

async function sql(text: string): Promise<void> {
  const client = new Client({ connectionString: database.url });
  await client.connect();
  await client.query(text);
  await client.end();
}

const saying = (message: string): Json[] => lines.filter((line) => line['msg'] === message);

it('is a JSON object a line, with time, level and a message', () => {
  expect(lines.length).toBeGreaterThan(20);
  for (const line of lines) {
    expect(line).toMatchObject({ time: expect.stringMatching(/^\d{4}-.*Z$/), level: expect.stringMatching(/^(trace|debug|info|warn|error)$/), msg: expect.stringMatching(/./) });
  }
});

it('says nothing twice in a line', () => {
  for (const line of stderr.trimEnd().split('\n')) {
    for (const name of ['request_id', 'job_id', 'step_id']) expect(line.split(`"${name}":`).length).toBeLessThanOrEqual(2);
  }
});

it('has the id of each answer on the line of its request', () => {
  expect(answers.length).toBeGreaterThan(8);
  for (const { headers, status } of answers) {
    const id = headers.get('x-openstack-request-id');
    const about = lines.filter((line) => line['request_id'] === id && (line['res'] as Json | undefined)?.['status'] === status);
    expect(about).toHaveLength(1);
  }
});

it('has the ids of request and job where a job is asked for, so that one is found from the other', () => {
  const asked = saying('a job is asked for');
  expect(asked.map((line) => [line['job_kind'], line['subject_id']])).toEqual(
    expect.arrayContaining([
      ['backup.create', backup['id']],
      ['backup.create', failedBackup['id']],
    ]),
  );
  const answered = new Set(lines.filter((line) => 'res' in line).map((line) => line['request_id']));
  for (const { request_id: request, job_id: job } of asked) {
    expect(answered).toContain(request);
    expect(job).toMatch(/^[0-9a-f-]{36}$/);
  }
});

it('has the ids of job and step on every line about a step', () => {
  const failed = saying('a step failed for good');
  const job = saying('a job is asked for').find((line) => line['subject_id'] === failedBackup['id'])?.['job_id'];
  expect(failed.length).toBeGreaterThan(0);
  for (const line of failed) expect(line).toMatchObject({ level: 'error', job_id: job, job_kind: 'backup.create', step_id: expect.stringMatching(/^\d+$/), stage: expect.any(String), attempt: 1 });
});

it('has the id of the job on the lines of its notifications, and of those that were not delivered', () => {
  const jobs = new Map(saying('a job is asked for').map((line) => [line['job_id'], line['subject_id']]));
  const told = saying('notification');
  expect(told.length).toBeGreaterThan(4);
  for (const { job_id: job, notification } of told) {
    const { payload } = notification as { payload: Json };
    expect([payload['backup_id'], payload['restore_job_id']]).toContain(jobs.get(job));
  }
  const undelivered = saying('a notification could not be delivered; trying again later');
  expect(undelivered.length).toBeGreaterThan(0);
  for (const { job_id: job } of undelivered) expect(jobs.has(job)).toBe(true);
});

it('says what could not be delivered, and what does not work', () => {
  expect(stderr).toContain('a notification could not be delivered');
  expect(stderr).toContain('ObjectStore does not work');
});

it('holds neither tokens, secrets nor items, nor SQL, and no path or inner host of the store and the receiver', () => {
  const port = String((receiver.address() as AddressInfo).port);
  const never = [TOKEN, BAD_TOKEN, ITEM, Buffer.from(ITEM).toString('hex'), Buffer.from(ITEM).toString('base64'), WEBHOOK_SECRET, WEBHOOK_SECRET.slice('whsec_'.length)];
  const also = [...Object.values(CREDENTIALS), database.url, new URL(database.url).password, 'INSERT INTO', 'SELECT ', 'of-the-receiver', 'what the receiver says', `127.0.0.1:${port}`, 'whsec_'];
  for (const word of [...never, ...also]) {
    expect({ word, found: stderr.includes(word) }).toEqual({ word, found: false });
    expect({ word, found: stdout.includes(word) }).toEqual({ word, found: false });
  }
});
