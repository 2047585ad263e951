import { ManualClock } from '../../kernel';
import { Login, TokenSession } from './token-session';

describe('a session', () => {
  const clock = new ManualClock(Date.UTC(2026, 0, 1));
  let logIns: number;
  let life: number | undefined;
  let failing: boolean;
  let session: TokenSession;

  beforeEach(() => {
    logIns = 0;
    life = 3_600_000;
    failing = false;
    session = new TokenSession(async (): Promise<Login> => {
      logIns++;
      await Promise.resolve();
      if (failing) throw new Error('away');
      return { token: 'the same', expiresAt: life === undefined ? undefined : clock.now() + life };
    }, clock);
  });

  it('logs in once for everybody', async () => {
    await Promise.all(Array.from({ length: 20 }, () => session.login()));
    await session.login();
    expect(logIns).toBe(1);
  });

  it('logs in again a minute before its token ends', async () => {
    await session.login();
    clock.advance(3_539_999);
    await session.login();
    expect(logIns).toBe(1);
    clock.advance(1);
    await session.login();
    expect(logIns).toBe(2);
  });

  it('uses a short-lived token for nine tenths of its life', async () => {
    life = 10_000;
    await session.login();
    clock.advance(8_999);
    await session.login();
    expect(logIns).toBe(1);
    clock.advance(1);
    await session.login();
    expect(logIns).toBe(2);
  });

  it('keeps a token of which nobody says when it ends', async () => {
    life = undefined;
    await session.login();
    clock.advance(1e12);
    await session.login();
    expect(logIns).toBe(1);
  });

  it('logs in again, once for everybody, when its token is refused, also if it gets the same', async () => {
    const first = await session.login();
    session.refused(first);
    const [second] = await Promise.all([session.login(), session.login(), session.login()]);
    expect(logIns).toBe(2);
    // Whoever still had the old one comes late, and harms nobody.
    session.refused(first);
    expect(await session.login()).toBe(second);
    expect(logIns).toBe(2);
  });

  it('tries again after a log-in that failed', async () => {
    failing = true;
    await expect(session.login()).rejects.toThrow('away');
    failing = false;
    expect((await session.login()).token).toBe('the same');
  });
});
