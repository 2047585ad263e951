import { AsyncLocalStorage } from 'node:async_hooks';
import type { Secret } from '../kernel';

const tokens = new AsyncLocalStorage<Secret>();

/** Within `work`, and all that it awaits, the own store may be asked with the caller's token where users are acted for. */
export function withCallerToken<T>(token: Secret, work: () => T): T {
  return tokens.run(token, work);
}

/** The token of the call that is being answered; undefined outside of calls. */
export function callerToken(): Secret | undefined {
  return tokens.getStore();
}
