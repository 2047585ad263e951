import { DomainError, ErrorCode } from '../../src/kernel';
import { TokenValidator } from '../../src/auth';

/** A token and whose it is; the roles are sorted. */
export interface KnownToken {
  readonly token: string;
  readonly projectId: string;
  readonly roles: readonly string[];
}

/** A validator that knows two tokens: one of a member of a project, one of an admin and member of another. */
export interface TokenValidatorFixture {
  readonly validator: TokenValidator;
  readonly demoMember: KnownToken;
  readonly otherAdmin: KnownToken;
  cleanup(): Promise<void>;
}

/** The code of the domain error that a call fails with. */
export async function codeOf(call: Promise<unknown>): Promise<ErrorCode> {
  const error: unknown = await call.then(
    () => new Error('nothing was thrown'),
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof DomainError)) throw error;
  return error.code;
}

/** What every adapter of the port promises (src/auth/token-validator.ts). */
export function describeTokenValidatorContract(name: string, make: () => Promise<TokenValidatorFixture>): void {
  describe(`TokenValidator contract: ${name}`, () => {
    let fixture: TokenValidatorFixture;
    beforeAll(async () => {
      fixture = await make();
    });
    afterAll(() => fixture.cleanup());

    it('says whose each token is', async () => {
      for (const { token, projectId, roles } of [fixture.demoMember, fixture.otherAdmin]) {
        const identity = await fixture.validator.validate(token);
        expect({ ...identity, roles: [...identity.roles].sort() }).toMatchObject({ projectId, roles, systemScoped: false });
      }
    });

    it('gives each token an own user', async () => {
      const [demo, other] = await Promise.all([
        fixture.validator.validate(fixture.demoMember.token),
        fixture.validator.validate(fixture.otherAdmin.token),
      ]);
      expect(demo.userId).not.toBe('');
      expect(demo.userId).not.toBe(other.userId);
    });

    it('gives the same answers to a hundred calls at once', async () => {
      const tokens = Array.from({ length: 100 }, (_, index) =>
        index % 2 === 0 ? fixture.demoMember : fixture.otherAdmin,
      );
      const identities = await Promise.all(tokens.map(({ token }) => fixture.validator.validate(token)));
      expect(identities.map((each) => each.projectId)).toEqual(
        tokens.map(({ projectId }) => projectId),
      );
    });

    it('returns an identity that a caller cannot widen for the next', async () => {
      const identity = await fixture.validator.validate(fixture.demoMember.token);
      expect(() => (identity.roles as string[]).push('admin')).toThrow(TypeError);
      expect(() => Object.assign(identity, { systemScoped: true })).toThrow(TypeError);
    });

    it.each<[string, (token: string) => string]>([
      ['an unknown token', () => 'gAAAAAunknown'],
      ['an empty token', () => ''],
      ['a token cut short', (token) => token.slice(0, -1)],
      ['a token with more at its end', (token) => `${token}A`],
      [
        'a token in other case',
        (token) =>
          token.replace(/[a-z]/gi, (letter) =>
            letter === letter.toLowerCase() ? letter.toUpperCase() : letter.toLowerCase(),
          ),
      ],
      ['a token with a line break', (token) => `${token}\r\nX-Other: 1`],
      ['a token with a space', (token) => ` ${token}`],
      ['a token with letters beyond ASCII', (token) => `${token}é`],
      ['a token of a megabyte', (token) => token.repeat(20_000)],
      ['the name of a property of every object', () => '__proto__'],
    ])('refuses %s, and does not repeat it', async (_title, alter) => {
      const { token, projectId } = fixture.demoMember;
      const altered = alter(token);
      const error: unknown = await fixture.validator.validate(altered).catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ code: 'Unauthorized' });
      expect((error as DomainError).message).not.toContain(altered === '' ? token : altered);
      expect(await fixture.validator.validate(token)).toMatchObject({ projectId });
    });
  });
}
