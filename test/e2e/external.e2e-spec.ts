import { createReadStream } from 'node:fs';
import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { CreateBucketCommand, GetObjectCommand, ListMultipartUploadsCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import { Client } from 'pg';
import { createLogger } from '../../src/index';
import { runCli } from './cli-io';
import { Answer, Json, ManagementClient, ManagementServer, expectStatus, invalid, makeTable, refused, startManagement } from './management-server';
import { TestServers } from '../fakes/test-servers';
import { pythonIsThere } from '../setup/keystone-service';
import { SwiftService } from '../setup/swift-service';
import { until } from '../setup/until';

jest.setTimeout(180_000);

const KEYS = { access_key_id: 'test:tester', secret_access_key: 'testing' };
/** What is asked with these is refused; they are looked for everywhere. */
const WRONG = { access_key_id: 'test:tester', secret_access_key: 'wrong-key-that-nobody-may-see' };
const MARK = 'session-token-that-nobody-may-see';
const BUCKET = `outside-${Date.now()}`;
const [OLDER_KEY, NEWER_KEY] = [`older:${Buffer.alloc(32, 1).toString('base64')}`, `newer:${Buffer.alloc(32, 2).toString('base64')}`];

const ambient = { AWS_ACCESS_KEY_ID: KEYS.access_key_id, AWS_SECRET_ACCESS_KEY: KEYS.secret_access_key, AWS_REGION: 'us-east-1' };
const before = { ...process.env };

let endpoint: string;
let s3: S3Client;
let home: ManagementServer;
let elsewhere: ManagementServer;
let client: ManagementClient;
let logs = '';
const servers = new TestServers();

/** Serves a folder as the plainest of servers: no ranges, no HEAD for what is missing but 404. */
async function staticServer(folder: string): Promise<string> {
  return servers.start(async (request, response) => {
    const file = join(folder, decodeURIComponent(request.url ?? ''));
    const size = await stat(file).then((found) => (found.isFile() ? found.size : undefined), () => undefined);
    if (size === undefined) return response.writeHead(404).end();
    response.writeHead(200, { 'content-length': String(size) });
    return request.method === 'HEAD' ? response.end() : pipeline(createReadStream(file), response);
  });
}

const hostOf = (url: string): string => new URL(url).host;
const located = (made: Json): string => (made['links'] as { rel: string; href: string }[]).find(({ rel }) => rel === 'location')?.href ?? '';
const inBucket = (credentials: Json | null = KEYS, url = `s3://${BUCKET}/team`): Json => ({ type: 'external', url, endpoint, ...(credentials && { credentials }) });

async function objects(prefix = ''): Promise<string[]> {
  const { Contents = [] } = await s3.send(new ListObjectsV2Command({ Bucket: BUCKET, Prefix: prefix }));
  return Contents.map(({ Key }) => Key ?? '');
}

async function query<Row>(server: ManagementServer, sql: string): Promise<Row[]> {
  const db = new Client({ connectionString: server.databaseUrl });
  await db.connect();
  try {
    return (await db.query(sql)).rows as Row[];
  } finally {
    await db.end();
  }
}

/** Every row of the plugin's own tables, as text. */
async function databaseText(server: ManagementServer): Promise<string> {
  const tables = await query<{ name: string }>(server, `SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'magnetodb_backup'`);
  const rows: string[] = [];
  for (const { name } of tables) rows.push(...(await query<{ row: string }>(server, `SELECT t::text AS row FROM magnetodb_backup."${name}" t`)).map(({ row }) => row));
  return rows.join('\n');
}

const describeOnSwift = pythonIsThere('what lies outside') ? describe : describe.skip;

describeOnSwift('outside places', () => {
  beforeAll(async () => {
    endpoint = (await SwiftService.shared()).tempauthUrl;
    s3 = new S3Client({ endpoint, region: 'us-east-1', forcePathStyle: true, credentials: { accessKeyId: KEYS.access_key_id, secretAccessKey: KEYS.secret_access_key } });
    await s3.send(new CreateBucketCommand({ Bucket: BUCKET }));
    // The gateway's surroundings have keys that fit: they must never be used.
    Object.assign(process.env, ambient);
    const logger = createLogger('trace', { write: (line: string) => void (logs += line) });
    const web = [hostOf(endpoint)];
    const storage = { allowedHosts: web, credentialsKeys: [NEWER_KEY, OLDER_KEY] };
    home = await startManagement({ logger, storage });
    elsewhere = await startManagement({ logger, storage: { ...storage, credentialsKeys: [OLDER_KEY] } });
    client = home.client();
  }, 300_000);
  afterAll(async () => {
    await home?.stop();
    await elsewhere?.stop();
    s3?.destroy();
    await servers.close();
    for (const name of Object.keys(ambient)) {
      if (before[name] === undefined) delete process.env[name];
      else process.env[name] = before[name];
    }
  });

  describe('a backup in S3', () => {
    let table: string;
    let made: Json;

    beforeAll(async () => {
      table = await makeTable(home.backend, 40);
      made = await client.madeBackup(table, 'in S3', { strategy: { location: inBucket() } });
    });

    it('is made with the credentials of the request, which answers show as ***', async () => {
      expect(made).toMatchObject({ status: 'CREATED', item_count: 40, strategy: { location: { credentials: { access_key_id: '***', secret_access_key: '***' } } } });
      expect(located(made)).toBe(`s3://${BUCKET}/team/${String(made['id'])}?endpoint=${encodeURIComponent(endpoint)}`);
      expect(await objects()).toContain(`team/${String(made['id'])}/manifest.json`);
      expect((await objects()).filter((name) => name.includes('probe'))).toEqual([]);
    });

    it('is restored by another user in a deployment that has never seen it, from the URL and credentials', async () => {
      const other = elsewhere.client('deployed', 'other-token', 'other');
      const source = { url: located(made), credentials: KEYS };
      const plan = await expectStatus(other.createRestore('anywhere', { source, dry_run: true }), 200);
      expect(plan).toMatchObject({ plan: { item_count: 40, conflict: null } });
      const { restore_job_id: id } = await expectStatus(other.createRestore('anywhere', { source }), 202);
      expect(await other.finished(() => other.restore('anywhere', id), 'RESTORING')).toMatchObject({ status: 'RESTORED' });
      expect(await elsewhere.backend.describeTable({ projectId: 'other', name: 'anywhere' })).toMatchObject({ itemCount: 40 });
      const imported = await expectStatus(other.import({ source: located(made), strategy: { location: { credentials: KEYS } } }), 200);
      expect(imported).toMatchObject({ backup_id: String(made['id']).replaceAll('-', '') });
    });

    it('is restored, verified and deleted here when the credentials are given again, and only then', async () => {
      const strategy = { location: { credentials: KEYS } };
      const id = String(made['id']);
      await invalid(client.createRestore('copy', { id }), /^strategy\.location: /);
      await invalid(client.createRestore('copy', { id, strategy: { location: { credentials: WRONG } } }), /refuses the access key/);
      const restored = await expectStatus(client.createRestore('copy', { id, strategy }), 202);
      expect(await client.finished(() => client.restore('copy', restored['id']), 'RESTORING')).toMatchObject({ status: 'RESTORED' });

      const verify = (body?: Json): Promise<Answer> => client.send('POST', `${client.table(table)}/backups/${id}/verify`, body);
      await invalid(verify(), /^strategy\.location: /);
      await expectStatus(verify({ strategy }), 202);
      const verified = await until(async () => {
        const { body } = await client.backup(table, id);
        return (body['verification'] as Json)['status'] === 'RUNNING' ? undefined : body;
      }, 40_000);
      expect(verified).toMatchObject({ verification: { status: 'PASSED' } });

      await invalid(client.deleteBackup(table, id), /^strategy\.location: /);
      expect(await client.backup(table, id)).toMatchObject({ body: { status: 'CREATED' } });
      await invalid(client.deleteBackup(table, id, '', { credentials: KEYS }), /unknown keys/);
      await expectStatus(client.deleteBackup(table, id, '', { strategy }), 200);
      await client.gone(() => client.backup(table, id));
      expect(await objects(`team/${id}/`)).toEqual([]);
    });

    it('is made, verified and deleted from the command line, with the credentials in a file', async () => {
      const folder = await mkdtemp(join(tmpdir(), 'external-'));
      try {
        await writeFile(join(folder, 'place.json'), JSON.stringify({ location: inBucket() }));
        await writeFile(join(folder, 'keys.json'), JSON.stringify({ location: { credentials: KEYS } }));
        const env = { MAGNETODB_URL: home.url, MAGNETODB_PROJECT: 'demo', MAGNETODB_TOKEN: 'demo-token' };
        const cli = (...argv: string[]): ReturnType<typeof runCli> => runCli([...argv, '--json'], { env, cwd: folder });
        const created = await cli('create', table, '--name', 'from the command line', '--strategy', '@place.json', '--wait');
        expect(created).toMatchObject({ code: 0 });
        const id = String((JSON.parse(created.out) as Json)['backup_id']);
        expect(await cli('verify', id)).not.toMatchObject({ code: 0 });
        expect(await cli('verify', id, '--strategy', '@keys.json', '--wait')).toMatchObject({ code: 0 });
        expect(await cli('delete', id)).not.toMatchObject({ code: 0 });
        expect(await cli('delete', id, '--strategy', '@keys.json', '--wait')).toMatchObject({ code: 0 });
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    });

    it('is forgotten without credentials, if it is asked for: what lies there stays', async () => {
      const lost = await client.madeBackup(table, 'lost keys', { strategy: { location: inBucket() } });
      const id = String(lost['id']);
      const path = `${client.table(table)}/backups/${id}`;
      await invalid(client.send('DELETE', `${path}?forget=true&purge=true`), /purge and forget/);
      await invalid(client.send('DELETE', `${path}?forget=perhaps`), /forget/);
      const internal = await client.madeBackup(table, 'internal');
      await invalid(client.deleteBackup(table, internal['id'], '?forget=true'), /own store/);
      const before = await objects(`team/${id}/`);
      expect(before).not.toEqual([]);
      await expectStatus(client.deleteBackup(table, id, '?forget=true'), 200);
      await client.gone(() => client.backup(table, id));
      expect(await objects(`team/${id}/`)).toEqual(before);
      // Who has the keys again has the backup again.
      await expectStatus(client.import({ source: located(lost), strategy: { location: { credentials: KEYS } } }), 200);
    });

    it('that is cancelled goes with the credentials that it was being made with', async () => {
      const slow = await startManagement({ apiOnly: true, storage: { allowedHosts: [hostOf(endpoint)], credentialsKeys: [NEWER_KEY] } });
      try {
        const it = slow.client();
        const name = await makeTable(slow.backend, 5);
        const { id } = await expectStatus(it.createBackup(name, 'never', { strategy: { location: inBucket() } }), 202);
        await refused(it.deleteBackup(name, id, '?forget=true'), 409, 'ConflictError', /being made/);
        await expectStatus(it.deleteBackup(name, id), 200);
        const [job] = await query<{ kind: string; sealed: string }>(slow, 'SELECT kind, sealed FROM magnetodb_backup.jobs');
        expect(job).toMatchObject({ kind: 'backup.create.outside', sealed: expect.stringMatching(/^1\.newer\./) });
      } finally {
        await slow.stop();
      }
      const asked = await expectStatus(client.createBackup(table, 'cancelled', { strategy: { location: inBucket() } }), 202);
      await expectStatus(client.deleteBackup(table, asked['id']), 200);
      await client.gone(() => client.backup(table, asked['id']));
      await until(async () => (await objects(`team/${String(asked['id'])}/`)).length === 0);
    });
  });

  describe('what cannot work is refused when it is asked for', () => {
    let table: string;
    beforeAll(async () => {
      table = await makeTable(home.backend, 1);
    });
    const backup = (location: Json): Promise<Answer> => client.createBackup(table, 'x', { strategy: { location } });

    it.each([
      ['a wrong key', () => inBucket(WRONG), /^strategy\.location: the S3 service refuses the access key/],
      ['a wrong bucket', () => inBucket(KEYS, `s3://${BUCKET}-other/x`), /^strategy\.location: there is no such bucket/],
      ['no credentials, although the surroundings have some', () => inBucket(null), /^strategy\.location: /],
      ['a key of another name', () => inBucket({ access_key: 'a', secret_key: 'b' }), /credentials of an s3:\/\/ location are/],
      ['somebody else’s bucket', () => inBucket({ access_key_id: 'other:tester', secret_access_key: 'testing2' }), /^strategy\.location: /],
      ['a web server', () => ({ type: 'external', url: `${endpoint}/x` }), /^strategy\.location: a place that is only read/],
    ])('%s: 400', async (_what, location, message) => {
      const answer = await invalid(backup(location()), message);
      expect(JSON.stringify(answer.body)).not.toContain(WRONG.secret_access_key);
    });

    it('leaves nothing behind: no record, no job, no object, no upload', async () => {
      expect(await expectStatus(client.get(`${client.table(table)}/backups`), 200)).toEqual({ backups: [] });
      expect((await objects()).filter((name) => name.includes('probe') || name.startsWith('x/'))).toEqual([]);
      expect((await s3.send(new ListMultipartUploadsCommand({ Bucket: BUCKET }))).Uploads ?? []).toEqual([]);
    });

    it('a folder that cannot be written to: 400', async () => {
      const folder = fileURLToPath(home.outsideUrl);
      await writeFile(join(folder, 'a-file'), '');
      await invalid(backup({ type: 'external', url: `${home.outsideUrl}/a-file` }), /^strategy\.location: /);
      expect((await readdir(folder)).sort()).toEqual(['a-file']);
      await rm(join(folder, 'a-file'));
    });

    it('hosts that are not listed: 403, and nobody is asked', async () => {
      let asked = 0;
      const stranger = await servers.start((_request, response) => response.end(String(++asked)));
      for (const url of [stranger, 'http://169.254.169.254', 'http://localhost:9', 'http://[::1]:9']) {
        const host = new URL(url).host.replaceAll(/[[\].]/g, '\\$&');
        await refused(backup({ type: 'external', url: 's3://b/x', endpoint: url, credentials: KEYS }), 403, 'Forbidden', new RegExp(`the host ${host} `));
        await refused(client.createRestore('target', { source: `${url}/x` }), 403, 'Forbidden');
        await refused(client.import({ source: `${url}/x` }), 403, 'Forbidden');
      }
      expect(asked).toBe(0);
    });

    it('secrets in URLs: 400, and they are not repeated', async () => {
      for (const url of ['s3://user:hunter2@b/x', 'https://user:hunter2@h/x', 'https://h/x?X-Amz-Signature=hunter2', 's3://b/x?endpoint=https%3A%2F%2Fuser%3Ahunter2%40h']) {
        for (const answer of [await invalid(backup({ type: 'external', url })), await invalid(client.createRestore('target', { source: url }))]) {
          expect(JSON.stringify(answer.body)).not.toContain('hunter2');
        }
      }
    });

    it("another project's place in the own store: 404, whatever credentials come with it", async () => {
      const made = await client.madeBackup(table, 'internal');
      const stranger = home.client('spec', 'other-token', 'other');
      await refused(stranger.createRestore('target', { source: { url: located(made) } }), 404, 'BackupNotExists');
      await refused(stranger.import({ source: located(made) }), 404, 'BackupNotExists');
    });

    it('credentials for a job in a deployment without a key to seal them with: 400', async () => {
      const keyless = await startManagement({ apiOnly: true, storage: { allowedHosts: [hostOf(endpoint)] } });
      try {
        const name = await makeTable(keyless.backend, 1);
        await invalid(keyless.client().createBackup(name, 'x', { strategy: { location: inBucket() } }), /takes no credentials/);
      } finally {
        await keyless.stop();
      }
    });
  });

  describe('a plain web server', () => {
    let origin: string;
    let made: Json;
    let server: ManagementServer;

    beforeAll(async () => {
      origin = await staticServer(fileURLToPath(home.outsideUrl));
      made = await client.madeBackup(await makeTable(home.backend, 25), 'published', { strategy: { location: { type: 'external', url: `${home.outsideUrl}/web` } } });
    });
    afterEach(() => server?.stop());

    const restoreFrom = async (source: string, hosts: string[]): Promise<Answer> => {
      server = await startManagement({ storage: { allowedHosts: hosts } });
      return server.client().createRestore('from_the_web', { source });
    };

    it('is restored from', async () => {
      const { id } = await expectStatus(restoreFrom(`${origin}/web/${String(made['id'])}`, [hostOf(origin)]), 202);
      const it = server.client();
      expect(await it.finished(() => it.restore('from_the_web', id), 'RESTORING')).toMatchObject({ status: 'RESTORED' });
      expect(await server.backend.describeTable({ projectId: 'demo', name: 'from_the_web' })).toMatchObject({ itemCount: 25 });
      const [job] = await query<{ kind: string }>(server, 'SELECT kind FROM magnetodb_backup.jobs');
      expect(job?.kind).toBe('restore.whole.outside');
    });

    it('that redirects is followed to hosts that are listed, and to no other', async () => {
      let target = origin;
      const moved = await servers.start((request, response) => response.writeHead(302, { location: `${target}${request.url}` }).end());
      const source = `${moved}/web/${String(made['id'])}`;
      await expectStatus(restoreFrom(source, [hostOf(moved), hostOf(origin)]), 202);
      await server.stop();
      await refused(restoreFrom(source, [hostOf(moved)]), 403, 'Forbidden', new RegExp(hostOf(origin)));
      await server.stop();
      target = 'http://169.254.169.254';
      await refused(restoreFrom(source, [hostOf(moved), hostOf(origin)]), 403, 'Forbidden', /169\.254/);
    });

    it('without the backup: 404', async () => {
      await refused(restoreFrom(`${origin}/web/nothing`, [hostOf(origin)]), 404, 'BackupNotExists');
    });
  });

  describe('credentials', () => {
    const secrets = ['testing', KEYS.access_key_id, 'other:tester', WRONG.secret_access_key, MARK];

    it('are sealed while the job runs, and erased when it has ended: made, failed or cancelled', async () => {
      // A store that takes what the probes put, and nothing after.
      let refuses = false;
      const seen: IncomingMessage[] = [];
      const kept = new Map<string, Buffer>();
      const fake = await servers.start(async (request, response) => {
        seen.push(request);
        const bytes: Buffer[] = [];
        for await (const chunk of request) bytes.push(chunk as Buffer);
        const name = request.url?.split('?')[0] ?? '';
        if (request.method === 'PUT' && refuses) return response.writeHead(403).end(`<Error><Code>AccessDenied</Code><Message>${MARK}</Message><AWSAccessKeyId>${MARK}</AWSAccessKeyId></Error>`);
        if (request.method === 'PUT') kept.set(name, Buffer.concat(bytes));
        if (request.method === 'DELETE') kept.delete(name);
        if (request.url?.includes('list-type')) return response.end('<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>');
        const body = kept.get(name);
        return request.method === 'GET' && body === undefined ? response.writeHead(404).end() : response.end(request.method === 'GET' ? body : undefined);
      });
      const waiting = await startManagement({ apiOnly: true, storage: { allowedHosts: [hostOf(fake)], credentialsKeys: [NEWER_KEY] } });
      const it = waiting.client();
      const table = await makeTable(waiting.backend, 3);
      const location = { type: 'external', url: 's3://fake/x', endpoint: fake, credentials: { ...KEYS, session_token: MARK } };
      const { id } = await expectStatus(it.createBackup(table, 'fails', { strategy: { location } }), 202);
      const cancelled = await expectStatus(it.createBackup(table, 'cancelled', { strategy: { location } }), 202);
      expect(seen[0]?.headers['x-amz-security-token']).toBe(MARK);
      const sealed = await query<{ sealed: string }>(waiting, 'SELECT sealed FROM magnetodb_backup.jobs');
      expect(sealed).toEqual([{ sealed: expect.stringMatching(/^1\.newer\./) }, { sealed: expect.stringMatching(/^1\.newer\./) }]);
      expect(await databaseText(waiting)).not.toContain(MARK);
      expect(kept).toEqual(new Map());
      // Another process takes the jobs over, when nothing is let in any more.
      refuses = true;
      const worker = await startManagement({ joins: waiting, storage: { allowedHosts: [hostOf(fake)], credentialsKeys: [OLDER_KEY, NEWER_KEY] } });
      try {
        await expectStatus(it.deleteBackup(table, cancelled['id']), 200);
        expect(await it.finished(() => it.backup(table, id), 'CREATING')).toMatchObject({ status: 'CREATE_FAILED', error: { type: 'StorageError', message: 'the S3 credentials do not allow this' } });
        await until(async () => (await query(waiting, `SELECT FROM magnetodb_backup.jobs WHERE finished_at IS NULL`)).length === 0, 40_000);
        await it.gone(() => it.backup(table, cancelled['id']));
        const jobs = await query<{ kind: string; state: string; sealed: string | null }>(waiting, 'SELECT kind, state, sealed FROM magnetodb_backup.jobs ORDER BY seq');
        expect(jobs).toEqual([
          { kind: 'backup.create.outside', state: 'failed', sealed: null },
          { kind: 'backup.create.outside', state: 'failed', sealed: null },
          { kind: 'backup.delete.outside', state: 'succeeded', sealed: null },
        ]);
        expect(seen.every(({ headers }) => headers['x-amz-security-token'] === MARK)).toBe(true);
        expect(await databaseText(waiting)).not.toContain(MARK);
        expect(JSON.stringify((await it.get(`${it.projectPath}/backups`)).body)).not.toContain(MARK);
      } finally {
        await worker.stop();
        await waiting.stop();
      }
    });

    it('stand nowhere: neither in the database with its notifications, nor in logs or objects', async () => {
      for (const server of [home, elsewhere]) {
        await until(async () => (await query(server, `SELECT FROM magnetodb_backup.jobs WHERE finished_at IS NULL`)).length === 0, 40_000);
        const text = await databaseText(server);
        for (const secret of secrets) expect(text).not.toContain(secret);
        expect(await query(server, 'SELECT FROM magnetodb_backup.jobs WHERE sealed IS NOT NULL')).toEqual([]);
      }
      expect(logs).toContain('a job is asked for');
      for (const secret of secrets) expect(logs).not.toContain(secret);
      await client.madeBackup(await makeTable(home.backend, 2), 'looked through', { strategy: { location: inBucket(), compression: 'none' } });
      const names = await objects();
      expect(names.some((name) => name.endsWith('manifest.json'))).toBe(true);
      for (const Key of names) {
        const { Body } = await s3.send(new GetObjectCommand({ Bucket: BUCKET, Key }));
        const text = (await Body?.transformToString('latin1')) ?? '';
        for (const secret of secrets) expect(text).not.toContain(secret);
      }
    });
  });
});
