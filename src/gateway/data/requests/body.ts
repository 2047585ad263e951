import { ATTRIBUTE_NAME_PATTERN, TABLE_NAME_PATTERN, validationError } from '../../../kernel';

/** A JSON object of a request whose keys are known to be allowed. */
export type Body = Readonly<Record<string, unknown>>;

/** An object with no other than the allowed keys; unknown ones are refused by name. */
export function readObject(json: unknown, where: string, allowed: readonly string[]): Body {
  const body = anyObject(json, where);
  const unknown = Object.keys(body).filter((key) => !allowed.includes(key));
  if (unknown.length > 0)
    throw validationError(`Unknown keys in ${where}: ${unknown.slice(0, 10).map(quoted).join(', ')}`);
  return body;
}

/** An object whose keys are names that the client chose. */
export function anyObject(json: unknown, where: string): Body {
  if (json === undefined || json === null) throw validationError(`${where} is required`);
  if (typeof json !== 'object' || Array.isArray(json)) throw validationError(`${where} must be an object`);
  return json as Body;
}

export function readArray(json: unknown, where: string): readonly unknown[] {
  if (json === undefined || json === null) throw validationError(`${where} is required`);
  if (!Array.isArray(json)) throw validationError(`${where} must be an array`);
  return json;
}

export function readString(json: unknown, where: string): string {
  if (json === undefined || json === null) throw validationError(`${where} is required`);
  if (typeof json !== 'string') throw validationError(`${where} must be a string`);
  return json;
}

/** A key that may be left out; null means the same. */
export function optional<T>(json: unknown, read: (json: unknown) => T): T | undefined {
  return json === undefined || json === null ? undefined : read(json);
}

export function readBoolean(json: unknown, where: string): boolean {
  if (typeof json !== 'boolean') throw validationError(`${where} must be true or false`);
  return json;
}

/** An integer, or, as MagnetoDB takes it, the decimal text of one. */
export function readInteger(json: unknown, where: string, min: number, max: number): number {
  const value = typeof json === 'string' && /^-?[0-9]{1,15}$/.test(json) ? Number(json) : json;
  if (typeof value !== 'number' || !Number.isInteger(value)) throw validationError(`${where} must be an integer`);
  if (value < min || value > max) throw validationError(`${where} must be from ${min} to ${max}, but is ${value}`);
  return value;
}

export function readOneOf<T extends string>(json: unknown, where: string, words: readonly T[]): T {
  const word = words.find((candidate) => candidate === json);
  if (word === undefined) throw validationError(`${where} must be one of ${words.join(', ')}`);
  return word;
}

export function readTableName(json: unknown, where = 'table_name'): string {
  const name = readString(json, where);
  if (!TABLE_NAME_PATTERN.test(name))
    throw validationError(`${where} must be 3 to 255 letters, digits, '_', '-' or '.'`);
  return name;
}

export function readAttributeName(json: unknown, where: string): string {
  const name = readString(json, where);
  if (!ATTRIBUTE_NAME_PATTERN.test(name)) {
    throw validationError(
      `Wrong attribute name ${quoted(name)} in ${where}: 1 to 255 letters, digits, '_', '-' or '.' are allowed`,
    );
  }
  return name;
}

/** `attributes_to_get`: undefined if it is left out or empty (then all are meant). */
export function readAttributesToGet(json: unknown): readonly string[] | undefined {
  const names = optional(json, (given) =>
    readArray(given, 'attributes_to_get').map((name) => readAttributeName(name, 'attributes_to_get')),
  );
  return names === undefined || names.length === 0 ? undefined : [...new Set(names)];
}

/** A client's text inside a message: bounded, and without control characters. */
export function quoted(text: string): string {
  return JSON.stringify(text.length > 64 ? `${text.slice(0, 64)}…` : text);
}
