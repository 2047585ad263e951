import { usageError } from '../exit-codes';

/** What `OS_*` variables or an entry of `clouds.yaml` say, by the latter's keys. */
export type CloudValues = Readonly<Record<string, string>>;

/** A Keystone, and how to log in there. */
export interface Cloud {
  /** For messages. */
  readonly name: string;
  /** Ends with `/v3`. */
  readonly authUrl: string;
  readonly login: Login;
  readonly regionName: string | undefined;
  readonly interface: string;
  /** PEM file with the authorities to believe in. */
  readonly caFile: string | undefined;
  readonly insecure: boolean;
}

/** A request for a token; or a token that is for a project already, and is used as it is. */
export type Login = { readonly auth: Readonly<Record<string, unknown>> } | { readonly token: string };

/** The keys that variables may stand for. */
const KEYS = [
  ...['auth_url', 'auth_type', 'username', 'user_id', 'user_domain_name', 'user_domain_id', 'password', 'token'],
  ...['application_credential_id', 'application_credential_name', 'application_credential_secret'],
  ...['project_name', 'project_id', 'project_domain_name', 'project_domain_id', 'tenant_name', 'tenant_id', 'system_scope'],
  ...['default_domain', 'region_name', 'interface', 'endpoint_type', 'cacert', 'insecure'],
];

export function valuesOfEnvironment(env: Readonly<Record<string, string | undefined>>): CloudValues {
  return Object.fromEntries(KEYS.flatMap((key) => (env[`OS_${key.toUpperCase()}`] ? [[key, env[`OS_${key.toUpperCase()}`] ?? '']] : [])));
}

/** @throws CliError naming what is missing; never a secret */
export function cloudOf(name: string, values: CloudValues): Cloud {
  const face = values['interface'] ?? values['endpoint_type'] ?? 'public';
  return {
    name,
    authUrl: authUrlOf(name, values),
    login: loginOf(name, values),
    regionName: values['region_name'],
    interface: face.replace(/URL$/, ''),
    caFile: values['cacert'],
    insecure: isTrue(values['insecure']) || /^(false|no|0)$/i.test(values['verify'] ?? ''),
  };
}

export function isTrue(text: string | undefined): boolean {
  return /^(true|yes|on|1)$/i.test(text ?? '');
}

function authUrlOf(name: string, { auth_url: given = '' }: CloudValues): string {
  const url = URL.canParse(given) ? new URL(given) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.username !== '' || url.password !== '' || url.search !== '')
    throw usageError(`${name}: auth_url (OS_AUTH_URL) must look like https://host:5000/v3`);
  const path = url.pathname.replace(/\/+$/, '');
  if (/\/v2(\.\d+)?$/.test(path)) throw usageError(`${name}: auth_url (OS_AUTH_URL) is for version 2 of the identity API, which no gateway takes tokens of`);
  return `${url.origin}${path.endsWith('/v3') ? path : `${path}/v3`}`;
}

function loginOf(name: string, values: CloudValues): Login {
  const scope = scopeOf(values);
  switch (methodOf(name, values)) {
    case 'password': {
      const user = { ...userOf(name, values), password: needed(name, values, 'password') };
      return { auth: { identity: { methods: ['password'], password: { user } }, ...scope } };
    }
    case 'application_credential': {
      const { application_credential_id: id, application_credential_name: called } = values;
      const secret = needed(name, values, 'application_credential_secret');
      // By name, it has to be said whose.
      const which = id !== undefined || called === undefined ? { id: needed(name, values, 'application_credential_id') } : { name: called, user: userOf(name, values) };
      // It is for one project, and says so itself.
      return { auth: { identity: { methods: ['application_credential'], application_credential: { ...which, secret } } } };
    }
    case 'token': {
      const token = needed(name, values, 'token');
      return scope === undefined ? { token } : { auth: { identity: { methods: ['token'], token: { id: token } }, ...scope } };
    }
  }
}

function methodOf(name: string, values: CloudValues): 'password' | 'token' | 'application_credential' {
  const type = values['auth_type'];
  switch (type) {
    case 'password':
    case 'v3password':
      return 'password';
    case 'token':
    case 'v3token':
      return 'token';
    case 'v3applicationcredential':
      return 'application_credential';
    case undefined:
      if (values['application_credential_secret'] !== undefined) return 'application_credential';
      return values['token'] !== undefined && values['password'] === undefined ? 'token' : 'password';
    default:
      throw usageError(`${name}: auth_type (OS_AUTH_TYPE) may be password, token or v3applicationcredential; for others, get a token by “openstack token issue”, and set OS_AUTH_TYPE=token, OS_TOKEN`);
  }
}

function userOf(name: string, values: CloudValues): object {
  if (values['user_id'] !== undefined) return { id: values['user_id'] };
  return { name: needed(name, values, 'username'), domain: domainOf(values, 'user') };
}

function domainOf(values: CloudValues, of: 'user' | 'project'): object {
  const [id, called] = [values[`${of}_domain_id`], values[`${of}_domain_name`]];
  return id === undefined && called !== undefined ? { name: called } : { id: id ?? values['default_domain'] ?? 'default' };
}

/** Undefined: whatever Keystone takes for the user's own. */
function scopeOf(values: CloudValues): { readonly scope: object } | undefined {
  const id = values['project_id'] ?? values['tenant_id'];
  const called = values['project_name'] ?? values['tenant_name'];
  if (values['system_scope'] !== undefined) return { scope: { system: { [values['system_scope']]: true } } };
  if (id !== undefined) return { scope: { project: { id } } };
  return called === undefined ? undefined : { scope: { project: { name: called, domain: domainOf(values, 'project') } } };
}

function needed(name: string, values: CloudValues, key: string): string {
  const value = values[key];
  if (value === undefined || value === '') throw usageError(`${name}: ${key} (OS_${key.toUpperCase()}) is missing`);
  return value;
}
