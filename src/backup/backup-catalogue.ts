import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { DataSource, EntityManager, QueryDeepPartialEntity } from 'typeorm';
import { BACKUP_DATA_SOURCE } from '../database';
import { Uuid } from '../kernel';
import { BackupEntity } from './backup.entity';
import { BackupListQuery } from './rest/backup-requests';

/** Whose backups a list shows: those of every table that ever had the name, or of the one table with the id. */
export type TableScope = { readonly name: string } | { readonly id: Uuid };

/** Reads the backups that a project has. */
@Injectable()
export class BackupCatalogue {
  constructor(@InjectDataSource(BACKUP_DATA_SOURCE) private readonly dataSource: DataSource) {}

  find(projectId: string, id: Uuid): Promise<BackupEntity | null> {
    return this.dataSource.manager.findOneBy(BackupEntity, { projectId, id });
  }

  /** Adds a row; one with its key that is there already stays as it is. */
  async insert(tx: EntityManager, row: BackupEntity): Promise<void> {
    // TypeORM's type for values to insert does not admit `unknown` within a JSON column.
    const values = { ...row } as QueryDeepPartialEntity<BackupEntity>;
    await tx.createQueryBuilder().insert().into(BackupEntity).values(values).orIgnore().execute();
  }

  knowsTableName(projectId: string, tableName: string): Promise<boolean> {
    return this.dataSource.manager.existsBy(BackupEntity, { projectId, tableName });
  }

  /** In ascending order of ids. No scope: the whole project's. */
  list(projectId: string, scope: TableScope | undefined, query: BackupListQuery): Promise<BackupEntity[]> {
    const rows = this.dataSource.manager
      .createQueryBuilder(BackupEntity, 'backup')
      .where('backup.projectId = :projectId', { projectId })
      .orderBy('backup.id', 'ASC')
      .limit(query.limit);
    if (scope && 'name' in scope) rows.andWhere('backup.tableName = :tableName', { tableName: scope.name });
    if (scope && 'id' in scope) rows.andWhere('backup.tableId = :tableId', { tableId: scope.id });
    if (query.after !== undefined) rows.andWhere('backup.id > :after', { after: query.after });
    if (query.status !== undefined) rows.andWhere('backup.status = :status', { status: query.status });
    if (query.name !== undefined) rows.andWhere('backup.name = :name', { name: query.name });
    return rows.getMany();
  }
}
