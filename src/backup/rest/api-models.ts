import { Type } from '@nestjs/common';
import { BACKUP_STATUSES, VERIFICATION_STATUSES } from '../backup.entity';
import { apiModel, KeySchema, listOf, refTo } from './api-docs';
import { deployedDialect, Dialect, specDialect } from './dialect';

const EXAMPLE_ID = '01890a5d-ac96-774b-bcce-b302099a8057';
const EXAMPLE_TABLE_ID = '0f8fad5b-d9cb-469f-a165-70867728950e';

export const TIME: KeySchema = { type: 'string', format: 'date-time', example: '2026-01-31T12:00:00.000Z' };
const OPTIONAL = { required: false } as const;

/** An id in a dialect's spelling. */
export function idKey(dialect: Dialect, description: string, example = EXAMPLE_ID, rest: object = {}): KeySchema {
  return {
    type: 'string',
    format: dialect.name === 'spec' ? 'uuid' : undefined,
    description,
    example: dialect.id(example),
    ...rest,
  } as KeySchema;
}

export function tableIdKey(dialect: Dialect, description: string, rest: object = {}): KeySchema {
  return idKey(dialect, description, EXAMPLE_TABLE_ID, rest);
}

const JobErrorModel = apiModel('JobError', {
  type: { type: 'string', example: 'TableChanged' },
  message: { type: 'string', example: 'The table was dropped during its backup.' },
});

const ProgressModel = apiModel('Progress', {
  phase: { type: 'string', example: 'copy' },
  items_done: { type: 'integer', example: 50000 },
  items_total_estimate: { type: 'integer', example: 135233, ...OPTIONAL },
  bytes_done: { type: 'integer', example: 12000000 },
  ranges_done: { type: 'integer', example: 3 },
  ranges_total: { type: 'integer', example: 8 },
  started_at: TIME,
  eta_seconds: { type: 'integer', example: 2, ...OPTIONAL },
});

const VerificationModel = apiModel('Verification', {
  status: {
    type: 'string',
    enum: [...VERIFICATION_STATUSES],
    description: 'DAMAGED: `type` and `message` name the object. FAILED: they say why nothing was found out.',
  },
  type: { type: 'string', example: 'ArchiveDamaged', ...OPTIONAL },
  message: { type: 'string', example: 'chunks/….jsonl.zst is missing', ...OPTIONAL },
  started_at: TIME,
  finished_at: { ...TIME, ...OPTIONAL } as KeySchema,
});

const LinkModel = apiModel('Link', {
  rel: { type: 'string', example: 'self' },
  href: {
    type: 'string',
    format: 'uri',
    example: 'http://localhost:8480/v1/demo/management/Thread/backups/01890a5d-ac96-774b-bcce-b302099a8057',
  },
});

/** Keys that backups and restore jobs share. */
export const ERROR_KEY = refTo(JobErrorModel, { ...OPTIONAL, description: 'After failure.' });
export const PROGRESS_KEY = refTo(ProgressModel, { ...OPTIONAL, description: 'While the job runs.' });
export const PAUSED_KEY: KeySchema = { type: 'boolean', ...OPTIONAL, description: 'True while the job is paused; else absent.' };
const RATE_LIMITS: Record<string, KeySchema> = {
  bytes_per_second: { type: 'integer', minimum: 1, ...OPTIONAL, description: 'Of items, before compression.', example: 10_000_000 },
  items_per_second: { type: 'integer', minimum: 1, ...OPTIONAL },
};
const REQUESTS_IN_FLIGHT: KeySchema = {
  type: 'integer',
  minimum: 1,
  ...OPTIONAL,
  description: 'Requests for pages of items that are on their way to the table at once; each process that works on the backup may have one at least.',
  example: 2,
};
const RateLimitModel = apiModel('RateLimit', {
  ...RATE_LIMITS,
  requests_in_flight: REQUESTS_IN_FLIGHT,
  shared: {
    type: 'boolean',
    ...OPTIONAL,
    description: 'True: the deployment’s limit, which all backups without one of their own share; else absent.',
  },
});
export const RATE_LIMIT_KEY = refTo(RateLimitModel, { ...OPTIONAL, description: 'What limits the unfinished job; absent if nothing does.' });

export function linksKey(other: string): KeySchema {
  return listOf(LinkModel, { description: `\`self\` and \`${other}\`.` });
}

const STRATEGY_EXAMPLE = {
  name: 'default',
  type: 'full',
  format: 'db-agnostic',
  location: { type: 'internal' },
  compression: 'zstd',
};
const LOCATION_EXAMPLE = `file:///var/lib/magnetodb/objects/demo/${EXAMPLE_ID}`;

/** How to give a strategy. The strategy room refuses what this does not name. */
export const STRATEGY_REQUEST: KeySchema = {
  type: 'object',
  additionalProperties: true,
  selfRequired: false,
  description: 'Absent keys take the defaults; secrets are never shown again.',
  properties: {
    name: { type: 'string', description: 'A named strategy; the other keys override it.', default: 'default' },
    type: { type: 'string', enum: ['full', 'incremental'], default: 'full' },
    format: {
      type: 'string',
      enum: ['db-agnostic', 'native'],
      default: 'db-agnostic',
      description: '`native`: the table at one moment, in the format of its backend (400 if that has none); it is locked for milliseconds.',
    },
    location: {
      type: 'object',
      properties: {
        type: { type: 'string', enum: ['internal', 'external'] },
        url: { type: 'string', example: 's3://bucket/prefix' },
        endpoint: { type: 'string' },
        credentials: { type: 'object', additionalProperties: { type: 'string' }, writeOnly: true },
      },
    },
    compression: { type: 'string', enum: ['zstd', 'gzip', 'none'], default: 'zstd' },
    encryption: {
      type: 'object',
      properties: { key_id: { type: 'string' }, passphrase: { type: 'string', writeOnly: true } },
    },
    base_backup_id: { type: 'string' },
  },
};

export const CLIENT_TOKEN_KEY: KeySchema = {
  type: 'string',
  minLength: 1,
  maxLength: 64,
  required: false,
  description: 'The same token, table and body within 24 hours answer with the same resource.',
};

function backupKeys(dialect: Dialect): Record<string, KeySchema> {
  const { keys } = dialect;
  return {
    [keys.backupId]: idKey(dialect, 'The backup’s id.'),
    [keys.backupName]: { type: 'string', minLength: 1, maxLength: 255, example: 'nightly' },
    table_id: tableIdKey(dialect, 'The id of the table that was backed up.'),
    table_name: { type: 'string', example: 'Thread' },
    status: { type: 'string', enum: [...BACKUP_STATUSES], example: 'CREATED' },
    delete_protection: {
      type: 'boolean',
      description: 'Until this is set to false, the backup cannot be deleted.',
      example: false,
    },
    [keys.startedAt]: TIME,
    [keys.finishedAt]: { ...TIME, ...OPTIONAL } as KeySchema,
    strategy: {
      type: 'object',
      additionalProperties: true,
      description: 'As it was resolved, without secrets.',
      example: STRATEGY_EXAMPLE,
    },
    ...(dialect.name === 'deployed'
      ? { location: { type: 'string', format: 'uri', example: LOCATION_EXAMPLE } as KeySchema }
      : {}),
    links: linksKey('location'),
    error: ERROR_KEY,
    paused: PAUSED_KEY,
    rate_limit: RATE_LIMIT_KEY,
    progress: PROGRESS_KEY,
    item_count: {
      type: 'integer',
      ...OPTIONAL,
      description: 'What a table restored from it would hold.',
      example: 135233,
    },
    size_bytes: { type: 'integer', ...OPTIONAL, description: 'As stored.', example: 9000000 },
    table_size_bytes: { type: 'integer', ...OPTIONAL, description: 'Before compression.', example: 33000000 },
    format_version: { type: 'integer', ...OPTIONAL, example: 1 },
    base_backup_id: idKey(dialect, 'Incrementals: the backup that it builds on.', EXAMPLE_ID, OPTIONAL),
    last_verified_at: {
      ...TIME,
      ...OPTIONAL,
      description: 'When a verification last found everything whole.',
    } as KeySchema,
    restorable: { type: 'boolean', ...OPTIONAL, description: 'False: it failed, or damage was found.' },
    verification: refTo(VerificationModel, { ...OPTIONAL, description: 'The newest verification.' }),
    locked_milliseconds: { type: 'integer', ...OPTIONAL, description: 'For a native backup: how long the table was in MAINTENANCE, the sum of all tries.', example: 12 },
  };
}

/** Where a found backup lies. */
export const SOURCE_KEY: KeySchema = {
  // Nest's document builder wants a type beside `oneOf`, and leaves it out.
  type: 'object',
  oneOf: [
    { type: 'string', example: LOCATION_EXAMPLE },
    {
      type: 'object',
      required: ['url'],
      additionalProperties: false,
      properties: {
        url: { type: 'string', example: LOCATION_EXAMPLE },
        endpoint: { type: 'string' },
        credentials: { type: 'object', additionalProperties: { type: 'string' }, writeOnly: true },
      },
    },
  ],
  description: 'The URL of the backup’s root: the folder that holds its manifest.',
} as KeySchema;

/** What a restore or an import may say of a strategy: only what the source needs and the backup does not hold. */
export const RESTORE_STRATEGY_REQUEST: KeySchema = {
  type: 'object',
  additionalProperties: false,
  selfRequired: false,
  description: 'Credentials and a passphrase for the source.',
  properties: {
    name: { type: 'string' },
    location: {
      type: 'object',
      properties: {
        type: { type: 'string', enum: ['internal', 'external'] },
        credentials: { type: 'object', additionalProperties: { type: 'string' }, writeOnly: true },
      },
    },
    encryption: {
      type: 'object',
      properties: { key_id: { type: 'string' }, passphrase: { type: 'string', writeOnly: true } },
    },
  },
};

/** What calls on a backup outside are told beside its id. */
const BackupAccessModel = apiModel('BackupAccess', { strategy: RESTORE_STRATEGY_REQUEST });

/** A body of such a call: wanted only where the place asks for credentials. */
export const ACCESS_BODY = {
  model: BackupAccessModel,
  optional: true,
  examples: {
    'with the credentials of its place': {
      strategy: { location: { credentials: { access_key_id: 'AKIA…', secret_access_key: '…' } } },
    },
  },
} as const;

/** @param limits that the job heeds */
function jobChangeKeys(limits: Record<string, KeySchema>): Record<string, KeySchema> {
  return {
    // Written out here: a reference beside `nullable` would not admit null.
    rate_limit: {
      type: 'object',
      nullable: true,
      selfRequired: false,
      additionalProperties: false,
      description: 'At least one of them; null removes the limit that the job has of its own.',
      properties: limits,
    },
    paused: { type: 'boolean', ...OPTIONAL },
  };
}
const PROTECTION_KEY: KeySchema = {
  type: 'boolean',
  ...OPTIONAL,
  description: 'True: the backup cannot be deleted until this is set to false.',
};
const JobChangeModel = apiModel('JobChange', jobChangeKeys(RATE_LIMITS));
const BackupChangeModel = apiModel('BackupChange', { ...jobChangeKeys({ ...RATE_LIMITS, requests_in_flight: REQUESTS_IN_FLIGHT }), delete_protection: PROTECTION_KEY });

/** The models of the calls on backups, in one dialect. */
export interface BackupModels {
  readonly backup: Type;
  readonly backupPage: Type;
  readonly createBackup: Type;
  readonly importBackup: Type;
  readonly jobChange: Type;
  readonly backupChange: Type;
  readonly backupAccess: Type;
}

/** The name of a dialect's model: both dialects stand in one document. */
export function modelName(dialect: Dialect, name: string): string {
  return dialect.name === 'spec' ? name : `Deployed${name}`;
}

function backupModels(dialect: Dialect): BackupModels {
  const backup = apiModel(modelName(dialect, 'Backup'), backupKeys(dialect));
  return {
    backup,
    backupPage: apiModel(modelName(dialect, 'BackupPage'), {
      backups: listOf(backup),
      last_evaluated_backup_id: idKey(dialect, 'Only if the page is full.', EXAMPLE_ID, OPTIONAL),
    }),
    createBackup: apiModel(modelName(dialect, 'CreateBackup'), {
      [dialect.keys.backupName]: { type: 'string', minLength: 1, maxLength: 255, example: 'nightly' },
      strategy: STRATEGY_REQUEST,
      delete_protection: PROTECTION_KEY,
      client_request_token: CLIENT_TOKEN_KEY,
    }),
    importBackup: apiModel(modelName(dialect, 'ImportBackup'), {
      source: SOURCE_KEY,
      strategy: RESTORE_STRATEGY_REQUEST,
      adopt: {
        type: 'boolean',
        ...OPTIONAL,
        default: false,
        description: 'A backup in the deployment’s own store is the project’s own again: deleting it deletes its data.',
      },
    }),
    jobChange: JobChangeModel,
    backupChange: BackupChangeModel,
    backupAccess: BackupAccessModel,
  };
}

const MODELS = { spec: backupModels(specDialect), deployed: backupModels(deployedDialect) };

/** The models of a dialect, the same at every call. */
export function modelsOf(dialect: Dialect): BackupModels {
  return MODELS[dialect.name];
}
