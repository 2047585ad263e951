/**
 * The gateway as `npm start` runs it, in a process of its own. It loads everything first, and starts when SIGUSR2 tells it to, so that a test
 * can have the next process ready while the present one works. Ends with the test that started it.
 */
import { createRequire } from 'node:module';
import '../../src/gateway/start';

const parent = process.ppid;
const waiting = setInterval(() => undefined, 60_000);
setInterval(() => {
  if (process.ppid !== parent) process.kill(process.pid, 'SIGKILL');
}, 1000).unref();
process.once('SIGUSR2', () => {
  clearInterval(waiting);
  createRequire(__filename)('../../src/gateway/main');
});
process.stdout.write('loaded\n');
