import { Command, optionsOf } from './command';
import { usageError } from './exit-codes';
import { PROGRAM, SHELLS } from './help';

/**
 * A script that teaches the shell this program's commands, options and choices.
 * @throws CliError for a shell that is not known
 */
export function completionScript(shell: string | undefined, commands: readonly Command[]): string {
  switch (SHELLS.find((known) => known === shell)) {
    case 'bash':
      return bashScript(commands);
    case 'zsh':
      // zsh reads bash's completions.
      return `autoload -U +X compinit && compinit\nautoload -U +X bashcompinit && bashcompinit\n${bashScript(commands)}`;
    case 'fish':
      return fishScript(commands);
    case undefined:
      throw usageError(`completion is there for ${SHELLS.join(', ')}`);
  }
}

function wordsOf(commands: readonly Command[]): string {
  return [...commands.map(({ name }) => name), 'completion', 'help', 'version'].join(' ');
}

function bashScript(commands: readonly Command[]): string {
  const cases = commands.flatMap((command) => {
    const options = Object.entries(optionsOf(command));
    const choices = options
      .filter(([, { choices: values }]) => values !== undefined)
      .map(([name, { choices: values = [] }]) => `    ${command.name}:--${name}) words="${values.join(' ')}" ;;`);
    return [...choices, `    ${command.name}:*) words="${options.map(([name]) => `--${name}`).join(' ')}" ;;`];
  });
  return `# ${PROGRAM}: completion for bash
_magnetodb_backup() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}" words=""
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "${wordsOf(commands)}" -- "$current"))
    return
  fi
  case "\${COMP_WORDS[1]}:$previous" in
${cases.join('\n')}
    completion:*) words="${SHELLS.join(' ')}" ;;
    help:*) words="${wordsOf(commands)}" ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _magnetodb_backup ${PROGRAM}
`;
}

function fishScript(commands: readonly Command[]): string {
  const lines = [`# ${PROGRAM}: completion for fish`];
  const add = (condition: string, rest: string): number =>
    lines.push(`complete -c ${PROGRAM} -n ${fishText(condition)} ${rest}`);
  for (const { name, summary } of commands) add('__fish_use_subcommand', `-f -a ${name} -d ${fishText(summary)}`);
  add('__fish_use_subcommand', `-f -a ${fishText('completion help version')}`);
  add('__fish_seen_subcommand_from completion', `-f -a ${fishText(SHELLS.join(' '))}`);
  for (const command of commands) {
    for (const [name, { value, choices, help }] of Object.entries(optionsOf(command))) {
      const values = choices ? ` -x -a ${fishText(choices.join(' '))}` : value === undefined ? '' : ' -r';
      add(`__fish_seen_subcommand_from ${command.name}`, `-l ${name}${values} -d ${fishText(help)}`);
    }
  }
  return `${lines.join('\n')}\n`;
}

function fishText(text: string): string {
  return `'${text.replace(/[\\']/g, '\\$&')}'`;
}
