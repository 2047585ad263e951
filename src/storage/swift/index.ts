export { SwiftClient } from './swift-client';
export { SwiftObjectStore, SwiftStoreOptions } from './swift-object-store';
export { TokenSession } from './token-session';
export { EndpointChoice, KeystoneRef, KeystoneScope, KeystoneUser, logInAtKeystone, logInAtSwift } from './log-in';
