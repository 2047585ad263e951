import { readManifest, verifyArchive } from '../../archive';
import { Command } from '../command';
import { EXIT } from '../exit-codes';
import { openLocation } from '../location';
import { showBytes, showCount } from '../output';
import { ProgressBar } from '../progress';

export const verify: Command = {
  name: 'verify',
  summary: 'read a backup whole and recompute every digest (without a server)',
  arguments: ['LOCATION'],
  online: false,
  options: {},
  examples: [
    'verify ./data/objects/demo/0190a5b2-…',
    'verify file:///backups/0190a5b2-… || mail -s "backup damaged" admin',
  ],
  async run(call) {
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
  },
};
