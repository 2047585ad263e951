import { Body, Delete, Get, HttpCode, Param, Patch, Post, Query, Req, Type } from '@nestjs/common';
import { CurrentIdentity, Identity, Requires } from '../../auth';
import { HttpRequest, parseIdParam, QueryParameters, rejectUnknownQuery } from '../../http';
import { BackupService } from '../backup.service';
import { AnswerContexts } from './answer-context';
import { ApiCall } from './api-docs';
import { backupCallDocs } from './backup-api-docs';
import { parseBackupChange, parseBackupList, parseCreateBackup, parseDeleteBackup } from './backup-requests';
import { presentBackup, presentBackupPage } from './backup.presenter';
import { readStrategy } from './json-body';
import { deployedDialect, Dialect, specDialect } from './dialect';
import { ManagementController } from './management.controller';
import { Answer } from './presenting';

/** The calls on one table's backups, in one dialect. */
function tableBackupsController(dialect: Dialect): Type<object> {
  const docs = backupCallDocs(dialect);

  @ManagementController(`${dialect.tableRoute}/backups`)
  class TableBackupsController {
    constructor(
      readonly backups: BackupService,
      readonly contexts: AnswerContexts,
    ) {}

    @Post()
    @HttpCode(202)
    @Requires('backup:create')
    @ApiCall(docs.create)
    async create(
      @CurrentIdentity() caller: Identity,
      @Param('project_id') projectId: string,
      @Param('table') table: string,
      @Query() query: QueryParameters,
      @Body() body: unknown,
      @Req() request: HttpRequest,
    ): Promise<Answer> {
      rejectUnknownQuery(query, []);
      const view = await this.backups.create(caller, { projectId, table }, parseCreateBackup(body, dialect));
      return presentBackup(view, this.contexts.of(request, dialect));
    }

    @Get()
    @Requires('backup:list')
    @ApiCall(docs.list)
    async list(
      @Param('project_id') projectId: string,
      @Param('table') table: string,
      @Query() query: QueryParameters,
      @Req() request: HttpRequest,
    ): Promise<Answer> {
      const page = parseBackupList(query);
      return presentBackupPage(
        await this.backups.list(projectId, table, page),
        page.limit,
        this.contexts.of(request, dialect),
      );
    }

    @Get(':backup_id')
    @Requires('backup:describe')
    @ApiCall(docs.describe)
    async describe(
      @Param('project_id') projectId: string,
      @Param('table') table: string,
      @Param('backup_id') id: string,
      @Query() query: QueryParameters,
      @Req() request: HttpRequest,
    ): Promise<Answer> {
      rejectUnknownQuery(query, []);
      const view = await this.backups.describe({ projectId, table }, parseIdParam(id, 'backup_id'));
      return presentBackup(view, this.contexts.of(request, dialect));
    }

    @Patch(':backup_id')
    @Requires('backup:update')
    @ApiCall(docs.change)
    async change(
      @Param('project_id') projectId: string,
      @Param('table') table: string,
      @Param('backup_id') id: string,
      @Query() query: QueryParameters,
      @Body() body: unknown,
      @Req() request: HttpRequest,
    ): Promise<Answer> {
      rejectUnknownQuery(query, []);
      const change = parseBackupChange(body);
      const view = await this.backups.update({ projectId, table }, parseIdParam(id, 'backup_id'), change);
      return presentBackup(view, this.contexts.of(request, dialect));
    }

    @Delete(':backup_id')
    @Requires('backup:delete')
    @ApiCall(docs.delete)
    async delete(
      @Param('project_id') projectId: string,
      @Param('table') table: string,
      @Param('backup_id') id: string,
      @Query() query: QueryParameters,
      @Body() body: unknown,
      @Req() request: HttpRequest,
    ): Promise<Answer> {
      const view = await this.backups.delete(
        { projectId, table },
        parseIdParam(id, 'backup_id'),
        parseDeleteBackup(query),
        readStrategy(body),
      );
      return presentBackup(view, this.contexts.of(request, dialect));
    }
  }
  return TableBackupsController;
}

/** The list of all of a project's backups, in one dialect. */
function projectBackupsController(dialect: Dialect): Type<object> {
  @ManagementController(`${dialect.projectRoute}/backups`)
  class ProjectBackupsController {
    constructor(
      readonly backups: BackupService,
      readonly contexts: AnswerContexts,
    ) {}

    @Get()
    @Requires('backup:list')
    @ApiCall(backupCallDocs(dialect).listAll)
    async list(
      @Param('project_id') projectId: string,
      @Query() query: QueryParameters,
      @Req() request: HttpRequest,
    ): Promise<Answer> {
      const page = parseBackupList(query);
      return presentBackupPage(
        await this.backups.list(projectId, undefined, page),
        page.limit,
        this.contexts.of(request, dialect),
      );
    }
  }
  return ProjectBackupsController;
}

export const BACKUP_CONTROLLERS: Type<object>[] = [specDialect, deployedDialect].flatMap((dialect) => [
  tableBackupsController(dialect),
  projectBackupsController(dialect),
]);
