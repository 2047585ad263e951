import { execFile } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { GatewaySettings } from '../../src/gateway/settings';
import { RunningGateway, startGateway } from '../../src/gateway/start';
import { createTestDatabase, TestDatabase } from '../setup/database';
import { expectStatus, Json, ManagementClient } from './management-server';

jest.setTimeout(300_000);

const ROOT = join(__dirname, '../..');
const TOKEN = 'made-up-token';

describe('the quick start of README.md', () => {
  let folder: string;
  let database: TestDatabase;
  let gateway: RunningGateway;
  let client: ManagementClient;
  beforeAll(async () => {
    folder = await realpath(await mkdtemp(join(tmpdir(), 'readme-')));
    database = await createTestDatabase();
    const settings = { port: 0, dataDir: join(folder, 'data'), databaseUrl: database.url, devTokens: `${TOKEN}=demo:member`, logLevel: 'silent' };
    gateway = await startGateway(Object.assign(new GatewaySettings(), settings));
    client = new ManagementClient(gateway.url, 'deployed', TOKEN, 'demo');
    await mkdir(join(folder, 'bin'));
    const npx = `#!/bin/sh\n[ "$1" = magnetodb-backup ] || exit 99\nshift\nexec '${process.execPath}' -r '${ROOT}/test/setup/swc-register.js' '${ROOT}/src/cli/main.ts' "$@"\n`;
    await writeFile(join(folder, 'bin/npx'), npx);
    await chmod(join(folder, 'bin/npx'), 0o755);
  });
  afterAll(async () => {
    await gateway.stop();
    await database.drop();
    await rm(folder, { recursive: true, force: true });
  });

  async function sh(commands: string, env: Record<string, string> = {}): Promise<string> {
    const script = commands.replaceAll('http://127.0.0.1:8480', gateway.url);
    const all = { PATH: `${join(folder, 'bin')}:${process.env.PATH ?? ''}`, HOME: folder, TOKEN, API: gateway.url, MAGNETODB_URL: gateway.url, ...env };
    return (await promisify(execFile)('bash', ['-euc', script], { cwd: folder, env: all })).stdout;
  }

  it('works as it is written, from the first table to the command line', async () => {
    const section = (await readFile(join(ROOT, 'README.md'), 'utf8')).split('## Run it')[1]?.split('\n## ')[0] ?? '';
    const [first = '', second = ''] = [...section.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, text]) => text ?? '');
    const [begin = '', restore = ''] = first.replace(/^TOKEN=….*\n/, '').split(/(?=^# get it back)/m);
    expect(restore).toContain('BACKUP_ID');

    const said = await sh(begin);
    const [backup] = (await expectStatus(client.get('/v1/management/demo/backups'), 200))['backups'] as Json[];
    const id = String(backup?.['backup_id']);
    // In the answer to its making, and in the list.
    expect(said.split(id).length).toBeGreaterThan(2);
    await client.finished(() => client.backup('threads', id), 'CREATING');

    const job = JSON.parse(await sh(restore, { BACKUP_ID: id })) as Json;
    expect(await client.finished(() => client.restore('threads_again', job['restore_job_id']), 'RESTORING')).toMatchObject({ status: 'RESTORED' });
    const scanned = await expectStatus(client.send('POST', '/v1/data/demo/tables/threads_again/scan', {}), 200);
    expect(scanned).toMatchObject({ count: 1, items: [{ forum: { S: 'MagnetoDB' }, views: { N: '7' } }] });

    expect(await sh(second)).toMatch(/^[0-9a-f]{32} +once more +threads +CREATED /m);
  });
});
