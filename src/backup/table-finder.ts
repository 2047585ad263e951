import { TABLE_NAME_PATTERN, TableDescription, isDomainError, parseUuid, validationError } from '../kernel';
import { TableBackend } from '../tables';

/** The `{table}` of a URL, checked: a name, or an id, which could be a name too. */
export function parseTableParam(text: string): string {
  if (TABLE_NAME_PATTERN.test(text)) return text;
  throw validationError('A table is named by 3 to 255 of the characters a-z A-Z 0-9 _ . -, or by its id.');
}

/** The table of that name, else the one with that id, else undefined. */
export async function findTable(
  backend: TableBackend,
  projectId: string,
  nameOrId: string,
): Promise<TableDescription | undefined> {
  const named = await findByName(backend, projectId, nameOrId);
  if (named !== undefined) return named;
  const id = parseUuid(nameOrId);
  return id === undefined ? undefined : backend.findTableById(projectId, id);
}

async function findByName(
  backend: TableBackend,
  projectId: string,
  name: string,
): Promise<TableDescription | undefined> {
  try {
    return await backend.describeTable({ projectId, name });
  } catch (error) {
    if (isDomainError(error, 'TableNotExistsException')) return undefined;
    throw error;
  }
}
