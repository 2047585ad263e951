import { createParamDecorator, CustomDecorator, ExecutionContext, SetMetadata } from '@nestjs/common';
import { DomainError, Secret } from '../kernel';
import { Identity } from './identity';
import { PolicyRule } from './policy';
import { TokenRequest, readToken } from './request-token';

export const PUBLIC_KEY = 'magnetodb:auth:public';
export const RULE_KEY = 'magnetodb:auth:rule';
export const EVERY_PROJECT_KEY = 'magnetodb:auth:every-project';

/** Where the guard keeps the identity of a request: a name that no host's own authentication uses. */
export const IDENTITY_PROPERTY = 'magnetodbIdentity';

/** A call, or all of a controller's, that needs no token. */
export const Public = (): CustomDecorator => SetMetadata(PUBLIC_KEY, true);

/** The policy rule that a call needs. A call with neither this nor `@Public()` is refused: a forgotten decorator opens nothing. */
export const Requires = (rule: PolicyRule): CustomDecorator => SetMetadata(RULE_KEY, rule);

/** For calls that show more than one project: only those who reach every project may. Needs `@Requires()` beside it. */
export const EveryProject = (): CustomDecorator => SetMetadata(EVERY_PROJECT_KEY, true);

/** The identity that the guard found, as a handler's parameter. */
export const CurrentIdentity = createParamDecorator((_data: unknown, context: ExecutionContext): Identity => {
  const identity = context.switchToHttp().getRequest<{ [IDENTITY_PROPERTY]?: Identity }>()[IDENTITY_PROPERTY];
  if (identity === undefined) throw new DomainError('InternalError', 'A call without a guard asked for an identity.');
  return identity;
});

/** The token of a request that the guard has let through; undefined for calls that need none. */
export function callersToken(request: object): Secret | undefined {
  return (request as { [IDENTITY_PROPERTY]?: Identity })[IDENTITY_PROPERTY] === undefined ? undefined : new Secret(readToken(request as TokenRequest));
}
