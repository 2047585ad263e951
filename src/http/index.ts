export { AnswerException } from './answer-exception';
export { BaseUrlOptions, requestBaseUrl } from './base-url';
export {
  answerOfDomainError,
  errorAnswer,
  ErrorAnswer,
  ErrorBody,
  errorExample,
  PublicErrorType,
  publicType,
  statusOf,
} from './error-body';
export { ErrorFilter } from './error-filter';
export { fastifyServerOptions } from './fastify-options';
export { globalPrefixOf } from './global-prefix';
export { HttpModule } from './http.module';
export { HttpRequest, requestPath } from './http-request';
export { parseChoice, parseIdParam, parseLimit, queryText, QueryParameters, rejectUnknownQuery } from './query';
export { REQUEST_ID_HEADER, RequestIdInterceptor, requestIdOf } from './request-id';
export { RouteTable } from './route-table';
