import { BaseUrlOptions } from '../../index';
import { Clock, DEFAULT_MAX_ITEM_BYTES, systemClock } from '../../kernel';

/** Settings of the data API. */
export interface DataApiOptions {
  /** Largest item, in bytes of wire JSON (a line of a bulk load too). Default 1 MiB. */
  readonly maxItemBytes?: number;
  /** How absolute links are made. Default: from the request's Host. */
  readonly baseUrl?: BaseUrlOptions;
  /** What a time to live counts from. Default: the system's clock. */
  readonly clock?: Clock;
}

export type ResolvedDataApiOptions = Required<DataApiOptions>;

export const DATA_API_OPTIONS = Symbol('DataApiOptions');

export function resolveDataApiOptions(options: DataApiOptions = {}): ResolvedDataApiOptions {
  return {
    maxItemBytes: options.maxItemBytes ?? DEFAULT_MAX_ITEM_BYTES,
    baseUrl: options.baseUrl ?? {},
    clock: options.clock ?? systemClock,
  };
}
