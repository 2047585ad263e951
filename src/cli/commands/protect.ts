import { ApiClient } from '../api-client';
import { Command } from '../command';
import { EXIT, usageError } from '../exit-codes';
import { showResource } from '../watching';

export const protect: Command = protection('protect', true, 'keep a backup from being deleted');
export const unprotect: Command = protection('unprotect', false, 'let a protected backup be deleted again');

function protection(name: string, deleteProtection: boolean, summary: string): Command {
  return {
    name,
    summary,
    arguments: ['BACKUP_ID'],
    online: true,
    options: {},
    examples: [`${name} 0190a5b2-…`],
    async run(call) {
      const client = ApiClient.of(call);
      const found = await client.find(call.required(0));
      if (found.kind !== 'backup') throw usageError(`only a backup can be ${name}ed`);
      await showResource(call, await client.changeBackup(found, { delete_protection: deleteProtection }));
      return EXIT.ok;
    },
  };
}
