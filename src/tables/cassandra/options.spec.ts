import { loadSettings } from '../../gateway/setting';
import { GatewaySettings } from '../../gateway/settings';
import { cassandraOptions } from '../../gateway/tables';
import { resolveOptions } from './options';
import { Session } from './session';

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

  it('say how long a node may take to let a connection in, which reaches the lane, too', async () => {
    const env = { TABLES_BACKEND: 'cassandra', CASSANDRA_CONTACT_POINTS: 'a.example', CASSANDRA_CONNECT_SECONDS: '7' };
    const session = new Session(resolveOptions(await cassandraOptions(loadSettings(GatewaySettings, env))));
    expect(session.laneOptions.connectMillis).toBe(7000);
    expect(new Session(resolveOptions({ contactPoints: ['a.example'], dataCenter: 'dc1' })).laneOptions.connectMillis).toBe(5000);
  });

  it('are a quorum of three copies in the data centre, if nothing else is said', () => {
    const { consistency, replication } = resolveOptions({ contactPoints: ['a.example'], dataCenter: 'dc1' });
    expect({ consistency, replication }).toEqual({ consistency: 'LOCAL_QUORUM', replication: { class: 'NetworkTopologyStrategy', dc1: 3 } });
  });
});
