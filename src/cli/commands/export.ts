import { createWriteStream } from 'node:fs';
import { rename, rm, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { DecodedItem } from '../../kernel';
import { OpenArchive } from '../archive-items';
import { Call, Command } from '../command';
import { CsvColumns, csvHeader, csvLine } from '../csv';
import { dynamoLine, dynamoProblem } from '../dynamodb';
import { CliError, EXIT, ExitCode, usageError } from '../exit-codes';
import { Output, showCount } from '../output';
import { PART_COMPRESSIONS, PartCompression, PartFiles } from '../part-files';

/** Problems are named up to here; the rest are counted. */
const MAX_NAMED = 20;

export const exportCommand: Command = {
  name: 'export',
  summary: 'write items in another format: dynamodb, csv (without a server)',
  arguments: ['LOCATION'],
  online: false,
  options: {
    to: {
      value: 'FORMAT',
      choices: ['dynamodb', 'csv'],
      help: 'dynamodb: files for DynamoDB’s table import; csv: one table',
    },
    output: { value: 'PATH', help: 'dynamodb: an empty or new folder (required); csv: a new file (default: stdout)' },
    compression: {
      value: 'NAME',
      choices: PART_COMPRESSIONS,
      help: 'of dynamodb’s files: gzip (default), zstd or none',
    },
  },
  examples: ['export ./backup --to dynamodb --output ./import', 'export ./backup --to csv > cities.csv'],
  run(call) {
    const format = call.text('to');
    if (format === 'dynamodb') return exportDynamo(call);
    if (format !== 'csv') throw usageError('--to is missing: dynamodb or csv');
    if (call.text('compression') !== undefined) throw usageError('--compression belongs to --to dynamodb');
    return exportCsv(call);
  },
};

async function exportDynamo(call: Call): Promise<ExitCode> {
  const folder = call.text('output');
  if (folder === undefined) throw usageError('--output is missing: a folder');
  const archive = await OpenArchive.of(call);
  const now = Date.now();
  await refuseProblems(archive, now);
  const parts = await PartFiles.in(
    resolve(call.io.cwd, folder),
    (call.text('compression') ?? 'gzip') as PartCompression,
  );
  let [items, mortal] = [0, 0];
  try {
    for await (const batch of archive.alive('export', now)) {
      for (const item of batch) {
        await parts.add(dynamoLine(item.item));
        items += 1;
        if (item.expiresAt !== undefined) mortal += 1;
      }
    }
    await parts.flush();
  } catch (error) {
    await parts.discard();
    throw error;
  }
  await report(call, archive, { items, files: parts.count, expiry_dropped: mortal });
  return EXIT.ok;
}

/** Reads everything before anything is written. @throws CliError naming the attributes that DynamoDB cannot take */
async function refuseProblems(archive: OpenArchive, now: number): Promise<void> {
  const problems = new Map<string, string>();
  let unnamed = 0;
  for await (const batch of archive.alive('check', now)) {
    for (const { item } of batch) {
      for (const [name, value] of item) {
        const problem = problems.has(name) ? undefined : dynamoProblem(archive.manifest.schema, name, value);
        if (problem === undefined) continue;
        if (problems.size < MAX_NAMED) problems.set(name, problem);
        else unnamed += 1;
      }
    }
  }
  if (problems.size === 0) return;
  const named = [...problems].map(([name, problem]) => `${name}: ${problem}`).join('; ');
  const more = unnamed === 0 ? '' : `; and ${showCount(unnamed)} more values`;
  throw new CliError(
    EXIT.failed,
    'NotExportable',
    `nothing was written, since DynamoDB cannot take these attributes: ${named}${more}`,
  );
}

async function exportCsv(call: Call): Promise<ExitCode> {
  const archive = await OpenArchive.of(call);
  const now = Date.now();
  const path = call.text('output');
  const columns = new CsvColumns(archive.manifest.schema);
  for await (const batch of archive.alive(path && 'columns', now)) {
    for (const { item } of batch) {
      if (!columns.add(item))
        throw new CliError(EXIT.failed, 'NotExportable', 'the items have too many attributes for a table');
    }
  }
  if (path === undefined) {
    await writeCsv(archive.alive(undefined, now), columns.names(), call.io.out);
    return EXIT.ok;
  }
  const rows = archive.alive('export', now);
  const items = await toNewFile(resolve(call.io.cwd, path), (out) => writeCsv(rows, columns.names(), out));
  await report(call, archive, { items, files: 1 });
  return EXIT.ok;
}

/** How many items it wrote. */
async function writeCsv(
  rows: AsyncIterable<readonly DecodedItem[]>,
  columns: readonly string[],
  out: Output,
): Promise<number> {
  let items = 0;
  await out.write(csvHeader(columns));
  for await (const batch of rows) {
    items += batch.length;
    if (batch.length > 0) await out.write(batch.map(({ item }) => csvLine(columns, item)).join(''));
  }
  return items;
}

/** The file appears whole or not at all; one that is there stays as it is. */
async function toNewFile<T>(path: string, work: (out: Output) => Promise<T>): Promise<T> {
  const isThere = await stat(path).then(
    () => true,
    () => false,
  );
  if (isThere) throw new CliError(EXIT.conflict, 'ConflictError', 'the output file is there already');
  const unfinished = `${path}.part`;
  const stream: Writable = createWriteStream(unfinished, { flags: 'wx' });
  const out = new Output(stream);
  await out.write('').catch(() => {
    throw new CliError(EXIT.conflict, 'ConflictError', 'the output file cannot be made, or its .part is there already');
  });
  try {
    const result = await work(out);
    stream.end();
    await finished(stream);
    await rename(unfinished, path);
    return result;
  } catch (error) {
    stream.destroy();
    await rm(unfinished, { force: true });
    throw error;
  }
}

async function report(
  call: Call,
  archive: OpenArchive,
  figures: { items: number; files: number; expiry_dropped?: number },
): Promise<void> {
  if (call.json) return call.io.out.json({ backup_id: archive.manifest.backup_id, ...figures });
  const dropped = figures.expiry_dropped
    ? `; ${showCount(figures.expiry_dropped)} of them had an expiry, which was dropped`
    : '';
  await call.io.err.line(`${showCount(figures.items)} items in ${showCount(figures.files)} files${dropped}`);
}
