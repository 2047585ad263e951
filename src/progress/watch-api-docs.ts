import { Type } from '@nestjs/common';
import { apiModel, CallDoc, Dialect, deployedDialect, idKey, listOf, modelName, modelsOf, PROJECT_PARAM, refTo, specDialect } from '../backup';
import { restoreModelsOf } from '../restore';

const OPTIONAL = { required: false } as const;

/** One line of the answer. */
function lineModel(dialect: Dialect): Type {
  const { backup } = modelsOf(dialect);
  const { restore } = restoreModelsOf(dialect);
  return apiModel(modelName(dialect, 'WatchLine'), {
    event: {
      type: 'string',
      enum: ['snapshot', 'backup', 'restore_job', 'backup_deleted', 'heartbeat', 'end'],
      description: 'What the line tells, and which of the other keys it has.',
    },
    backups: listOf(backup, { ...OPTIONAL, description: '`snapshot`: those that a job works for.' }),
    restore_jobs: listOf(restore, { ...OPTIONAL, description: '`snapshot`: those that run or wait.' }),
    backup: refTo(backup, { ...OPTIONAL, description: '`backup`: as it is now.' }),
    restore_job: refTo(restore, { ...OPTIONAL, description: '`restore_job`: as it is now.' }),
    backup_id: idKey(dialect, '`backup_deleted`: which one is gone.', undefined, OPTIONAL),
    reason: {
      type: 'string',
      enum: ['draining', 'token_expired', 'renew', 'unavailable'],
      ...OPTIONAL,
      description: '`end`: why. All but `token_expired` mean: ask again.',
    },
  });
}

const LINES = { spec: lineModel(specDialect), deployed: lineModel(deployedDialect) };

/** What the OpenAPI document says of the call. */
export function watchCallDoc(dialect: Dialect): CallDoc {
  return {
    operationId: `${dialect.name}_watch_jobs`,
    tag: 'Jobs',
    summary: 'Watch a project’s jobs while they run',
    description:
      'The answer goes on until the client or the service ends it: JSON objects, one a line. The first line is a snapshot of everything ' +
      'that runs or waits; then comes a line for each resource whenever its job has gone on, ended or begun. A client that reads slowly ' +
      'gets the newest state and not every one between. Needs the rules `backup:list` and `restore:list`.',
    params: [PROJECT_PARAM],
    successes: [
      {
        status: 200,
        description: 'Lines without end.',
        model: LINES[dialect.name],
        mediaType: 'application/x-ndjson',
        example: `{"event":"snapshot","backups":[],"restore_jobs":[]}\n{"event":"heartbeat"}\n`,
      },
    ],
    errors: { 400: '' },
  };
}
