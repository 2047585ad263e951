import { parseArgs } from 'node:util';
import { ExitCode, usageError } from './exit-codes';
import { Output } from './output';

/** What the command line has of its process; tests give their own. */
export interface Io {
  /** Results only. */
  readonly out: Output;
  /** Progress and messages. */
  readonly err: Output;
  /** Is `err` a terminal, so that a line may be drawn over? */
  readonly terminal: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** Aborted by SIGINT and SIGTERM. */
  readonly signal: AbortSignal;
}

export interface OptionSpec {
  /** What the value is called in the help; a flag has none. */
  readonly value?: string;
  readonly choices?: readonly string[];
  /** May it be given several times? Read it with `texts`. */
  readonly many?: boolean;
  readonly help: string;
}

export interface Command {
  readonly name: string;
  readonly summary: string;
  /** Names of the arguments, in order; one in brackets may be left out. */
  readonly arguments: readonly string[];
  /** Does it speak to a server (and take its options), or does it read a location by itself? */
  readonly online: boolean;
  readonly options: Readonly<Record<string, OptionSpec>>;
  readonly examples: readonly string[];
  run(call: Call): Promise<ExitCode>;
}

const COMMON: Record<string, OptionSpec> = {
  json: { help: 'print JSON: one object a line on stdout, errors as JSON on stderr' },
  help: { help: 'show this help' },
};

const ONLINE: Record<string, OptionSpec> = {
  url: { value: 'URL', help: 'the gateway (MAGNETODB_URL; default: from OpenStack’s catalogue, else http://127.0.0.1:8480)' },
  project: { value: 'ID', help: 'the project (MAGNETODB_PROJECT; default: that of OpenStack’s token)' },
  token: { value: 'TOKEN', help: 'the token (MAGNETODB_TOKEN, which other users of the machine cannot see)' },
  'os-cloud': { value: 'NAME', help: 'a cloud of clouds.yaml to log in to (OS_CLOUD; or OS_AUTH_URL, OS_USERNAME, …)' },
  'os-region-name': { value: 'NAME', help: 'its region (OS_REGION_NAME)' },
  'os-interface': { value: 'NAME', choices: ['public', 'internal', 'admin'], help: 'which of its endpoints (OS_INTERFACE; default public)' },
  'service-type': { value: 'TYPE', help: 'of the service in its catalogue (MAGNETODB_SERVICE_TYPE; default key-value-storage-backup)' },
};

/** All options of a command, its own first. */
export function optionsOf(command: Command): Record<string, OptionSpec> {
  return { ...command.options, ...(command.online ? ONLINE : {}), ...COMMON };
}

type OptionValue = string | boolean | readonly string[] | undefined;

/** One use of a command: its arguments and options, read and checked. */
export class Call {
  constructor(
    readonly io: Io,
    private readonly positionals: readonly string[],
    private readonly values: Readonly<Record<string, OptionValue>>,
  ) {}

  get json(): boolean {
    return this.flag('json');
  }

  get help(): boolean {
    return this.flag('help');
  }

  argument(index: number): string | undefined {
    return this.positionals[index];
  }

  /** An argument that `Command.arguments` demands. */
  required(index: number): string {
    return this.positionals[index] ?? '';
  }

  flag(name: string): boolean {
    return this.values[name] === true;
  }

  text(name: string): string | undefined {
    const value = this.values[name];
    return typeof value === 'string' ? value : undefined;
  }

  /** All values of an option that may be given several times; undefined: none was given. */
  texts(name: string): readonly string[] | undefined {
    const value = this.values[name];
    return typeof value === 'object' ? value : undefined;
  }

  /** @throws CliError for anything but an integer of at least 1 */
  integer(name: string): number | undefined {
    const text = this.text(name);
    if (text !== undefined && !/^[1-9][0-9]{0,8}$/.test(text)) throw usageError(`--${name} must be an integer from 1`);
    return text === undefined ? undefined : Number(text);
  }
}

/**
 * Reads what follows the command's name.
 * @throws CliError naming the option or argument that cannot be
 */
export function parseCall(command: Command, words: readonly string[], io: Io): Call {
  const specs = optionsOf(command);
  const options = Object.fromEntries(
    Object.entries(specs).map(([name, { value, many = false }]) => [
      name,
      { type: value === undefined ? ('boolean' as const) : ('string' as const), multiple: many },
    ]),
  );
  const { values, positionals } = parse(words, options);
  const call = new Call(io, positionals, values);
  if (call.help) return call;
  const needed = command.arguments.filter((name) => !name.startsWith('['));
  if (positionals.length < needed.length) throw usageError(`${needed[positionals.length]} is missing`);
  if (positionals.length > command.arguments.length) {
    throw usageError(`unexpected argument: ${positionals[command.arguments.length]}`);
  }
  for (const [name, { choices }] of Object.entries(specs)) {
    const text = call.text(name);
    if (choices && text !== undefined && !choices.includes(text)) {
      throw usageError(`--${name} must be one of ${choices.join(', ')}`);
    }
  }
  return call;
}

function parse(
  words: readonly string[],
  options: Record<string, { type: 'boolean' | 'string'; multiple: boolean }>,
): { values: Record<string, OptionValue>; positionals: string[] } {
  try {
    const { values, positionals } = parseArgs({ args: [...words], options, allowPositionals: true, strict: true });
    return { values: values as Record<string, OptionValue>, positionals };
  } catch (error) {
    // What Node.js says behind its first sentence is of other things that were perhaps meant.
    throw usageError((error as Error).message.split('. ')[0] ?? '');
  }
}
