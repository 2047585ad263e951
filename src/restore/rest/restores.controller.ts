import { Body, Delete, Get, HttpStatus, Param, Patch, Post, Query, Req, Res, Type } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { CurrentIdentity, Identity, Requires } from '../../auth';
import {
  Answer,
  AnswerContexts,
  ApiCall,
  deployedDialect,
  Dialect,
  ManagementController,
  parseJobChange,
  specDialect,
} from '../../backup';
import { HttpRequest, parseIdParam, QueryParameters, rejectUnknownQuery } from '../../http';
import { RestoreService } from '../restore.service';
import { restoreCallDocs } from './restore-api-docs';
import { parseCreateRestore, parseRestoreList } from './restore-requests';
import { presentPlan, presentRestore, presentRestorePage } from './restore.presenter';

/** The calls on restores onto one table, in one dialect. */
function tableRestoresController(dialect: Dialect): Type<object> {
  const docs = restoreCallDocs(dialect);

  @ManagementController(`${dialect.tableRoute}/restores`)
  class TableRestoresController {
    constructor(
      readonly restores: RestoreService,
      readonly contexts: AnswerContexts,
      readonly adapterHost: HttpAdapterHost,
    ) {}

    @Post()
    @Requires('restore:create')
    @ApiCall(docs.create)
    async create(
      @CurrentIdentity() caller: Identity,
      @Param('project_id') projectId: string,
      @Param('table') table: string,
      @Query() query: QueryParameters,
      @Body() body: unknown,
      @Req() request: HttpRequest,
      @Res({ passthrough: true }) response: object,
    ): Promise<Answer> {
      rejectUnknownQuery(query, []);
      const outcome = await this.restores.create(caller, { projectId, table }, parseCreateRestore(body, dialect));
      const context = this.contexts.of(request, dialect);
      const planned = 'plan' in outcome;
      this.adapterHost.httpAdapter.status(response, planned ? HttpStatus.OK : HttpStatus.ACCEPTED);
      return planned ? presentPlan(outcome.plan, context) : presentRestore(outcome.view, context);
    }

    @Get()
    @Requires('restore:list')
    @ApiCall(docs.list)
    async list(
      @Param('project_id') projectId: string,
      @Param('table') table: string,
      @Query() query: QueryParameters,
      @Req() request: HttpRequest,
    ): Promise<Answer> {
      const page = parseRestoreList(query);
      return presentRestorePage(
        await this.restores.list(projectId, table, page),
        page.limit,
        this.contexts.of(request, dialect),
      );
    }

    @Get(':restore_job_id')
    @Requires('restore:describe')
    @ApiCall(docs.describe)
    async describe(
      @Param('project_id') projectId: string,
      @Param('table') table: string,
      @Param('restore_job_id') id: string,
      @Query() query: QueryParameters,
      @Req() request: HttpRequest,
    ): Promise<Answer> {
      rejectUnknownQuery(query, []);
      const view = await this.restores.describe({ projectId, table }, parseIdParam(id, 'restore_job_id'));
      return presentRestore(view, this.contexts.of(request, dialect));
    }

    @Patch(':restore_job_id')
    @Requires('restore:update')
    @ApiCall(docs.change)
    async change(
      @Param('project_id') projectId: string,
      @Param('table') table: string,
      @Param('restore_job_id') id: string,
      @Query() query: QueryParameters,
      @Body() body: unknown,
      @Req() request: HttpRequest,
    ): Promise<Answer> {
      rejectUnknownQuery(query, []);
      const change = parseJobChange(body);
      const view = await this.restores.change({ projectId, table }, parseIdParam(id, 'restore_job_id'), change);
      return presentRestore(view, this.contexts.of(request, dialect));
    }

    @Delete(':restore_job_id')
    @Requires('restore:cancel')
    @ApiCall(docs.delete)
    async delete(
      @Param('project_id') projectId: string,
      @Param('table') table: string,
      @Param('restore_job_id') id: string,
      @Query() query: QueryParameters,
      @Req() request: HttpRequest,
    ): Promise<Answer> {
      rejectUnknownQuery(query, []);
      const view = await this.restores.delete({ projectId, table }, parseIdParam(id, 'restore_job_id'));
      return presentRestore(view, this.contexts.of(request, dialect));
    }
  }
  return TableRestoresController;
}

/** The list of all of a project's restores, in one dialect. */
function projectRestoresController(dialect: Dialect): Type<object> {
  @ManagementController(`${dialect.projectRoute}/restores`)
  class ProjectRestoresController {
    constructor(
      readonly restores: RestoreService,
      readonly contexts: AnswerContexts,
    ) {}

    @Get()
    @Requires('restore:list')
    @ApiCall(restoreCallDocs(dialect).listAll)
    async list(
      @Param('project_id') projectId: string,
      @Query() query: QueryParameters,
      @Req() request: HttpRequest,
    ): Promise<Answer> {
      const page = parseRestoreList(query);
      return presentRestorePage(
        await this.restores.list(projectId, undefined, page),
        page.limit,
        this.contexts.of(request, dialect),
      );
    }
  }
  return ProjectRestoresController;
}

export const RESTORE_CONTROLLERS: Type<object>[] = [specDialect, deployedDialect].flatMap((dialect) => [
  tableRestoresController(dialect),
  projectRestoresController(dialect),
]);
