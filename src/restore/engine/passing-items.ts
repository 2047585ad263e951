import { DecodedItem, SetDigest, digestFromHex, digestHex, expiringAt } from '../../kernel';

/** Behind the beginning of a restore: ten minutes, four times as long, … eighty years. */
const MOMENTS = Array.from({ length: 12 }, (_each, index) => 600 * 4 ** index);
/** Backends keep expiries so exactly, in seconds: what is written to end later does not end earlier than this before, nor later than this behind. */
const EARLY = 2;
const LATE = 10;
/** A verification has so many seconds, and twice the time that the restore has taken so far, until the moment that it proves items from. */
const LEAST_AHEAD = 300;
const MODULUS = 1n << 128n;

/** Of the moments of a restore: one of them, and its second. */
export interface Moment {
  readonly index: number;
  /** Seconds since the epoch. */
  readonly second: number;
}

/**
 * The items of a restore that may be gone when it is verified, where an expired item cannot be read any more: digests of those that end up to each of some
 * moments. A verification chooses one that is far enough ahead, and proves all that lives longer.
 */
export class PassingItems {
  private readonly slots: SetDigest[] = MOMENTS.map(() => ({ count: 0, sum: 0n }));

  /** @param begun the second that the restore began */
  constructor(private readonly begun: number) {}

  /** Counts the item in. @returns what is to be written: one that would end close to a moment ends just behind it, lest it were unsure on which side it is */
  take(item: DecodedItem): DecodedItem {
    const life = (item.expiresAt ?? Infinity) - this.begun;
    const index = MOMENTS.findIndex((moment) => life <= moment + EARLY);
    const moment = MOMENTS[index];
    if (moment === undefined) return item;
    if (life <= moment - LATE) {
      this.add(index, { count: 1, sum: item.digest.value });
      return item;
    }
    this.add(index + 1, { count: 1, sum: item.digest.value });
    return expiringAt(item, this.begun + moment + EARLY + 1);
  }

  get isEmpty(): boolean {
    return this.slots.every(({ count }) => count === 0);
  }

  merge(other: PassingItems): void {
    for (const [index, slot] of other.slots.entries()) this.add(index, slot);
  }

  /** The first moment that is far enough ahead, and behind the one that was tried before. */
  momentAfter(now: number, before = -1): Moment {
    const ahead = LEAST_AHEAD + 2 * (now - this.begun);
    const found = MOMENTS.findIndex((moment, index) => index > before && this.begun + moment >= now + ahead);
    const index = found < 0 ? MOMENTS.length - 1 : found;
    return { index, second: this.begun + (MOMENTS[index] ?? 0) };
  }

  /** What lives longer than the moment, of all that was loaded. */
  restOf(loaded: SetDigest, { index }: Moment): SetDigest {
    const gone = this.slots.slice(0, index + 1);
    const sum = gone.reduce((rest, slot) => rest - slot.sum, loaded.sum) % MODULUS;
    return { count: gone.reduce((rest, slot) => rest - slot.count, loaded.count), sum: sum < 0n ? sum + MODULUS : sum };
  }

  toText(): string {
    return JSON.stringify(this.slots.map(({ count, sum }) => `${count}:${digestHex(sum)}`));
  }

  static fromText(begun: number, text: string): PassingItems {
    const passing = new PassingItems(begun);
    for (const [index, slot] of (JSON.parse(text) as string[]).entries()) {
      const [count = '', sum = ''] = slot.split(':');
      passing.add(index, { count: Number(count), sum: digestFromHex(sum) ?? 0n });
    }
    return passing;
  }

  private add(index: number, { count, sum }: SetDigest): void {
    const slot = this.slots[index];
    if (slot) this.slots[index] = { count: slot.count + count, sum: (slot.sum + sum) % MODULUS };
  }
}

/** Might items that live longer than the moment be gone? */
export function isPast({ second }: Moment, now: number): boolean {
  return now >= second - LATE;
}
