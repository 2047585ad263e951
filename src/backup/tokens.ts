/** Injection token of the clock. */
export const CLOCK = Symbol('Clock');

/** Injection token of the operator's named strategies (`StrategyConfig`). */
export const STRATEGY_CONFIG = Symbol('StrategyConfig');
