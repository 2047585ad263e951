import { Get, Header, Inject, Param, Query, Req, StreamableFile, Type } from '@nestjs/common';
import { CurrentIdentity, Identity, Policy, Requires } from '../auth';
import { AnswerContexts, ApiCall, CLOCK, deployedDialect, Dialect, ManagementController, specDialect } from '../backup';
import { HttpRequest, QueryParameters, rejectUnknownQuery } from '../http';
import { Clock } from '../kernel';
import { JobWatches } from './job-watches';
import { watchCallDoc } from './watch-api-docs';
import { watchLines } from './watch-lines';

/** The call that watches a project's jobs, in one dialect. */
function watchController(dialect: Dialect): Type<object> {
  @ManagementController(`${dialect.projectRoute}/jobs/watch`)
  class WatchController {
    constructor(
      readonly watches: JobWatches,
      readonly policy: Policy,
      readonly contexts: AnswerContexts,
      @Inject(CLOCK) readonly clock: Clock,
    ) {}

    @Get()
    @Requires('backup:list')
    @ApiCall(watchCallDoc(dialect))
    @Header('Cache-Control', 'no-store')
    // nginx would keep lines back until a buffer is full.
    @Header('X-Accel-Buffering', 'no')
    async watch(
      @CurrentIdentity() caller: Identity,
      @Param('project_id') projectId: string,
      @Query() query: QueryParameters,
      @Req() request: HttpRequest,
    ): Promise<StreamableFile> {
      rejectUnknownQuery(query, []);
      this.policy.enforce('restore:list', caller);
      const context = this.contexts.of(request, dialect);
      const watcher = this.watches.watch(projectId, caller.expiresAt);
      const forget = (): void => this.watches.forget(watcher);
      try {
        await watcher.ready;
      } catch (error) {
        forget();
        throw error;
      }
      return new StreamableFile(watchLines(watcher, context, this.clock, forget), { type: 'application/x-ndjson' });
    }
  }
  return WatchController;
}

export const WATCH_CONTROLLERS: Type<object>[] = [specDialect, deployedDialect].map(watchController);
