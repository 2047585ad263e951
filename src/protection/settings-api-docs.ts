import { Type } from '@nestjs/common';
import { apiModel, CallDoc, deployedDialect, Dialect, modelName, ParamDoc, specDialect, tableIdKey } from '../backup';

const TAG = 'Settings';
const DROP_KEY = {
  type: 'boolean' as const,
  description: 'Is a full backup made before a table is dropped? Without one the table is not dropped.',
  example: true,
};
const ProjectSettings = apiModel('ProjectSettings', { backup_before_drop: DROP_KEY });
const ChangeTableSettings = apiModel('ChangeTableSettings', {
  backup_before_drop: { ...DROP_KEY, nullable: true, description: 'null: as the project says.' },
});
const TABLE_SETTINGS = { spec: tableSettings(specDialect), deployed: tableSettings(deployedDialect) };

function tableSettings(dialect: Dialect): Type {
  return apiModel(modelName(dialect, 'TableSettings'), {
    table_name: { type: 'string', example: 'Thread' },
    table_id: tableIdKey(dialect, 'The table’s id.'),
    backup_before_drop: DROP_KEY,
    inherited: { type: 'boolean', description: 'Is it the project’s setting that holds?', example: false },
  });
}

type SettingsCalls = Record<'describe' | 'change', CallDoc>;

export function tableSettingsDocs(dialect: Dialect, params: readonly ParamDoc[]): SettingsCalls {
  const model = TABLE_SETTINGS[dialect.name];
  const errors = { 400: '', 404: 'TableNotExistsException.' };
  return {
    describe: {
      operationId: `${dialect.name}_describe_table_settings`,
      tag: TAG,
      summary: 'Describe a table’s settings',
      params,
      successes: [{ status: 200, description: 'What holds for the table.', model }],
      errors,
    },
    change: {
      operationId: `${dialect.name}_change_table_settings`,
      tag: TAG,
      summary: 'Change a table’s settings',
      params,
      body: {
        model: ChangeTableSettings,
        examples: { 'back up before a drop': { backup_before_drop: true }, 'as the project says': { backup_before_drop: null } },
      },
      successes: [{ status: 200, description: 'What holds for the table now.', model }],
      errors,
    },
  };
}

export function projectSettingsDocs(dialect: Dialect, params: readonly ParamDoc[]): SettingsCalls {
  return {
    describe: {
      operationId: `${dialect.name}_describe_project_settings`,
      tag: TAG,
      summary: 'Describe a project’s settings',
      params,
      successes: [{ status: 200, description: 'What holds for tables that say nothing else.', model: ProjectSettings }],
      errors: { 400: '' },
    },
    change: {
      operationId: `${dialect.name}_change_project_settings`,
      tag: TAG,
      summary: 'Change a project’s settings',
      params,
      body: {
        model: ProjectSettings,
        examples: { 'back up before a drop': { backup_before_drop: true }, 'drop at once': { backup_before_drop: false } },
      },
      successes: [{ status: 200, description: 'What holds now.', model: ProjectSettings }],
      errors: { 400: '' },
    },
  };
}
