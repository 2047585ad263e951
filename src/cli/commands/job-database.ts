import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import type * as Product from '../../index';
import { Call, Command } from '../command';
import { CliError, EXIT, ExitCode, usageError } from '../exit-codes';
import { showCount } from '../output';

export const jobDatabase: Command = {
  name: 'job-database',
  summary: 'write the job database into a file, or put it back (on the database’s machine or by its URL, without a gateway)',
  arguments: ['ACTION', 'FILE'],
  online: false,
  options: {
    'database-url': { value: 'URL', help: 'PostgreSQL of the gateways (DATABASE_URL, which other users of the machine cannot see)' },
    'data-dir': { value: 'FOLDER', help: 'without a URL: the gateway’s DATA_DIR with the embedded PostgreSQL (DATA_DIR; default ./data)' },
    replace: { help: 'restore: also over a job database that is not empty' },
  },
  examples: [
    'job-database dump /backups/jobs-$(date +%F).sql.gz',
    'job-database restore /backups/jobs-2026-01-31.sql.gz',
    'job-database dump jobs.sql.gz --data-dir /var/lib/magnetodb',
  ],
  async run(call) {
    const action = call.required(0);
    if (action === 'dump') return dump(call);
    if (action === 'restore') return restore(call);
    throw usageError('ACTION must be dump or restore');
  },
};

async function dump(call: Call): Promise<ExitCode> {
  if (call.flag('replace')) throw usageError('--replace is for restore');
  const { dumpJobDatabase } = product();
  const { rows } = await withDatabase(call, (url) => dumpJobDatabase(url, fileOf(call)));
  if (call.json) await call.io.out.json({ dumped: true, rows });
  else await call.io.out.line(`OK: ${showCount(rows)} rows, readable by you alone`);
  return EXIT.ok;
}

async function restore(call: Call): Promise<ExitCode> {
  const { restoreJobDatabase } = product();
  const { rows, ended, header } = await withDatabase(call, (url) => restoreJobDatabase(url, fileOf(call), { replace: call.flag('replace') }));
  if (call.json) await call.io.out.json({ restored: true, rows, ended, created_at: header.created_at });
  else {
    await call.io.out.line(`OK: ${showCount(rows)} rows as of ${header.created_at}`);
    await call.io.out.line(`${showCount(ended)} backups and restores ran then and are ended. What was backed up since: import --all --all-projects`);
  }
  return EXIT.ok;
}

/** Only here, since it loads a whole server. */
function product(): typeof Product {
  return createRequire(__filename)('../../index') as typeof Product;
}

function fileOf(call: Call): string {
  return resolve(call.io.cwd, call.required(1));
}

/** Runs work on the database that the gateways of these settings use; an embedded one is started for it if it does not run. */
async function withDatabase<T>(call: Call, work: (url: string) => Promise<T>): Promise<T> {
  const { env, cwd } = call.io;
  const folder = call.text('data-dir');
  const url = call.text('database-url') ?? (folder === undefined ? env['DATABASE_URL'] : undefined);
  if (url !== undefined && url !== '') return work(url).catch(explain);
  const { EmbeddedServer } = product();
  const server = await EmbeddedServer.start({ dataDir: join(resolve(cwd, folder ?? env['DATA_DIR'] ?? './data'), 'postgres') });
  try {
    return await work(server.url).catch(explain);
  } finally {
    await server.stop();
  }
}

/** What Node and PostgreSQL say of files and connections, in exit codes. */
function explain(error: unknown): never {
  const code = String((error as NodeJS.ErrnoException).code);
  if (code === 'EEXIST') throw new CliError(EXIT.conflict, 'ConflictError', 'FILE is there already: an older dump is not overwritten');
  if (code === 'ENOENT') throw new CliError(EXIT.notFound, 'NotFound', 'FILE, or its folder, is not there');
  if (['ECONNREFUSED', 'ENOTFOUND', 'ETIMEDOUT', '28P01', '3D000'].includes(code))
    throw new CliError(EXIT.unavailable, 'ServiceUnavailable', `the database cannot be reached (${code})`);
  throw error;
}
