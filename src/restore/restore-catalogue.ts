import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { Brackets, DataSource } from 'typeorm';
import { PageQuery, TableScope } from '../backup';
import { BACKUP_DATA_SOURCE } from '../database';
import { Uuid } from '../kernel';
import { RestoreEntity, RestoreStatus } from './restore.entity';

/** Reads the restore jobs that a project has. */
@Injectable()
export class RestoreCatalogue {
  constructor(@InjectDataSource(BACKUP_DATA_SOURCE) private readonly dataSource: DataSource) {}

  find(projectId: string, id: Uuid): Promise<RestoreEntity | null> {
    return this.dataSource.manager.findOneBy(RestoreEntity, { projectId, id });
  }

  knowsTableName(projectId: string, tableName: string): Promise<boolean> {
    return this.dataSource.manager.existsBy(RestoreEntity, { projectId, tableName });
  }

  isRunning(projectId: string, tableName: string): Promise<boolean> {
    return this.dataSource.manager.existsBy(RestoreEntity, { projectId, tableName, status: 'RESTORING' });
  }

  /** In ascending order of ids. No scope: the whole project's. */
  list(projectId: string, scope: TableScope | undefined, query: PageQuery<RestoreStatus>): Promise<RestoreEntity[]> {
    const rows = this.dataSource.manager
      .createQueryBuilder(RestoreEntity, 'restore')
      .where('restore.projectId = :projectId', { projectId })
      .orderBy('restore.id', 'ASC')
      .limit(query.limit);
    if (scope && 'name' in scope) rows.andWhere('restore.tableName = :tableName', { tableName: scope.name });
    if (scope && 'id' in scope) {
      const { id } = scope;
      rows.andWhere(
        new Brackets((where) =>
          where.where('restore.tableId = :id', { id }).orWhere('restore.targetTableId = :id', { id }),
        ),
      );
    }
    if (query.after !== undefined) rows.andWhere('restore.id > :after', { after: query.after });
    if (query.status !== undefined) rows.andWhere('restore.status = :status', { status: query.status });
    return rows.getMany();
  }
}
