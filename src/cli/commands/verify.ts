import { readManifest, verifyArchive } from '../../archive';
import { parseUuid } from '../../kernel';
import { ApiClient } from '../api-client';
import { Call, Command } from '../command';
import { CliError, EXIT, ExitCode, usageError } from '../exit-codes';
import { openLocation } from '../location';
import { showBytes, showCount } from '../output';
import { ProgressBar } from '../progress';
import { STRATEGY_OPTIONS, WAIT_OPTIONS, accessBody } from '../request-bodies';
import { follow, showResource } from '../watching';

/** Of no use where nobody is asked. */
const ASKING_OPTIONS = { ...WAIT_OPTIONS, ...STRATEGY_OPTIONS };

export const verify: Command = {
  name: 'verify',
  summary: 'read a backup whole and recompute every digest: by id through the gateway, a location without it',
  arguments: ['ID_OR_LOCATION'],
  online: true,
  options: ASKING_OPTIONS,
  examples: [
    'verify 0190a5b2-… --wait',
    'verify ./data/objects/demo/0190a5b2-…',
    'verify file:///backups/0190a5b2-… || mail -s "backup damaged" admin',
  ],
  async run(call) {
    // A folder that is named like an id is ./ID.
    return parseUuid(call.required(0)) === undefined ? verifyLocation(call) : askGateway(call);
  },
};

async function askGateway(call: Call): Promise<ExitCode> {
  const client = ApiClient.of(call);
  const found = await client.find(call.required(0));
  if (found.kind !== 'backup') throw new CliError(EXIT.notFound, 'NotFound', 'the project has no backup of this id');
  const resource = await client.verifyBackup(found, await accessBody(call));
  if (call.flag('wait')) return follow(call, client, { ...found, resource }, false);
  await showResource(call, resource);
  return EXIT.ok;
}

async function verifyLocation(call: Call): Promise<ExitCode> {
  const waits = Object.keys(ASKING_OPTIONS).find((name) => call.flag(name) || call.text(name) !== undefined);
  if (waits !== undefined) throw usageError(`--${waits} is for a backup that the gateway verifies`);
  const { io } = call;
  const bar = new ProgressBar(io);
  const store = openLocation(call.required(0), io.cwd);
  const { item_count: total } = await readManifest(store, io.signal);
  let items = 0;
  let shown: Promise<void> = Promise.resolve();
  const verified = verifyArchive(store, {
    signal: io.signal,
    onChunk: (entry) => {
      items += entry.items;
      const state = { label: 'verify', done: items, total };
      // Drawn one after another; whoever closed stderr wants no progress.
      shown = shown.then(() => bar.show(state)).catch(() => undefined);
    },
  });
  const manifest = await verified.finally(async () => {
    await shown;
    await bar.end();
  });
  const { backup_id, table_name, item_count, size_bytes } = manifest;
  if (call.json) await io.out.json({ verified: true, backup_id, table_name, item_count, size_bytes });
  else
    await io.out.line(
      `OK: ${backup_id} of ${table_name}: ${showCount(item_count)} items, ${showBytes(size_bytes)}, every digest agrees`,
    );
  return EXIT.ok;
}
