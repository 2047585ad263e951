export { LogSender } from './log-sender';
