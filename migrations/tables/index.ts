import { CreateTableRegistry1795300000001 } from './1795300000001-create-table-registry';
import { FindLockedTables1795400000021 } from './1795400000021-find-locked-tables';
import { KeepBuildParts1795400000030 } from './1795400000030-keep-build-parts';
import { TableDrops1795400000051 } from './1795400000051-table-drops';

/** Migrations of the PostgreSQL tables backend, in order. */
export const TABLE_MIGRATIONS = [
  CreateTableRegistry1795300000001,
  FindLockedTables1795400000021,
  KeepBuildParts1795400000030,
  TableDrops1795400000051,
];
