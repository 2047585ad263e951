const rows = require('../rows');

const E2E = 'test/e2e/auth.e2e-spec.ts';

module.exports = [
  ...rows('src/auth/request-token.ts', E2E, [
    ['token-in-the-query', 'a token in the query is refused', 'holdsAccessToken(request.query) || ', '', 'refuses a token in the query'],
    ['token-in-the-body', 'a token in the body is refused', ' || holdsAccessToken(request.body)', '', 'refuses a token in the body'],
    ['two-different-tokens', 'two different tokens are refused', "if (tokens.size > 1) throw new DomainError('Unauthorized', 'Two different tokens were given.');", '', 'headers: '],
    ['malformed-token', 'a malformed token is refused before anybody is asked', 'if (!TOKEN.test(token)) throw malformed();', '', 'headers: '],
    ['first-header-only', 'every token header counts', 'if (raw === undefined) {', 'if (raw !== null) {', 'repeated headers'],
    ['bearer-not-taken', 'both headers are taken', "if (name !== 'authorization' || ", "if (name !== 'x-authorization' || ", 'headers: '],
  ]),
  ...rows('src/auth/keystone-auth.guard.ts', E2E, [
    ['project-not-checked', 'the URL’s project must be the token’s', "    this.checkProject(request.params?.['project_id'], identity, context);\n", '', 'a token for'],
    ['policy-not-asked', 'the policy is asked', '    this.policy.enforce(rule, identity);\n', '', 'a token for'],
    ['forgotten-rule', 'a call without a rule is refused', "if (rule === undefined) throw new DomainError('Forbidden', 'No policy rule opens this call.');", 'if (rule === undefined) return true;', 'whose rule was forgotten'],
    ['all-projects-shown', 'only admins of the deployment see all projects', ' && !this.policy.reachesEveryProject(identity)', ' && identity.roles.length > 99', 'shows all projects only'],
    ['project-as-a-trick', 'a project id is no path', 'if (!PROJECT_ID_PATTERN.test(projectId)) throw', "if (projectId === '') throw", 'lets nobody pass with the project'],
  ]),
  ...rows('src/auth/bearer-token.strategy.ts', E2E, [
    ['validators-shared', 'applications in one process are apart', '`magnetodb-${randomUUID()}`', "'magnetodb'", 'keeps two applications in one process apart'],
  ]),
  ...rows('src/auth/policy/policy.ts', 'src/auth/policy/policy.spec.ts', [
    ['admin-of-any-project', 'an admin reaches his own project only', 'return everywhere && ', 'return ', 'reaches every project'],
    ['member-of-the-system', 'only admins reach every project', "return everywhere && this.holds('admin', identity);", 'return everywhere;', 'reaches every project'],
    ['misspelt-rule', 'a rule that no call asks for is refused at the start', "if (name.includes(':') && !Object.hasOwn(DEFAULT_RULES, name))", "if (name === ':')", 'at the start'],
    ['rule-in-circles', 'a rule that refers to itself is refused at the start', 'if (path.includes(name)) throw new Error(`Policy: the rule "${name}" refers to itself.`);', 'if (path.includes(name)) return;', 'at the start'],
  ]),
  ...rows('src/auth/policy/rule-expression.ts', 'src/auth/policy/policy.spec.ts', [
    ['and-as-or', '`and` binds stronger than `or`', 'return expression.operands.every(holds);', 'return expression.operands.some(holds);', 'means what it says'],
    ['role-by-case', 'roles are compared without case', 'role.toLowerCase() === expression.role', 'role === expression.role', 'compares roles without case'],
  ]),
  ...rows('src/auth/policy/default-rules.ts', E2E, [
    ['reader-restores', 'readers read only', "'restore:create': 'rule:operator'", "'restore:create': 'rule:viewer'", 'every rule'],
    ['reader-imports', 'readers read only', "'backup:import': 'rule:operator'", "'backup:import': 'rule:viewer'", 'every rule'],
  ]),
  ...rows('src/auth/static/static-token-validator.ts', 'src/auth/static/static-token-validator.spec.ts', [
    ['static-tokens-in-production', 'development tokens are refused in production', "if (environment === 'production')", "if (environment === 'PRODUCTION')", 'is refused in production'],
    ['static-token-in-an-error', 'errors name no token', '`Development token ${index + 1} is malformed', '`Development token ${entry} is malformed', 'without repeating the token'],
  ]),
  ...rows('src/auth/keystone/keystone-token-validator.ts', 'src/auth/keystone/keystone-token-validator.spec.ts', [
    ['token-cached-beyond-its-end', 'no token is believed beyond its end', 'Math.min(asked + this.options.cacheSeconds * 1000, described.expiresAt)', 'asked + this.options.cacheSeconds * 1000', 'beyond its own end'],
    ['token-cached-for-ever', 'a revocation is noticed', ' && this.clock.now() < cached.until', '', 'then notices a revocation'],
    ['tokens-without-bound', 'remembered tokens are bounded', 'if (this.cache.size <= this.options.maxCachedTokens) break;', 'break;', 'remembers no more tokens'],
    ['unscoped-token', 'an unscoped token opens nothing', 'if (described.projectId === undefined && !described.systemScoped) {', "if (described.projectId === '') {", 'refuses a token'],
    ['asked-for-each-request', 'requests at once ask once', 'if (pending !== undefined) return pending;', '', 'asks once for a token'],
  ]),
  ...rows('src/auth/keystone/keystone-client.ts', 'src/auth/keystone/keystone-token-validator.spec.ts', [
    ['own-token-not-renewed', 'a refused token of its own is renewed', 'known !== this.refused && ', '', 'logs in anew'],
    ['outage-as-401', 'an outage is 503, never 401', "if (response.status === 404) return undefined;", 'if (response.status !== 401) return undefined;', 'answers 503'],
    ['redirect-with-tokens', 'tokens follow no redirect', "redirect: 'manual', ", '', 'answers 503|redirect'],
  ]),
];
