import { isoTime, schemaToJson } from '../../kernel';
import { OpenArchive } from '../archive-items';
import { Command } from '../command';
import { EXIT } from '../exit-codes';
import { keyValueLines, showBytes, showCount } from '../output';

export const inspect: Command = {
  name: 'inspect',
  summary: 'what lies at a location: structure, counts, times (without a server)',
  arguments: ['LOCATION'],
  online: false,
  options: {},
  examples: ['inspect ./data/objects/demo/0190a5b2-…', 'inspect file:///backups/0190a5b2-… --json'],
  async run(call) {
    const { manifest } = await OpenArchive.of(call);
    const { buckets: _buckets, ranges, chunk_lists: lists, schema, ...rest } = manifest;
    const facts = {
      ...rest,
      started_at: isoTime(manifest.started_at),
      finished_at: isoTime(manifest.finished_at),
      table: schemaToJson(schema),
      ranges: ranges.length,
      chunks: lists.reduce((sum, list) => sum + list.chunks, 0),
    };
    if (call.json) await call.io.out.json(facts);
    else
      await call.io.out.write(
        keyValueLines({
          ...facts,
          item_count: showCount(manifest.item_count),
          expiring_count: showCount(manifest.expiring_count),
          table_size_bytes: showBytes(manifest.table_size_bytes),
          size_bytes: showBytes(manifest.size_bytes),
        }),
      );
    return EXIT.ok;
  },
};
