import { resolveOptions } from './options';

describe('options of tables in Cassandra', () => {
  it.each([
    [['a.example:9043', 'b.example'], 9043],
    [['a.example', '10.0.0.1:9044'], 9044],
    [['[::1]:9045'], 9045],
    [['a.example'], 9042],
    [['2001:db8::1'], 9042],
  ])('ask the nodes that are found at the port of %j', (contactPoints, port) => {
    expect(resolveOptions({ contactPoints, dataCenter: 'dc1' }).port).toBe(port);
  });

  it('are a quorum of three copies in the data centre, if nothing else is said', () => {
    const { consistency, replication } = resolveOptions({ contactPoints: ['a.example'], dataCenter: 'dc1' });
    expect({ consistency, replication }).toEqual({ consistency: 'LOCAL_QUORUM', replication: { class: 'NetworkTopologyStrategy', dc1: 3 } });
  });
});
