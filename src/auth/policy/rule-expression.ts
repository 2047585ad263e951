/** The body of a policy rule: what of OpenStack's policy language (oslo.policy) is supported, as a tree. */
export type RuleExpression =
  | { readonly kind: 'always' }
  | { readonly kind: 'never' }
  | { readonly kind: 'role'; readonly role: string }
  | { readonly kind: 'system' }
  | { readonly kind: 'rule'; readonly name: string }
  | { readonly kind: 'not'; readonly operand: RuleExpression }
  | { readonly kind: 'and' | 'or'; readonly operands: readonly RuleExpression[] };

/** What a rule is judged by. */
export interface RuleSubject {
  readonly roles: readonly string[];
  readonly systemScoped: boolean;
}

/** A rule that cannot be read: its message says where and why. */
export class RuleSyntaxError extends Error {}

/**
 * Reads a rule's body: a text (`role:a or not (rule:b and role:c)`, `@` always, `!` never, empty always) or, in the older
 * spelling, a list whose entries are alternatives, each a check or a list of checks that must all hold.
 *
 * @throws RuleSyntaxError for anything else.
 */
export function parseRule(body: unknown): RuleExpression {
  if (typeof body === 'string') return new TextRuleParser(body).parse();
  if (!Array.isArray(body)) throw new RuleSyntaxError('a rule is a text or a list');
  if (body.length === 0) return { kind: 'always' };
  return combined('or', body.map(parseAlternative));
}

function parseAlternative(entry: unknown): RuleExpression {
  const checks: unknown[] = Array.isArray(entry) ? entry : [entry];
  if (checks.length === 0) throw new RuleSyntaxError('an empty list inside a list');
  return combined(
    'and',
    checks.map((check) => {
      if (typeof check !== 'string') throw new RuleSyntaxError('a list holds checks, or lists of checks');
      return parseCheck(check.trim());
    }),
  );
}

/** Does the rule hold? `ruleHolds` answers for the rules that it refers to. Names of roles are compared without case, as oslo.policy does. */
export function ruleHolds(
  expression: RuleExpression,
  subject: RuleSubject,
  namedRuleHolds: (name: string) => boolean,
): boolean {
  const holds = (each: RuleExpression): boolean => ruleHolds(each, subject, namedRuleHolds);
  switch (expression.kind) {
    case 'always':
      return true;
    case 'never':
      return false;
    case 'role':
      return subject.roles.some((role) => role.toLowerCase() === expression.role);
    case 'system':
      return subject.systemScoped;
    case 'rule':
      return namedRuleHolds(expression.name);
    case 'not':
      return !holds(expression.operand);
    case 'and':
      return expression.operands.every(holds);
    case 'or':
      return expression.operands.some(holds);
  }
}

/** The names of the rules that an expression refers to. */
export function referredRules(expression: RuleExpression): string[] {
  switch (expression.kind) {
    case 'rule':
      return [expression.name];
    case 'not':
      return referredRules(expression.operand);
    case 'and':
    case 'or':
      return expression.operands.flatMap(referredRules);
    default:
      return [];
  }
}

/** `or` binds weakest, then `and`, then `not`. Words are read without case. */
class TextRuleParser {
  private readonly tokens: string[];
  private position = 0;

  constructor(text: string) {
    this.tokens = text.match(/[()]|[^\s()]+/g) ?? [];
  }

  parse(): RuleExpression {
    if (this.tokens.length === 0) return { kind: 'always' };
    const expression = this.alternatives();
    const rest = this.tokens[this.position];
    if (rest !== undefined) throw new RuleSyntaxError(`"and" or "or" expected before ${JSON.stringify(rest)}`);
    return expression;
  }

  private alternatives(): RuleExpression {
    const operands = [this.conjunction()];
    while (this.accept('or')) operands.push(this.conjunction());
    return combined('or', operands);
  }

  private conjunction(): RuleExpression {
    const operands = [this.operand()];
    while (this.accept('and')) operands.push(this.operand());
    return combined('and', operands);
  }

  private operand(): RuleExpression {
    if (this.accept('not')) return { kind: 'not', operand: this.operand() };
    if (this.accept('(')) {
      const inner = this.alternatives();
      if (!this.accept(')')) throw new RuleSyntaxError('a ")" is missing');
      return inner;
    }
    const token = this.tokens[this.position++];
    if (token === undefined) throw new RuleSyntaxError('it ends where a check is expected');
    return parseCheck(token);
  }

  private accept(word: string): boolean {
    if (this.tokens[this.position]?.toLowerCase() !== word) return false;
    this.position++;
    return true;
  }
}

function parseCheck(check: string): RuleExpression {
  if (check === '@') return { kind: 'always' };
  if (check === '!') return { kind: 'never' };
  const [, kind, argument] = /^(role|rule|system_scope):([^\s()%]+)$/.exec(check) ?? [];
  if (kind === 'role' && argument !== undefined) return { kind: 'role', role: argument.toLowerCase() };
  if (kind === 'rule' && argument !== undefined) return { kind: 'rule', name: argument };
  if (kind === 'system_scope' && argument === 'all') return { kind: 'system' };
  throw new RuleSyntaxError(
    `unknown check ${JSON.stringify(check)}: known are role:NAME, rule:NAME, system_scope:all, @ and !`,
  );
}

function combined(kind: 'and' | 'or', operands: readonly RuleExpression[]): RuleExpression {
  const [only] = operands;
  return operands.length === 1 && only !== undefined ? only : { kind, operands };
}
