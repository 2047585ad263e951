export { checkSwiftCredentials } from './credentials';
export { ActingFor, HomeSwift, HomeSwiftOptions } from './home-swift';
export { OutsideSwift } from './outside-swift';
export { SwiftClient } from './swift-client';
export { SwiftObjectStore, SwiftStoreOptions } from './swift-object-store';
export { TokenSession } from './token-session';
