import { canonicalItem } from './item-codec';
import { Item } from './model';

/** Largest item, in bytes of its wire JSON, unless a deployment sets another limit. */
export const DEFAULT_MAX_ITEM_BYTES = 1024 * 1024;

/** Bytes of the item's wire JSON in UTF-8, canonical (so neither white space nor an escape's spelling matters). */
export function itemWireSize(item: Item): number {
  return canonicalItem(item).length;
}
