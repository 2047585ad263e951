/** How to reach Keystone (identity API v3), and as whom: a service user, who must be allowed to validate others' tokens (role `service` or `admin`). */
export interface KeystoneOptions {
  /** Keystone's URL, with or without `/v3` at its end. */
  readonly authUrl: string;
  /** The service user's name; `password` and `projectName` belong to it. */
  readonly username?: string;
  readonly password?: string;
  /** Default `Default`. */
  readonly userDomainName?: string;
  /** The service user's project, e.g. `service`. */
  readonly projectName?: string;
  /** Default `Default`. */
  readonly projectDomainName?: string;
  /** Instead of name and password: an application credential of the service user's, which is for one project by itself. */
  readonly applicationCredential?: { readonly id: string; readonly secret: string };
  /** How long a validated token is believed without asking again, in seconds: a revoked one is accepted so long. Default 60; 0: not at all. */
  readonly cacheSeconds?: number;
  /** How many validated tokens are remembered. Default 10,000. */
  readonly maxCachedTokens?: number;
  /** How long one call to Keystone may take, in milliseconds. Default 5,000. */
  readonly timeoutMs?: number;
}

/** The options with their defaults, checked. */
export interface ResolvedKeystoneOptions extends Required<Pick<KeystoneOptions, 'cacheSeconds' | 'maxCachedTokens' | 'timeoutMs'>> {
  readonly tokensUrl: string;
  /** Body of the service user's log-in. */
  readonly logIn: { readonly auth: object };
}

/** @throws Error naming the option that is wrong; never its value. */
export function resolveKeystoneOptions(options: KeystoneOptions): ResolvedKeystoneOptions {
  const { cacheSeconds = 60, maxCachedTokens = 10_000, timeoutMs = 5_000 } = options;
  const resolved = { cacheSeconds, maxCachedTokens, timeoutMs, tokensUrl: tokensUrl(options.authUrl), logIn: { auth: authOf(options) } };
  for (const [name, min] of [
    ['cacheSeconds', 0],
    ['maxCachedTokens', 1],
    ['timeoutMs', 1],
  ] as const) {
    if (!Number.isFinite(resolved[name]) || resolved[name] < min)
      throw new Error(`Keystone: "${name}" must be a number, at least ${min}.`);
  }
  return resolved;
}

function authOf(options: KeystoneOptions): object {
  const { username, password, projectName, applicationCredential, userDomainName = 'Default', projectDomainName = 'Default' } = options;
  if (applicationCredential !== undefined) {
    if ([username, password, projectName].some((given) => given !== undefined))
      throw new Error('Keystone: "applicationCredential" goes without "username", "password" and "projectName".');
    const { id, secret } = applicationCredential;
    requireTexts({ 'applicationCredential.id': id, 'applicationCredential.secret': secret });
    // It brings its scope.
    return { identity: { methods: ['application_credential'], application_credential: { id, secret } } };
  }
  requireTexts({ username, password, projectName, userDomainName, projectDomainName });
  const user = { name: username, password, domain: { name: userDomainName } };
  return { identity: { methods: ['password'], password: { user } }, scope: { project: { name: projectName, domain: { name: projectDomainName } } } };
}

function requireTexts(values: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(values)) {
    if (typeof value !== 'string' || value === '') throw new Error(`Keystone: "${name}" must be a text that is not empty.`);
  }
}

function tokensUrl(authUrl: string): string {
  const url = URL.canParse(authUrl) ? new URL(authUrl) : undefined;
  const plain =
    url !== undefined &&
    ['http:', 'https:'].includes(url.protocol) &&
    url.username === '' &&
    url.password === '' &&
    url.search === '';
  if (url === undefined || !plain)
    throw new Error('Keystone: "authUrl" must be an http or https URL without user, password or query.');
  const path = url.pathname.replace(/\/+$/, '');
  return `${url.origin}${path.endsWith('/v3') ? path : `${path}/v3`}/auth/tokens`;
}
