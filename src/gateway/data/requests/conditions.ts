import {
  AttributeCondition,
  AttributeUpdate,
  AttributeUpdates,
  AttributeValue,
  ComparisonOperator,
  Expected,
  ExpectedCondition,
  Filter,
  parseAttributeValue,
  validationError,
} from '../../../kernel';
import { anyObject, optional, quoted, readArray, readAttributeName, readBoolean, readObject, readOneOf } from './body';

/** What an operator takes: how many values, and whether collections are among them. */
interface OperatorRule {
  readonly min: number;
  readonly max: number;
  readonly scalarsOnly: boolean;
}

const ONE_SCALAR: OperatorRule = { min: 1, max: 1, scalarsOnly: true };
const ONE_VALUE: OperatorRule = { min: 1, max: 1, scalarsOnly: false };
const NO_VALUE: OperatorRule = { min: 0, max: 0, scalarsOnly: true };

const RULES: Record<ComparisonOperator, OperatorRule> = {
  EQ: ONE_VALUE,
  NE: ONE_VALUE,
  LT: ONE_SCALAR,
  LE: ONE_SCALAR,
  GT: ONE_SCALAR,
  GE: ONE_SCALAR,
  BETWEEN: { min: 2, max: 2, scalarsOnly: true },
  BEGINS_WITH: ONE_SCALAR,
  IN: { min: 1, max: 1000, scalarsOnly: true },
  CONTAINS: ONE_SCALAR,
  NOT_CONTAINS: ONE_SCALAR,
  NULL: NO_VALUE,
  NOT_NULL: NO_VALUE,
};

const FILTER_OPERATORS = Object.keys(RULES) as ComparisonOperator[];

/** The operators that `key_conditions` know. */
export const KEY_OPERATORS: readonly ComparisonOperator[] = ['EQ', 'LT', 'LE', 'GT', 'GE', 'BETWEEN', 'BEGINS_WITH'];

/** `expected`: for each attribute either `value` or `exists`. */
export function readExpected(json: unknown): Expected | undefined {
  return optional(json, (given) => {
    const expected = new Map<string, ExpectedCondition>();
    for (const [name, condition] of Object.entries(anyObject(given, 'expected'))) {
      expected.set(readAttributeName(name, 'expected'), readExpectedCondition(condition, `expected.${name}`));
    }
    return expected;
  });
}

function readExpectedCondition(json: unknown, where: string): ExpectedCondition {
  const condition = readObject(json, where, ['value', 'exists']);
  if (Object.keys(condition).length !== 1) throw validationError(`${where} must hold either value or exists`);
  if ('value' in condition) return { kind: 'equals', value: parseAttributeValue(condition.value, `${where}.value`) };
  return { kind: readBoolean(condition.exists, `${where}.exists`) ? 'exists' : 'absent' };
}

/** `scan_filter`: attribute → condition, any operator. */
export function readFilter(json: unknown, where = 'scan_filter'): Filter | undefined {
  return optional(json, (given) => readConditions(given, where, FILTER_OPERATORS));
}

/** `key_conditions`; whether they fit the table's keys is judged once its structure is known. */
export function readKeyConditions(json: unknown): Filter {
  const conditions = readConditions(json, 'key_conditions', KEY_OPERATORS);
  for (const [name, { operator, values }] of conditions) {
    // All of them compare keys, and keys are scalars: EQ too.
    if (values.some(isCollection)) throw validationError(`key_conditions.${name}: ${operator} takes scalars only`);
  }
  return conditions;
}

function readConditions(json: unknown, where: string, operators: readonly ComparisonOperator[]): Filter {
  const conditions = new Map<string, AttributeCondition>();
  for (const [name, condition] of Object.entries(anyObject(json, where))) {
    conditions.set(readAttributeName(name, where), readCondition(condition, `${where}.${name}`, operators));
  }
  return conditions;
}

function readCondition(json: unknown, where: string, operators: readonly ComparisonOperator[]): AttributeCondition {
  const body = readObject(json, where, ['attribute_value_list', 'comparison_operator']);
  const operator = readOneOf(body.comparison_operator, `${where}.comparison_operator`, operators);
  const list = optional(body.attribute_value_list, (given) => readArray(given, `${where}.attribute_value_list`)) ?? [];
  const rule = RULES[operator];
  if (list.length < rule.min || list.length > rule.max) {
    const wanted = rule.min === rule.max ? `exactly ${rule.min}` : `${rule.min} to ${rule.max}`;
    throw validationError(`${where}: ${operator} takes ${wanted} values, but ${list.length} were given`);
  }
  const values = list.map((value, index) => parseAttributeValue(value, `${where}.attribute_value_list[${index}]`));
  if (rule.scalarsOnly && values.some(isCollection)) throw validationError(`${where}: ${operator} takes scalars only`);
  if (operator === 'BETWEEN' && values[0]?.type !== values[1]?.type)
    throw validationError(`${where}: BETWEEN takes two values of one type`);
  if (operator === 'BEGINS_WITH' && values[0]?.type === 'N')
    throw validationError(`${where}: BEGINS_WITH takes S or B, not N`);
  return { operator, values };
}

function isCollection(value: AttributeValue): boolean {
  return value.type.length > 1;
}

/** `attribute_updates` of update_item: PUT and ADD need a value, DELETE may have one. */
export function readAttributeUpdates(json: unknown): AttributeUpdates {
  const updates = new Map<string, AttributeUpdate>();
  for (const [name, update] of Object.entries(anyObject(json, 'attribute_updates'))) {
    updates.set(readAttributeName(name, 'attribute_updates'), readUpdate(update, `attribute_updates.${name}`));
  }
  return updates;
}

function readUpdate(json: unknown, where: string): AttributeUpdate {
  const body = readObject(json, where, ['action', 'value']);
  const action = readOneOf(body.action, `${where}.action`, ['PUT', 'ADD', 'DELETE']);
  const value = optional(body.value, (given) => parseAttributeValue(given, `${where}.value`));
  if (action === 'DELETE') return value === undefined ? { action } : { action, value };
  if (value === undefined) throw validationError(`${where}: ${action} needs a value, as in ${quoted('{"S": "text"}')}`);
  return { action, value };
}
