import { Quotas } from '../kernel';
import { KeystoneOptions, KeystoneTokenValidator } from './keystone';
import { Policy, RuleOverrides } from './policy';
import { StaticTokenValidator } from './static';
import { TokenValidator } from './token-validator';

/** Who judges tokens: Keystone, a list of development tokens (refused in production), or a validator that the host brings. */
export type TokenAuthority =
  | { readonly kind: 'keystone'; readonly keystone: KeystoneOptions }
  | {
      readonly kind: 'static';
      /** `token=project:role,role;token=project:role` */
      readonly tokens: string;
    }
  | { readonly kind: 'validator'; readonly validator: TokenValidator };

export interface AuthOptions {
  readonly authority: TokenAuthority;
  /** The project whose admins reach every project. Default: none; system-scoped admins always do. */
  readonly adminProjectId?: string;
  /** A JSON file of rules that replace the defaults (docs/policy.md); read again when it changes. */
  readonly policyFile?: string;
  /** The same, from code; not together with a file. */
  readonly policyRules?: RuleOverrides;
  /** How often a project may call. Default: as often as it likes. */
  readonly quotas?: Quotas;
}

export function makeTokenValidator(authority: TokenAuthority): TokenValidator {
  switch (authority.kind) {
    case 'keystone':
      return new KeystoneTokenValidator(authority.keystone);
    case 'static':
      return new StaticTokenValidator(authority.tokens);
    case 'validator':
      return authority.validator;
  }
}

export function makePolicy({ adminProjectId, policyFile, policyRules }: AuthOptions): Policy {
  if (policyFile === undefined) return new Policy(policyRules, adminProjectId);
  if (policyRules !== undefined) throw new Error('Policy: give rules in a file or in code, not both.');
  return Policy.fromFile(policyFile, adminProjectId);
}
