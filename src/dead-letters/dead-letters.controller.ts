import { Delete, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import { EveryProject, PROJECT_ID_PATTERN, Requires } from '../auth';
import { Answer, ApiCall, DEFAULT_PAGE, ManagementController, MAX_PAGE } from '../backup';
import { parseIdParam, parseLimit, QueryParameters, queryText, rejectUnknownQuery } from '../http';
import { validationError } from '../kernel';
import { DeadLetterQuery, DeadLetters } from '../notifications';
import { DEAD_LETTER_DOCS } from './dead-letters-api-docs';
import { presentDeadLetter } from './dead-letter.presenter';

const START = 'exclusive_start_dead_letter_id';

/** Events of any project may have died, and where they were to go is the operators' affair: all calls ask for an admin of the deployment. */
@ManagementController('v1/management/notifications/dead-letters')
export class DeadLettersController {
  constructor(private readonly letters: DeadLetters) {}

  @Get()
  @Requires('notification:list')
  @EveryProject()
  @ApiCall(DEAD_LETTER_DOCS.list)
  async list(@Query() query: QueryParameters): Promise<Answer> {
    const page = parseQuery(query);
    const letters = await this.letters.list(page);
    const last = letters.length === page.limit ? letters.at(-1) : undefined;
    return { dead_letters: letters.map(presentDeadLetter), ...(last === undefined ? {} : { last_evaluated_dead_letter_id: last.id }) };
  }

  @Post(':dead_letter_id/retry')
  @HttpCode(202)
  @Requires('notification:retry')
  @EveryProject()
  @ApiCall(DEAD_LETTER_DOCS.retry)
  async retry(@Param('dead_letter_id') id: string, @Query() query: QueryParameters): Promise<Answer> {
    rejectUnknownQuery(query, []);
    return presentDeadLetter(await this.letters.retry(parseIdParam(id, 'dead_letter_id')));
  }

  @Delete(':dead_letter_id')
  @Requires('notification:discard')
  @EveryProject()
  @ApiCall(DEAD_LETTER_DOCS.discard)
  async discard(@Param('dead_letter_id') id: string, @Query() query: QueryParameters): Promise<Answer> {
    rejectUnknownQuery(query, []);
    return presentDeadLetter(await this.letters.discard(parseIdParam(id, 'dead_letter_id')));
  }
}

function parseQuery(query: QueryParameters): DeadLetterQuery {
  rejectUnknownQuery(query, ['limit', START, 'sender', 'project_id']);
  const after = queryText(query, START);
  const projectId = queryText(query, 'project_id');
  if (projectId !== undefined && !PROJECT_ID_PATTERN.test(projectId)) throw validationError('"project_id" is no id of a project.');
  const sender = queryText(query, 'sender');
  if (sender !== undefined && !/^[a-z][a-z0-9-]{0,99}$/.test(sender)) throw validationError('"sender" is no name of a sender.');
  return {
    limit: parseLimit(queryText(query, 'limit'), { default: DEFAULT_PAGE, max: MAX_PAGE }),
    after: after === undefined ? undefined : parseIdParam(after, START),
    sender,
    projectId,
  };
}
