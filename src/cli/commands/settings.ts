import { ApiClient } from '../api-client';
import { Command } from '../command';
import { EXIT, usageError } from '../exit-codes';
import { keyValueLines } from '../output';

const VALUES: Readonly<Record<string, boolean | null>> = { yes: true, no: false, inherit: null };

export const settings: Command = {
  name: 'settings',
  summary: 'show or change the settings of a table, or of the project',
  arguments: ['[TABLE]'],
  online: true,
  options: {
    'backup-before-drop': {
      value: 'WHAT',
      choices: Object.keys(VALUES),
      help: 'make a backup before a table is dropped: yes, no or, for a table, inherit (as the project says)',
    },
  },
  examples: ['settings threads', 'settings threads --backup-before-drop yes', 'settings --backup-before-drop no --json'],
  async run(call) {
    const table = call.argument(0);
    const asked = call.text('backup-before-drop');
    if (asked === 'inherit' && table === undefined) throw usageError('a project inherits from nobody: yes or no');
    const body = asked === undefined ? undefined : { backup_before_drop: VALUES[asked] };
    const shown = await ApiClient.of(call).settings(table, body);
    if (call.json) await call.io.out.json(shown);
    else await call.io.out.write(keyValueLines(shown));
    return EXIT.ok;
  },
};
