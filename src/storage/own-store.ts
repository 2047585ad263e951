import { LocationUrl, parseLocationUrl, validationError } from '../kernel';

/** In the URL of the own store: the folder of a project. */
export const PROJECT_PLACEHOLDER = '{project}';
/** Stands for it in URLs that are taken apart. No project has such an id. */
const STAND_IN = 'project0folder0of0the0own0store';

/** What a location in the own store tells. */
export interface OwnPlace {
  /** Of the project that it belongs to. */
  readonly folder: string;
  /** The parts below the project's folder. */
  readonly below: readonly string[];
}

/**
 * Where the deployment's own store keeps what: each project has a folder below its URL, or a place of its own where the URL says `{project}`, as in
 * `swift+https://host/v1/AUTH_x/backups-{project}`.
 */
export class OwnStore {
  /** Where a project's folder would lie, with the stand-in for its name. */
  private readonly pattern: LocationUrl;
  /** What all projects share; undefined where each has a container or an account of its own. */
  readonly root: LocationUrl | undefined;

  /** @throws DomainError `ValidationError` if it is no URL of a store, or says `{project}` where no project can stand. */
  constructor(url: string) {
    const perProject = url.includes(PROJECT_PLACEHOLDER);
    this.root = perProject ? undefined : parseLocationUrl(url, 'the internal store');
    const whole = this.root === undefined ? url : `${this.root.base}${pathOf(this.root)}/${PROJECT_PLACEHOLDER}${this.root.suffix}`;
    this.pattern = parseLocationUrl(whole.replaceAll(PROJECT_PLACEHOLDER, STAND_IN), 'the internal store');
    const { base, segments, suffix, host } = this.pattern;
    const repeated = [base, ...segments].some((part) => part.split(STAND_IN).length > 2);
    if (repeated || suffix.includes(STAND_IN) || host?.includes(STAND_IN) === true)
      throw validationError('the internal store may say {project} once a part of its path, and nowhere else');
  }

  get kind(): LocationUrl['kind'] {
    return this.pattern.kind;
  }

  /** Where the project of a folder has its backups. */
  placeOf(folder: string): LocationUrl {
    return parseLocationUrl(this.pattern.href.replaceAll(STAND_IN, folder), 'the internal store');
  }

  /** Where each project has a container of the one account: the account's URL, and what the containers' names begin with. */
  get account(): { readonly service: string; readonly prefix: string } | undefined {
    const { service, container } = this.pattern;
    const [prefix, after] = container?.split(STAND_IN) ?? [];
    return service === undefined || service.includes(STAND_IN) || prefix === undefined || after === undefined ? undefined : { service, prefix };
  }

  /** Whose container it is; undefined: no project's. */
  folderOfContainer(name: string): string | undefined {
    const folder = nameIn(this.pattern.container ?? '', name);
    return folder !== undefined && /^[0-9a-z_-]+$/.test(folder) ? folder : undefined;
  }

  /** Whose place a location lies in; undefined: nobody's. */
  find(location: LocationUrl): OwnPlace | undefined {
    const { segments } = this.pattern;
    if (!this.sameService(location) || location.segments.length < segments.length) return undefined;
    const names = [nameIn(this.pattern.base, location.base), ...segments.map((part, i) => nameIn(part, location.segments[i] ?? ''))];
    const given = new Set(names.filter((name) => name !== ''));
    const [folder] = given;
    if (names.includes(undefined) || given.size !== 1 || folder === undefined || !/^[0-9a-z_-]+$/.test(folder)) return undefined;
    return { folder, below: location.segments.slice(segments.length) };
  }

  /** Does it lie where projects have their places, if perhaps in none of them? */
  holds(location: LocationUrl): boolean {
    const { segments } = this.pattern;
    const named = segments.findIndex((part) => part.includes(STAND_IN));
    return location.segments.length >= (named < 0 ? segments.length : named) && this.overlaps(location);
  }

  /** Does it lie in the own store, or around a part of it? */
  overlaps(location: LocationUrl): boolean {
    const { segments } = this.pattern;
    if (!this.sameService(location)) return false;
    return location.segments.slice(0, segments.length).every((part, i) => nameIn(segments[i] ?? '', part) !== undefined);
  }

  private sameService(location: LocationUrl): boolean {
    return this.pattern.suffix === location.suffix && nameIn(this.pattern.base, location.base) !== undefined;
  }
}

/** What stands for the project in `text`, '' where the pattern has no place for one; undefined if the two are different. */
function nameIn(pattern: string, text: string): string | undefined {
  const [before = '', after] = pattern.split(STAND_IN);
  if (after === undefined) return pattern === text ? '' : undefined;
  const name = text.slice(before.length, text.length - after.length);
  const fits = text.length > before.length + after.length && text.startsWith(before) && text.endsWith(after) && !name.includes('/');
  return fits ? name : undefined;
}

function pathOf({ segments }: LocationUrl): string {
  return segments.map((part) => `/${encodeURIComponent(part)}`).join('');
}
