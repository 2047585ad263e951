import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Stoppable, Stops, started, stopsOnceStarted, withStops } from '../../bench/stops';

/**
 * As a bench does: starts something that would outlive it, begins to start something else, says so (on standard error, again and again, if it is told
 * 'talk') and works for ever.
 */
const stops: Stops = [];

async function sleeper(): Promise<Stoppable> {
  const child = spawn('sleep', ['120'], { detached: true, stdio: 'ignore' });
  await once(child, 'spawn');
  process.stdout.write(`${child.pid}\n`);
  return { stop: async () => void child.kill('SIGKILL') };
}

async function work(): Promise<never> {
  await started(stops, sleeper());
  // In the middle of its start: it is there, and nobody has been given it yet.
  stopsOnceStarted(stops, sleeper());
  stops.unshift({ stop: () => Promise.reject(new Error('this one cannot be stopped')) });
  if (process.argv[2] === 'talk') setInterval(() => process.stderr.write('at work\n'), 20);
  return new Promise(() => setInterval(() => undefined, 1000));
}

withStops(stops, work).catch(() => process.exit(1));
