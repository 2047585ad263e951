export { InProcessSender } from './in-process-sender';
