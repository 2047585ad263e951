import { Inject, Injectable, OnModuleDestroy } from '@nestjs/common';
import { randomUUID } from 'node:crypto';
import passport from 'passport';
import { Strategy, VerifyFunction } from 'passport-http-bearer';
import { readToken, TokenRequest } from './request-token';
import { TOKEN_VALIDATOR, TokenValidator } from './token-validator';

type BearerRequest = Parameters<Strategy<VerifyFunction>['authenticate']>[0];

/**
 * Passport's bearer strategy, fed from OpenStack's header as well. The base class would also look into query and body, so it
 * is shown nothing but the one token that was found good to pass on.
 */
@Injectable()
export class BearerTokenStrategy extends Strategy<VerifyFunction> implements OnModuleDestroy {
  /** Set by passport for each request. */
  declare readonly error: (error: unknown) => void;

  constructor(@Inject(TOKEN_VALIDATOR) validator: TokenValidator) {
    super({ realm: 'magnetodb' }, (token: string, done) => {
      validator.validate(token).then(
        (identity) => done(null, identity),
        (error: unknown) => done(error),
      );
    });
    // Passport is one for the whole process; several applications in it must not share each other's validators.
    this.name = `magnetodb-${randomUUID()}`;
    passport.use(this.name, this);
  }

  override authenticate(request: BearerRequest): void {
    let token: string;
    try {
      token = readToken(request as unknown as TokenRequest);
    } catch (error) {
      this.error(error);
      return;
    }
    super.authenticate({ headers: { authorization: `Bearer ${token}` } } as BearerRequest);
  }

  onModuleDestroy(): void {
    passport.unuse(this.name);
  }
}
