import { readFileSync } from 'node:fs';
import { DomainError } from '../../kernel';
import { Identity } from '../identity';
import { DEFAULT_ALIASES, DEFAULT_RULES, PolicyRule } from './default-rules';
import { parseRule, referredRules, RuleExpression, ruleHolds, RuleSyntaxError } from './rule-expression';

/** Rules by name, in the spelling of a policy file. They replace the defaults of the same name. */
export type RuleOverrides = Readonly<Record<string, unknown>>;

/**
 * Who may do what. Rules say which roles a call needs inside a project; which projects a token reaches is no rule, since no
 * policy file should be able to open one project's backups to another.
 */
export class Policy {
  private rules: Rules;

  /**
   * @param adminProjectId the project whose admins reach every project; undefined: none does, only system-scoped admins do.
   * @throws Error naming the rule that cannot be read, refers to itself or to an unknown one, or that no call asks for.
   */
  constructor(
    overrides: RuleOverrides = {},
    private readonly adminProjectId?: string,
  ) {
    this.rules = readRules(overrides);
  }

  /** Reads a policy file: one JSON object of rules. @throws Error if it cannot be read or is no such object; see the constructor. */
  static fromFile(path: string, adminProjectId?: string): Policy {
    let text: string;
    try {
      text = readFileSync(path, 'utf8');
    } catch (error) {
      throw new Error(`Policy: the file ${path} cannot be read.`, { cause: error });
    }
    return new Policy(parseFile(text), adminProjectId);
  }

  /** Puts the rules of a policy file's text in the place of those before; if it throws (see the constructor), those before stay. */
  replaceRules(text: string): void {
    this.rules = readRules(parseFile(text));
  }

  /** Does the rule allow this identity? */
  allows(rule: PolicyRule, identity: Identity): boolean {
    return this.holds(rule, identity);
  }

  /** @throws DomainError `Forbidden` naming the rule, if it does not allow this identity. */
  enforce(rule: PolicyRule, identity: Identity): void {
    if (!this.holds(rule, identity))
      throw new DomainError('Forbidden', `The policy rule "${rule}" does not allow this with the roles of the token.`);
  }

  /** May this identity work in the project at all? In its own; and in all if it is an admin of the system or of the admin project. */
  reachesProject(projectId: string, identity: Identity): boolean {
    return identity.projectId === projectId || this.reachesEveryProject(identity);
  }

  /** Is this an admin of the whole deployment? */
  reachesEveryProject(identity: Identity): boolean {
    const everywhere =
      identity.systemScoped || (this.adminProjectId !== undefined && identity.projectId === this.adminProjectId);
    return everywhere && this.holds('admin', identity);
  }

  private holds(name: string, identity: Identity): boolean {
    const expression = this.rules.get(name);
    return expression !== undefined && ruleHolds(expression, identity, (referred) => this.holds(referred, identity));
  }
}

function parseFile(text: string): RuleOverrides {
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch (error) {
    throw new Error('Policy: the file cannot be read as JSON.', { cause: error });
  }
  if (typeof content !== 'object' || content === null || Array.isArray(content))
    throw new Error('Policy: the file must hold one JSON object.');
  return { ...content };
}

type Rules = ReadonlyMap<string, RuleExpression>;

function readRules(overrides: RuleOverrides): Rules {
  const rules = new Map<string, RuleExpression>();
  for (const [name, body] of Object.entries({ ...DEFAULT_ALIASES, ...DEFAULT_RULES, ...overrides })) {
    // A misspelt rule would otherwise leave the default in force, and nobody would know.
    if (name.includes(':') && !Object.hasOwn(DEFAULT_RULES, name))
      throw new Error(`Policy: no call asks for a rule "${name}".`);
    rules.set(name, parseNamed(name, body));
  }
  for (const name of rules.keys()) checkReferences(rules, name, []);
  return rules;
}

function checkReferences(rules: Rules, name: string, path: readonly string[]): void {
  const expression = rules.get(name);
  if (expression === undefined)
    throw new Error(`Policy: the rule "${path.at(-1)}" refers to "${name}", which does not exist.`);
  if (path.includes(name)) throw new Error(`Policy: the rule "${name}" refers to itself.`);
  for (const referred of referredRules(expression)) checkReferences(rules, referred, [...path, name]);
}

function parseNamed(name: string, body: unknown): RuleExpression {
  try {
    return parseRule(body);
  } catch (error) {
    if (error instanceof RuleSyntaxError)
      throw new Error(`Policy: the rule "${name}" cannot be read: ${error.message}.`, { cause: error });
    throw error;
  }
}
