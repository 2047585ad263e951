import { Body, HttpCode, Param, Post, Query, Req, Type } from '@nestjs/common';
import { Requires } from '../auth';
import {
  Answer,
  AnswerContexts,
  ApiCall,
  CallDoc,
  deployedDialect,
  Dialect,
  ManagementController,
  modelsOf,
  presentBackup,
  PROJECT_PARAM,
  specDialect,
} from '../backup';
import { HttpRequest, QueryParameters, rejectUnknownQuery } from '../http';
import { parseImport } from './import-requests';
import { ImportService } from './import.service';

function importDoc(dialect: Dialect): CallDoc {
  const models = modelsOf(dialect);
  return {
    operationId: `${dialect.name}_import_backup`,
    tag: 'Backups',
    summary: 'Put a found backup into the catalogue',
    description:
      'After the job database was lost, or to share a backup. Deleting it later only forgets it, unless `?purge=true` or it was adopted.',
    params: [PROJECT_PARAM],
    body: {
      model: models.importBackup,
      examples: {
        'from its location, as the project’s own again': {
          source: 'file:///var/lib/magnetodb/objects/demo/01890a5d-ac96-774b-bcce-b302099a8057',
          adopt: true,
        },
        'from its location': { source: 'file:///var/lib/magnetodb/objects/demo/01890a5d-ac96-774b-bcce-b302099a8057' },
      },
    },
    successes: [
      { status: 200, description: 'The backup; one that is there already as it is there.', model: models.backup },
    ],
    errors: {
      400: 'ValidationError: also a damaged archive, or one of an unknown version.',
      404: 'BackupNotExists: there is no backup at the source.',
    },
  };
}

function importController(dialect: Dialect): Type<object> {
  @ManagementController(`${dialect.projectRoute}/backups/import`)
  class ImportController {
    constructor(
      readonly imports: ImportService,
      readonly contexts: AnswerContexts,
    ) {}

    @Post()
    @HttpCode(200)
    @Requires('backup:import')
    @ApiCall(importDoc(dialect))
    async import(
      @Param('project_id') projectId: string,
      @Query() query: QueryParameters,
      @Body() body: unknown,
      @Req() request: HttpRequest,
    ): Promise<Answer> {
      rejectUnknownQuery(query, []);
      const backup = await this.imports.import(projectId, parseImport(body));
      return presentBackup({ backup, progress: undefined }, this.contexts.of(request, dialect));
    }
  }
  return ImportController;
}

export const IMPORT_CONTROLLERS: Type<object>[] = [specDialect, deployedDialect].map(importController);
