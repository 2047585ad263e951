/** How to reach Keystone (identity API v3), and as whom. */
export interface KeystoneOptions {
  /** Keystone's URL, with or without `/v3` at its end. */
  readonly authUrl: string;
  /** The service user, who must be allowed to validate others' tokens (role `service` or `admin` on its project). */
  readonly username: string;
  readonly password: string;
  /** Default `Default`. */
  readonly userDomainName?: string;
  /** The service user's project, e.g. `service`. */
  readonly projectName: string;
  /** Default `Default`. */
  readonly projectDomainName?: string;
  /** How long a validated token is believed without asking again, in seconds: a revoked one is accepted so long. Default 60; 0: not at all. */
  readonly cacheSeconds?: number;
  /** How many validated tokens are remembered. Default 10,000. */
  readonly maxCachedTokens?: number;
  /** How long one call to Keystone may take, in milliseconds. Default 5,000. */
  readonly timeoutMs?: number;
}

/** The options with their defaults, checked. */
export interface ResolvedKeystoneOptions extends Required<Omit<KeystoneOptions, 'authUrl'>> {
  readonly tokensUrl: string;
}

/** @throws Error naming the option that is wrong; never its value. */
export function resolveKeystoneOptions(options: KeystoneOptions): ResolvedKeystoneOptions {
  const { authUrl, ...rest } = options;
  const resolved = {
    userDomainName: 'Default',
    projectDomainName: 'Default',
    cacheSeconds: 60,
    maxCachedTokens: 10_000,
    timeoutMs: 5_000,
    ...rest,
    tokensUrl: tokensUrl(authUrl),
  };
  for (const name of ['username', 'password', 'projectName', 'userDomainName', 'projectDomainName'] as const) {
    if (typeof resolved[name] !== 'string' || resolved[name] === '')
      throw new Error(`Keystone: "${name}" must be a text that is not empty.`);
  }
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
