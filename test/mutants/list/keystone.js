const rows = require('../rows');

const REAL = 'test/e2e/keystone.e2e-spec.ts';
const OUTAGE = 'test/e2e/keystone-outage.e2e-spec.ts';
const UNIT = 'src/auth/keystone/keystone-token-validator.spec.ts';

module.exports = [
  ...rows('src/auth/keystone/keystone-client.ts', UNIT, [
    ['keystone-clock-ignored', 'clocks may be minutes apart', 'expiresAt: millis - aheadMs,', 'expiresAt: millis,', 'clock is'],
    ['keystone-clock-the-least', 'no token is believed beyond its end by Keystone’s clock', '? most : 0;', '? most - 2000 : 0;', 'not beyond'],
    ['cut-connection-is-an-outage', 'a connection that is cut is no outage', '(wasCut(error) ? ask() : Promise.reject(error))', 'Promise.reject(error)', 'asks once more'],
  ]),
  ...rows('src/auth/keystone/keystone-client.ts', REAL, [
    ['real-clock-ignored', 'clocks may be minutes apart, with a real Keystone', 'expiresAt: millis - aheadMs,', 'expiresAt: millis,', 'judged alike'],
    ['real-own-token-kept', 'its own token is renewed once a real Keystone refuses it', 'this.refused = own;', 'attempt += 1;', 'renewed'],
    ['real-revoked-is-an-outage', 'what a real Keystone knows no more is 401', "if (response.status === 404) return undefined;", '', 'not longer'],
  ]),
  ...rows('src/auth/keystone/keystone-token-validator.ts', REAL, [
    ['real-domain-token', 'a token for a domain opens nothing', 'if (described.projectId === undefined && !described.systemScoped) {', 'if (described.roles.length === 0) {', 'for no project'],
    ['real-credential-outlived', 'no token outlives its application credential', 'Math.min(asked + this.options.cacheSeconds * 1000, described.expiresAt)', 'asked + this.options.cacheSeconds * 1000', 'end with it'],
  ]),
  ...rows('src/auth/keystone/keystone-token-validator.ts', OUTAGE, [
    ['outage-lets-in', 'while Keystone is away nobody is believed beyond the cache', 'this.clock.now() < cached.until', 'this.clock.now() <= cached.until + 5_000', 'come back'],
  ]),
  ...rows('src/auth/policy/default-rules.ts', REAL, [
    ['real-reader-operates', 'real users with the role reader only read', "operator: 'role:member or", "operator: 'role:reader or role:member or", 'a reader, towards'],
    ['real-operator-is-nobody', 'the role magnetodb_backup operates backups', "'role:member or role:magnetodb_backup or rule:admin'", "'role:member or rule:admin'", 'a backup operator'],
  ]),
  ...rows('src/auth/keystone-auth.guard.ts', REAL, [
    ['real-other-projects', 'real users reach no other project', "    this.checkProject(request.params?.['project_id'], identity, context);\n", '', 'a member, towards the project other'],
  ]),
];
