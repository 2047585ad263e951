import { Inject, Injectable } from '@nestjs/common';
import { TABLE_BACKEND, TableBackend } from '../../index';
import { TableDescription, TableRef, TableSchema, validationError } from '../../kernel';

/** What item calls need to know of tables. */
@Injectable()
export class TablesService {
  constructor(@Inject(TABLE_BACKEND) private readonly backend: TableBackend) {}

  /**
   * The structure of a table that can be read and written. `ValidationError` while it is being made or dropped, as in MagnetoDB;
   * a table in MAINTENANCE passes here and is refused by the backend, which knows for how long.
   */
  async schemaOf(ref: TableRef): Promise<TableSchema> {
    const table: TableDescription = await this.backend.describeTable(ref);
    if (table.status !== 'ACTIVE' && table.status !== 'MAINTENANCE') {
      throw validationError(`The table '${ref.name}' is not ACTIVE but ${table.status}`);
    }
    return table.schema;
  }
}
