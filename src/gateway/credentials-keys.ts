import { randomUUID } from 'node:crypto';
import { link, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { newCredentialsKey } from '../index';
import { GatewaySettings } from './settings';

const FILE = 'credentials.keys';

/**
 * The keys that seal credentials: the operator's; or, where the database is the gateway's own and so nobody else's, one that is made up and kept beside
 * it. Gateways that share a database could not open what the others sealed: they need the operator's.
 */
export async function credentialsKeys({ credentialsKeys: given, databaseUrl, dataDir }: GatewaySettings): Promise<readonly string[]> {
  if (given.length > 0 || databaseUrl !== undefined) return given;
  const file = join(dataDir, FILE);
  await mkdir(dataDir, { recursive: true });
  const mine = `${file}.${randomUUID()}`;
  try {
    await writeFile(mine, `${newCredentialsKey('made-up')}\n`, { mode: 0o600, flag: 'wx', flush: true });
    // Whole or not there; one that is there already stays.
    await link(mine, file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    await rm(mine, { force: true });
  }
  return (await readFile(file, 'utf8')).split('\n').filter((line) => line !== '');
}
