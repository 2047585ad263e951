import { ApiClient, idOf } from '../api-client';
import { Call, Command } from '../command';
import { CliError, EXIT, usageError } from '../exit-codes';
import { STRATEGY_OPTIONS, WAIT_OPTIONS, present, readStrategy } from '../request-bodies';
import { follow, showResource } from '../watching';

export const restore: Command = {
  name: 'restore',
  summary: 'get a table back from a backup of the catalogue, or from any URL',
  arguments: ['[BACKUP_ID]'],
  online: true,
  options: {
    source: { value: 'URL', help: 'where the backup lies, in place of BACKUP_ID' },
    to: { value: 'TABLE', help: 'the target (default: the table that was backed up; with --source it must be given)' },
    'on-existing': {
      value: 'WHAT',
      choices: ['fail', 'replace', 'merge'],
      help: 'if the target has items: fail (default), replace or merge',
    },
    format: {
      value: 'NAME',
      choices: ['auto', 'db-agnostic', 'native'],
      help: 'auto (default), db-agnostic or native',
    },
    'hash-key': { value: 'VALUE', many: true, help: 'only items of this hash key; several times: of any of them' },
    'hash-key-prefix': { value: 'VALUE', help: 'only items whose hash key begins so' },
    'hash-key-type': { value: 'TYPE', choices: ['S', 'N', 'B'], help: 'of these values: S (default), N, or B in base64' },
    exclude: { value: 'ATTRIBUTE', many: true, help: 'restore items without this attribute; several times: without any of them' },
    ...STRATEGY_OPTIONS,
    'request-token': { value: 'TEXT', help: 'the same text within 24 hours gives the same job, not another' },
    'dry-run': { help: 'show the plan and change nothing; a conflict is exit code 5' },
    ...WAIT_OPTIONS,
  },
  examples: [
    'restore 0190a5b2-… --to threads_again --wait',
    'restore 0190a5b2-… --to some_threads --hash-key MagnetoDB --hash-key Nova --exclude message',
    'restore --source file:///backups/0190a5b2-… --to threads --dry-run',
  ],
  async run(call) {
    const client = ApiClient.of(call);
    const [backupId, source] = [call.argument(0), call.text('source')];
    if ((backupId === undefined) === (source === undefined)) throw usageError('give either BACKUP_ID or --source');
    const table =
      call.text('to') ?? (backupId === undefined ? undefined : (await client.find(backupId)).resource.table_name);
    if (table === undefined) throw usageError('--to is missing: the table to restore to');
    const job = await client.createRestore(
      table,
      present({
        backup_id: backupId,
        source,
        on_existing: call.text('on-existing'),
        format: call.text('format'),
        strategy: await readStrategy(call),
        select: selectOf(call),
        exclude_attributes: call.texts('exclude'),
        client_request_token: call.text('request-token'),
        dry_run: call.flag('dry-run') || undefined,
      }),
    );
    if (!call.flag('dry-run') && call.flag('wait')) {
      return follow(call, client, { kind: 'restore_job', id: idOf('restore_job', job), resource: job }, false);
    }
    await showResource(call, job);
    if (call.flag('dry-run')) refuseConflict(job['plan']);
    return EXIT.ok;
  },
};

/** What `--hash-key` and `--hash-key-prefix` ask for; undefined: everything. */
function selectOf(call: Call): unknown {
  const type = call.text('hash-key-type');
  const typed = (value: string): Record<string, string> => ({ [type ?? 'S']: value });
  const [keys, prefix] = [call.texts('hash-key'), call.text('hash-key-prefix')];
  if (keys !== undefined && prefix !== undefined) throw usageError('give either --hash-key or --hash-key-prefix');
  if (keys !== undefined) return { hash_keys: keys.map(typed) };
  if (prefix !== undefined) return { hash_key_prefix: typed(prefix) };
  if (type !== undefined) throw usageError('--hash-key-type needs --hash-key or --hash-key-prefix');
  return undefined;
}

/** A plan whose restore would be refused is no success for a script. */
function refuseConflict(plan: unknown): void {
  const conflict = (plan as { conflict?: { type: string; message: string } | null } | undefined)?.conflict;
  if (conflict) throw new CliError(EXIT.conflict, conflict.type, conflict.message);
}
