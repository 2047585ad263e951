import { parseUuid, Uuid, validationError } from '../../kernel';

/** A JSON object whose keys were checked: every one is known. */
export type JsonBody = Readonly<Record<string, unknown>>;

/**
 * Reads an object of a request's body.
 * @param where how messages name it: `The body`, `"rate_limit"`
 * @throws DomainError ValidationError: no object, or a key that is not in `known` (all of them are named).
 */
export function readObject(value: unknown, where: string, known: readonly string[]): JsonBody {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw validationError(`${where} must be a JSON object.`);
  const unknown = Object.keys(value).filter((key) => !known.includes(key));
  if (unknown.length > 0)
    throw validationError(`${where} has unknown keys: ${unknown.slice(0, 16).map(quoted).join(', ')}.`);
  return value as JsonBody;
}

/** The `strategy` of a body that may be missing and has no other key. As given; the strategy room reads it. */
export function readStrategy(body: unknown): unknown {
  return body === undefined ? undefined : valueOf(readObject(body, 'The body', ['strategy']), 'strategy');
}

/** The value of a key; undefined if it is absent. `null` is a value, not an absence. */
export function valueOf(body: JsonBody, key: string): unknown {
  return Object.hasOwn(body, key) ? body[key] : undefined;
}

export function readBoolean(body: JsonBody, key: string): boolean | undefined {
  const value = valueOf(body, key);
  if (value === undefined || typeof value === 'boolean') return value;
  throw validationError(`"${key}" must be true or false.`);
}

/** An integer of at least `min` that a JavaScript number holds exactly. */
export function readInteger(body: JsonBody, key: string, min: number): number | undefined {
  const value = valueOf(body, key);
  if (value === undefined) return undefined;
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= min) return value;
  throw validationError(`"${key}" must be an integer, ${min} or more.`);
}

export function readUuid(body: JsonBody, key: string): Uuid | undefined {
  const value = valueOf(body, key);
  if (value === undefined) return undefined;
  const id = typeof value === 'string' ? parseUuid(value) : undefined;
  if (id === undefined) throw validationError(`"${key}" must be a UUID: 32 hex digits, or with dashes.`);
  return id;
}

export function readChoice<T extends string>(body: JsonBody, key: string, choices: readonly T[]): T | undefined {
  const value = valueOf(body, key);
  if (value === undefined) return undefined;
  const choice = choices.find((each) => each === value);
  if (choice === undefined) throw validationError(`"${key}" must be one of ${choices.join(', ')}.`);
  return choice;
}

/** Counted in code points; a lone surrogate is category Cs, so the Unicode flag finds it. */
const NAME = /^[^\p{Cc}\p{Cs}]{1,255}$/u;

/** A backup's name: any Unicode but control characters. */
export function readName(body: JsonBody, key: string): string {
  const value = valueOf(body, key);
  if (value === undefined) throw validationError(`"${key}" is required.`);
  return checkName(value, key);
}

/** The same rule for a name from elsewhere (a query parameter, a manifest). */
export function checkName(value: unknown, key: string): string {
  if (typeof value === 'string' && NAME.test(value)) return value;
  throw validationError(`"${key}" must be a text of 1 to 255 characters, none of them a control character.`);
}

/** Printable: no controls, formats, surrogates, private or unassigned characters, no separators of lines. */
const CLIENT_TOKEN = /^[^\p{C}\p{Zl}\p{Zp}]{1,64}$/u;

export function readClientToken(body: JsonBody): string | undefined {
  const value = valueOf(body, 'client_request_token');
  if (value === undefined) return undefined;
  if (typeof value === 'string' && CLIENT_TOKEN.test(value)) return value;
  throw validationError('"client_request_token" must be a text of 1 to 64 printable characters.');
}

/** A client's key inside a message: bounded, and without raw control characters. */
function quoted(key: string): string {
  return JSON.stringify(key.length > 64 ? `${key.slice(0, 64)}…` : key);
}
