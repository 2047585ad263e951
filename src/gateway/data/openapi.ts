import { applyDecorators } from '@nestjs/common';
import {
  ApiBearerAuth,
  ApiBody,
  ApiConsumes,
  ApiOperation,
  ApiParam,
  ApiQuery,
  ApiResponse,
  ApiSecurity,
  ApiTags,
} from '@nestjs/swagger';
import { CALLS, CallDescription, CallName } from './openapi-calls';
import { errorBody } from './openapi-schemas';

const ERRORS: Record<number, string> = {
  400: 'ValidationError, ConditionalCheckFailedException, TableAlreadyExistsException or ResourceInUseException',
  401: 'Unauthorized: no valid token',
  403: 'Forbidden: a token of another project, or a role that may not',
  404: 'TableNotExistsException',
  413: 'RequestTooLarge: a JSON body above the limit',
  423: 'TableLocked: the table is in MAINTENANCE; Retry-After says for how long',
  429: 'RequestQuotaExceeded',
  500: 'InternalError',
  503: 'ServiceUnavailable',
};

function responses(call: CallDescription): MethodDecorator[] {
  const errors = [...call.errors, 401, 403, 429, 500, 503].sort();
  return [
    ApiResponse({ status: 200, description: call.answers, schema: call.response }),
    ...errors.map((status) => ApiResponse({ status, description: ERRORS[status] ?? '', schema: errorBody })),
  ];
}

/** Describes one call of the data API for OpenAPI. */
export function ApiDataCall(name: CallName): MethodDecorator {
  const call: CallDescription = CALLS[name];
  const body =
    call.request === undefined
      ? []
      : [ApiBody({ schema: call.request, required: true, examples: { sample: { value: call.requestExample } } })];
  return applyDecorators(
    ApiTags('data'),
    ApiOperation({ summary: call.summary, description: call.description ?? '' }),
    ApiBearerAuth('bearer'),
    ApiSecurity('x-auth-token'),
    ApiParam({ name: 'project_id', schema: { type: 'string' }, example: 'demo' }),
    ...(call.query ?? []).map((parameter) => ApiQuery({ ...parameter, required: false })),
    ...(call.consumes === undefined ? [] : [ApiConsumes(call.consumes)]),
    ...body,
    ...responses(call),
  );
}

/** The `table` of a path. */
export function ApiTable(): MethodDecorator {
  return ApiParam({
    name: 'table',
    description: 'name of the table',
    schema: { type: 'string', minLength: 3, maxLength: 255 },
    example: 'Thread',
  });
}
