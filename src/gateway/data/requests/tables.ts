import { TableSchema, schemaFromJson } from '../../../kernel';
import { readObject, readTableName } from './body';

export interface CreateTableRequest {
  readonly name: string;
  readonly schema: TableSchema;
}

/** Body of create_table. */
export function readCreateTable(json: unknown): CreateTableRequest {
  const { table_name: name, ...structure } = readObject(json, 'body', [
    'table_name',
    'attribute_definitions',
    'key_schema',
    'local_secondary_indexes',
  ]);
  return { name: readTableName(name), schema: schemaFromJson(structure) };
}

/** Most names that one page of list_tables holds. */
export const MAX_TABLE_NAMES = 1000;
