/** The rules that calls ask for, with who may by default. docs/policy.md explains them. */
export const DEFAULT_RULES = {
  'backup:list': 'rule:viewer',
  'backup:describe': 'rule:viewer',
  'backup:create': 'rule:operator',
  'backup:update': 'rule:operator',
  'backup:delete': 'rule:operator',
  'backup:import': 'rule:operator',
  'backup:verify': 'rule:operator',
  'backup:location:external': 'rule:operator',
  'restore:list': 'rule:viewer',
  'restore:describe': 'rule:viewer',
  'restore:create': 'rule:operator',
  'restore:update': 'rule:operator',
  'restore:cancel': 'rule:operator',
  'restore:source': 'rule:operator',
  'restore:native:external': 'rule:admin',
  'metrics:read': 'role:magnetodb_monitor or (system_scope:all and rule:admin)',
  'notification:list': 'rule:admin',
  'notification:retry': 'rule:admin',
  'notification:discard': 'rule:admin',
  'settings:describe': 'rule:viewer',
  'settings:update': 'rule:operator',
  'mdb:create_table': '',
  'mdb:delete_table': '',
  'mdb:list_tables': '',
  'mdb:describe_table': '',
  'mdb:put_item': '',
  'mdb:get_item': '',
  'mdb:update_item': '',
  'mdb:delete_item': '',
  'mdb:batch_write_item': '',
  'mdb:batch_get_item': '',
  'mdb:query': '',
  'mdb:scan': '',
  'mdb:bulk_load': '',
  'mdb:monitor': '',
} as const;

/** A rule that a call may ask for. */
export type PolicyRule = keyof typeof DEFAULT_RULES;

/** Rules that others refer to; a file may redefine these too, and add its own. */
export const DEFAULT_ALIASES = {
  admin: 'role:admin',
  operator: 'role:member or role:magnetodb_backup or rule:admin',
  viewer: 'role:reader or rule:operator',
} as const;
