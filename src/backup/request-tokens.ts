import { EntityManager, LessThanOrEqual } from 'typeorm';
import { Clock, DomainError, Uuid } from '../kernel';
import { RequestKind, RequestTokenEntity } from './request-token.entity';
import { bodyFingerprint, tokenHash } from './rest/fingerprint';

/** How long a token is kept. */
export const REQUEST_TOKEN_MILLIS = 24 * 60 * 60 * 1000;

/** A request that may come again. */
export interface TokenUse {
  readonly projectId: string;
  readonly kind: RequestKind;
  readonly token: string;
  /** The parsed body, the same in every dialect. */
  readonly body: unknown;
}

/** Makes a repeated request answer with the resource that it made the first time. */
export class RequestTokens {
  constructor(private readonly clock: Clock) {}

  /**
   * The resource that this request made before; undefined if the token is new, or older than 24 hours.
   * @throws DomainError ConflictError if the token was used with another body.
   */
  async find(manager: EntityManager, use: TokenUse): Promise<Uuid | undefined> {
    const row = await manager.findOneBy(RequestTokenEntity, keyOf(use));
    if (row === null || row.createdAt <= this.horizon()) return undefined;
    return checkSameBody(row, use);
  }

  /**
   * Takes the token for a resource that the same transaction makes. Of several that try at once one succeeds, as soon as its
   * transaction commits; the others get that one's resource, and must make none.
   */
  async claim(tx: EntityManager, use: TokenUse, resourceId: Uuid): Promise<Uuid> {
    await tx.delete(RequestTokenEntity, { projectId: use.projectId, createdAt: LessThanOrEqual(this.horizon()) });
    const row = {
      ...keyOf(use),
      fingerprint: bodyFingerprint(use.token, use.body),
      resourceId,
      createdAt: this.clock.now(),
    };
    await tx.createQueryBuilder().insert().into(RequestTokenEntity).values(row).orIgnore().execute();
    // A conflicting insert waits for the other transaction's end, so its row can be seen now.
    const holder = await tx.findOneByOrFail(RequestTokenEntity, keyOf(use));
    return checkSameBody(holder, use);
  }

  private horizon(): number {
    return this.clock.now() - REQUEST_TOKEN_MILLIS;
  }
}

/** A request that may come again, and then answers with what it made the first time. */
export class Replay<View> {
  /**
   * @param use undefined: it came without a token
   * @param show what was made, as it is now
   */
  constructor(
    private readonly tokens: RequestTokens,
    private readonly manager: EntityManager,
    private readonly use: TokenUse | undefined,
    private readonly show: (id: Uuid) => Promise<View>,
  ) {}

  /** What the same request made before; undefined: nothing. */
  async earlier(): Promise<View | undefined> {
    const id = this.use && (await this.tokens.find(this.manager, this.use));
    return id === undefined ? undefined : this.show(id);
  }

  /** Takes the token for what the transaction makes. False: the same request has made something meanwhile, and nothing more is to be made. */
  async claim(tx: EntityManager, id: Uuid): Promise<boolean> {
    return this.use === undefined || (await this.tokens.claim(tx, this.use, id)) === id;
  }

  /** After a `claim` in vain: what the other made. */
  async winner(): Promise<View> {
    const view = await this.earlier();
    if (view === undefined) throw tokenConflict('a request that has just failed');
    return view;
  }
}

function keyOf({ projectId, kind, token }: TokenUse): { projectId: string; kind: RequestKind; tokenHash: string } {
  return { projectId, kind, tokenHash: tokenHash(token) };
}

function checkSameBody(row: RequestTokenEntity, use: TokenUse): Uuid {
  if (row.fingerprint !== bodyFingerprint(use.token, use.body)) throw tokenConflict('another body');
  return row.resourceId;
}

export function tokenConflict(what: string): DomainError {
  return new DomainError('ConflictError', `This client_request_token was used within 24 hours for ${what}.`);
}
