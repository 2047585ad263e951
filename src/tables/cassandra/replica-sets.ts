import { Ring } from './ring';

/** Token ranges that are looked at to see whether every node holds everything. */
const SAMPLE = 64;
const EVERYWHERE = '';

/** Names the replicas of partitions, so that what goes to the same nodes can go together. As of now: good for a load, not for ever. */
export class ReplicaSets {
  private readonly ends: readonly bigint[];
  /** By the token range's number. */
  private readonly names = new Map<number, string>();
  private readonly everywhere: boolean;

  constructor(
    private readonly ring: Pick<Ring, 'ends' | 'replicas' | 'tokenOf'>,
    private readonly keyspace: string,
  ) {
    this.ends = ring.ends();
    const step = Math.ceil(this.ends.length / SAMPLE);
    this.everywhere = new Set(this.ends.filter((_end, index) => index % step === 0).map((_end, index) => this.nameOf(index * step))).size <= 1;
  }

  /** Alike for partitions of the same nodes. */
  of(hash: Buffer): string {
    return this.everywhere ? EVERYWHERE : this.nameOf(this.rangeOf(this.ring.tokenOf(hash)));
  }

  /** The range whose end is the first at or behind the token; behind the last end, the first. */
  private rangeOf(token: bigint): number {
    let [low, high] = [0, this.ends.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.ends[middle] ?? token) < token) low = middle + 1;
      else high = middle;
    }
    return low === this.ends.length ? 0 : low;
  }

  private nameOf(range: number): string {
    const known = this.names.get(range);
    if (known !== undefined) return known;
    const hosts = this.ring.replicas(this.keyspace, this.ends[range] ?? 0n);
    const name = hosts.map(({ address }) => address).sort().join(' ');
    this.names.set(range, name);
    return name;
  }
}
