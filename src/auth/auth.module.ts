import { ConfigurableModuleBuilder, Module } from '@nestjs/common';
import { Quotas } from '../kernel';
import { AuthOptions, makePolicy, makeTokenValidator } from './auth.options';
import { BearerTokenStrategy } from './bearer-token.strategy';
import { KeystoneAuthGuard } from './keystone-auth.guard';
import { Policy, PolicyFileWatch } from './policy';
import { RequestRates } from './request-rates';
import { TOKEN_VALIDATOR } from './token-validator';

const { ConfigurableModuleClass, MODULE_OPTIONS_TOKEN } = new ConfigurableModuleBuilder<AuthOptions>({
  moduleName: 'Auth',
})
  .setClassMethodName('forRoot')
  .setExtras({ isGlobal: true }, (definition, extras) => ({ ...definition, global: extras.isGlobal }))
  .build();

/**
 * The guard with all that it needs: `AuthModule.forRoot(options)` or `forRootAsync({ imports, inject, useFactory })`, once in an
 * application; it is global unless `isGlobal: false`, so that controllers anywhere can use the guard and services the policy.
 */
@Module({
  providers: [
    {
      provide: TOKEN_VALIDATOR,
      inject: [MODULE_OPTIONS_TOKEN],
      useFactory: (options: AuthOptions) => makeTokenValidator(options.authority),
    },
    { provide: Policy, inject: [MODULE_OPTIONS_TOKEN], useFactory: makePolicy },
    {
      provide: PolicyFileWatch,
      inject: [MODULE_OPTIONS_TOKEN, Policy],
      useFactory: ({ policyFile }: AuthOptions, policy: Policy) => new PolicyFileWatch(policyFile, policy),
    },
    {
      provide: RequestRates,
      inject: [MODULE_OPTIONS_TOKEN],
      useFactory: ({ quotas }: AuthOptions) => new RequestRates(quotas ?? new Quotas()),
    },
    BearerTokenStrategy,
    KeystoneAuthGuard,
  ],
  exports: [RequestRates, TOKEN_VALIDATOR, Policy, BearerTokenStrategy, KeystoneAuthGuard],
})
export class AuthModule extends ConfigurableModuleClass {}
