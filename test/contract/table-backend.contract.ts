import { describeBackups } from './table-backend/backup.contract';
import { describeBuilds } from './table-backend/builds.contract';
import { describeConcurrency } from './table-backend/concurrency.contract';
import { describeDrops } from './table-backend/drops.contract';
import { MakeHarness } from './table-backend/harness';
import { describeItems } from './table-backend/items.contract';
import { describeLocks } from './table-backend/locks.contract';
import { describeMerges } from './table-backend/merges.contract';
import { describePages } from './table-backend/pages.contract';
import { describeTables } from './table-backend/tables.contract';

/** Every rule of the tables port (src/tables/table-backend.ts), for any adapter. */
export function describeTableBackendContract(name: string, make: MakeHarness): void {
  describe(`${name}: tables port`, () => {
    describeTables(make);
    describeItems(make);
    describePages(make);
    describeConcurrency(make);
    describeBackups(make);
    describeBuilds(make);
    describeMerges(make);
    describeLocks(make);
    describeDrops(make);
  });
}
