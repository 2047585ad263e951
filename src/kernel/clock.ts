/** The only source of time, so that tests can set it. */
export interface Clock {
  /** Milliseconds since the Unix epoch. */
  now(): number;
}

export const systemClock: Clock = { now: () => Date.now() };

/** A clock that moves only when told to. */
export class ManualClock implements Clock {
  constructor(private millis: number) {}
  now(): number {
    return this.millis;
  }
  advance(millis: number): void {
    this.millis += millis;
  }
}

/** ISO 8601 UTC with milliseconds and `Z`: the only spelling of a time in answers and manifests. */
export function isoTime(millis: number): string {
  return new Date(millis).toISOString();
}
