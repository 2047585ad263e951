#!/usr/bin/env node
import 'reflect-metadata';
import { RunningGateway, startGateway } from './start';
import { GatewaySettings } from './settings';
import { loadSettings } from './setting';

/** `npm start`: the gateway, until SIGTERM or SIGINT. */
async function main(): Promise<void> {
  const settings = loadSettings(GatewaySettings, process.env);
  const gateway = await startGateway(settings);
  stopOnSignals(gateway);
  if (gateway.madeUpToken !== undefined) {
    process.stdout.write(`Development token, project demo, role member (shown once): ${gateway.madeUpToken}\n`);
  }
  process.stdout.write(`MagnetoDB gateway ready: ${gateway.url} (Swagger UI: ${gateway.url}/docs)\n`);
}

/** Drains: no new calls, running steps hand their leases back, then the embedded database stops. */
function stopOnSignals(gateway: RunningGateway): void {
  let stopping = false;
  const stop = (): void => {
    if (stopping) return;
    stopping = true;
    gateway.stop().then(
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
