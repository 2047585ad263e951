import { validationError } from './errors';
import { Digest128 } from './xxh3';

/** Number of hash buckets of a table's digest (docs/adr/0002-digests.md). */
export const BUCKET_COUNT = 256;

const MASK = (1n << 128n) - 1n;
/** Each sum stands as so many words of 32 bits, least first. */
const WORDS = 4;
const WORD = 2 ** 32;
/** So many words add up exactly before carries have to be settled: numbers hold 53 bits. */
const MOST_UNSETTLED = 2 ** 20;
const BUCKET_TEXT = /^(0|[1-9][0-9]{0,15}):([0-9a-f]{32})$/;

/** What proves a set of items: how many, and the sum of their digests modulo 2^128. */
export interface SetDigest {
  readonly count: number;
  readonly sum: bigint;
}

/**
 * The digest of a set of items: 256 buckets by hash of the key, each with count and sum of item digests modulo 2^128.
 * Independent of order, so parts read in parallel can be merged, and parts can be taken away again.
 */
export class TableDigest {
  private readonly counts = new Float64Array(BUCKET_COUNT);
  /** Bigints would be new memory for each item. A word may be too large or negative until carries are settled. */
  private readonly words = new Float64Array(BUCKET_COUNT * WORDS);
  /** Additions since carries were settled. */
  private unsettled = 0;

  /** @param bucket 0 … 255; @param digest the item's XXH3-128 */
  add(bucket: number, digest: Digest128): void {
    const { words } = this;
    const at = bucket * WORDS;
    this.counts[bucket] = (this.counts[bucket] ?? 0) + 1;
    words[at] = (words[at] ?? 0) + (digest.word0 >>> 0);
    words[at + 1] = (words[at + 1] ?? 0) + (digest.word1 >>> 0);
    words[at + 2] = (words[at + 2] ?? 0) + (digest.word2 >>> 0);
    words[at + 3] = (words[at + 3] ?? 0) + (digest.word3 >>> 0);
    if (++this.unsettled >= MOST_UNSETTLED) this.settle();
  }

  merge(other: TableDigest): void {
    this.addAll(other, 1);
  }

  /** Takes away a set that is part of this one. */
  subtract(other: TableDigest): void {
    this.addAll(other, -1);
  }

  get itemCount(): number {
    return this.counts.reduce((total, count) => total + count, 0);
  }

  /** Count and sum over all buckets. */
  total(): SetDigest {
    let sum = 0n;
    for (let bucket = 0; bucket < BUCKET_COUNT; bucket++) sum += this.sumOf(bucket);
    return { count: this.itemCount, sum: sum & MASK };
  }

  /** The sum over all buckets as 32 lower-case hex digits. */
  totalHex(): string {
    return digestHex(this.total().sum);
  }

  equals(other: TableDigest): boolean {
    return this.differingBuckets(other).length === 0;
  }

  /** The buckets in which the two sets differ: each holds about 1/256 of the keys. */
  differingBuckets(other: TableDigest): number[] {
    const differing: number[] = [];
    this.settle();
    other.settle();
    for (let bucket = 0; bucket < BUCKET_COUNT; bucket++) {
      let same = this.countOf(bucket) === other.countOf(bucket);
      for (let at = bucket * WORDS; at < (bucket + 1) * WORDS; at++) same &&= this.words[at] === other.words[at];
      if (!same) differing.push(bucket);
    }
    return differing;
  }

  /** The buckets in which this set has more items than the other. */
  bucketsWithMore(other: TableDigest): number[] {
    return [...this.counts.keys()].filter((bucket) => this.countOf(bucket) > other.countOf(bucket));
  }

  /** 256 texts, `count:sum` with the sum as 32 lower-case hex digits. */
  toJSON(): string[] {
    return Array.from(this.counts, (count, bucket) => `${count}:${digestHex(this.sumOf(bucket))}`);
  }

  /**
   * Reads what `toJSON` wrote.
   * @throws DomainError ValidationError if it is anything else
   */
  static fromJSON(json: unknown): TableDigest {
    if (!Array.isArray(json) || json.length !== BUCKET_COUNT) {
      throw validationError(`A table digest must be an array of ${BUCKET_COUNT} texts.`);
    }
    const digest = new TableDigest();
    for (let bucket = 0; bucket < BUCKET_COUNT; bucket++) {
      const text: unknown = json[bucket];
      const match = typeof text === 'string' ? BUCKET_TEXT.exec(text) : null;
      const count = Number(match?.[1]);
      const sum = match ? BigInt(`0x${match[2]}`) : 0n;
      if (!match || !Number.isSafeInteger(count) || (count === 0 && sum !== 0n)) {
        throw validationError(`Bucket ${bucket} of a table digest must be "count:sum".`);
      }
      digest.counts[bucket] = count;
      for (let word = 0; word < WORDS; word++) digest.words[bucket * WORDS + word] = Number((sum >> BigInt(32 * word)) & 0xffffffffn);
    }
    return digest;
  }

  /** @param counts of the buckets; @param words of their sums: four of 32 bits each, least first */
  static ofWords(counts: Uint32Array, words: Uint32Array): TableDigest {
    const digest = new TableDigest();
    digest.counts.set(counts);
    digest.words.set(words);
    return digest;
  }

  private countOf(bucket: number): number {
    return this.counts[bucket] ?? 0;
  }

  private sumOf(bucket: number): bigint {
    this.settle();
    let sum = 0n;
    for (let at = (bucket + 1) * WORDS - 1; at >= bucket * WORDS; at--) sum = (sum << 32n) | BigInt(this.words[at] ?? 0);
    return sum;
  }

  private addAll(other: TableDigest, sign: 1 | -1): void {
    other.settle();
    for (let bucket = 0; bucket < BUCKET_COUNT; bucket++) this.counts[bucket] = this.countOf(bucket) + sign * other.countOf(bucket);
    for (let at = 0; at < this.words.length; at++) this.words[at] = (this.words[at] ?? 0) + sign * (other.words[at] ?? 0);
    if (++this.unsettled >= MOST_UNSETTLED) this.settle();
  }

  /** Makes each word one of 32 bits: sums are modulo 2^128. */
  private settle(): void {
    if (this.unsettled === 0) return;
    this.unsettled = 0;
    const { words } = this;
    for (let at = 0, carry = 0; at < words.length; at++) {
      if (at % WORDS === 0) carry = 0;
      const word = (words[at] ?? 0) + carry;
      carry = Math.floor(word / WORD);
      words[at] = word - carry * WORD;
    }
  }
}

/** A 128-bit digest or sum as 32 lower-case hex digits. */
export function digestHex(value: bigint): string {
  return (value & MASK).toString(16).padStart(32, '0');
}

/** Reads 32 lower-case hex digits; undefined if it is anything else. */
export function digestFromHex(text: string): bigint | undefined {
  return /^[0-9a-f]{32}$/.test(text) ? BigInt(`0x${text}`) : undefined;
}
