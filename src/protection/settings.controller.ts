import { Body, Get, Param, Patch, Query, Type } from '@nestjs/common';
import { Requires } from '../auth';
import {
  Answer,
  ApiCall,
  deployedDialect,
  Dialect,
  ManagementController,
  PROJECT_PARAM,
  specDialect,
  TABLE_PARAM,
} from '../backup';
import { QueryParameters, rejectUnknownQuery } from '../http';
import { projectSettingsDocs, tableSettingsDocs } from './settings-api-docs';
import { parseProjectSettings, parseTableSettings } from './settings-requests';
import { SettingsService, TableSettings } from './settings.service';

function tableSettingsController(dialect: Dialect): Type<object> {
  const docs = tableSettingsDocs(dialect, [PROJECT_PARAM, TABLE_PARAM]);

  @ManagementController(`${dialect.tableRoute}/settings`)
  class TableSettingsController {
    constructor(readonly settings: SettingsService) {}

    @Get()
    @Requires('settings:describe')
    @ApiCall(docs.describe)
    async describe(
      @Param('project_id') projectId: string,
      @Param('table') table: string,
      @Query() query: QueryParameters,
    ): Promise<Answer> {
      rejectUnknownQuery(query, []);
      return presentTableSettings(await this.settings.ofTable({ projectId, table }), dialect);
    }

    @Patch()
    @Requires('settings:update')
    @ApiCall(docs.change)
    async change(
      @Param('project_id') projectId: string,
      @Param('table') table: string,
      @Query() query: QueryParameters,
      @Body() body: unknown,
    ): Promise<Answer> {
      rejectUnknownQuery(query, []);
      return presentTableSettings(await this.settings.changeTable({ projectId, table }, parseTableSettings(body)), dialect);
    }
  }
  return TableSettingsController;
}

function projectSettingsController(dialect: Dialect): Type<object> {
  const docs = projectSettingsDocs(dialect, [PROJECT_PARAM]);

  @ManagementController(`${dialect.projectRoute}/settings`)
  class ProjectSettingsController {
    constructor(readonly settings: SettingsService) {}

    @Get()
    @Requires('settings:describe')
    @ApiCall(docs.describe)
    async describe(@Param('project_id') projectId: string, @Query() query: QueryParameters): Promise<Answer> {
      rejectUnknownQuery(query, []);
      const { backupBeforeDrop } = await this.settings.ofProject(projectId);
      return { backup_before_drop: backupBeforeDrop };
    }

    @Patch()
    @Requires('settings:update')
    @ApiCall(docs.change)
    async change(
      @Param('project_id') projectId: string,
      @Query() query: QueryParameters,
      @Body() body: unknown,
    ): Promise<Answer> {
      rejectUnknownQuery(query, []);
      const { backupBeforeDrop } = await this.settings.changeProject(projectId, parseProjectSettings(body));
      return { backup_before_drop: backupBeforeDrop };
    }
  }
  return ProjectSettingsController;
}

function presentTableSettings({ table, backupBeforeDrop, inherited }: TableSettings, dialect: Dialect): Answer {
  return { table_name: table.name, table_id: dialect.id(table.id), backup_before_drop: backupBeforeDrop, inherited };
}

export const SETTINGS_CONTROLLERS: Type<object>[] = [specDialect, deployedDialect].flatMap((dialect) => [
  tableSettingsController(dialect),
  projectSettingsController(dialect),
]);
