import { Clock, systemClock } from '../../kernel';

/** What a log-in gave. */
export interface Login {
  readonly token: string;
  /** When the token ends, in milliseconds since the epoch; undefined: nobody said. */
  readonly expiresAt: number | undefined;
  /** The account that the identity service's catalogue names, without a slash at its end. */
  readonly storageUrl?: string;
  /** Of Keystone: whom the token speaks for. */
  readonly userId?: string;
  readonly projectId?: string;
}

/** A token is renewed this long before its end, or after 90 % of a shorter life. */
const RENEW_MARGIN_MS = 60_000;

interface Held {
  readonly login: Login;
  readonly renewAt: number;
}

/** A token for any number of callers: one log-in for all who need one at the same time, and a new one before it ends or once it is refused. */
export class TokenSession {
  private held: Promise<Held> | undefined;
  /** Not the token: some services give the same one out again. */
  private refusedLogin: Login | undefined;

  constructor(
    private readonly logIn: () => Promise<Login>,
    private readonly clock: Clock = systemClock,
  ) {}

  /** @throws whatever the log-in throws; the next call tries again. */
  async login(): Promise<Login> {
    const current = this.held;
    if (current !== undefined) {
      const known = await current.catch(() => undefined);
      if (known !== undefined && known.login !== this.refusedLogin && this.clock.now() < known.renewAt) return known.login;
      // Another caller was faster, and has begun the log-in that this one would begin.
      if (this.held !== current) return this.login();
    }
    const begun = this.begin();
    this.held = begun;
    return (await begun).login;
  }

  /** Somebody was answered 401 with it: whoever comes next gets another. */
  refused(login: Login): void {
    this.refusedLogin = login;
  }

  private async begin(): Promise<Held> {
    const asked = this.clock.now();
    const login = await this.logIn();
    const life = (login.expiresAt ?? Number.POSITIVE_INFINITY) - asked;
    return { login, renewAt: asked + life - Math.min(RENEW_MARGIN_MS, life / 10) };
  }
}
