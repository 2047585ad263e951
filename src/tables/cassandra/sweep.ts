import { isVanished } from './errors';
import { ContentRow } from './contents';
import { TableRow, lockLeft, parseGeneration } from './registry';
import { Services } from './services';
import { TableLocks } from './table-locks';

/** Dropping a table takes a second: what is not done in this time is left to the next sweep. */
const DROPPING_MILLIS = 2_000;
/** A table that is still being made after so long never will be. */
const CREATING_MILLIS = 600_000;

/** Locks that ran out, tables whose maker died, contents past their grace. (Expired items are Cassandra's own affair.) */
export async function sweep(services: Services, locks: TableLocks): Promise<void> {
  for (const row of await services.registry.list(undefined)) {
    if (row.lockOwner !== null && lockLeft(row) === 0) await locks.release(row);
    if (row.rawStatus === 'CREATING' && row.now - row.createdAt > CREATING_MILLIS) await forgetUnmade(services, row);
  }
  const now = services.options.clock.now();
  const since = performance.now();
  for (const content of await services.contents.list()) {
    if (content.state !== 'retired' || (content.dropAt ?? 0) > now) continue;
    if (performance.now() - since > DROPPING_MILLIS) return;
    await dropRetired(services, content);
  }
}

async function forgetUnmade({ registry, contents, options }: Services, row: TableRow): Promise<void> {
  const content = await registry.contentOf(row);
  await contents.retire(content, row.ref.name, options.clock.now());
  await registry.remove(row, { status: 'CREATING' });
}

async function dropRetired({ registry, contents, schemas }: Services, content: ContentRow): Promise<void> {
  const { internalName } = parseGeneration(content.generation) ?? {};
  if (internalName === undefined) return;
  const table = content.name === null ? undefined : await registry.find({ projectId: content.projectId, name: content.name });
  if (table?.internalName === internalName) {
    // The swap or drop that it was retired for did not come about.
    if (content.buildId === null) await contents.forget(content);
    else await contents.move(content, 'published', { drop_at: null });
    return;
  }
  try {
    await schemas.run((change) => change(`DROP TABLE IF EXISTS ${internalName}`));
  } catch (error) {
    if (!isVanished(error)) throw error;
  }
  await contents.forget(content);
}
