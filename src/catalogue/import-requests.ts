import { readBoolean, readObject, valueOf } from '../backup';
import { validationError } from '../kernel';

export interface ImportRequest {
  /** Both as given; the strategy room reads them. */
  readonly source: unknown;
  readonly strategy: unknown;
  /** Take it as the project's own again: deleting it deletes its data. */
  readonly adopt: boolean;
}

export function parseImport(body: unknown): ImportRequest {
  const fields = readObject(body, 'The body', ['source', 'strategy', 'adopt']);
  const source = valueOf(fields, 'source');
  if (source === undefined) throw validationError('"source" is required.');
  return { source, strategy: valueOf(fields, 'strategy'), adopt: readBoolean(fields, 'adopt') ?? false };
}
