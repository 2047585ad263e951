import {
  DomainError,
  TableDescription,
  TableSchema,
  checkSchema,
  newId,
  sameStructure,
  uuidHex,
} from '../../kernel';
import { BuildHandle, OpenBuild, PublishMode, ReadBatches } from '../table-backend';
import { ContentRow } from './contents';
import { isVanished, tableChanged, unavailable } from './errors';
import { internalName } from './layout';
import { RangeReader } from './range-reader';
import { Content, TableRow, generationOf, parseGeneration, requireOpen } from './registry';
import { BuildWrites } from './build-writes';
import { schemaFromRegistry, schemaToRegistry } from './schema-json';
import { Services, expiryCutoff } from './services';
import { TableAdmin, checkProjectId, checkTableName } from './table-admin';
import { TableLocks } from './table-locks';

/** The lock of a table that is being filled. */
const FILL_SECONDS = 60;
/** Who began to publish and is still at it has so long; a build is not dropped meanwhile. */
const PUBLISHING_MILLIS = 60_000;

/** How often a load asks whether the build is still one. */
const LOOK_MILLIS = 1_000;

/** Contents under construction: built aside, then published by one lightweight transaction. */
export class Builds {
  constructor(
    private readonly services: Services,
    private readonly tables: TableAdmin,
    private readonly ranges: RangeReader,
    private readonly locks: TableLocks,
  ) {}

  async open(projectId: string, buildId: string, schema: TableSchema): Promise<BuildHandle> {
    checkSchema(schema);
    checkProjectId(projectId);
    const { contents, options } = this.services;
    let row = await contents.findBuild(projectId, buildId);
    if (!row) {
      const generation = generationOf(internalName(projectId, uuidHex(newId())), projectId);
      await contents.insertBuild({ projectId, buildId, generation, tableId: newId(), schema: schemaToRegistry(schema), now: options.clock.now() });
      row = await contents.findBuild(projectId, buildId);
    }
    if (!row) throw tableChanged();
    const found = schemaFromRegistry(row.schemaText);
    if (!sameStructure(found, schema)) throw conflict('A build with this id and another structure is there.');
    const { internalName: cqlName } = parseGeneration(row.generation) ?? {};
    if (row.state === 'building' && cqlName !== undefined) await this.tables.makePhysical(projectId, cqlName, found);
    return { tableId: row.tableId, generation: row.generation, schema: found, buildId, projectId };
  }

  /**
   * Loads are idempotent whatever part they are of. Two items of one key become one row: who loaded them finds fewer than there were
   * (`capabilities.findsCollisions`).
   */
  async load(build: BuildHandle, _part: string, read: ReadBatches, signal?: AbortSignal): Promise<void> {
    const content = (): Promise<Content> => this.services.bulk.insist(() => this.building(build), signal);
    const writes = new BuildWrites(this.services, await content(), signal);
    let lookedAt = performance.now();
    try {
      for await (const items of read()) {
        if (performance.now() - lookedAt > LOOK_MILLIS) {
          await content();
          lookedAt = performance.now();
        }
        await writes.load(items);
      }
      await writes.end();
    } catch (error) {
      throw isVanished(error) ? tableChanged() : error;
    } finally {
      writes.close();
    }
  }

  /** Index rows are written with the items, and Cassandra keeps its own statistics. */
  async seal(build: BuildHandle): Promise<void> {
    if ((await this.find(build)).state === 'retired') throw tableChanged();
  }

  async publish(build: BuildHandle, name: string, mode: PublishMode): Promise<TableDescription> {
    checkTableName(name);
    const ref = { projectId: build.projectId, name };
    const { registry, contents } = this.services;
    let row = await this.find(build);
    if (row.state === 'retired') throw tableChanged();
    const isDone = async (): Promise<boolean> => generationAt(await registry.find(ref)) === row.generation;
    if (row.state === 'published') {
      if (!(await isDone())) throw tableChanged();
      return this.tables.describe(ref);
    }
    if (row.state === 'building') {
      if (!(await contents.move(row, 'publishing', { name }))) throw unavailable();
      row = await this.find(build);
    }
    if (!(await isDone())) {
      try {
        await this.swap(row, ref.name, mode);
      } catch (error) {
        // It is not published, and may be tried again; if that is not known, the next try will see.
        if (error instanceof DomainError && !(await isDone())) await contents.move(row, 'building');
        throw error;
      }
    }
    await contents.move(row, 'published');
    return this.tables.describe(ref);
  }

  async drop(projectId: string, buildId: string): Promise<string | undefined> {
    const { contents, registry, options, session } = this.services;
    const row = await contents.findBuild(projectId, buildId);
    if (!row || row.state === 'retired') return undefined;
    const table = await registry.findCurrent(row.generation);
    if (table) return table.id;
    if (row.state === 'published') return undefined;
    if (row.state === 'publishing' && (await session.now()) - row.since < PUBLISHING_MILLIS) throw unavailable();
    await contents.abandon(row, options.clock.now());
    return undefined;
  }

  async list(): Promise<OpenBuild[]> {
    const rows = await this.services.contents.list();
    return rows.flatMap(({ state, projectId, buildId, createdAt }) =>
      buildId !== null && (state === 'building' || state === 'publishing') ? [{ projectId, buildId, createdAt }] : [],
    );
  }

  private async swap(row: ContentRow, name: string, mode: PublishMode): Promise<void> {
    const { registry, options } = this.services;
    const { internalName: cqlName } = parseGeneration(row.generation) ?? {};
    if (cqlName === undefined) throw tableChanged();
    const ref = { projectId: row.projectId, name };
    if (mode.mode === 'create') {
      const table = { ref, id: row.tableId, schema: row.schemaText, internalName: cqlName, status: 'ACTIVE', createdAt: options.clock.now() };
      if (!(await registry.insert(table))) throw conflict(`Table '${name}' exists.`);
      return;
    }
    const table = await registry.find(ref);
    if (!table || table.id !== mode.tableId) throw conflict(`Table '${name}' is no longer the one that was to be restored into.`);
    requireOpen(table);
    if (mode.mode === 'replace') await this.exchange(table, row, cqlName, options.clock.now() + mode.graceSeconds * 1000);
    else await this.fill(table, row, cqlName, mode.generation);
  }

  /** Nobody writes while the table is looked at and filled: what was taken in between would be lost. */
  private async fill(table: TableRow, row: ContentRow, cqlName: string, generation: string): Promise<void> {
    const { registry, options } = this.services;
    const { ref } = table;
    if (generationAt(table) !== generation) throw conflict(`Table '${ref.name}' was replaced meanwhile.`);
    const content = await registry.contentOf(table);
    if (!sameStructure(content.schema, schemaFromRegistry(row.schemaText))) throw conflict(`Table '${ref.name}' has another structure.`);
    const owner = `fill ${row.generation}`;
    await this.locks.lock(ref, { owner, seconds: FILL_SECONDS });
    try {
      if (await this.holdsItems(content)) throw conflict(`Table '${ref.name}' is not empty: it has gained items meanwhile.`);
      const locked = await registry.require(ref);
      if (locked.lockOwner !== owner || generationAt(locked) !== generation) throw unavailable();
      await this.exchange(locked, row, cqlName, options.clock.now());
    } finally {
      await this.locks.unlock(ref, owner);
      await this.locks.takeBack(ref);
    }
  }

  /** The one step: the table's row, if it is still as it was read, names the build's content. */
  private async exchange(table: TableRow, row: ContentRow, cqlName: string, dropAt: number): Promise<void> {
    const { registry, contents } = this.services;
    await contents.retire(await registry.contentOf(table), table.ref.name, dropAt);
    const swapped = await registry.change(
      table,
      // Merges into the old content have come to nothing.
      { internal_name: cqlName, '"schema"': row.schemaText, br_merges: null, last_update_date_time: new Date(table.now) },
      { internal_name: table.internalName, status: table.rawStatus, br_lock_owner: table.lockOwner, br_drop_owner: null },
    );
    if (!swapped) throw unavailable();
  }

  private async holdsItems({ layout }: Content): Promise<boolean> {
    const cutoff = expiryCutoff(this.services);
    for await (const page of this.ranges.pages(layout, undefined, undefined, { pageBytes: 64 * 1024 })) {
      if (page.some(({ expiresAt }) => expiresAt === undefined || expiresAt > cutoff)) return true;
    }
    return false;
  }

  private async building(build: BuildHandle): Promise<Content> {
    const row = await this.find(build);
    if (row.state !== 'building') throw tableChanged();
    return this.services.registry.content(row.generation, row.schemaText);
  }

  /** Handles come from outside and name contents; what a name means, the registry says. */
  private async find(build: BuildHandle): Promise<ContentRow> {
    const row = await this.services.contents.find(build.generation);
    if (!row || row.buildId !== build.buildId || row.projectId !== build.projectId) throw tableChanged();
    return row;
  }
}

function generationAt(table: TableRow | undefined): string | undefined {
  return table && generationOf(table.internalName, table.ref.projectId);
}

function conflict(message: string): DomainError {
  return new DomainError('ConflictError', message);
}
