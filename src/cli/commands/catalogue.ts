import { ApiClient, Found, Resource, ResourceKind } from '../api-client';
import { Call, Command } from '../command';
import { EXIT, usageError } from '../exit-codes';
import { showBytes, showCount, showValue, tableLines } from '../output';
import { STRATEGY_OPTIONS, WAIT_OPTIONS, accessBody } from '../request-bodies';
import { follow, showResource } from '../watching';

export const list: Command = {
  name: 'list',
  summary: 'backups (or restore jobs) of a project or a table',
  arguments: ['[TABLE]'],
  online: true,
  options: {
    restores: { help: 'restore jobs instead of backups' },
    status: { value: 'STATUS', help: 'only of this status, e.g. CREATED' },
    name: { value: 'NAME', help: 'only backups of exactly this name' },
    limit: { value: 'COUNT', help: 'at most so many, the oldest first (default: all)' },
  },
  examples: ['list', 'list threads --status CREATED --json | jq -r .backup_id', 'list --restores'],
  async run(call) {
    const kind: ResourceKind = call.flag('restores') ? 'restore_job' : 'backup';
    const [status, name] = [call.text('status'), call.text('name')];
    if (kind === 'restore_job' && name !== undefined)
      throw usageError('restore jobs have no name: --name is for backups');
    const filters = { ...(status === undefined ? {} : { status }), ...(name === undefined ? {} : { name }) };
    const pages = ApiClient.of(call).list(kind, call.argument(0), filters, call.integer('limit') ?? Infinity);
    let headed = false;
    for await (const page of pages) {
      if (call.json) for (const resource of page) await call.io.out.json(resource);
      else if (page.length > 0) {
        const rows = page.map((resource) => rowOf(kind, resource));
        await call.io.out.write(tableLines(headed ? rows : [headOf(kind), ...rows]));
        headed = true;
      }
    }
    return EXIT.ok;
  },
};

export const show: Command = {
  name: 'show',
  summary: 'one backup or restore job',
  arguments: ['ID'],
  online: true,
  options: {},
  examples: ['show 0190a5b2-…', 'show 0190a5b2-… --json | jq .status'],
  async run(call) {
    await showResource(call, (await ApiClient.of(call).find(call.required(0))).resource);
    return EXIT.ok;
  },
};

export const watch: Command = {
  name: 'watch',
  summary: 'follow a running backup, restore, verification or deletion: progress, rate, ETA',
  arguments: ['ID'],
  online: true,
  options: { interval: { value: 'SECONDS', help: 'between two looks at the job (default 1)' } },
  examples: ['watch 0190a5b2-…', 'watch 0190a5b2-… --json'],
  async run(call) {
    const client = ApiClient.of(call);
    return follow(call, client, await client.find(call.required(0)), true);
  },
};

export const deleteCommand: Command = {
  name: 'delete',
  summary: 'delete a backup; cancel a running restore job, or forget a finished one',
  arguments: ['ID'],
  online: true,
  options: {
    cascade: { help: 'with a backup, also the incrementals that need it' },
    purge: { help: 'with an imported backup, also its data' },
    forget: { help: 'with a backup that lies outside, not its data: only out of the catalogue' },
    ...STRATEGY_OPTIONS,
    ...WAIT_OPTIONS,
  },
  examples: ['delete 0190a5b2-… --wait', 'delete 0190a5b2-… --strategy @credentials.json'],
  async run(call) {
    const client = ApiClient.of(call);
    const found = await client.find(call.required(0));
    const resource = await client.delete(found, queryOf(call, found), await accessBody(call));
    if (call.flag('wait') && found.kind === 'backup') return follow(call, client, { ...found, resource }, false);
    await showResource(call, resource);
    return EXIT.ok;
  },
};

function queryOf(call: Call, { kind }: Found): Record<string, string> {
  const query: Record<string, string> = {};
  for (const flag of ['cascade', 'purge', 'forget']) if (call.flag(flag)) query[flag] = 'true';
  if (kind === 'restore_job' && (Object.keys(query).length > 0 || call.text('strategy') !== undefined))
    throw usageError('--cascade, --purge, --forget and --strategy are for backups');
  return query;
}

function headOf(kind: ResourceKind): string[] {
  return kind === 'backup'
    ? ['ID', 'NAME', 'TABLE', 'STATUS', 'STARTED', 'ITEMS', 'SIZE']
    : ['ID', 'TABLE', 'STATUS', 'STARTED', 'BACKUP'];
}

function rowOf(kind: ResourceKind, resource: Resource): string[] {
  const text = (key: string): string => showValue(resource[key]);
  const amount = (key: string, show: (value: number) => string): string => {
    const value = resource[key];
    return typeof value === 'number' ? show(value) : '-';
  };
  if (kind === 'restore_job')
    return ['restore_job_id', 'table_name', 'status', 'start_date_time', 'backup_id'].map(text);
  const texts = ['backup_id', 'backup_name', 'table_name', 'status', 'start_date_time'].map(text);
  return [...texts, amount('item_count', showCount), amount('size_bytes', showBytes)];
}
