import { COMMANDS } from './commands';
import { Command, Io, parseCall } from './command';
import { completionScript } from './completion';
import { EXIT, ExitCode, asCliError, usageError } from './exit-codes';
import { PROGRAM, commandHelp, generalHelp } from './help';
import { OutputError, safeText } from './output';

/**
 * The whole command line: `argv` is what follows the program's name. Never throws; all that goes wrong becomes an exit code and a
 * message on stderr.
 * @param version shown by `version`
 */
export async function run(argv: readonly string[], io: Io, version: string): Promise<ExitCode> {
  try {
    return await dispatch(argv, io, version);
  } catch (error) {
    // `… | head` has what it wants.
    if (error instanceof OutputError && error.readerGone) return EXIT.ok;
    if (io.signal.aborted) return EXIT.interrupted;
    const { exitCode, type, message } = asCliError(error);
    const json = argv.includes('--json');
    const text = json
      ? JSON.stringify({ error: { type, message }, exit_code: exitCode })
      : `${PROGRAM}: ${safeText(message)}${exitCode === EXIT.usage ? ` (${helpFor(argv[0])})` : ''}`;
    await io.err.line(text).catch(() => undefined);
    return exitCode;
  }
}

async function dispatch(argv: readonly string[], io: Io, version: string): Promise<ExitCode> {
  const [name, ...words] = argv;
  switch (name) {
    case undefined:
      await io.err.write(generalHelp(COMMANDS));
      return EXIT.usage;
    case '--help':
    case '-h':
    case 'help':
      await io.out.write(words[0] === undefined ? generalHelp(COMMANDS) : commandHelp(commandOf(words[0])));
      return EXIT.ok;
    case '--version':
    case 'version':
      await io.out.line(version);
      return EXIT.ok;
    case 'completion':
      await io.out.write(completionScript(words[0], COMMANDS));
      return EXIT.ok;
  }
  const command = commandOf(name);
  const call = parseCall(command, words, io);
  if (!call.help) return command.run(call);
  await io.out.write(commandHelp(command));
  return EXIT.ok;
}

/** What tells more of a command, or of all. */
function helpFor(name: string | undefined): string {
  return COMMANDS.some((command) => command.name === name) ? `${PROGRAM} ${name} --help` : `${PROGRAM} --help`;
}

function commandOf(name: string): Command {
  const command = COMMANDS.find((one) => one.name === name);
  if (!command) throw usageError(`there is no command ${name}`);
  return command;
}
