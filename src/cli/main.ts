#!/usr/bin/env node
import { createRequire } from 'node:module';
import { Output } from './output';
import { run } from './run';

/** `npx magnetodb-backup`. SIGINT and SIGTERM stop it cleanly; a second one at once. */
async function main(): Promise<void> {
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());
  const io = {
    out: new Output(process.stdout),
    err: new Output(process.stderr),
    terminal: process.stderr.isTTY === true,
    env: process.env,
    cwd: process.cwd(),
    signal: stop.signal,
  };
  process.exitCode = await run(process.argv.slice(2), io, productVersion());
}

/** From the package itself: its public surface would load a whole server to say this. */
function productVersion(): string {
  const load = createRequire(__filename);
  const { name, version } = load('magnetodb-backup-restore/package.json') as { name: string; version: string };
  return `${name}/${version}`;
}

void main();
