import type { DataSource } from 'typeorm';
import { JobEntity } from '../jobs';
import { Clock, parseUuid } from '../kernel';
import type { OpenBuild, TableBackend } from '../tables';
import type { Logger } from '../telemetry';
import { RestoreEntity } from './restore.entity';

/** A build of a restore that nobody knows any more is left for so long: it may be another deployment's on the same tables. */
const STRANGERS_GRACE_MILLIS = 24 * 3_600_000;

export interface AbandonedBuildsDependencies {
  readonly dataSource: DataSource;
  readonly backend: Pick<TableBackend, 'listBuilds' | 'dropBuild'>;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * Collects builds that no job will end: of a process that was stopped in its plan and made the build when its job was over, of a cleanup that was
 * given up, or of a job database that was lost. Restores drop their own; this is for what they cannot.
 */
export class AbandonedBuilds {
  constructor(private readonly deps: AbandonedBuildsDependencies) {}

  /** Safe to call from any process at any time. */
  async collect(): Promise<void> {
    const { backend, log } = this.deps;
    // The builds first: the row of a restore is there before its build.
    const builds = await backend.listBuilds();
    if (builds.length === 0) return;
    const states = await this.restoresOf(builds);
    for (const build of builds) {
      if (!this.isAbandoned(build, states.get(build.buildId))) continue;
      await backend.dropBuild(build.projectId, build.buildId);
      log.info({ build_id: build.buildId }, 'dropped an abandoned build');
    }
  }

  private isAbandoned({ createdAt }: OpenBuild, restore: 'running' | 'over' | undefined): boolean {
    if (restore === 'running') return false;
    return restore === 'over' || createdAt + STRANGERS_GRACE_MILLIS < this.deps.clock.now();
  }

  /** A build has its restore's id. */
  private async restoresOf(builds: readonly OpenBuild[]): Promise<ReadonlyMap<string, 'running' | 'over'>> {
    const ids = builds.map(({ buildId }) => parseUuid(buildId)).filter((id) => id !== undefined);
    const rows: { id: string; running: boolean }[] = await this.deps.dataSource.manager
      .createQueryBuilder(RestoreEntity, 'restore')
      .leftJoin(JobEntity, 'job', 'job.id = restore.jobId')
      .select('restore.id', 'id')
      .addSelect(`coalesce(job.state IN ('queued', 'running'), false)`, 'running')
      .where('restore.id = ANY(:ids)', { ids })
      .getRawMany();
    return new Map(rows.map(({ id, running }) => [id, running ? 'running' : 'over']));
  }
}
