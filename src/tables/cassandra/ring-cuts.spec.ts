import type { Client } from 'cassandra-driver';
import { MAX_TOKEN, MIN_TOKEN } from './positions';
import { Ring, TokenWeight } from './ring';
import { cutRing, totalWeight } from './ring-cuts';

const HALF = MAX_TOKEN / 2n;
const whole = (bytes: number): TokenWeight => ({ after: MIN_TOKEN, upTo: MAX_TOKEN, bytes });

describe('cutting the ring', () => {
  it('makes parts of like weight, wherever the bytes are', () => {
    const half = Number(HALF);
    expect(cutRing([whole(100)], [], 4).map((token) => Math.round(Number(token) / half) + 0)).toEqual([-1, 0, 1]);
    // Nine tenths stand in the ring's first half.
    const skewed = [
      { after: MIN_TOKEN, upTo: 0n, bytes: 90 },
      { after: 0n, upTo: MAX_TOKEN, bytes: 10 },
    ];
    const cuts = cutRing(skewed, [], 10);
    expect(cuts).toHaveLength(9);
    expect(cuts.filter((token) => token <= 0n)).toHaveLength(9);
    expect(Number(cuts[4]) / Number(MAX_TOKEN)).toBeCloseTo(-4 / 9);
    expect(cutRing(skewed, [], 1)).toEqual([]);
  });

  it('cuts where the token ranges of the nodes end, if that is near', () => {
    const quarter = MIN_TOKEN / 2n;
    expect(cutRing([whole(100)], [quarter + 12_345n, 7n, MAX_TOKEN - 5n], 4)).toEqual([quarter + 12_345n, 7n, expect.any(BigInt)]);
  });

  it('bears estimates of a ring that changes: gaps, overlaps, nothing at all', () => {
    expect(totalWeight([])).toBe(0);
    expect(totalWeight([{ after: MIN_TOKEN, upTo: -1n, bytes: 50 }])).toBeCloseTo(100);
    expect(totalWeight([whole(100), { after: 0n, upTo: HALF, bytes: 70 }])).toBeCloseTo(100);
    for (const weights of [[], [{ after: 5n, upTo: 6n, bytes: 1e12 }]]) {
      const cuts = cutRing(weights, [], 8);
      expect([...cuts].sort((a, b) => (a < b ? -1 : 1))).toEqual(cuts);
      expect(new Set(cuts).size).toBe(cuts.length);
    }
  });
});

interface FakeHost {
  readonly name: string;
  readonly datacenter: string;
  isUp(): boolean;
}

describe('the ring', () => {
  const host = (name: string, datacenter = 'dc1', up = true): FakeHost => ({ name, datacenter, isUp: () => up });
  const hosts = [host('a'), host('b'), host('c'), host('down', 'dc1', false), host('far', 'dc2')];

  function ringOf(tell: (name: string) => readonly (readonly [string, string, number, number])[]): Ring {
    const execute = async (_query: string, _params: unknown, options: { host: FakeHost }) => {
      const rows = tell(options.host.name);
      return { rows: rows.map(([start, end, mean, count]) => ({ range_start: start, range_end: end, mean_partition_size: mean, partitions_count: count })) };
    };
    const metadata = {
      getTokenRanges: () => ['5', '-9', '7'].map((end) => ({ end })),
      newToken: (token: string) => token,
      getReplicas: (keyspace: string) => (keyspace === 'known' ? [hosts[4], hosts[3], hosts[1]] : null),
    };
    return new Ring({ execute, metadata, hosts: { values: () => hosts } } as unknown as Client, 'dc1');
  }

  it('asks every node of the data centre for the sizes of its own ranges, and bears those that do not answer', async () => {
    const ring = ringOf((name) => {
      if (name === 'a') return [['0', '100', 10, 3]];
      if (name === 'b') return [['100', '0', 1, 1000]];
      throw new Error('not now');
    });
    const weights = await ring.estimates('k', 't');
    expect(weights.map(({ after, upTo }) => [after, upTo])).toEqual([[0n, 100n], [100n, MAX_TOKEN], [MIN_TOKEN, 0n]]); // prettier-ignore
    expect(weights[0]?.bytes).toBe(30);
    expect(totalWeight(weights)).toBeCloseTo(1030);
  });

  it('knows its ends in order, and who of the data centre is up and holds a token', () => {
    const ring = ringOf(() => []);
    expect(ring.ends()).toEqual([-9n, 5n, 7n]);
    expect(ring.replicas('known', 1n)).toEqual([hosts[1]]);
    expect(ring.replicas('unknown', 1n)).toEqual([]);
  });
});
