import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { KeystoneService } from './keystone-service';
import { steadyFetch } from './steady-fetch';

const SCRIPT = join(__dirname, '../services/openstack/swift.sh');

export interface SwiftLimitsOfTest {
  /** Bytes of the largest plain object. */
  readonly maxObjectBytes?: number;
}

/** A user of the tempauth proxy. */
export const TESTER = { user: 'test:tester', key: 'testing', account: 'AUTH_test' };
/** A user of another account there. */
export const OTHER_TESTER = { user: 'other:tester', key: 'testing2', account: 'AUTH_other' };

/** A real Swift, with a proxy that asks the run's Keystone and one that keeps users of its own. One of all tests of the run may be stopped by none of them. */
export class SwiftService {
  private constructor(
    private readonly folder: string,
    readonly keystone: KeystoneService,
    /** `http://host:port` of the proxy that asks Keystone. */
    readonly url: string,
    /** `http://host:port` of the proxy with tempauth. */
    readonly tempauthUrl: string,
    private readonly limits: SwiftLimitsOfTest,
  ) {}

  /** The one of the run; the shared Keystone's catalogue names it. */
  static async shared(): Promise<SwiftService> {
    const swift = await SwiftService.in('swift', await KeystoneService.shared(), {});
    await KeystoneService.shared({ 'object-store': `${swift.url}/v1/AUTH_%(project_id)s` });
    return swift;
  }

  /** One of the caller's own, which it may stop; no catalogue names it. The end of the run removes it. */
  static async own(limits: SwiftLimitsOfTest = {}, keystone?: KeystoneService): Promise<SwiftService> {
    return SwiftService.in(`swift-${randomBytes(6).toString('hex')}`, keystone ?? (await KeystoneService.shared()), limits);
  }

  private static async in(name: string, keystone: KeystoneService, limits: SwiftLimitsOfTest): Promise<SwiftService> {
    const run = process.env.TEST_RUN_DIR;
    if (run === undefined) throw new Error('TEST_RUN_DIR is not set: run tests with jest');
    const folder = join(run, 'services', name);
    const [url, tempauthUrl] = await swift('start', folder, keystone, limits);
    if (url === undefined || tempauthUrl === undefined) throw new Error('Swift has not said where it is');
    return new SwiftService(folder, keystone, url, tempauthUrl, limits);
  }

  /** Only of a Swift of one's own. Objects stay. */
  async stop(): Promise<void> {
    await swift('stop', this.folder, this.keystone, this.limits);
  }

  /** Again, after `stop`: with the same URLs and objects. */
  async start(): Promise<void> {
    await swift('start', this.folder, this.keystone, this.limits);
  }

  /** A token of tempauth's. */
  async tempauthToken({ user, key } = TESTER): Promise<string> {
    const response = await steadyFetch(`${this.tempauthUrl}/auth/v1.0`, { headers: { 'X-Auth-User': user, 'X-Auth-Key': key } });
    const token = response.headers.get('x-auth-token');
    if (token === null) throw new Error(`tempauth answered ${response.status} to a log-in`);
    return token;
  }

  /** What the servers wrote to their logs. */
  async log(server: string): Promise<string> {
    return readFile(join(this.folder, 'log', `swift-${server}.log`), 'utf8');
  }
}

/** Runs the script; resolves with the last two lines that it prints. */
async function swift(action: 'start' | 'stop', folder: string, keystone: KeystoneService, limits: SwiftLimitsOfTest): Promise<string[]> {
  const env = {
    ...process.env,
    SERVICES_DIR: folder,
    KEYSTONE_URL: keystone.url,
    // Short enough to see a revoked token refused, long enough to be a cache.
    SWIFT_TOKEN_CACHE_SECONDS: '1',
    SWIFT_S3_MIN_PART: '1',
    ...(limits.maxObjectBytes === undefined ? {} : { SWIFT_MAX_FILE_SIZE: String(limits.maxObjectBytes) }),
  };
  const { stdout } = await promisify(execFile)('bash', [SCRIPT, action], { env });
  return stdout.trim().split('\n').slice(-2);
}
