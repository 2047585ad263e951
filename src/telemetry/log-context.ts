import { AsyncLocalStorage } from 'node:async_hooks';

const context = new AsyncLocalStorage<object>();

/** Everything that `work` logs, however deep below, carries these fields too (with a logger of `createLogger`). */
export function withLogFields<T>(fields: object, work: () => T): T {
  return context.run({ ...context.getStore(), ...fields }, work);
}

/** The fields of the work that is being done. */
export function currentLogFields(): object {
  return context.getStore() ?? {};
}
