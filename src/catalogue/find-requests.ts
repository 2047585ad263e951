import { DEFAULT_PAGE, MAX_PAGE, readBoolean, readObject, valueOf } from '../backup';
import { validationError } from '../kernel';

export interface FindRequest {
  /** As given; undefined: the deployment's own store. */
  readonly source: unknown;
  readonly strategy: unknown;
  /** Of every project that the caller reaches, not of the URL's alone. */
  readonly allProjects: boolean;
  readonly limit: number;
  /** Exclusive; any text serves. */
  readonly after: string | undefined;
}

export function parseFind(body: unknown): FindRequest {
  const known = ['source', 'strategy', 'all_projects', 'limit', 'exclusive_start_location'];
  const fields = readObject(body === undefined ? {} : body, 'The body', known);
  const limit = valueOf(fields, 'limit') ?? DEFAULT_PAGE;
  if (typeof limit !== 'number' || !Number.isInteger(limit) || limit < 1 || limit > MAX_PAGE)
    throw validationError(`"limit" must be an integer from 1 to ${MAX_PAGE}.`);
  const after = valueOf(fields, 'exclusive_start_location');
  if (after !== undefined && typeof after !== 'string')
    throw validationError('"exclusive_start_location" must be a text.');
  return {
    source: valueOf(fields, 'source'),
    strategy: valueOf(fields, 'strategy'),
    allProjects: readBoolean(fields, 'all_projects') ?? false,
    limit,
    after,
  };
}
