export { DEFAULT_ALIASES, DEFAULT_RULES, PolicyRule } from './default-rules';
export { Policy, RuleOverrides } from './policy';
export { PolicyFileWatch } from './policy-file-watch';
