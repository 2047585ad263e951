import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { Client } from 'cassandra-driver';
import { cassandraIsThere, nodeEnvironment, startCassandra } from './cassandra-service';

const describeOnCassandra = cassandraIsThere('a node of the tests') ? describe : describe.skip;

describeOnCassandra('the node of the tests', () => {
  it('answers, and is the same for everybody', async () => {
    const node = await startCassandra();
    const start = join(__dirname, '../services/cassandra/start.sh');
    expect(node.contactPoint).toBe(`127.0.0.1:${execFileSync(start, { encoding: 'utf8', env: nodeEnvironment() }).trim()}`);
    const client = new Client({ contactPoints: [node.contactPoint], localDataCenter: node.dataCenter });
    const { rows } = await client.execute('SELECT release_version FROM system.local');
    await client.shutdown();
    expect(rows[0]?.get('release_version')).toMatch(/^5\.0\./);
  }, 300_000);
});
