export { StaticTokenValidator } from './static-token-validator';
