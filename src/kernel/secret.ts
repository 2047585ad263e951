import { inspect } from 'node:util';

/** What is shown in place of a secret, everywhere. */
export const REDACTED = '***';

/** A secret text that prints, logs and serialises as `***`; only `reveal()` gives it away, and that is easy to search for. */
export class Secret {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  reveal(): string {
    return this.#text;
  }

  toString(): string {
    return REDACTED;
  }

  toJSON(): string {
    return REDACTED;
  }

  [inspect.custom](): string {
    return REDACTED;
  }
}

/** Credentials of a location, by the names that its kind of store gives them. All values are secret. */
export type Credentials = ReadonlyMap<string, Secret>;
