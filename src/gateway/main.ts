#!/usr/bin/env node
import 'reflect-metadata';
import { RunningGateway, startGateway } from './start';
import { GatewaySettings } from './settings';
import { loadSettings } from './setting';

/** `npm start`: the gateway, until SIGTERM or SIGINT. */
async function main(): Promise<void> {
  const settings = loadSettings(GatewaySettings, process.env);
  const starting = startGateway(settings);
  stopOnSignals(starting);
  const gateway = await starting;
  if (gateway.madeUpToken !== undefined) {
    process.stdout.write(`Development token, project demo, role member (shown once): ${gateway.madeUpToken}\n`);
  }
  process.stdout.write(`MagnetoDB gateway ready: ${gateway.url} (Swagger UI: ${gateway.url}/docs)\n`);
}

/**
 * Drains: no new calls, running steps hand their leases back, then the embedded database stops. A signal that comes during the start is
 * obeyed after it, so that no database is left behind.
 */
function stopOnSignals(starting: Promise<RunningGateway>): void {
  let stopping = false;
  const stop = (): void => {
    if (stopping) return;
    stopping = true;
    starting
      .then((gateway) => gateway.stop())
      .then(
        () => process.exit(0),
        () => process.exit(1),
      );
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
}

main().catch((error: unknown) => {
  process.stderr.write(`The gateway did not start: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
});
