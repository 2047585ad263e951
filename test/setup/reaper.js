const { readFileSync, rmSync } = require('node:fs');
const { join } = require('node:path');
const { killServices } = require('./services');

const folder = process.argv[2];

/** Waits for the end of the run that started it, stops the run's servers if they still run, and removes the run's folder. */
process.stdin.resume();
process.stdin.on('close', () => {
  try {
    process.kill(Number.parseInt(readFileSync(join(folder, 'postgres', 'cluster', 'postmaster.pid'), 'utf8'), 10), 'SIGQUIT');
  } catch {
    // Stopped already, as it should be.
  }
  killServices(join(folder, 'services'));
  rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 });
});
