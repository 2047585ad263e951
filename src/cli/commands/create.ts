import { ApiClient, idOf } from '../api-client';
import { Command } from '../command';
import { EXIT } from '../exit-codes';
import { STRATEGY_OPTIONS, WAIT_OPTIONS, present, readStrategy } from '../request-bodies';
import { follow, showResource } from '../watching';

export const create: Command = {
  name: 'create',
  summary: 'back up a table',
  arguments: ['TABLE'],
  online: true,
  options: {
    name: { value: 'NAME', help: 'of the backup (default: the table’s name and the time)' },
    location: { value: 'URL', help: 'where it goes (default: the deployment’s own store)' },
    format: {
      value: 'NAME',
      choices: ['db-agnostic', 'native'],
      help: 'db-agnostic (default), or native: the table at one moment, which is locked for milliseconds',
    },
    compression: { value: 'NAME', choices: ['zstd', 'gzip', 'none'], help: 'zstd (default), gzip or none' },
    protect: { help: 'the backup cannot be deleted until it is protected no more' },
    ...STRATEGY_OPTIONS,
    'request-token': { value: 'TEXT', help: 'the same text within 24 hours gives the same backup, not another' },
    ...WAIT_OPTIONS,
  },
  examples: ['create threads --wait', 'create threads --name "before the upgrade" --location file:///backups --json'],
  async run(call) {
    const client = ApiClient.of(call);
    const table = call.required(0);
    const location = call.text('location');
    const strategy = await readStrategy(
      call,
      present({
        location: location === undefined ? undefined : { type: 'external', url: location },
        format: call.text('format'),
        compression: call.text('compression'),
      }),
    );
    const backup = await client.createBackup(
      table,
      present({
        backup_name: call.text('name') ?? `${table} ${new Date().toISOString()}`,
        strategy,
        delete_protection: call.flag('protect') || undefined,
        client_request_token: call.text('request-token'),
      }),
    );
    if (call.flag('wait'))
      return follow(call, client, { kind: 'backup', id: idOf('backup', backup), resource: backup }, false);
    await showResource(call, backup);
    return EXIT.ok;
  },
};
