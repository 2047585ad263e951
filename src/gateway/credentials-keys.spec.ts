import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { credentialsKeys } from './credentials-keys';
import { loadSettings } from './setting';
import { GatewaySettings } from './settings';

let folder: string;
beforeEach(async () => {
  folder = join(await mkdtemp(join(tmpdir(), 'credentials-keys-')), 'data');
});
afterEach(() => rm(join(folder, '..'), { recursive: true, force: true }));

const keysOf = async (env: NodeJS.ProcessEnv): Promise<readonly string[]> => credentialsKeys(loadSettings(GatewaySettings, { DATA_DIR: folder, ...env }));

it('are made up once where the database is the gateway\u2019s own, and readable by nobody else', async () => {
  const all = await Promise.all(Array.from({ length: 5 }, () => keysOf({})));
  expect(new Set(all.flat()).size).toBe(1);
  expect(all[0]).toEqual([expect.stringMatching(/^made-up:[A-Za-z0-9+/]{43}=$/)]);
  expect(await readdir(folder)).toEqual(['credentials.keys']);
  expect((await stat(join(folder, 'credentials.keys'))).mode & 0o777).toBe(0o600);
  expect(await keysOf({})).toEqual(all[0]);
});

it('are not made up where gateways share a database', async () => {
  expect(await keysOf({ DATABASE_URL: 'postgresql://user@host/database' })).toEqual([]);
});

it('are the operator\u2019s where he gives some', async () => {
  const given = [`b:${Buffer.alloc(32, 1).toString('base64')}`, `a:${Buffer.alloc(32, 2).toString('base64')}`];
  for (const more of [{}, { DATABASE_URL: 'postgresql://user@host/database' }]) expect(await keysOf({ CREDENTIALS_KEYS: given.join(', '), ...more })).toEqual(given);
  await expect(keysOf({ CREDENTIALS_KEYS: 'hunter2' })).rejects.toThrow(/^settings: .*CREDENTIALS_KEYS must be/);
  await expect(keysOf({ CREDENTIALS_KEYS: 'hunter2' })).rejects.not.toThrow('hunter2');
});
