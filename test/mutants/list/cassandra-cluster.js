const rows = require('../rows');

const SECURED = 'test/e2e/cassandra-secured.e2e-spec.ts';
const CLUSTER = 'test/e2e/cassandra-cluster.e2e-spec.ts';

module.exports = [
  ...rows('src/tables/cassandra/options.ts', 'src/tables/cassandra/options.spec.ts', [
    ['cassandra-port', 'the nodes of a cluster are found at its port', 'Number(ports.find((port) => port !== undefined) ?? CASSANDRA_PORT)', 'CASSANDRA_PORT', 'at the port of'],
    ['cassandra-weak-consistency', 'tables are read and written by a quorum of the data centre', "options.consistency ?? 'LOCAL_QUORUM'", "options.consistency ?? 'LOCAL_ONE'", 'are a quorum'],
  ]),
  ...rows('src/tables/cassandra/connect-errors.ts', SECURED, [
    ['cassandra-password-untold', 'an operator is told that the password is wrong', 'reason instanceof errors.AuthenticationError', 'reason instanceof SyntaxError', 'a wrong password'],
    ['cassandra-certificate-untold', 'an operator is told that a certificate is not trusted', 'reasons.some(isAboutCertificates)', 'reasons.length === 0', 'authority that did not make'],
  ]),
  ...rows('src/gateway/tables.ts', SECURED, [
    ['cassandra-any-certificate', 'a stranger is not taken for the cluster', '{ rejectUnauthorized: true,', '{ rejectUnauthorized: false,', 'authority that did not make'],
    ['cassandra-no-login', 'the gateway logs in as it is told', '{ credentials: { username, password } }', '{}', 'backed up and restored'],
  ]),
  ...rows('src/tables/cassandra/session.ts', CLUSTER, [
    ['cassandra-first-node-only', 'jobs go on without the node that they were told of', 'port: options.port, ', '', 'loses a node'],
  ]),
];
