import { parseUuid, Uuid, validationError } from '../kernel';

/** A query as the platform parsed it. */
export type QueryParameters = Readonly<Record<string, unknown>>;

/** Refuses (400) parameters that the call does not know, naming them, and known ones that come twice or nested. */
export function rejectUnknownQuery(query: QueryParameters, allowed: readonly string[]): void {
  const unknown = Object.keys(query).filter((name) => !allowed.includes(name));
  if (unknown.length > 0) throw validationError(`Unknown query parameters: ${unknown.map(quoted).join(', ')}.`);
  for (const name of allowed) queryText(query, name);
}

/** A parameter's text; undefined if it is absent. Twice or nested: 400. */
export function queryText(query: QueryParameters, name: string): string | undefined {
  const value = Object.hasOwn(query, name) ? query[name] : undefined;
  if (value === undefined || typeof value === 'string') return value;
  throw validationError(`The query parameter ${quoted(name)} must be given once.`);
}

/** `limit` of a list: decimal digits from 1 to `max`, without leading zero, sign, exponent or space; absent: the default. */
export function parseLimit(value: unknown, { default: byDefault, max }: { default: number; max: number }): number {
  if (value === undefined) return byDefault;
  const limit = typeof value === 'string' && /^[1-9][0-9]{0,9}$/.test(value) ? Number(value) : 0;
  if (limit < 1 || limit > max) throw validationError(`"limit" must be an integer from 1 to ${max}.`);
  return limit;
}

/** An id in either spelling, from a path or a query. Anything else: 400. */
export function parseIdParam(value: unknown, name: string): Uuid {
  const id = typeof value === 'string' ? parseUuid(value) : undefined;
  if (id === undefined) throw validationError(`${quoted(name)} must be a UUID: 32 hex digits, or with dashes.`);
  return id;
}

/** One of a list of words; absent: undefined. Anything else: 400 that names the words. */
export function parseChoice<T extends string>(value: unknown, name: string, choices: readonly T[]): T | undefined {
  if (value === undefined) return undefined;
  const choice = choices.find((each) => each === value);
  if (choice === undefined) throw validationError(`${quoted(name)} must be one of ${choices.join(', ')}.`);
  return choice;
}

/** A client's text inside a message: bounded, and without control characters. */
function quoted(text: string): string {
  return JSON.stringify(text.length > 64 ? `${text.slice(0, 64)}…` : text);
}
