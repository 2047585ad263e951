import { ExecutionContext, Inject, Injectable } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { AuthGuard, IAuthModuleOptions } from '@nestjs/passport';
import { DomainError } from '../kernel';
import { BearerTokenStrategy } from './bearer-token.strategy';
import { EVERY_PROJECT_KEY, IDENTITY_PROPERTY, PUBLIC_KEY, RULE_KEY } from './decorators';
import { Identity, PROJECT_ID_PATTERN } from './identity';
import { Policy, PolicyRule } from './policy';
import { RequestRates } from './request-rates';

interface GuardedRequest {
  readonly params?: Readonly<Record<string, unknown>>;
  readonly [IDENTITY_PROPERTY]?: Identity;
}

/**
 * Lets a request through in four steps, each before anything is looked up: its token is valid; its project has not called too often;
 * the project in its path (`:project_id`) is one that the token reaches; the policy allows the call. The same on Fastify and Express; use it globally,
 * or on single controllers.
 */
@Injectable()
export class KeystoneAuthGuard extends AuthGuard() {
  constructor(
    // Named, since the base class has a first parameter of its own that would be injected instead.
    @Inject(BearerTokenStrategy) strategy: BearerTokenStrategy,
    private readonly reflector: Reflector,
    private readonly policy: Policy,
    private readonly rates: RequestRates,
  ) {
    super({ defaultStrategy: strategy.name });
  }

  override async canActivate(context: ExecutionContext): Promise<boolean> {
    if (this.metadata<boolean>(PUBLIC_KEY, context) === true) return true;
    await super.canActivate(context);
    const request = context.switchToHttp().getRequest<GuardedRequest>();
    const identity = request[IDENTITY_PROPERTY];
    if (identity === undefined) throw new DomainError('Unauthorized', 'The token is not valid.');
    const rule = this.metadata<PolicyRule>(RULE_KEY, context);
    this.rates.take(identity, rule);
    this.checkProject(request.params?.['project_id'], identity, context);
    if (rule === undefined) throw new DomainError('Forbidden', 'No policy rule opens this call.');
    this.policy.enforce(rule, identity);
    return true;
  }

  override getAuthenticateOptions(): IAuthModuleOptions {
    return { session: false, property: IDENTITY_PROPERTY };
  }

  /** Passport's verdict: an error is passed on as it is (503 stays 503), none without a user is a refusal. */
  override handleRequest<TUser>(error: unknown, user: TUser | false | null | undefined): TUser {
    if (error) throw error;
    if (!user) throw new DomainError('Unauthorized', 'The token is not valid.');
    return user;
  }

  private checkProject(projectId: unknown, identity: Identity, context: ExecutionContext): void {
    if (this.metadata<boolean>(EVERY_PROJECT_KEY, context) === true && !this.policy.reachesEveryProject(identity)) {
      throw new DomainError('Forbidden', 'Only an admin of the whole deployment may see all projects.');
    }
    if (projectId === undefined) return;
    if (typeof projectId !== 'string' || !this.policy.reachesProject(projectId, identity)) {
      throw new DomainError('Forbidden', 'The token is not for this project.');
    }
    // Only an admin of the deployment comes here with a project that no token names.
    if (!PROJECT_ID_PATTERN.test(projectId)) throw new DomainError('ValidationError', 'The project id is malformed.');
  }

  private metadata<T>(key: string, context: ExecutionContext): T | undefined {
    return this.reflector.getAllAndOverride<T | undefined>(key, [context.getHandler(), context.getClass()]);
  }
}
