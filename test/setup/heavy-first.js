const { join } = require('node:path');
const Sequencer = require('@jest/test-sequencer').default;

/**
 * The files that take longest, the longest first. A machine of continuous integration has no memory of earlier runs, and would begin with the
 * files of most bytes: one of minutes would then be last, with nothing beside it.
 */
const HEAVY = [
  'test/crash/random-kills.spec.ts',
  'src/tables/cassandra/cassandra-table-backend.spec.ts',
  'test/crash/named-points.spec.ts',
  'test/e2e/cassandra-cluster.e2e-spec.ts',
  'test/e2e/cassandra-restores.e2e-spec.ts',
  'test/e2e/console.e2e-spec.ts',
  'test/e2e/swift.e2e-spec.ts',
  'test/e2e/jobs-crash.e2e-spec.ts',
  'test/e2e/stack.e2e-spec.ts',
  'test/e2e/amqp.e2e-spec.ts',
  'test/e2e/swagger.e2e-spec.ts',
  'test/e2e/management-deletion.e2e-spec.ts',
  'test/e2e/gateway-process.e2e-spec.ts',
  'test/e2e/management-jobs.e2e-spec.ts',
  'test/crash/outbox.spec.ts',
  'src/tables/postgres/postgres-table-backend.spec.ts',
  'test/e2e/native-backups.e2e-spec.ts',
  'test/e2e/maintenance-processes.e2e-spec.ts',
  'test/e2e/external.e2e-spec.ts',
  'test/e2e/watch-jobs.e2e-spec.ts',
];

class HeavyFirst extends Sequencer {
  sort(tests) {
    const place = new Map(HEAVY.map((file, index) => [join(__dirname, '../..', file), index]));
    const of = ({ path }) => place.get(path) ?? HEAVY.length;
    return super.sort(tests).sort((a, b) => of(a) - of(b));
  }
}

module.exports = HeavyFirst;
