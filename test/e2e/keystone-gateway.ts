import { mkdir, mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadSettings } from '../../src/gateway/setting';
import { GatewaySettings } from '../../src/gateway/settings';
import { startGateway } from '../../src/gateway/start';
import { createTestDatabase } from '../setup/database';
import { KeystoneService } from '../setup/keystone-service';

export interface KeystoneGateway {
  readonly url: string;
  /** URL of a folder that users may name. */
  readonly outside: string;
  stop(): Promise<void>;
}

/** The gateway as an operator sets it up for a Keystone, in this process. The admins of Keystone's project `admin` reach every project. */
export async function startKeystoneGateway(keystone: KeystoneService, settings: Record<string, string> = {}): Promise<KeystoneGateway> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'keystone-gateway-')));
  const outside = join(folder, 'outside');
  await mkdir(outside);
  const database = await createTestDatabase();
  const gateway = await startGateway(
    loadSettings(GatewaySettings, {
      PORT: '0',
      LOG_LEVEL: 'silent',
      DATABASE_URL: database.url,
      DATA_DIR: folder,
      ALLOWED_FOLDERS: outside,
      KEYSTONE_URL: `${keystone.url}/v3`,
      KEYSTONE_USERNAME: 'magnetodb',
      KEYSTONE_PASSWORD: 'magnetodb-secret',
      ADMIN_PROJECT: keystone.ids.projects['admin'] ?? '',
      ...settings,
    }),
  );
  return {
    url: gateway.url,
    outside: `file://${outside}`,
    stop: async () => {
      await gateway.stop();
      await database.drop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
