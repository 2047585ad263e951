import { CreateTableRegistry1795300000001 } from './1795300000001-create-table-registry';

/** Migrations of the PostgreSQL tables backend, in order. */
export const TABLE_MIGRATIONS = [CreateTableRegistry1795300000001];
