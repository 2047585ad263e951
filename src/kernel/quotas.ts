import { validationError } from './errors';
import { isObject } from './item-codec';

/** What one project may have and ask for. All are integers of at least 1; absent: no limit. */
export interface ProjectQuota {
  /** Backups in its catalogue, failed and imported ones included. */
  readonly maxBackups?: number;
  /** Stored bytes of its backups, those being made included. Imported ones do not count: their data may be anybody's. */
  readonly maxBackupBytes?: number;
  /** Management calls a second, in each process. */
  readonly requestsPerSecond?: number;
  /** Management calls that may come at once. Default: those of two seconds. */
  readonly requestBurst?: number;
  /** Calls of the data API a second, in each process; counted apart. */
  readonly dataRequestsPerSecond?: number;
  /** Calls of the data API that may come at once. Default: those of two seconds. */
  readonly dataRequestBurst?: number;
}

/** Members replace those of every project; null lifts a limit. */
export type ProjectQuotaOverride = { readonly [Member in keyof ProjectQuota]: number | null };

export interface QuotaOptions extends ProjectQuota {
  /** What holds for single projects instead, by project id. */
  readonly projects?: Readonly<Record<string, ProjectQuotaOverride>>;
}

/** The members, in the spelling of a file. */
const MEMBERS: Readonly<Record<string, keyof ProjectQuota>> = {
  max_backups: 'maxBackups',
  max_backup_bytes: 'maxBackupBytes',
  requests_per_second: 'requestsPerSecond',
  request_burst: 'requestBurst',
  data_requests_per_second: 'dataRequestsPerSecond',
  data_request_burst: 'dataRequestBurst',
};

/** The quotas of a deployment, project by project. */
export class Quotas {
  private readonly everybody: ProjectQuota;
  private readonly projects: ReadonlyMap<string, ProjectQuota>;

  /** @throws DomainError ValidationError naming a member that is no integer of at least 1 */
  constructor({ projects = {}, ...everybody }: QuotaOptions = {}) {
    this.everybody = merged({}, everybody);
    this.projects = new Map(Object.entries(projects).map(([id, override]) => [id, merged(this.everybody, override)]));
  }

  of(projectId: string): ProjectQuota {
    return this.projects.get(projectId) ?? this.everybody;
  }
}

/**
 * Reads the quotas of single projects: `{"project id": {"max_backups": 10, "max_backup_bytes": null}}`.
 * @throws DomainError ValidationError naming what is wrong
 */
export function parseProjectQuotas(json: unknown): Record<string, ProjectQuotaOverride> {
  if (!isObject(json)) throw validationError('Quotas must be an object of projects.');
  return Object.fromEntries(
    Object.entries(json).map(([projectId, quota]) => {
      if (!isObject(quota)) throw validationError(`The quota of project ${projectId} must be an object.`);
      const members = Object.entries(quota).map(([name, value]) => {
        const member = Object.hasOwn(MEMBERS, name) ? MEMBERS[name] : undefined;
        if (member === undefined) throw validationError(`The quota of project ${projectId} has an unknown key ${JSON.stringify(name)}.`);
        if (value !== null && !isLimit(value)) throw validationError(`${name} of project ${projectId} must be an integer from 1, or null.`);
        return [member, value] as const;
      });
      return [projectId, Object.fromEntries(members)];
    }),
  );
}

function merged(base: ProjectQuota, override: ProjectQuotaOverride): ProjectQuota {
  const members = { ...base, ...override };
  for (const [name, value] of Object.entries(members)) {
    if (value !== null && value !== undefined && !isLimit(value)) throw validationError(`The quota ${name} must be an integer from 1.`);
  }
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== null && value !== undefined));
}

function isLimit(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 1;
}
