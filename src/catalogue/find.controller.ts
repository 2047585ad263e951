import { Body, HttpCode, Param, Post, Query, Type } from '@nestjs/common';
import { CurrentIdentity, Identity, Requires } from '../auth';
import {
  Answer,
  ApiCall,
  apiModel,
  CallDoc,
  DEFAULT_PAGE,
  deployedDialect,
  Dialect,
  ERROR_KEY,
  idKey,
  KeySchema,
  listOf,
  ManagementController,
  MAX_PAGE,
  modelName,
  present,
  presentTime,
  PROJECT_PARAM,
  RESTORE_STRATEGY_REQUEST,
  SOURCE_KEY,
  specDialect,
  tableIdKey,
  TIME,
} from '../backup';
import { QueryParameters, rejectUnknownQuery } from '../http';
import { parseFind } from './find-requests';
import { FindService, FoundBackup } from './find.service';

const OPTIONAL = { required: false } as const;
const LOCATION: KeySchema = {
  type: 'string',
  format: 'uri',
  example: 'file:///var/lib/magnetodb/objects/demo/01890a5d-ac96-774b-bcce-b302099a8057',
};

function modelsOf(dialect: Dialect): { request: Type; page: Type } {
  const { keys } = dialect;
  const found = apiModel(modelName(dialect, 'FoundBackup'), {
    location: LOCATION,
    status: {
      type: 'string',
      enum: ['COMPLETE', 'INCOMPLETE', 'UNREADABLE'],
      description: 'INCOMPLETE: it never ended, or is being deleted. UNREADABLE: `error` says why.',
    },
    own_store: { type: 'boolean', description: 'Does it lie in the deployment’s own store?' },
    in_catalogue: { type: 'boolean', description: 'Does its project list it already?' },
    project_id: { type: 'string', ...OPTIONAL, example: 'demo' },
    [keys.backupId]: idKey(dialect, 'The backup’s id.', undefined, OPTIONAL),
    [keys.backupName]: { type: 'string', ...OPTIONAL, example: 'nightly' },
    table_id: tableIdKey(dialect, 'The id of the table that was backed up.', OPTIONAL),
    table_name: { type: 'string', ...OPTIONAL, example: 'Thread' },
    [keys.startedAt]: { ...TIME, ...OPTIONAL } as KeySchema,
    [keys.finishedAt]: { ...TIME, ...OPTIONAL } as KeySchema,
    item_count: { type: 'integer', ...OPTIONAL, example: 135233 },
    size_bytes: { type: 'integer', ...OPTIONAL, example: 9000000 },
    error: ERROR_KEY,
  });
  return {
    request: apiModel(modelName(dialect, 'FindBackups'), {
      source: { ...SOURCE_KEY, ...OPTIONAL } as KeySchema,
      strategy: RESTORE_STRATEGY_REQUEST,
      all_projects: { type: 'boolean', ...OPTIONAL, default: false, description: 'An admin of the deployment: of every project.' },
      limit: { type: 'integer', ...OPTIONAL, minimum: 1, maximum: MAX_PAGE, default: DEFAULT_PAGE },
      exclusive_start_location: { type: 'string', ...OPTIONAL, description: 'The page goes on behind it.' },
    }),
    page: apiModel(modelName(dialect, 'FoundBackupPage'), {
      found: listOf(found),
      last_evaluated_location: { ...LOCATION, ...OPTIONAL, description: 'Only if there is more.' } as KeySchema,
    }),
  };
}

function findDoc(dialect: Dialect): CallDoc {
  const models = modelsOf(dialect);
  return {
    operationId: `${dialect.name}_find_backups`,
    tag: 'Backups',
    summary: 'Look for backups where they lie',
    description:
      'Below a source, or in the deployment’s own store. For a catalogue that was lost: what is COMPLETE and not `in_catalogue` can be imported. ' +
      'Changes nothing.',
    params: [PROJECT_PARAM],
    body: {
      model: models.request,
      examples: { 'of the project, in the own store': {}, 'page by page': { limit: 10 } },
    },
    successes: [{ status: 200, description: 'A page, in order of locations; it may be shorter than asked for.', model: models.page }],
    errors: {
      400: '',
      404: 'BackupNotExists: the source lies in the own store, but is another project’s.',
    },
  };
}

function presentFound({ manifest, ...found }: FoundBackup, dialect: Dialect): Answer {
  const { keys } = dialect;
  return present({
    location: found.url,
    status: found.status,
    own_store: found.ownStore,
    in_catalogue: found.inCatalogue,
    project_id: found.projectId,
    [keys.backupId]: manifest && dialect.id(manifest.backup_id),
    [keys.backupName]: manifest?.backup_name,
    table_id: manifest && dialect.id(manifest.table_id),
    table_name: manifest?.table_name,
    [keys.startedAt]: presentTime(manifest?.started_at ?? null),
    [keys.finishedAt]: presentTime(manifest?.finished_at ?? null),
    item_count: manifest?.item_count,
    size_bytes: manifest?.size_bytes,
    error: found.error,
  });
}

function findController(dialect: Dialect): Type<object> {
  @ManagementController(`${dialect.projectRoute}/backups/find`)
  class FindController {
    constructor(readonly finds: FindService) {}

    @Post()
    @HttpCode(200)
    @Requires('backup:import')
    @ApiCall(findDoc(dialect))
    async find(
      @CurrentIdentity() caller: Identity,
      @Param('project_id') projectId: string,
      @Query() query: QueryParameters,
      @Body() body: unknown,
    ): Promise<Answer> {
      rejectUnknownQuery(query, []);
      const { page, last } = await this.finds.find(caller, projectId, parseFind(body));
      return present({ found: page.map((each) => presentFound(each, dialect)), last_evaluated_location: last });
    }
  }
  return FindController;
}

export const FIND_CONTROLLERS: Type<object>[] = [specDialect, deployedDialect].map(findController);
