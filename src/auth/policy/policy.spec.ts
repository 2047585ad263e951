import fc from 'fast-check';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DomainError } from '../../kernel';
import { Identity } from '../identity';
import { DEFAULT_ALIASES, DEFAULT_RULES } from './default-rules';
import { Policy, RuleOverrides } from './policy';
import { parseRule, ruleHolds, RuleSyntaxError } from './rule-expression';

const ROLES = ['admin', 'member', 'reader', 'magnetodb_backup'];

function identity(roles: readonly string[], extra: Partial<Identity> = {}): Identity {
  return { userId: 'u', projectId: 'demo', roles, systemScoped: false, expiresAt: undefined, ...extra };
}

/** A rule's text beside what it means, said in another way than the parser's. */
interface Oracle {
  readonly text: string;
  readonly holds: (roles: ReadonlySet<string>) => boolean;
}

const word = (text: string): fc.Arbitrary<string> => fc.mixedCase(fc.constant(text));
const space = fc.constantFrom(' ', '  ', '\t', '\n ');

const { expression } = fc.letrec<{ expression: Oracle; alternatives: Oracle; conjunction: Oracle; operand: Oracle }>(
  (tie) => ({
    expression: tie('alternatives'),
    alternatives: fc.array(tie('conjunction'), { minLength: 1, maxLength: 3 }).chain((parts) =>
      fc.tuple(word('or'), space).map(([or, gap]) => ({
        text: parts.map((part) => part.text).join(`${gap}${or}${gap}`),
        holds: (roles) => parts.some((part) => part.holds(roles)),
      })),
    ),
    conjunction: fc.array(tie('operand'), { minLength: 1, maxLength: 3 }).chain((parts) =>
      fc.tuple(word('and'), space).map(([and, gap]) => ({
        text: parts.map((part) => part.text).join(`${gap}${and}${gap}`),
        holds: (roles) => parts.every((part) => part.holds(roles)),
      })),
    ),
    operand: fc.oneof(
      { maxDepth: 4, depthIdentifier: 'rule' },
      fc
        .constantFrom(...ROLES)
        .map((role) => ({ text: `role:${role}`, holds: (roles: ReadonlySet<string>) => roles.has(role) })),
      fc.constant({ text: '@', holds: () => true }),
      fc.constant({ text: '!', holds: () => false }),
      tie('alternatives').map((inner) => ({ text: `(${inner.text})`, holds: inner.holds })),
      fc.tuple(word('not'), tie('operand')).map(([not, inner]) => ({
        text: `${not} ${inner.text}`,
        holds: (roles: ReadonlySet<string>) => !inner.holds(roles),
      })),
    ),
  }),
);

const roleSets = fc.subarray(ROLES);
const judge = (body: unknown, roles: readonly string[]): boolean =>
  ruleHolds(parseRule(body), { roles, systemScoped: false }, () => false);

describe('rule language', () => {
  it('means what it says, for any rule and any roles', () => {
    fc.assert(
      fc.property(expression, roleSets, (rule, roles) => judge(rule.text, roles) === rule.holds(new Set(roles))),
    );
  });

  it('reads a list as alternatives of conjunctions', () => {
    const list = fc.array(fc.oneof(fc.constantFrom(...ROLES), fc.subarray(ROLES, { minLength: 1 })), {
      minLength: 1,
      maxLength: 4,
    });
    fc.assert(
      fc.property(list, roleSets, (alternatives, roles) => {
        const body = alternatives.map((each) =>
          typeof each === 'string' ? `role:${each}` : each.map((role) => `role:${role}`),
        );
        const expected = alternatives.some((each) => [each].flat().every((role) => roles.includes(role)));
        return judge(body, roles) === expected;
      }),
    );
  });

  it('refuses or reads any text, and never fails otherwise', () => {
    const pieces = fc
      .array(fc.constantFrom('role:a', 'rule:b', 'and', 'or', 'not', '(', ')', '@', '!', 'role:', ':', '%', 'x'), {
        maxLength: 8,
      })
      .map((list) => list.join(' '));
    fc.assert(
      fc.property(fc.oneof(fc.string(), pieces, fc.jsonValue()), (body) => {
        try {
          judge(body, []);
        } catch (error) {
          expect(error).toBeInstanceOf(RuleSyntaxError);
        }
      }),
    );
  });

  it.each([
    'role:a role:b',
    'role:a or',
    'and role:a',
    '(role:a',
    'role:a)',
    '()',
    'not',
    'or',
    'role:',
    'role',
    'project_id:%(project_id)s',
    'is_admin:True',
    'http://x/',
    'system_scope:some',
    [[]],
    [1],
    [['role:a', 1]],
    [['role:a or role:b']],
    5,
    null,
    {},
    true,
  ])('refuses %p', (body) => {
    expect(() => parseRule(body)).toThrow(RuleSyntaxError);
  });

  it('allows always what is empty, and reads the scope of the system', () => {
    expect(judge('', [])).toBe(true);
    expect(judge('  ', [])).toBe(true);
    expect(judge([], [])).toBe(true);
    expect(ruleHolds(parseRule('system_scope:all'), { roles: [], systemScoped: true }, () => false)).toBe(true);
    expect(judge('system_scope:all', ['admin'])).toBe(false);
  });

  it('compares roles without case, as a whole', () => {
    expect(judge('role:Admin', ['aDMIN'])).toBe(true);
    expect(judge('role:admin', ['administrator'])).toBe(false);
  });
});

describe('Policy', () => {
  it.each<[string, RuleOverrides, RegExp]>([
    ['a rule that no call asks for', { 'backup:craete': 'role:x' }, /"backup:craete"/],
    ['a rule that refers to an unknown one', { 'backup:create': 'rule:boss' }, /"boss"/],
    ['a rule that refers to itself', { admin: 'rule:operator' }, /refers to itself/],
    ['a rule that cannot be read', { 'backup:create': 'roles:x' }, /"backup:create".*roles:x/],
    ['a rule of a wrong type', { 'backup:create': 5 }, /"backup:create"/],
  ])('refuses %s at the start', (_title, rules, message) => {
    expect(() => new Policy(rules)).toThrow(message);
  });

  it('lets an operator take one right away, and add names of his own', () => {
    const policy = new Policy({ 'restore:source': 'rule:restorers', restorers: 'role:dr and not role:reader' });
    expect(policy.allows('restore:source', identity(['admin', 'member']))).toBe(false);
    expect(policy.allows('restore:source', identity(['dr']))).toBe(true);
    expect(policy.allows('restore:create', identity(['member']))).toBe(true);
  });

  it('names the rule when it refuses', () => {
    const call = (): void => new Policy().enforce('backup:create', identity(['reader']));
    expect(call).toThrow(DomainError);
    expect(call).toThrow(
      expect.objectContaining({ code: 'Forbidden', message: expect.stringContaining('"backup:create"') }),
    );
  });

  it('reads a file, MagnetoDB’s own spelling included, and says what is wrong with it', () => {
    const folder = mkdtempSync(join(tmpdir(), 'policy-'));
    try {
      const path = join(folder, 'policy.json');
      writeFileSync(
        path,
        JSON.stringify({
          context_is_admin: 'role:admin',
          admin: 'role:admin',
          default: '',
          'mdb:create_table': 'role:admin',
        }),
      );
      expect(Policy.fromFile(path).allows('mdb:create_table', identity(['member']))).toBe(false);
      writeFileSync(path, '[]');
      expect(() => Policy.fromFile(path)).toThrow('one JSON object');
      writeFileSync(path, '{');
      expect(() => Policy.fromFile(path)).toThrow('cannot be read');
      expect(() => Policy.fromFile(join(folder, 'absent'))).toThrow('cannot be read');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('has the defaults that its documentation shows', () => {
    const [, json = ''] =
      /```json\n([^]*?)```/.exec(readFileSync(join(__dirname, '../../../docs/policy.md'), 'utf8')) ?? [];
    expect(JSON.parse(json)).toEqual({ ...DEFAULT_ALIASES, ...DEFAULT_RULES });
  });

  it.each<[string, Identity, string | undefined, boolean]>([
    ['a member', identity(['member']), undefined, false],
    ['an admin of another project', identity(['admin']), 'ops', false],
    ['an admin, while there is no admin project', identity(['admin']), undefined, false],
    ['an admin of the admin project', identity(['admin'], { projectId: 'ops' }), 'ops', true],
    ['a member of the admin project', identity(['member'], { projectId: 'ops' }), 'ops', false],
    ['a system-scoped admin', identity(['admin'], { projectId: undefined, systemScoped: true }), undefined, true],
    ['a system-scoped reader', identity(['reader'], { projectId: undefined, systemScoped: true }), 'ops', false],
  ])('says whether %s reaches every project', (_title, who, adminProject, expected) => {
    const policy = new Policy({}, adminProject);
    expect(policy.reachesEveryProject(who)).toBe(expected);
    expect(policy.reachesProject('somebody-else', who)).toBe(expected);
    expect(policy.reachesProject(who.projectId ?? 'none', who)).toBe(expected || who.projectId !== undefined);
  });
});
