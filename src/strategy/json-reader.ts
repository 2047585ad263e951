import { DomainError, validationError } from '../kernel';

/** Longest piece of a client's text that a message repeats. */
const ECHO_LENGTH = 64;

/** A client's text for a message: quoted, escaped and bounded. */
export function quoted(text: string): string {
  const characters = [...text];
  return JSON.stringify(characters.length > ECHO_LENGTH ? `${characters.slice(0, ECHO_LENGTH).join('')}…` : text);
}

/**
 * A JSON object from outside, read key by key. Each method gives undefined for an absent key; a value of the wrong type, `null` included,
 * is a `ValidationError` that names its path (`strategy.location.url`) and never repeats the value.
 */
export class JsonReader {
  private constructor(
    private readonly values: ReadonlyMap<string, unknown>,
    readonly path: string,
  ) {}

  /** @throws DomainError `ValidationError` if `input` is no JSON object or has a key that is not in `keys`. */
  static open(input: unknown, path: string, keys: readonly string[] | undefined): JsonReader {
    if (typeof input !== 'object' || input === null || Array.isArray(input))
      throw validationError(`${path} must be an object`);
    const values = new Map<string, unknown>(Object.entries(input));
    for (const key of keys ? values.keys() : []) {
      if (!keys?.includes(key)) throw validationError(`${path} has an unknown key ${quoted(key)}`);
    }
    return new JsonReader(values, path);
  }

  has(key: string): boolean {
    return this.values.has(key);
  }

  keys(): string[] {
    return [...this.values.keys()];
  }

  raw(key: string): unknown {
    return this.values.get(key);
  }

  at(key: string): string {
    return `${this.path}.${key}`;
  }

  object(key: string, keys: readonly string[] | undefined): JsonReader | undefined {
    return this.has(key) ? JsonReader.open(this.raw(key), this.at(key), keys) : undefined;
  }

  /** A text of 1 to `maxLength` UTF-16 units. */
  text(key: string, maxLength: number): string | undefined {
    if (!this.has(key)) return undefined;
    const value = this.raw(key);
    if (typeof value !== 'string') throw this.wrong(key, 'must be a string');
    if (value.length < 1 || value.length > maxLength) throw this.wrong(key, `must have 1 to ${maxLength} characters`);
    return value;
  }

  oneOf<T extends string>(key: string, choices: readonly T[]): T | undefined {
    if (!this.has(key)) return undefined;
    const value = this.raw(key);
    const found = choices.find((choice) => choice === value);
    if (found === undefined)
      throw this.wrong(key, `must be one of ${choices.map((choice) => `"${choice}"`).join(', ')}`);
    return found;
  }

  wrong(key: string, what: string): DomainError {
    return validationError(`${this.at(key)} ${what}`);
  }
}
