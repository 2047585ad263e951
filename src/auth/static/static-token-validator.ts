import { createHash, timingSafeEqual } from 'node:crypto';
import { DomainError } from '../../kernel';
import { Identity, PROJECT_ID_PATTERN } from '../identity';
import { TokenValidator } from '../token-validator';

interface StaticToken {
  readonly hash: Buffer;
  readonly identity: Identity;
}

const TOKEN = /^[\x21-\x7e]{1,4096}$/;
const ROLE = /^[a-zA-Z0-9_.-]{1,64}$/;

/**
 * Tokens from the configuration, for development: `tokenA=demo:member;tokenB=other:admin,member` (token, project, roles). They
 * never expire, so they are refused in production.
 */
export class StaticTokenValidator implements TokenValidator {
  private readonly tokens: readonly StaticToken[];

  /** @throws Error if the text is malformed (it names the entry's position, never the token), or `NODE_ENV` is `production`. */
  constructor(tokens: string, environment: string | undefined = process.env['NODE_ENV']) {
    if (environment === 'production')
      throw new Error('Development tokens are refused with NODE_ENV=production: configure Keystone.');
    this.tokens = parseTokens(tokens);
  }

  validate(token: string): Promise<Identity> {
    const hash = sha256(token);
    // Each is compared, whichever matches, so that the time taken tells nothing.
    let identity: Identity | undefined;
    for (const each of this.tokens) if (timingSafeEqual(each.hash, hash)) identity = each.identity;
    return identity === undefined
      ? Promise.reject(new DomainError('Unauthorized', 'The token is not valid.'))
      : Promise.resolve(identity);
  }
}

function parseTokens(text: string): StaticToken[] {
  const entries = text.split(';').map((entry) => entry.trim());
  if (entries.at(-1) === '') entries.pop();
  if (entries.length === 0) throw new Error('There is no development token: write token=project:role,role;…');
  const tokens = entries.map(parseToken);
  const distinct = new Set(tokens.map((each) => each.hash.toString('hex')));
  if (distinct.size < tokens.length) throw new Error('A development token is given twice.');
  return tokens;
}

function parseToken(entry: string, index: number): StaticToken {
  // A token may itself contain "=", projects and roles may not.
  const end = entry.lastIndexOf('=');
  const [project = '', roleList = '', ...rest] = entry.slice(end + 1).split(':');
  const token = entry.slice(0, Math.max(end, 0));
  const roles = roleList.split(',').map((role) => role.trim());
  if (
    !TOKEN.test(token) ||
    !PROJECT_ID_PATTERN.test(project) ||
    rest.length > 0 ||
    !roles.every((role) => ROLE.test(role))
  ) {
    throw new Error(`Development token ${index + 1} is malformed: write token=project:role,role`);
  }
  const identity = Object.freeze({
    userId: `development-${index + 1}`,
    projectId: project,
    roles: Object.freeze(roles),
    systemScoped: false,
    expiresAt: undefined,
  });
  return { hash: sha256(token), identity };
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
