import { Type } from '@nestjs/common';
import {
  apiModel,
  CallDoc,
  CLIENT_TOKEN_KEY,
  DEFAULT_PAGE,
  deployedDialect,
  Dialect,
  ERROR_KEY,
  ID_PATTERN,
  idKey,
  KeySchema,
  linksKey,
  listOf,
  MAX_PAGE,
  modelName,
  modelsOf,
  pageQueries,
  PAUSED_KEY,
  RATE_LIMIT_KEY,
  PROGRESS_KEY,
  PROJECT_PARAM,
  refTo,
  RESTORE_STRATEGY_REQUEST,
  SOURCE_KEY,
  specDialect,
  TABLE_PARAM,
  tableIdKey,
  TIME,
} from '../../backup';
import { RESTORE_STATUSES } from '../restore.entity';
import { MAX_EXCLUDED_ATTRIBUTES, MAX_HASH_KEYS } from '../engine/part';
import { ON_EXISTING, RESTORE_FORMATS } from './restore-requests';

const TAG = 'Restores';
const OPTIONAL = { required: false } as const;
const EXAMPLE_RESTORE_ID = '01890a5d-ac96-774b-bcce-b302099a8058';
const EXAMPLE_SOURCE = 'file:///var/lib/magnetodb/objects/demo/01890a5d-ac96-774b-bcce-b302099a8057';
const RESTORE_PARAM = {
  name: 'restore_job_id',
  description: 'The restore job’s id, with or without dashes.',
  example: EXAMPLE_RESTORE_ID,
  pattern: ID_PATTERN,
};

const HASH_VALUE = {
  type: 'object',
  minProperties: 1,
  maxProperties: 1,
  additionalProperties: false,
  properties: { S: { type: 'string' }, N: { type: 'string' }, B: { type: 'string', format: 'byte' } },
};

/** What of a backup is restored. The same keys in requests and answers. */
const PART_KEYS: Record<string, KeySchema> = {
  select: {
    type: 'object',
    selfRequired: false,
    additionalProperties: false,
    description: 'Only items of these hash keys: either a list, or a prefix of texts or bytes. Values as in an item: `{"S": "a"}`.',
    properties: {
      hash_keys: { type: 'array', minItems: 1, maxItems: MAX_HASH_KEYS, items: HASH_VALUE },
      hash_key_prefix: HASH_VALUE,
    },
    example: { hash_keys: [{ S: 'MagnetoDB' }, { S: 'Nova' }] },
  } as KeySchema,
  exclude_attributes: {
    type: 'array',
    items: { type: 'string', minLength: 1, maxLength: 255 },
    minItems: 1,
    maxItems: MAX_EXCLUDED_ATTRIBUTES,
    ...OPTIONAL,
    description: 'Items are restored without these attributes. No keys of the table or of its indexes; not with `merge`.',
    example: ['password_hash'],
  },
};

function restoreKeys(dialect: Dialect): Record<string, KeySchema> {
  const { keys } = dialect;
  return {
    [keys.restoreId]: idKey(dialect, 'The restore job’s id.', EXAMPLE_RESTORE_ID),
    backup_id: idKey(dialect, 'The backup that is restored, as its manifest says.', undefined, OPTIONAL),
    table_id: tableIdKey(dialect, 'The target’s id, once it is published.', OPTIONAL),
    table_name: { type: 'string', example: 'Thread' },
    status: { type: 'string', enum: [...RESTORE_STATUSES], example: 'RESTORED' },
    [keys.startedAt]: TIME,
    [keys.finishedAt]: { ...TIME, ...OPTIONAL } as KeySchema,
    source: { type: 'string', format: 'uri', description: 'Where the backup lies.', example: EXAMPLE_SOURCE },
    links: linksKey('source'),
    format: {
      type: 'string',
      enum: RESTORE_FORMATS.slice(1),
      ...OPTIONAL,
      description: 'The lane that it takes, as asked for or as `auto` chose: rows as they are, or item by item.',
      example: 'db-agnostic',
    },
    format_reason: { type: 'string', ...OPTIONAL, description: 'Why.' },
    ...PART_KEYS,
    items_restored: { type: 'integer', ...OPTIONAL, description: 'Of a part, once all was read.', example: 120 },
    items_left_out: {
      type: 'integer',
      ...OPTIONAL,
      description: 'Of a part: items that were not asked for, or have expired.',
      example: 135113,
    },
    error: ERROR_KEY,
    paused: PAUSED_KEY,
    rate_limit: RATE_LIMIT_KEY,
    progress: PROGRESS_KEY,
  };
}

function planKeys(dialect: Dialect): Record<string, KeySchema> {
  return {
    table: {
      type: 'object',
      additionalProperties: true,
      description: 'The table afterwards, as describe_table shows one.',
    },
    item_count: { type: 'integer', description: 'To be read: of the whole backup.', example: 135233 },
    size_bytes: { type: 'integer', description: 'To be read, as stored.', example: 9000000 },
    chain: {
      type: 'array',
      items: idKey(dialect, 'A backup’s id.') as object,
      description: 'Backups to be read: oldest first, the backup itself last.',
    } as KeySchema,
    format: { type: 'string', enum: RESTORE_FORMATS.slice(1) },
    format_reason: { type: 'string' },
    on_existing: { type: 'string', enum: [...ON_EXISTING] },
    partial: { type: 'boolean', enum: [true], ...OPTIONAL, description: 'Only a part of the backup is restored.' },
    ...PART_KEYS,
    conflict: {
      type: 'object',
      nullable: true,
      description: 'What stands in the way: the error that the restore would answer with; null: nothing.',
      required: ['type', 'message'],
      properties: { type: { type: 'string', example: 'ConflictError' }, message: { type: 'string' } },
      example: null,
    },
  };
}

interface RestoreModels {
  readonly restore: Type;
  readonly page: Type;
  readonly create: Type;
  readonly planAnswer: Type;
}

function restoreModels(dialect: Dialect): RestoreModels {
  const restore = apiModel(modelName(dialect, 'RestoreJob'), restoreKeys(dialect));
  const plan = apiModel(modelName(dialect, 'RestorePlan'), planKeys(dialect));
  return {
    restore,
    page: apiModel(modelName(dialect, 'RestoreJobPage'), {
      restore_jobs: listOf(restore),
      last_evaluated_restore_job_id: idKey(dialect, 'Only if the page is full.', EXAMPLE_RESTORE_ID, OPTIONAL),
    }),
    create: apiModel(modelName(dialect, 'CreateRestoreJob'), {
      [dialect.keys.restoreFrom]: idKey(
        dialect,
        'A backup of the project’s catalogue. Either this or `source`.',
        undefined,
        OPTIONAL,
      ),
      source: { ...SOURCE_KEY, ...OPTIONAL } as KeySchema,
      on_existing: {
        type: 'string',
        enum: [...ON_EXISTING],
        default: 'fail',
        ...OPTIONAL,
        description: 'What becomes of a table that is there.',
      },
      format: { type: 'string', enum: [...RESTORE_FORMATS], default: 'auto', ...OPTIONAL },
      strategy: RESTORE_STRATEGY_REQUEST,
      ...PART_KEYS,
      dry_run: { type: 'boolean', default: false, ...OPTIONAL, description: 'Only show what would be done.' },
      client_request_token: CLIENT_TOKEN_KEY,
    }),
    planAnswer: apiModel(modelName(dialect, 'RestorePlanAnswer'), { plan: refTo(plan) }),
  };
}

const MODELS = { spec: restoreModels(specDialect), deployed: restoreModels(deployedDialect) };

/** The models of a dialect, the same at every call. */
export function restoreModelsOf(dialect: Dialect): Pick<RestoreModels, 'restore'> {
  return MODELS[dialect.name];
}

type RestoreCall = 'create' | 'list' | 'listAll' | 'describe' | 'change' | 'delete';

/** What the OpenAPI document says of the calls on restores. */
export function restoreCallDocs(dialect: Dialect): Record<RestoreCall, CallDoc> {
  const models = MODELS[dialect.name];
  const operation = (name: string): string => `${dialect.name}_${name}`;
  const ofTable = [PROJECT_PARAM, TABLE_PARAM];
  const ofRestore = [...ofTable, RESTORE_PARAM];
  const query = pageQueries('exclusive_start_restore_job_id', RESTORE_STATUSES, MAX_PAGE, DEFAULT_PAGE);
  const page = { status: 200, description: 'A page, in ascending order of ids.', model: models.page };
  const one = { status: 200, description: 'The restore job.', model: models.restore };
  const backupId = dialect.id('01890a5d-ac96-774b-bcce-b302099a8057');
  return {
    create: {
      operationId: operation('create_restore'),
      tag: TAG,
      summary: 'Restore a backup onto this table',
      description:
        'The table is built aside, verified, and published in one step. `select` and `exclude_attributes` restore a part: the whole ' +
        'archive is proven all the same, and the table holds the part alone. With `on_existing: "replace"`, writes that are accepted after ' +
        'the restore began are lost with the old table.',
      params: ofTable,
      body: {
        model: models.create,
        examples: {
          'a backup of the catalogue': { [dialect.keys.restoreFrom]: backupId },
          'from its location alone': { source: EXAMPLE_SOURCE },
          'a part of it': {
            [dialect.keys.restoreFrom]: backupId,
            select: { hash_keys: [{ S: 'MagnetoDB' }] },
            exclude_attributes: ['message'],
          },
          'what would be done': { [dialect.keys.restoreFrom]: backupId, on_existing: 'replace', dry_run: true },
        },
      },
      successes: [
        { status: 202, description: 'The restore job, in status RESTORING.', model: models.restore },
        { status: 200, description: '`dry_run`: the plan; nothing is changed.', model: models.planAnswer },
      ],
      errors: {
        400: '',
        404: 'BackupNotExists.',
        409: 'ConflictError: the target has items or another structure, another restore onto it runs, the backup is not CREATED, or `replace` without exclusive_gateways.',
        423: '',
      },
    },
    list: {
      operationId: operation('list_restores'),
      tag: TAG,
      summary: 'List the restores onto a table',
      params: ofTable,
      query,
      successes: [page],
      errors: { 400: '' },
    },
    listAll: {
      operationId: operation('list_project_restores'),
      tag: TAG,
      summary: 'List a project’s restores',
      params: [PROJECT_PARAM],
      query,
      successes: [page],
      errors: { 400: '' },
    },
    describe: {
      operationId: operation('describe_restore'),
      tag: TAG,
      summary: 'Describe a restore job',
      params: ofRestore,
      successes: [one],
      errors: { 400: '', 404: 'RestoreJobNotExists.' },
    },
    change: {
      operationId: operation('change_restore'),
      tag: TAG,
      summary: 'Pause, resume or limit a running restore',
      params: ofRestore,
      body: {
        model: modelsOf(dialect).jobChange,
        examples: {
          limit: { rate_limit: { items_per_second: 20_000 } },
          'no limit of its own': { rate_limit: null },
          pause: { paused: true },
          resume: { paused: false },
        },
      },
      successes: [one],
      errors: { 400: '', 404: 'RestoreJobNotExists.', 409: 'ConflictError: it is finished.' },
    },
    delete: {
      operationId: operation('delete_restore'),
      tag: TAG,
      summary: 'Cancel a running restore, or forget a finished one',
      description: 'A cancelled job ends in RESTORE_FAILED and leaves nothing behind.',
      params: ofRestore,
      successes: [one],
      errors: { 400: '', 404: 'RestoreJobNotExists.' },
    },
  };
}
