import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

const SCRIPT = join(__dirname, '../services/openstack/moto.sh');

/** Starts moto, a service that speaks S3, or finds the one of the run, which the run's end stops. @returns its URL; any credentials do */
export async function startMoto(): Promise<string> {
  const run = process.env.TEST_RUN_DIR;
  if (run === undefined) throw new Error('TEST_RUN_DIR is not set: run tests with jest');
  const env = { ...process.env, SERVICES_DIR: join(run, 'services', 'moto') };
  const { stdout } = await promisify(execFile)('bash', [SCRIPT, 'start'], { env });
  return stdout.trim().split('\n').at(-1) ?? '';
}
