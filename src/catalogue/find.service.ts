import { Inject, Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { DataSource, In } from 'typeorm';
import { ArchiveManifest, readManifest } from '../archive';
import { Identity, Policy } from '../auth';
import { BackupEntity, STRATEGY_CONFIG } from '../backup';
import { BACKUP_DATA_SOURCE } from '../database';
import { JobError } from '../jobs';
import { DomainError, isDomainError, parseUuid } from '../kernel';
import { FoundPlace, ObjectStoreRegistry, blaming } from '../storage';
import { parseRestoreStrategy, parseSource, sourceWith, StrategyConfig } from '../strategy';
import { FindRequest } from './find-requests';

/** Manifests read at once. */
const PARALLEL = 8;

/** What lies at a place: a backup; something that never became one or is being deleted; or what cannot be read. */
export interface FoundBackup {
  readonly url: string;
  readonly status: 'COMPLETE' | 'INCOMPLETE' | 'UNREADABLE';
  /** Does it lie in the deployment's own store? */
  readonly ownStore: boolean;
  /** The manifest's; of what has none that can be read, the owner of the folder in the own store. */
  readonly projectId: string | undefined;
  readonly manifest: ArchiveManifest | undefined;
  /** Is it in that project's catalogue, and not as one that failed? */
  readonly inCatalogue: boolean;
  readonly error: JobError | undefined;
}

/** Looks for backups where they lie, for a catalogue that has lost them. */
@Injectable()
export class FindService {
  constructor(
    @InjectDataSource(BACKUP_DATA_SOURCE) private readonly dataSource: DataSource,
    @Inject(STRATEGY_CONFIG) private readonly strategies: StrategyConfig,
    private readonly policy: Policy,
    private readonly stores: ObjectStoreRegistry,
  ) {}

  /**
   * A page of what a listing of the place names, in order of URLs: each manifest is read. Who does not reach every project sees outside the own store
   * only backups of the project.
   * @throws DomainError `ValidationError`; `Forbidden` for a place, or for all projects; `BackupNotExists` for another project's place
   */
  async find(caller: Identity, projectId: string, request: FindRequest): Promise<{ page: FoundBackup[]; last: string | undefined }> {
    if (request.allProjects && !this.policy.reachesEveryProject(caller))
      throw new DomainError('Forbidden', 'Only an admin of the whole deployment may see all projects.');
    const secrets = parseRestoreStrategy(request.strategy, this.strategies);
    const source = request.source === undefined ? undefined : sourceWith(parseSource(request.source), secrets);
    const listing = this.stores.find(source, request.allProjects ? undefined : projectId);
    const places = await (source === undefined ? listing : listing.catch(blaming('source')));
    const rest = places.filter(({ location }) => request.after === undefined || location.url > request.after);
    const asked = rest.slice(0, request.limit);
    const found: FoundBackup[] = [];
    for (let at = 0; at < asked.length; at += PARALLEL)
      found.push(...(await Promise.all(asked.slice(at, at + PARALLEL).map((place) => this.look(place)))));
    const shown = found.filter((backup) => request.allProjects || backup.ownStore || backup.projectId === projectId);
    const page = await this.markKnown(shown);
    return { page, last: rest.length > asked.length ? asked.at(-1)?.location.url : undefined };
  }

  private async look({ location, projectId, finished }: FoundPlace): Promise<FoundBackup> {
    const { url } = location;
    const base = { url, ownStore: location.type === 'internal', inCatalogue: false, error: undefined };
    const incomplete = { ...base, status: 'INCOMPLETE' as const, projectId, manifest: undefined };
    if (!finished) return incomplete;
    try {
      const manifest = await readManifest(await this.stores.open(location));
      checkPlace(manifest, url, projectId);
      return { ...base, status: 'COMPLETE', projectId: manifest.project_id, manifest };
    } catch (error) {
      if (!isDomainError(error)) throw error;
      if (error.code === 'BackupNotExists') return incomplete;
      return { ...base, status: 'UNREADABLE', projectId, manifest: undefined, error: { type: error.code, message: error.message } };
    }
  }

  private async markKnown(found: readonly FoundBackup[]): Promise<FoundBackup[]> {
    const ids = found.map(idOf).filter((id) => id !== undefined);
    const select = { projectId: true, id: true, status: true } as const;
    const rows = await this.dataSource.manager.find(BackupEntity, { select, where: { id: In(ids) } });
    const known = new Set(rows.filter(({ status }) => status !== 'CREATE_FAILED').map((row) => `${row.id} ${row.projectId}`));
    return found.map((backup) => ({ ...backup, inCatalogue: known.has(`${idOf(backup) ?? ''} ${backup.projectId ?? ''}`) }));
  }
}

/** In the own store the place tells whose it is, and which: a manifest that says something else was put there by hand. */
function checkPlace(manifest: ArchiveManifest, url: string, projectId: string | undefined): void {
  if (projectId === undefined) return;
  if (manifest.project_id !== projectId || manifest.backup_id !== lastPartOf(url))
    throw new DomainError('ArchiveDamaged', 'manifest.json is of another backup than its folder');
}

function idOf({ manifest, url, ownStore }: FoundBackup): string | undefined {
  return manifest?.backup_id ?? (ownStore ? lastPartOf(url) : undefined);
}

function lastPartOf(url: string): string | undefined {
  return parseUuid(url.slice(url.lastIndexOf('/') + 1));
}
