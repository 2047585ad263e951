import { Controller, Get, HttpStatus, Inject, Logger, Query, Res, UseFilters } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { ApiOperation, ApiQuery, ApiResponse, ApiTags } from '@nestjs/swagger';
import { ErrorFilter, Public, QueryParameters, Remembered, queryText, rejectUnknownQuery } from '../../index';
import { validationError } from '../../kernel';
import { record, words } from '../data/openapi-schemas';

/** Asks one subsystem whether it works; throws if not. */
export interface HealthCheck {
  /** As in the answer, e.g. `Storage`. */
  readonly name: string;
  check(): Promise<unknown>;
}

export const HEALTH_CHECKS = Symbol('HealthChecks');

/** Longest wait for one subsystem, in milliseconds: who asks for health wants an answer. */
const CHECK_MILLIS = 5000;
/** An answer is good for so long: anybody may ask, and asking costs the subsystems something. */
const REMEMBER_MILLIS = 1000;

type Verdict = 'OK' | 'ERROR';

/** `/healthcheck`: 200 as soon as calls are served; with `?fullcheck=true` 503 if a subsystem does not work. */
@Controller('healthcheck')
@UseFilters(ErrorFilter)
@Public()
@ApiTags('health')
export class HealthController {
  private readonly logger = new Logger(HealthController.name);
  private readonly parts: readonly { readonly name: string; readonly answer: Remembered<Verdict> }[];

  constructor(
    @Inject(HEALTH_CHECKS) checks: readonly HealthCheck[],
    private readonly adapterHost: HttpAdapterHost,
  ) {
    this.parts = checks.map((each) => ({ name: each.name, answer: this.remember(each) }));
  }

  @Get()
  @ApiOperation({ summary: 'Is the service up? With fullcheck: are its subsystems?' })
  @ApiQuery({
    name: 'fullcheck',
    required: false,
    description: 'true asks each subsystem: Identity, Storage (the tables), JobDatabase, ObjectStore, Jobs, Messaging',
    schema: { type: 'boolean' },
  })
  @ApiResponse({ status: 200, schema: record(words('OK')) })
  @ApiResponse({ status: 503, description: 'a subsystem does not work', schema: record(words('OK', 'ERROR')) })
  async check(@Query() query: QueryParameters, @Res() response: object): Promise<void> {
    rejectUnknownQuery(query, ['fullcheck']);
    const verdicts = isFull(query) ? await this.verdicts() : [];
    const healthy = verdicts.every(([, verdict]) => verdict === 'OK');
    const body = Object.fromEntries([['API', 'OK'], ...verdicts]);
    this.adapterHost.httpAdapter.reply(response, body, healthy ? HttpStatus.OK : HttpStatus.SERVICE_UNAVAILABLE);
  }

  private verdicts(): Promise<[string, Verdict][]> {
    return Promise.all(this.parts.map(async ({ name, answer }): Promise<[string, Verdict]> => [name, (await answer.get()) ?? 'ERROR']));
  }

  private remember(part: HealthCheck): Remembered<Verdict> {
    const ask = async (): Promise<Verdict> => {
      await part.check();
      return 'OK';
    };
    return new Remembered(ask, REMEMBER_MILLIS, CHECK_MILLIS, (error) => {
      this.logger.warn(`${part.name} does not work: ${error instanceof Error ? error.message : 'unknown error'}`);
    });
  }
}

/** The words that MagnetoDB takes for true; anything else but their opposites is refused. */
function isFull(query: QueryParameters): boolean {
  const given = queryText(query, 'fullcheck')?.toLowerCase();
  if (given === undefined || ['false', '0', 'no', 'off', 'f', 'n', ''].includes(given)) return false;
  if (['true', '1', 'yes', 'on', 't', 'y'].includes(given)) return true;
  throw validationError('fullcheck must be true or false');
}
