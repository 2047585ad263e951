import { CliError, EXIT, usageError } from '../exit-codes';
import { HttpAnswer, Trust, connectionErrorCode, httpCall, jsonObject } from '../http-call';
import { Cloud } from './cloud';

/** One of a service's addresses, as Keystone's catalogue lists it. */
interface Endpoint {
  readonly type: string;
  readonly interface: string;
  readonly region: string;
  readonly url: string;
}

/** What a log-in gave. */
export interface OpenStackToken {
  readonly token: string;
  /** Undefined: it is for the system. */
  readonly projectId: string | undefined;
  readonly endpoints: readonly Endpoint[];
}

/** @throws CliError `Unauthorized` if Keystone does not let in, `ServiceUnavailable` if it cannot be asked; never with a secret */
export async function logIn(cloud: Cloud, trust: Trust, signal: AbortSignal): Promise<OpenStackToken> {
  const url = `${cloud.authUrl}/auth/tokens`;
  const json = { Accept: 'application/json', 'Content-Type': 'application/json' };
  const { login } = cloud;
  const call =
    'token' in login
      ? { method: 'GET', url, headers: { ...json, 'X-Auth-Token': login.token, 'X-Subject-Token': login.token } }
      : { method: 'POST', url, headers: json, body: JSON.stringify({ auth: login.auth }) };
  let answer: HttpAnswer;
  try {
    answer = await httpCall({ ...call, trust, signal });
  } catch (error) {
    signal.throwIfAborted();
    throw new CliError(EXIT.unavailable, 'ServiceUnavailable', `Keystone of ${cloud.name} cannot be reached (${connectionErrorCode(error)})`);
  }
  // 404 is about a token that Keystone does not know.
  if ([401, 403].includes(answer.status) || (answer.status === 404 && 'token' in login)) {
    throw new CliError(EXIT.refused, 'Unauthorized', `Keystone of ${cloud.name} does not let in with these credentials (${answer.status})`);
  }
  const token = 'token' in login ? login.token : answer.headers['x-subject-token'];
  const described = jsonObject(answer.text)?.['token'];
  if (![200, 201].includes(answer.status) || typeof token !== 'string' || !isMapping(described)) {
    const code = answer.status >= 500 ? EXIT.unavailable : EXIT.failed;
    throw new CliError(code, 'UnexpectedAnswer', `auth_url of ${cloud.name} answered ${answer.status}, and not as Keystone v3 does`);
  }
  const project = isMapping(described['project']) ? described['project']['id'] : undefined;
  return { token, projectId: typeof project === 'string' ? project : undefined, endpoints: endpointsOf(described['catalog']) };
}

/** @throws CliError if the catalogue has none, or several to choose from */
export function endpointOf({ endpoints }: OpenStackToken, type: string, { name, interface: face, regionName }: Cloud): string {
  const ofType = endpoints.filter((endpoint) => endpoint.type === type && endpoint.interface === face);
  const found = ofType.filter(({ region }) => regionName === undefined || region === regionName);
  const urls = new Set(found.map(({ url }) => url));
  const [url] = urls;
  const regions = [...new Set(ofType.map(({ region }) => region))].join(', ');
  if (url === undefined) {
    const where = ofType.length > 0 ? `, which is in ${regions}` : '';
    throw usageError(
      `the catalogue of ${name} has no ${face} endpoint of a service ${type}${regionName === undefined ? '' : ` in the region ${regionName}`}${where}: give --url`,
    );
  }
  if (urls.size > 1) throw usageError(`the service ${type} is in several regions (${regions}): give --os-region-name`);
  // An entry may lead to the API's version, or to the project's part of it.
  return url.replace(/\/v1(\/.*)?$/, '');
}

function endpointsOf(catalogue: unknown): Endpoint[] {
  return listOf(catalogue).flatMap((service) =>
    listOf(service['endpoints']).map((endpoint) => ({
      type: String(service['type']),
      interface: String(endpoint['interface']),
      region: String(endpoint['region_id'] ?? endpoint['region']),
      url: String(endpoint['url']),
    })),
  );
}

function listOf(value: unknown): Record<string, unknown>[] {
  return Array.isArray(value) ? value.filter(isMapping) : [];
}

function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
