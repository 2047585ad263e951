import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { Call } from './command';
import { usageError } from './exit-codes';
import { Trust } from './http-call';
import { Cloud, CloudValues, cloudOf, isTrue, valuesOfEnvironment } from './openstack/cloud';
import { readCloud } from './openstack/clouds-file';
import { endpointOf, logIn } from './openstack/keystone';

const DEFAULT_URL = 'http://127.0.0.1:8480';
const DEFAULT_SERVICE_TYPE = 'key-value-storage-backup';

/** Which gateway is called, and as whom. */
export interface Access {
  readonly url: string;
  readonly token: string;
  /** The token's, where that is known. */
  readonly projectId: string | undefined;
  readonly trust: Trust;
  /** Can another token be had once this one is refused? */
  readonly renewable: boolean;
}

/** By options, then environment: a token that is given, or one of Keystone's. @throws CliError if something is missing, or Keystone does not let in */
export async function accessOf(call: Call): Promise<Access> {
  const { env } = call.io;
  const url = call.text('url') ?? (env['MAGNETODB_URL'] || undefined);
  if (url !== undefined) checkUrl(url);
  const named = call.text('os-cloud');
  if (named !== undefined && call.text('token') !== undefined) throw usageError('--token and --os-cloud: which of the two?');
  const token = call.text('token') ?? (named === undefined ? env['MAGNETODB_TOKEN'] : undefined);
  if (token) {
    const { cacert, insecure } = valuesOfEnvironment(env);
    const trust = await trustOf(call, cacert, isTrue(insecure));
    return { url: trimmed(url ?? DEFAULT_URL), token, projectId: undefined, trust, renewable: false };
  }
  const cloud = await cloudOfCall(call, named ?? env['OS_CLOUD']);
  const trust = await trustOf(call, cloud.caFile, cloud.insecure);
  const given = await logIn(cloud, trust, call.io.signal);
  const type = call.text('service-type') ?? (env['MAGNETODB_SERVICE_TYPE'] || DEFAULT_SERVICE_TYPE);
  const endpoint = url ?? endpointOf(given, type, cloud);
  checkUrl(endpoint);
  return { url: trimmed(endpoint), token: given.token, projectId: given.projectId, trust, renewable: !('token' in cloud.login) };
}

async function cloudOfCall(call: Call, name: string | undefined): Promise<Cloud> {
  const { env } = call.io;
  const [region, face] = [call.text('os-region-name'), call.text('os-interface')];
  const asked = { ...(region === undefined ? {} : { region_name: region }), ...(face === undefined ? {} : { interface: face }) };
  const variables = valuesOfEnvironment(env);
  if (name) {
    // Variables may belong to another cloud: of who logs in and where, nothing is mixed.
    const { region_name, interface: of, cacert } = variables;
    const around = Object.entries({ region_name, interface: of, cacert }).filter(([, value]) => value !== undefined);
    const values: CloudValues = { ...(Object.fromEntries(around) as CloudValues), ...(await readCloud(name, call.io)), ...asked };
    return cloudOf(`the cloud ${name}`, values);
  }
  if (variables['auth_url'] === undefined)
    throw usageError('no token: set MAGNETODB_TOKEN, or OS_CLOUD, or OS_AUTH_URL and what else logs in to OpenStack (or give --token, --os-cloud)');
  return cloudOf('OS_AUTH_URL', { ...variables, ...asked });
}

async function trustOf(call: Call, caFile: string | undefined, insecure: boolean): Promise<Trust> {
  if (caFile === undefined) return { insecure };
  try {
    return { ca: await readFile(resolve(call.io.cwd, caFile), 'utf8'), insecure };
  } catch (error) {
    throw usageError(`cacert (OS_CACERT) cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown'})`);
  }
}

function checkUrl(url: string): void {
  if (!/^https?:\/\/[^/@?#]+(\/[^?#]*)?$/i.test(url)) throw usageError('the gateway’s URL must look like https://host[:port][/path]');
}

function trimmed(url: string): string {
  return url.replace(/\/+$/, '');
}
