import { applyDecorators, Type } from '@nestjs/common';
import {
  ApiBearerAuth,
  ApiBody,
  ApiExtraModels,
  ApiOperation,
  ApiParam,
  ApiProperty,
  ApiPropertyOptions,
  ApiQuery,
  ApiResponse,
  ApiSecurity,
  ApiTags,
  getSchemaPath,
} from '@nestjs/swagger';
import { errorExample } from '../../http';
import { TABLE_NAME_PATTERN } from '../../kernel';

/** Names of the security schemes; the host declares them in its document. */
const X_AUTH_TOKEN_SCHEME = 'x-auth-token';
const BEARER_SCHEME = 'bearer';

/** The schema of one key, in the terms of Nest's ApiProperty. */
export type KeySchema = ApiPropertyOptions;

/** Makes a named schema of the document from a table of keys. */
export function apiModel(name: string, keys: Readonly<Record<string, KeySchema>>): Type {
  const model = { [name]: class {} }[name] as Type;
  for (const [key, schema] of Object.entries(keys)) ApiProperty(schema)(model.prototype as object, key);
  return model;
}

/** A key whose value is another model. The document then holds that model, too. */
export function refTo(model: Type, rest: Readonly<Record<string, unknown>> = {}): KeySchema {
  return { type: () => model, ...rest };
}

/** A key whose value is a list of another model. */
export function listOf(model: Type, rest: Readonly<Record<string, unknown>> = {}): KeySchema {
  return { type: () => model, isArray: true, ...rest };
}

const ErrorDetail = apiModel('ErrorDetail', {
  message: { type: 'string', example: 'There is no such backup.' },
  type: { type: 'string', example: 'BackupNotExists' },
  traceback: {
    type: 'object',
    nullable: true,
    additionalProperties: false,
    example: null,
    description: 'Always null.',
  },
});

/** The one body of every error. */
export const ErrorModel = apiModel('Error', {
  code: { type: 'integer', example: 404 },
  title: { type: 'string', example: 'Not Found' },
  explanation: { type: 'string', example: 'The resource does not exist.' },
  error: refTo(ErrorDetail),
});

/** What each error status means, for calls that say nothing more exact. */
const ERROR_WORDS: Readonly<Record<number, string>> = {
  400: 'ValidationError: a malformed id, an unknown key or parameter, a wrong type, a value out of range.',
  401: 'Unauthorized: no token, an invalid one, or two different ones.',
  403: 'Forbidden: another project, a missing role, or a location that the operator does not allow.',
  404: 'There is no such resource.',
  409: 'ConflictError: the present state does not allow it.',
  413: 'BackupQuotaExceeded, or RequestTooLarge: the body is over the limit.',
  423: 'TableLocked: the table is in MAINTENANCE; come back after Retry-After seconds.',
  429: 'RequestQuotaExceeded: come back after Retry-After seconds.',
  500: 'InternalError.',
  503: 'ServiceUnavailable: a part of the service cannot be reached; come back after Retry-After seconds.',
};

/** Errors that any call may answer. */
const EVERYWHERE = [401, 403, 429, 500, 503] as const;

export interface SuccessDoc {
  readonly status: number;
  readonly description: string;
  readonly model: Type;
  /** Default `application/json`. */
  readonly mediaType?: string;
  readonly example?: unknown;
}

export interface CallDoc {
  /** Unique in the document. */
  readonly operationId: string;
  readonly tag: string;
  readonly summary: string;
  readonly description?: string;
  readonly params?: readonly ParamDoc[];
  readonly query?: readonly QueryDoc[];
  readonly body?: { readonly model: Type; readonly examples: Readonly<Record<string, unknown>>; readonly optional?: boolean };
  readonly successes: readonly SuccessDoc[];
  /** Beside those of every call: status → what it means here; an empty text takes the general one. */
  readonly errors: Readonly<Record<number, string>>;
}

export interface ParamDoc {
  readonly name: string;
  readonly description: string;
  readonly example: string;
  readonly pattern?: string;
}

export interface QueryDoc {
  readonly name: string;
  readonly description: string;
  readonly schema: { readonly type: 'string' | 'integer' | 'boolean'; readonly [keyword: string]: unknown };
}

export const PROJECT_PARAM: ParamDoc = {
  name: 'project_id',
  description: 'The project: the token’s own, unless it is an administrator’s.',
  example: 'demo',
};
export const TABLE_PARAM: ParamDoc = {
  name: 'table',
  description: 'The table’s name or its id; a name is tried first.',
  example: 'Thread',
  pattern: TABLE_NAME_PATTERN.source,
};
export const ID_PATTERN = '^[0-9a-fA-F]{8}-?([0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}$';

/** Everything that the document says of one call. */
export function ApiCall(doc: CallDoc): MethodDecorator {
  const errors = [...Object.entries(doc.errors), ...EVERYWHERE.map((status): [string, string] => [String(status), ''])];
  const models = [ErrorModel, ...doc.successes.map((each) => each.model), ...(doc.body ? [doc.body.model] : [])];
  return applyDecorators(
    ApiTags(doc.tag),
    ApiExtraModels(...models),
    ApiSecurity(X_AUTH_TOKEN_SCHEME),
    ApiBearerAuth(BEARER_SCHEME),
    ApiOperation({ operationId: doc.operationId, summary: doc.summary, description: doc.description ?? '' }),
    // The example stands in the schema: beside one, Nest's document builder drops it.
    ...(doc.params ?? []).map(({ pattern, example, ...param }) =>
      ApiParam({ ...param, schema: { type: 'string', example, ...(pattern ? { pattern } : {}) } }),
    ),
    ...(doc.query ?? []).map((query) => ApiQuery({ ...query, required: false })),
    ...(doc.body
      ? [ApiBody({ required: doc.body.optional !== true, schema: { $ref: getSchemaPath(doc.body.model) }, examples: examplesOf(doc.body.examples) })]
      : []),
    ...doc.successes.map(successResponse),
    ...errors.map(([status, words]) => errorResponse(Number(status), words || (ERROR_WORDS[Number(status)] ?? ''))),
  ) as MethodDecorator;
}

function successResponse({ status, description, model, mediaType, example }: SuccessDoc): MethodDecorator {
  const schema = { $ref: getSchemaPath(model) };
  if (mediaType === undefined) return ApiResponse({ status, description, schema });
  return ApiResponse({ status, description, content: { [mediaType]: { schema, example } } });
}

function errorResponse(status: number, description: string): MethodDecorator {
  return ApiResponse({ status, description, schema: { $ref: getSchemaPath(ErrorModel) }, example: errorExample(status, description) });
}

function examplesOf(examples: Readonly<Record<string, unknown>>): Record<string, { value: unknown }> {
  return Object.fromEntries(Object.entries(examples).map(([name, value]) => [name, { value }]));
}

/** The parameters that every list has. */
export function pageQueries(startKey: string, statuses: readonly string[], max: number, byDefault: number): QueryDoc[] {
  return [
    {
      name: 'limit',
      description: 'The longest page.',
      schema: { type: 'integer', minimum: 1, maximum: max, default: byDefault },
    },
    {
      name: startKey,
      description: 'The last id of the page before: the list goes on behind it.',
      schema: { type: 'string', pattern: ID_PATTERN },
    },
    { name: 'status', description: 'Only those in this status.', schema: { type: 'string', enum: [...statuses] } },
  ];
}
