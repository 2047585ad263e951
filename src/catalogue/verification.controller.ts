import { Body, HttpCode, Param, Post, Query, Req, Type } from '@nestjs/common';
import { Requires } from '../auth';
import {
  ACCESS_BODY,
  Answer,
  AnswerContexts,
  ApiCall,
  BACKUP_PARAM,
  CallDoc,
  deployedDialect,
  Dialect,
  ManagementController,
  modelsOf,
  presentBackup,
  PROJECT_PARAM,
  readStrategy,
  specDialect,
  TABLE_PARAM,
} from '../backup';
import { HttpRequest, parseIdParam, QueryParameters, rejectUnknownQuery } from '../http';
import { VerificationService } from './verification.service';

function verifyDoc(dialect: Dialect): CallDoc {
  return {
    operationId: `${dialect.name}_verify_backup`,
    tag: 'Backups',
    summary: 'Read a backup whole and recompute every digest',
    description:
      'Answers at once; `verification` says how it goes, and in the end what is damaged, if anything. ' +
      'While one runs, asking again answers the same. One that lies outside is read with the credentials of the body.',
    params: [PROJECT_PARAM, TABLE_PARAM, BACKUP_PARAM],
    body: ACCESS_BODY,
    successes: [
      { status: 202, description: 'The backup, its verification RUNNING.', model: modelsOf(dialect).backup },
    ],
    errors: {
      400: '',
      404: 'BackupNotExists.',
      409: 'ConflictError: the backup is not CREATED.',
    },
  };
}

function verificationController(dialect: Dialect): Type<object> {
  @ManagementController(`${dialect.tableRoute}/backups/:backup_id/verify`)
  class VerificationController {
    constructor(
      readonly verifications: VerificationService,
      readonly contexts: AnswerContexts,
    ) {}

    @Post()
    @HttpCode(202)
    @Requires('backup:verify')
    @ApiCall(verifyDoc(dialect))
    async verify(
      @Param('project_id') projectId: string,
      @Param('table') table: string,
      @Param('backup_id') id: string,
      @Query() query: QueryParameters,
      @Body() body: unknown,
      @Req() request: HttpRequest,
    ): Promise<Answer> {
      rejectUnknownQuery(query, []);
      const view = await this.verifications.verify({ projectId, table }, parseIdParam(id, 'backup_id'), readStrategy(body));
      return presentBackup(view, this.contexts.of(request, dialect));
    }
  }
  return VerificationController;
}

export const VERIFICATION_CONTROLLERS: Type<object>[] = [specDialect, deployedDialect].map(verificationController);
