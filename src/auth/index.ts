export { AuthModule } from './auth.module';
export { AuthOptions, TokenAuthority } from './auth.options';
export { CurrentIdentity, EveryProject, Public, Requires, callersToken } from './decorators';
export { Identity, PROJECT_ID_PATTERN } from './identity';
export { KeystoneOptions } from './keystone';
export { KeystoneAuthGuard } from './keystone-auth.guard';
export { DEFAULT_RULES, Policy, PolicyRule, RuleOverrides } from './policy';
export { TOKEN_VALIDATOR, TokenValidator } from './token-validator';
