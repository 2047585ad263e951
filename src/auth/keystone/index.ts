export { KeystoneOptions } from './keystone-options';
export { KeystoneTokenValidator } from './keystone-token-validator';
