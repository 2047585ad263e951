import { readBoolean, readObject, valueOf } from '../backup';
import { validationError } from '../kernel';

/** A project's settings: whether a backup is made before a table is dropped. @throws DomainError ValidationError */
export function parseProjectSettings(body: unknown): boolean {
  const value = readBoolean(readObject(body, 'The body', ['backup_before_drop']), 'backup_before_drop');
  if (value === undefined) throw validationError('"backup_before_drop" is required.');
  return value;
}

/** The same of a table; null: as the project says. @throws DomainError ValidationError */
export function parseTableSettings(body: unknown): boolean | null {
  const fields = readObject(body, 'The body', ['backup_before_drop']);
  return valueOf(fields, 'backup_before_drop') === null ? null : parseProjectSettings(body);
}
