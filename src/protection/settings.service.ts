import { Inject, Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { DataSource } from 'typeorm';
import { TableAddress, findTable, parseTableParam } from '../backup';
import { BACKUP_DATA_SOURCE } from '../database';
import { DomainError, TableDescription } from '../kernel';
import { TABLE_BACKEND, TableBackend } from '../tables';
import { ProjectSettingsEntity, TableSettingsEntity } from './settings.entity';

export interface ProjectSettings {
  readonly backupBeforeDrop: boolean;
}

export interface TableSettings extends ProjectSettings {
  readonly table: TableDescription;
  /** Is it the project's setting that holds? */
  readonly inherited: boolean;
}

/** What projects and tables are set to. */
@Injectable()
export class SettingsService {
  constructor(
    @InjectDataSource(BACKUP_DATA_SOURCE) private readonly dataSource: DataSource,
    @Inject(TABLE_BACKEND) private readonly tables: TableBackend,
  ) {}

  async ofProject(projectId: string): Promise<ProjectSettings> {
    const row = await this.dataSource.manager.findOneBy(ProjectSettingsEntity, { projectId });
    return { backupBeforeDrop: row?.backupBeforeDrop ?? false };
  }

  /** @throws DomainError TableNotExistsException */
  async ofTable(address: TableAddress): Promise<TableSettings> {
    const table = await this.find(address);
    return { table, ...(await this.effective(table)) };
  }

  async changeProject(projectId: string, backupBeforeDrop: boolean): Promise<ProjectSettings> {
    await this.dataSource.manager.upsert(ProjectSettingsEntity, { projectId, backupBeforeDrop }, ['projectId']);
    return this.ofProject(projectId);
  }

  /** @param backupBeforeDrop null: the project's holds. @throws DomainError TableNotExistsException */
  async changeTable(address: TableAddress, backupBeforeDrop: boolean | null): Promise<TableSettings> {
    const table = await this.find(address);
    const key = { projectId: table.projectId, tableId: table.id };
    const { manager } = this.dataSource;
    if (backupBeforeDrop === null) await manager.delete(TableSettingsEntity, key);
    else await manager.upsert(TableSettingsEntity, { ...key, backupBeforeDrop }, ['projectId', 'tableId']);
    return { table, ...(await this.effective(table)) };
  }

  /** Is a backup made before this table is dropped? */
  async backsUpBeforeDrop(table: TableDescription): Promise<boolean> {
    return (await this.effective(table)).backupBeforeDrop;
  }

  private async effective({ projectId, id }: TableDescription): Promise<{ backupBeforeDrop: boolean; inherited: boolean }> {
    const own = await this.dataSource.manager.findOneBy(TableSettingsEntity, { projectId, tableId: id });
    if (own !== null) return { backupBeforeDrop: own.backupBeforeDrop, inherited: false };
    return { ...(await this.ofProject(projectId)), inherited: true };
  }

  private async find({ projectId, table }: TableAddress): Promise<TableDescription> {
    const found = await findTable(this.tables, projectId, parseTableParam(table));
    if (found === undefined) throw new DomainError('TableNotExistsException', 'There is no such table.');
    return found;
  }
}
