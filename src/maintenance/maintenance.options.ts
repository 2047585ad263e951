import type { ExecutionContext } from '@nestjs/common';
import type { TableRef } from '../kernel';

/**
 * The tables that a call of the host reads, writes or drops, batches and bulk loads included; none if it touches none. It is asked of every
 * call, behind the guards and before the handler; what it throws is the call's error.
 */
export type ResolveTables = (context: ExecutionContext) => readonly TableRef[] | Promise<readonly TableRef[]>;

export interface MaintenanceOptions {
  /** Left out: no call is looked at. */
  readonly resolveTables?: ResolveTables;
}

/** Injection token of the options. */
export const MAINTENANCE_OPTIONS = Symbol('MaintenanceOptions');
