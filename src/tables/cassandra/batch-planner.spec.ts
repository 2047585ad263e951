import { Batch, BatchLimit, BatchPlanner, PlannedRow } from './batch-planner';
import { ReplicaSets } from './replica-sets';

const row = (bytes: number, statements = 1): PlannedRow => ({
  statements: Array.from({ length: statements }, () => ({ query: 'UPDATE', params: [Buffer.alloc(bytes)] })),
  expiresAt: undefined,
});
/** Partitions `a…` lie on other nodes than partitions `b…`. */
const replicasOf = (hash: Buffer): string => hash.toString().charAt(0);

function plan(planner: BatchPlanner, rows: readonly (readonly [string, PlannedRow])[]): Batch[] {
  const full = rows.map(([hash, each]) => planner.add(each, Buffer.from(hash)));
  return [...full.filter((batch) => batch !== undefined), ...planner.rest()];
}

describe('batches', () => {
  it('hold rows of one set of replicas only, all of them, each once', () => {
    const rows = Array.from({ length: 1000 }, (_each, index) => [`${'ab'.charAt(index % 2)}${index}`, row(100)] as const);
    const batches = plan(new BatchPlanner(new BatchLimit(), replicasOf), rows);
    expect(batches.length).toBeGreaterThan(2);
    expect(batches.flatMap((batch) => batch.rows)).toHaveLength(1000);
    const [a, b] = ['a', 'b'].map((name) => new Set(rows.filter(([hash]) => hash.startsWith(name)).map(([, each]) => each)));
    for (const batch of batches) {
      const own = batch.routingKey.toString().startsWith('a') ? a : b;
      expect(batch.rows.every((each) => own?.has(each))).toBe(true);
    }
  });

  it('are bounded by bytes and by statements, but hold a single row whatever it weighs', () => {
    const limit = new BatchLimit();
    const small = Array.from({ length: 200 }, () => ['a', row(1_000)] as const);
    for (const batch of plan(new BatchPlanner(limit, replicasOf), small)) expect(batch.rows.length * 1_000).toBeLessThanOrEqual(limit.bytes);
    const tiny = Array.from({ length: 400 }, () => ['a', row(1, 3)] as const);
    for (const batch of plan(new BatchPlanner(limit, replicasOf), tiny)) expect(batch.rows.length * 3).toBeLessThanOrEqual(100);
    const large = plan(new BatchPlanner(limit, replicasOf), [['a', row(10)], ['a', row(100_000)], ['a', row(10)]]);
    expect(large.map((batch) => batch.rows.length)).toEqual([1, 1, 1]);
  });

  it('are lighter once a cluster has refused one', () => {
    const limit = new BatchLimit();
    limit.refused(10_000);
    const rows = Array.from({ length: 100 }, () => ['a', row(1_000)] as const);
    for (const batch of plan(new BatchPlanner(limit, replicasOf), rows)) expect(batch.rows.length).toBeLessThanOrEqual(4);
  });

  it('that are not full yet are bounded, too, however many sets of replicas there are', () => {
    const planner = new BatchPlanner(new BatchLimit(), (hash) => hash.toString());
    const rows = Array.from({ length: 2_000 }, (_each, index) => [`set ${index}`, row(10_000)] as const);
    const full = rows.map(([hash, each]) => planner.add(each, Buffer.from(hash))).filter((batch) => batch !== undefined);
    const rest = planner.rest();
    expect(rest.length * 10_000).toBeLessThanOrEqual(4 * 1024 * 1024);
    expect(full.length + rest.length).toBe(2_000);
    expect(planner.rest()).toEqual([]);
  });
});

describe('sets of replicas', () => {
  const host = (address: string): { address: string } => ({ address });
  const holders = new Map([
    [-100n, ['n1', 'n2']],
    [0n, ['n2', 'n3']],
    [100n, ['n2', 'n1']],
  ]);
  const ring = (of: (token: bigint) => string[]): ConstructorParameters<typeof ReplicaSets>[0] => ({
    ends: () => [...holders.keys()],
    replicas: (_keyspace, token) => of(token).map(host) as never,
    tokenOf: (hash) => BigInt(hash.toString()),
  });
  const at = (sets: ReplicaSets, token: number): string => sets.of(Buffer.from(String(token)));

  it('go by the first end at or behind the token, whoever comes first among them', () => {
    const sets = new ReplicaSets(ring((token) => holders.get(token) ?? []), 'k');
    expect([-500, -100, -99, 0, 1, 100, 101].map((token) => at(sets, token))).toEqual(
      ['n1 n2', 'n1 n2', 'n2 n3', 'n2 n3', 'n1 n2', 'n1 n2', 'n1 n2'],
    );
  });

  it('are one where every node holds everything, without a look at any token', () => {
    const everywhere = { ...ring(() => ['n1', 'n2', 'n3']), tokenOf: () => { throw new Error('needless'); } };
    const sets = new ReplicaSets(everywhere, 'k');
    expect(at(sets, 1)).toBe(at(sets, -1));
  });
});
