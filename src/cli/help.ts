import { Command, OptionSpec, optionsOf } from './command';
import { tableLines } from './output';

export const PROGRAM = 'magnetodb-backup';

export const SHELLS = ['bash', 'zsh', 'fish'] as const;

/** What the program can do, on one screen. */
export function generalHelp(commands: readonly Command[]): string {
  const rows = (online: boolean): string =>
    tableLines(
      commands
        .filter((command) => command.online === online)
        .map((command) => [`  ${[command.name, ...command.arguments].join(' ')}`, command.summary]),
    );
  return `Back up and restore MagnetoDB tables.

Usage: ${PROGRAM} COMMAND [ARGUMENT] [--OPTION…]

With a gateway (MAGNETODB_URL, MAGNETODB_PROJECT, MAGNETODB_TOKEN; or OpenStack’s OS_CLOUD, OS_AUTH_URL, …):
${rows(true)}
Without a server, on a folder or file:/// URL:
${rows(false)}
And:
  completion ${SHELLS.join('|')}  print a completion script for the shell
  help [COMMAND]  a command's options and examples (also: COMMAND --help)
  version  print the version

Exit codes: 0 done, 1 failed job or verification, 2 usage, 3 not found, 4 refused (token, rights),
5 conflict, lock or quota, 6 unavailable, 130 interrupted.

Examples:
  ${PROGRAM} create threads --wait
  ${PROGRAM} list --status CREATED --json
  ${PROGRAM} verify ./data/objects/demo/0190a5b2-…
`;
}

/** One command's options and examples. */
export function commandHelp(command: Command): string {
  const rows = Object.entries(optionsOf(command)).map(([name, spec]) => [`  ${optionText(name, spec)}`, spec.help]);
  return `${command.name}: ${command.summary}

Usage: ${[PROGRAM, command.name, ...command.arguments].join(' ')} [--OPTION…]

Options:
${tableLines(rows)}
Examples:
${command.examples.map((example) => `  ${PROGRAM} ${example}\n`).join('')}`;
}

function optionText(name: string, { value }: OptionSpec): string {
  return `--${name}${value === undefined ? '' : ` ${value}`}`;
}
