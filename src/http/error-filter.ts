import {
  ArgumentsHost,
  Catch,
  ExceptionFilter,
  HttpException,
  Logger,
  NotFoundException,
  Optional,
} from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { DomainError } from '../kernel';
import { AnswerException } from './answer-exception';
import {
  answerOfDomainError,
  errorAnswer,
  ErrorAnswer,
  internalAnswer,
  PublicErrorType,
  typeOfStatus,
} from './error-body';
import { HttpRequest, requestPath } from './http-request';
import { REQUEST_ID_HEADER, requestIdOf } from './request-id';
import { RouteTable } from './route-table';

/** Express's response, or Fastify's reply around Node's response, as far as a broken-off answer needs them. */
interface PlatformResponse {
  readonly raw?: { readonly headersSent: boolean; destroy(): void };
  readonly headersSent?: boolean;
  destroy?(): void;
  /** Fastify: tells it that the answer is no longer its business. */
  hijack?(): void;
}

/** What is said for an exception of the platform. Its own message may quote the request's body or path, so it is not shown. */
const PLATFORM_MESSAGES: Partial<Record<PublicErrorType, string>> = {
  ValidationError:
    'The request is malformed: its body must be JSON (Content-Type: application/json) and its URL well formed.',
  Unauthorized: 'The request needs a valid token.',
  Forbidden: 'This is not allowed.',
  NotFound: 'There is nothing at this path.',
  RequestTooLarge: 'The request body is larger than the limit.',
  ServiceUnavailable: 'The service cannot answer at the moment.',
};

/**
 * Turns whatever was thrown into MagnetoDB's error body, on Fastify and Express alike: use it globally, or on single controllers.
 * Only domain errors speak for themselves; of anything else the client sees the kind, and the log the cause beside the request id.
 */
@Catch()
export class ErrorFilter implements ExceptionFilter {
  private readonly logger = new Logger(ErrorFilter.name);

  constructor(
    private readonly adapterHost: HttpAdapterHost,
    @Optional() private readonly routes?: RouteTable,
  ) {}

  catch(error: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    const request = http.getRequest<HttpRequest>();
    const response = http.getResponse<PlatformResponse>();
    const adapter = this.adapterHost.httpAdapter;
    const answer = this.answer(error, request);
    this.log(error, answer.status, request);
    if (adapter.isHeadersSent(response) || (response.raw ?? response).headersSent === true) {
      // Half an answer is out: the only honest end is a broken connection.
      breakOff(response);
      return;
    }
    adapter.setHeader(response, REQUEST_ID_HEADER, requestIdOf(request));
    for (const [name, value] of Object.entries(answer.headers)) adapter.setHeader(response, name, value);
    // An answer may have been begun as something else (bulk loads, metrics).
    adapter.setHeader(response, 'Content-Type', 'application/json; charset=utf-8');
    adapter.reply(response, answer.body, answer.status);
  }

  private answer(error: unknown, request: HttpRequest): ErrorAnswer {
    if (error instanceof DomainError) return answerOfDomainError(error);
    if (error instanceof AnswerException) return error.answer;
    if (error instanceof NotFoundException) return this.unknownPath(request);
    const status = platformStatus(error);
    if (status === undefined) return internalAnswer();
    const type = typeOfStatus(status);
    if (type === 'InternalError') return internalAnswer();
    const message = validationMessages(error) ?? PLATFORM_MESSAGES[type] ?? 'The request cannot be carried out.';
    return errorAnswer(type, message);
  }

  private unknownPath(request: HttpRequest): ErrorAnswer {
    const methods = this.routes?.methodsOf(requestPath(request)) ?? [];
    if (methods.length === 0 || methods.includes(request.method))
      return errorAnswer('NotFound', 'There is nothing at this path.');
    const allow = methods.join(', ');
    const answer = errorAnswer('MethodNotAllowed', `This path has: ${allow}.`);
    return { ...answer, headers: { ...answer.headers, Allow: allow } };
  }

  private log(error: unknown, status: number, request: HttpRequest): void {
    if (status < 500) return;
    const line = `${requestIdOf(request)} ${request.method} ${requestPath(request)} answered ${status}`;
    if (status === 503) this.logger.warn(`${line}: ${causes(error, (each) => each.message)}`);
    else
      this.logger.error(
        line,
        causes(error, (each) => each.stack ?? each.message),
      );
  }
}

/** The status that a platform's or Nest's exception carries; undefined: it is none of these, but a defect. */
function platformStatus(error: unknown): number | undefined {
  if (error instanceof HttpException) return error.getStatus();
  // Express's body parser throws http-errors, which mark what concerns the client with `expose`.
  if (error instanceof Error && 'status' in error && 'expose' in error && error.expose === true) {
    return typeof error.status === 'number' ? error.status : undefined;
  }
  return undefined;
}

/** The list of complaints of a host's ValidationPipe: names of properties and constraints, made for clients. */
function validationMessages(error: unknown): string | undefined {
  const response = error instanceof HttpException ? error.getResponse() : undefined;
  if (typeof response !== 'object' || !('message' in response) || !Array.isArray(response.message)) return undefined;
  return response.message.filter((each) => typeof each === 'string').join('; ');
}

/** An error and what caused it, one after another. Messages and stacks only: other properties of database errors hold the items. */
function causes(error: unknown, show: (error: Error) => string): string {
  const shown: string[] = [];
  for (let each = error; each !== undefined && each !== null && shown.length < 5;) {
    if (!(each instanceof Error)) {
      shown.push(`a thrown ${typeof each}`);
      break;
    }
    shown.push(quotesData(each) ? withoutMessage(each) : show(each));
    each = each.cause;
  }
  return shown.join('\ncaused by: ');
}

/** A database's message may quote an item; its SQLSTATE says what is the matter. */
function quotesData(error: Error): boolean {
  return 'severity' in error || error.name === 'QueryFailedError';
}

function withoutMessage(error: Error): string {
  const code = 'code' in error && typeof error.code === 'string' ? ` ${error.code}` : '';
  const frames = (error.stack ?? '').split('\n').filter((line) => line.startsWith('    at '));
  return [`${error.name}${code}`, ...frames].join('\n');
}

function breakOff(response: PlatformResponse): void {
  response.hijack?.();
  (response.raw ?? response).destroy?.();
}
