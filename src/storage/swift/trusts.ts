import { DomainError, Secret } from '../../kernel';
import type { HttpAnswer, HttpConnect } from '../http-connect';
import { jsonOf, member, versioned } from './log-in';
import { explanationOf } from './swift-errors';
import type { TokenSession } from './token-session';

/** Keystone's trusts (OS-TRUST): a user lets the service user act for him in one project, with the roles that he has there. */
export class Trusts {
  private readonly api: string;

  constructor(
    private readonly http: HttpConnect,
    authUrl: string,
    private readonly service: TokenSession,
    private readonly seconds: number,
  ) {
    this.api = versioned(authUrl);
  }

  /**
   * Makes one of the user's token: for its project and all its roles. A token that was itself made by a trust or an application credential may not
   * trust further, as Keystone has it.
   * @returns its id, which is of use to the service user alone
   * @throws DomainError `Forbidden` if the user may not; StorageError, transient if Keystone is away
   */
  async make(token: Secret): Promise<string> {
    const seen = await this.callAs(this.service, 'GET', '/auth/tokens?nocatalog', { 'x-subject-token': token.reveal() });
    if (seen.status !== 200) throw await refused(seen);
    const described = member(await jsonOf(seen), 'token');
    const trust = {
      trustor_user_id: member(member(described, 'user'), 'id'),
      trustee_user_id: (await this.service.login()).userId,
      project_id: member(member(described, 'project'), 'id'),
      roles: (member(described, 'roles') as { id: string }[] | undefined)?.map(({ id }) => ({ id })) ?? [],
      impersonation: true,
      allow_redelegation: false,
      expires_at: new Date(Date.now() + this.seconds * 1000).toISOString(),
    };
    const made = await this.call('POST', '/OS-TRUST/trusts', token.reveal(), {}, { trust });
    if (made.status !== 201) throw await refused(made);
    const id = member(member(await jsonOf(made), 'trust'), 'id');
    if (typeof id !== 'string') throw new DomainError('StorageError', 'the identity service has made a trust without an id');
    return id;
  }

  /** Deletes one as the user who made it, which a token of the trust itself can do. One that is gone already is no error. @throws DomainError */
  async remove(id: string, ofTrust: TokenSession): Promise<void> {
    const answer = await this.callAs(ofTrust, 'DELETE', `/OS-TRUST/trusts/${encodeURIComponent(id)}`);
    if (![204, 404].includes(answer.status)) throw await refused(answer);
    await explanationOf(answer);
  }

  /** With a token of the session, which is renewed once if Keystone refuses it. */
  private async callAs(session: TokenSession, method: string, path: string, headers: Record<string, string> = {}): Promise<HttpAnswer> {
    for (let renewed = false; ; renewed = true) {
      const login = await session.login();
      const answer = await this.call(method, path, login.token, headers);
      if (answer.status !== 401 || renewed) return answer;
      session.refused(login);
      await explanationOf(answer);
    }
  }

  private call(method: string, path: string, token: string, headers: Record<string, string> = {}, json?: unknown): Promise<HttpAnswer> {
    const body = json === undefined ? undefined : Buffer.from(JSON.stringify(json));
    const ofBody = body === undefined ? {} : { 'content-type': 'application/json', 'content-length': String(body.length) };
    return this.http.request(`${this.api}${path}`, { method, headers: { ...headers, ...ofBody, 'x-auth-token': token }, ...(body === undefined ? {} : { body }) });
  }
}

async function refused(answer: HttpAnswer): Promise<DomainError> {
  await explanationOf(answer);
  if (answer.status >= 500 || answer.status === 429)
    return new DomainError('StorageError', `the identity service answered ${answer.status} to a trust`, { transient: true });
  return new DomainError('Forbidden', 'The token may not be used to trust this service with the object store: use one of a password or another log-in of your own.');
}
