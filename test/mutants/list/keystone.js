const rows = require('../rows');

const REAL = 'test/e2e/keystone.e2e-spec.ts';
const OUTAGE = 'test/e2e/keystone-outage.e2e-spec.ts';
const CLI = 'src/cli/openstack/cloud.spec.ts';
const CLI_REAL = 'test/e2e/keystone-cli.e2e-spec.ts';
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
  ...rows('src/cli/openstack/cloud.ts', CLI, [
    ['cli-domain-forgotten', 'users and projects are of the domain that is named', "{ name: called } : { id: id ?? ", "{ id: called } : { id: id ?? ", 'says domains by name'],
    ['cli-credential-scoped', 'an application credential says itself what it is for', "application_credential: { ...which, secret } } } };", "application_credential: { ...which, secret } }, ...scope } };", 'says an application credential'],
    ['cli-version-2', 'version 2 of the identity API is refused', 'if (/\\/v2(\\.\\d+)?$/.test(path))', "if (path === '/v2')", 'version 2'],
    ['cli-auth-url-in-an-error', 'no secret is printed', "must look like https://host:5000/v3`);", "must look like https://host:5000/v3, not ${given}`);", 'is refused with'],
  ]),
  ...rows('src/cli/openstack/clouds-file.ts', CLI, [
    ['cli-secure-yaml', 'secure.yaml is read over clouds.yaml', '...flat(secret ?? {}) }', '}', 'secure.yaml over it'],
    ['cli-yaml-numbers', 'a password of digits stays what it is', 'const SCHEMA = FAILSAFE_SCHEMA.withTags(mergeTag);', 'const SCHEMA = undefined;', 'secure.yaml over it'],
    ['cli-yaml-in-an-error', 'an error shows nothing of the file', 'throw usageError(`${path} is no YAML${line}`);', 'throw usageError(`${path} is no YAML${line}: ${String(error)}`);', 'is no YAML'],
    ['cli-search-path', 'clouds.yaml is looked for where other clients look', "[cwd, ...user.map((folder) => join(folder, 'openstack'))", "[...user.map((folder) => join(folder, 'openstack')), cwd", 'is looked for'],
  ]),
  ...rows('src/cli/openstack/keystone.ts', CLI, [
    ['cli-any-region', 'among several regions one has to be named', 'if (urls.size > 1)', 'if (urls.size > 9)', 'leads to no'],
    ['cli-any-interface', 'the endpoint is of the interface that is asked for', '&& endpoint.interface === face', '', 'The catalogue'],
  ]),
  ...rows('src/cli/access.ts', CLI_REAL, [
    ['cli-mixed-clouds', 'of who logs in, nothing of another cloud is mixed in', '...(Object.fromEntries(around) as CloudValues), ...(await readCloud(name, call.io)), ...asked', '...(await readCloud(name, call.io)), ...variables, ...asked', 'alike'],
    ['cli-ca-ignored', 'OS_CACERT says whose certificates are believed in', "return { ca: await readFile(resolve(call.io.cwd, caFile), 'utf8'), insecure };", 'return { insecure };', 'believes in the certificates'],
  ]),
  ...rows('src/cli/api-connection.ts', CLI_REAL, [
    ['cli-no-second-login', 'a token that ends in the middle is renewed', 'response.status === 401 && access.renewable', "response.status === 499 && access.renewable", 'logs in again'],
  ]),
  ...rows('src/cli/http-call.ts', CLI_REAL, [
    ['cli-any-certificate', 'certificates are checked', 'trust.insecure !== true', 'false', 'believes in the certificates'],
  ]),
  ...rows('src/auth/keystone/keystone-options.ts', UNIT, [
    ['keystone-both-users', 'a service user is said in one way', '[username, password, projectName].some((given) => given !== undefined)', '[username, password, projectName].every((given) => given === null)', 'refuses a wrong applicationCredential at'],
  ]),
];
