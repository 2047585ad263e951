import { validationError } from './errors';

/** Number of hash buckets of a table's digest (docs/adr/0002-digests.md). */
export const BUCKET_COUNT = 256;

const MASK = (1n << 128n) - 1n;
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
  private readonly counts: number[] = new Array<number>(BUCKET_COUNT).fill(0);
  /** Reduced modulo 2^128 only when looked at: a few bits too many are cheaper than a mask an item. */
  private readonly sums: bigint[] = new Array<bigint>(BUCKET_COUNT).fill(0n);

  /** @param bucket 0 … 255; @param digest the item's XXH3-128 */
  add(bucket: number, digest: bigint): void {
    this.counts[bucket] = this.countOf(bucket) + 1;
    this.sums[bucket] = this.sumOf(bucket) + digest;
  }

  merge(other: TableDigest): void {
    for (let bucket = 0; bucket < BUCKET_COUNT; bucket++) {
      const count = other.countOf(bucket);
      if (count === 0) continue;
      this.counts[bucket] = this.countOf(bucket) + count;
      this.sums[bucket] = (this.sumOf(bucket) + other.sumOf(bucket)) & MASK;
    }
  }

  /** Takes away a set that is part of this one. */
  subtract(other: TableDigest): void {
    for (let bucket = 0; bucket < BUCKET_COUNT; bucket++) {
      const count = other.countOf(bucket);
      if (count === 0) continue;
      this.counts[bucket] = this.countOf(bucket) - count;
      this.sums[bucket] = (this.sumOf(bucket) - other.sumOf(bucket)) & MASK;
    }
  }

  get itemCount(): number {
    return this.counts.reduce((total, count) => total + count, 0);
  }

  /** Count and sum over all buckets. */
  total(): SetDigest {
    let sum = 0n;
    for (const part of this.sums) sum += part;
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
    for (let bucket = 0; bucket < BUCKET_COUNT; bucket++) {
      const sameSum = (this.sumOf(bucket) & MASK) === (other.sumOf(bucket) & MASK);
      if (!sameSum || this.countOf(bucket) !== other.countOf(bucket)) differing.push(bucket);
    }
    return differing;
  }

  /** The buckets in which this set has more items than the other. */
  bucketsWithMore(other: TableDigest): number[] {
    return this.counts.flatMap((count, bucket) => (count > other.countOf(bucket) ? [bucket] : []));
  }

  /** 256 texts, `count:sum` with the sum as 32 lower-case hex digits. */
  toJSON(): string[] {
    return this.counts.map((count, bucket) => `${count}:${digestHex(this.sumOf(bucket))}`);
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
      digest.sums[bucket] = sum;
    }
    return digest;
  }

  private countOf(bucket: number): number {
    return this.counts[bucket] ?? 0;
  }

  private sumOf(bucket: number): bigint {
    return this.sums[bucket] ?? 0n;
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
