export * from './bounded-json';
export * from './clock';
export * from './connect-timeout';
export * from './errors';
export * from './expressions';
export * from './ids';
export * from './item-block';
export {
  ParseOptions,
  bucketOf,
  canonicalItem,
  canonicalKey,
  checkItemFits,
  formatAttributeValue,
  formatItem,
  isAttributeType,
  itemDigest,
  itemFromCanonical,
  keyOf,
  parseAttributeValue,
  parseItem,
} from './item-codec';
export * from './item-lines';
export * from './limits';
export * from './location-url';
export * from './model';
export * from './number';
export * from './quotas';
export * from './request-pace';
export * from './secret';
export * from './semantics';
export * from './table-digest';
export * from './table-schema';
export { compareUtf8, hasLoneSurrogate, storableText } from './utf8';
export { WasmMemory, instantiate } from './wasm';
export { Digest128, digest128Of } from './xxh3';
