import { DomainError, parseUuid } from '../kernel';
import { damaged } from './archive-store';

const SHA256 = /^[0-9a-f]{64}$/;
const DIGEST = /^[0-9a-f]{32}$/;

/** Reads the members of a JSON object of an archive one by one; whatever is not as expected is `ArchiveDamaged`. Others are ignored. */
export class Fields {
  private readonly json: Readonly<Record<string, unknown>>;

  /** `object` names the object that it is in, for errors. */
  constructor(
    json: unknown,
    private readonly object: string,
  ) {
    if (typeof json !== 'object' || json === null || Array.isArray(json))
      throw damaged(object, 'does not hold an object');
    this.json = json as Record<string, unknown>;
  }

  raw(key: string): unknown {
    return Object.hasOwn(this.json, key) ? this.json[key] : undefined;
  }

  /** Text of at most `maxLength` UTF-16 units. */
  text(key: string, maxLength = 1024): string {
    const value = this.raw(key);
    if (typeof value !== 'string' || value.length > maxLength)
      throw this.wrong(key, 'is not text of an allowed length');
    return value;
  }

  oneOf<T extends string>(key: string, allowed: readonly T[]): T {
    const value = this.raw(key);
    const found = allowed.find((each) => each === value);
    if (found === undefined) throw this.wrong(key, `is not ${allowed.join(' or ')}`);
    return found;
  }

  /** An integer of 0 … `max`. */
  count(key: string, max = Number.MAX_SAFE_INTEGER): number {
    const value = this.raw(key);
    if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0 || value > max) {
      throw this.wrong(key, `is not an integer of 0 to ${max}`);
    }
    return value;
  }

  uuid(key: string): string {
    const value = this.text(key);
    if (parseUuid(value) !== value) throw this.wrong(key, 'is not a UUID');
    return value;
  }

  /** Milliseconds since the epoch. */
  time(key: string): number {
    const value = this.text(key);
    const millis = Date.parse(value);
    if (Number.isNaN(millis) || new Date(millis).toISOString() !== value) throw this.wrong(key, 'is not a time');
    return millis;
  }

  sha256(key: string): string {
    return this.matching(key, SHA256, 'a SHA-256');
  }

  digest(key: string): string {
    return this.matching(key, DIGEST, 'a digest');
  }

  list(key: string, maxLength: number): readonly unknown[] {
    const value = this.raw(key);
    if (!Array.isArray(value) || value.length > maxLength)
      throw this.wrong(key, `is not an array of at most ${maxLength}`);
    return value;
  }

  matching(key: string, pattern: RegExp, what: string): string {
    const value = this.raw(key);
    if (typeof value !== 'string' || !pattern.test(value)) throw this.wrong(key, `is not ${what}`);
    return value;
  }

  /** Runs a reader of the kernel; its complaint becomes this archive's damage. */
  read<T>(key: string, reader: (json: unknown) => T): T {
    try {
      return reader(this.raw(key));
    } catch (error) {
      if (error instanceof DomainError) throw this.wrong(key, `is wrong: ${error.message}`);
      throw error;
    }
  }

  wrong(key: string, what: string): DomainError {
    return damaged(this.object, `is damaged: ${key} ${what}`);
  }
}
