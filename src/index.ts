/** The public surface: what a host may use, and nothing else is public. */
export {
  AuthModule,
  AuthOptions,
  CurrentIdentity,
  EveryProject,
  Identity,
  KeystoneAuthGuard,
  KeystoneOptions,
  Policy,
  PolicyRule,
  Public,
  Requires,
  TOKEN_VALIDATOR,
  TokenAuthority,
  TokenValidator,
} from './auth';
export {
  BaseUrlOptions,
  ErrorFilter,
  fastifyServerOptions,
  HttpModule,
  HttpRequest,
  parseLimit,
  QueryParameters,
  queryText,
  rejectUnknownQuery,
  requestBaseUrl,
  RequestIdInterceptor,
} from './http';
export * from './tables';
