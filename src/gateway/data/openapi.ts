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

/** The plugin's own model, which is part of every document that has the plugin's calls. */
const ERROR_BODY = { $ref: '#/components/schemas/Error' };

const ERRORS: Record<number, string> = {
  400: 'ValidationError, ConditionalCheckFailedException, TableAlreadyExistsException or ResourceInUseException',
  401: 'Unauthorized: no valid token',
  403: 'Forbidden: a token of another project, or a role that may not',
  404: 'TableNotExistsException',
  413: 'RequestTooLarge: a JSON body above the limit; delete_table: BackupQuotaExceeded',
  423: 'TableLocked: the table is in MAINTENANCE; come back after Retry-After seconds',
  429: 'RequestQuotaExceeded',
  500: 'InternalError',
  503: 'ServiceUnavailable',
};

/** The error answers of a call: those of every call, and these. */
export function ApiErrors(...statuses: readonly number[]): MethodDecorator & ClassDecorator {
  const all = [...statuses, 401, 403, 429, 500, 503].sort();
  return applyDecorators(
    ...all.map((status) => ApiResponse({ status, description: ERRORS[status] ?? '', schema: ERROR_BODY })),
  );
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
    ApiParam({ name: 'project_id', schema: { type: 'string', example: 'demo' } }),
    ...(call.query ?? []).map((parameter) => ApiQuery({ ...parameter, required: false })),
    ...(call.consumes === undefined ? [] : [ApiConsumes(call.consumes)]),
    ...body,
    ApiResponse({ status: 200, description: call.answers, schema: call.response }),
    ApiErrors(...call.errors),
  );
}

/** The `table` of a path. */
export function ApiTable(): MethodDecorator {
  return ApiParam({
    name: 'table',
    description: 'name of the table',
    schema: { type: 'string', minLength: 3, maxLength: 255, example: 'Thread' },
  });
}
