import { AttributeValue } from './model';

/** `expected` of a write: each named attribute must equal the value, or exist, or not exist. */
export type ExpectedCondition =
  | { readonly kind: 'equals'; readonly value: AttributeValue }
  | { readonly kind: 'exists' }
  | { readonly kind: 'absent' };
export type Expected = ReadonlyMap<string, ExpectedCondition>;

export type ComparisonOperator =
  | 'EQ'
  | 'NE'
  | 'LT'
  | 'LE'
  | 'GT'
  | 'GE'
  | 'BETWEEN'
  | 'BEGINS_WITH'
  | 'IN'
  | 'CONTAINS'
  | 'NOT_CONTAINS'
  | 'NULL'
  | 'NOT_NULL';

/** A condition on one attribute: of `scan_filter`, or (EQ, LT, LE, GT, GE, BETWEEN, BEGINS_WITH only) of `key_conditions`. */
export interface AttributeCondition {
  readonly operator: ComparisonOperator;
  readonly values: readonly AttributeValue[];
}
export type Filter = ReadonlyMap<string, AttributeCondition>;

/** `attribute_updates` of update_item. DELETE with a value removes members from a set; without, the attribute. */
export type AttributeUpdate =
  | { readonly action: 'PUT'; readonly value: AttributeValue }
  | { readonly action: 'ADD'; readonly value: AttributeValue }
  | { readonly action: 'DELETE'; readonly value?: AttributeValue };
export type AttributeUpdates = ReadonlyMap<string, AttributeUpdate>;
