import { Inject, Injectable } from '@nestjs/common';
import { TABLE_BACKEND, TableBackend } from '../../index';
import { TableRef, TableSchema, validationError } from '../../kernel';

/** What item calls need to know of tables. */
@Injectable()
export class TablesService {
  constructor(@Inject(TABLE_BACKEND) private readonly backend: TableBackend) {}

  /**
   * The structure of a table that can be read and written. `ValidationError` while it is being made or dropped, as in MagnetoDB;
   * a table in MAINTENANCE passes here and is refused by the backend, which knows for how long.
   */
  async schemaOf(ref: TableRef): Promise<TableSchema> {
    const { schema, status } = await this.backend.tableStructure(ref);
    if (status !== 'ACTIVE' && status !== 'MAINTENANCE') throw validationError(`The table '${ref.name}' is not ACTIVE but ${status}`);
    return schema;
  }
}
