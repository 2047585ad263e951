import { cassandraHarness } from '../../../test/contract/table-backend/cassandra-harness';
import { describeTableBackendContract } from '../../../test/contract/table-backend.contract';
import { cassandraIsThere, startCassandra } from '../../../test/setup/cassandra-service';

const makeHarness = async () => {
  const { contactPoint, dataCenter } = await startCassandra();
  return cassandraHarness({ contactPoints: [contactPoint], dataCenter });
};

if (cassandraIsThere('the tables port')) describeTableBackendContract('Cassandra', makeHarness);
else it.skip('Cassandra: tables port', () => undefined);
