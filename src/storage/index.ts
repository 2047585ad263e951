export * from './object-store';
export { StoreObserver, StoreOperation, StoreOutcome, StoreRequest, instrumented } from './instrumented';
export { MAX_OBJECT_NAME_LENGTH, isSafeObjectName, keyChecked } from './key-checked';
export { prefixed } from './prefixed';
export { RetryOptions, retrying } from './retrying';
export { FilesystemObjectStore, FilesystemOptions } from './filesystem';
export { HttpObjectStore } from './http';
export { S3ObjectStore, S3Options } from './s3';
export { MemoryObjectStore, MemoryOptions } from './memory';
export { AllowListSettings } from './allow-list';
export { HttpAnswer, HttpConnect, HttpConnectOptions, HttpRequestOptions, ResolvedAddress } from './http-connect';
export { withCallerToken } from './caller-token';
export { newCredentialsKey } from './credential-seal';
export { blaming } from './probe';
export { FoundPlace } from './found-places';
export { HomeSwiftOptions, SwiftClient, SwiftObjectStore, TokenSession } from './swift';
export {
  BackupLocation,
  JobAccess,
  ObjectStoreRegistry,
  RegistryOptions,
  StorageSettings,
  StoreAdapter,
  StoreTarget,
  checkStorageSettings,
} from './locations';
