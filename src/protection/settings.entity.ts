import { Column, Entity, PrimaryColumn } from 'typeorm';

/** What a project has said for all its tables. No row: nothing. */
@Entity({ name: 'project_settings' })
export class ProjectSettingsEntity {
  @PrimaryColumn('text', { name: 'project_id' }) projectId: string;
  @Column('boolean', { name: 'backup_before_drop' }) backupBeforeDrop: boolean;
}

/** What was said for one table. No row: its project's settings hold. It goes with the table. */
@Entity({ name: 'table_settings' })
export class TableSettingsEntity {
  @PrimaryColumn('text', { name: 'project_id' }) projectId: string;
  @PrimaryColumn('uuid', { name: 'table_id' }) tableId: string;
  @Column('boolean', { name: 'backup_before_drop' }) backupBeforeDrop: boolean;
}
