import { ApiClient, FoundBackup } from '../api-client';
import { Call, Command } from '../command';
import { CliError, EXIT, ExitCode, usageError } from '../exit-codes';
import { keyValueLines, safeText } from '../output';
import { STRATEGY_OPTIONS, present, readStrategy } from '../request-bodies';
import { showResource } from '../watching';

/** Imports under way at once. */
const PARALLEL = 8;

export const importCommand: Command = {
  name: 'import',
  summary: 'put a backup found at a URL, or with --all every one below it, into the catalogue',
  arguments: ['[URL]'],
  online: true,
  options: {
    all: { help: 'every backup below URL (default: the deployment’s own store); adopts those of the own store' },
    'all-projects': { help: 'with --all, as an admin of the deployment: each into the project that it was made in' },
    ...STRATEGY_OPTIONS,
  },
  examples: [
    'import file:///backups/0190a5b2-…',
    'import --all',
    'import --all --all-projects --json',
    'import --all file:///mnt/backups',
  ],
  async run(call) {
    if (call.flag('all')) return importAll(call);
    if (call.flag('all-projects')) throw usageError('--all-projects is for --all');
    const source = call.argument(0);
    if (source === undefined) throw usageError('URL is missing; for everything in the own store: --all');
    const body = present({ source, strategy: await readStrategy(call) });
    await showResource(call, await ApiClient.of(call).importBackup(body));
    return EXIT.ok;
  },
};

type Result = 'imported' | 'known' | 'skipped';
interface Outcome {
  readonly result: Result;
  readonly found: FoundBackup;
  readonly error?: { readonly type: string; readonly message: string };
}

/** Every backup that can be found. What cannot be imported is told of and passed over: exit code 1. */
async function importAll(call: Call): Promise<ExitCode> {
  const { io } = call;
  const client = ApiClient.of(call);
  const [source, strategy] = [call.argument(0), await readStrategy(call)];
  const counts: Record<Result, number> = { imported: 0, known: 0, skipped: 0 };
  const body = present({ source, strategy, all_projects: call.flag('all-projects') || undefined });
  for await (const page of client.findBackups(body)) {
    for (let at = 0; at < page.length; at += PARALLEL) {
      const group = page.slice(at, at + PARALLEL);
      for (const outcome of await Promise.all(group.map((found) => importOne(client, found, strategy)))) {
        counts[outcome.result] += 1;
        await tell(call, outcome);
      }
    }
  }
  if (!call.json) await io.out.write(keyValueLines(counts));
  return counts.skipped > 0 ? EXIT.failed : EXIT.ok;
}

async function importOne(client: ApiClient, found: FoundBackup, strategy: unknown): Promise<Outcome> {
  const { location, status, own_store, in_catalogue, project_id, error } = found;
  if (in_catalogue) return { result: 'known', found };
  if (status !== 'COMPLETE' || project_id === undefined) {
    const message = 'it has no manifest: it never ended, or is being deleted';
    return { result: 'skipped', found, error: error ?? { type: 'BackupNotExists', message } };
  }
  try {
    const body = present({ source: location, strategy, adopt: own_store || undefined });
    await client.ofProject(project_id).importBackup(body);
    return { result: 'imported', found };
  } catch (failure) {
    // One that is refused holds up no other; a gateway that is away, or a token that is not valid, holds up all.
    const passedOver = failure instanceof CliError && failure.exitCode !== EXIT.unavailable && failure.type !== 'Unauthorized';
    if (!passedOver) throw failure;
    return { result: 'skipped', found, error: { type: failure.type, message: failure.message } };
  }
}

async function tell(call: Call, { result, found, error }: Outcome): Promise<void> {
  if (call.json) return call.io.out.json(present({ result, ...found, error }));
  if (error === undefined) return;
  await call.io.err.line(safeText(`skipped ${found.location}: ${error.message}`));
}
