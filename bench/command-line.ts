import { parseArgs } from 'node:util';

export const MODES = ['tables', 'cassandra', 'swift', 'auth'] as const;
export type Mode = (typeof MODES)[number];

/** What a bench is asked for; absent members: as the bench does by itself. */
export interface BenchRequest {
  readonly mode: Mode;
  readonly quick: boolean;
  /** One object as the last line, in place of tables. */
  readonly json: boolean;
  /** Of `PARTS` of the mode: what is measured. */
  readonly only: readonly string[];
  /** How often each is measured. */
  readonly rounds?: number;
  /** Of the generated table. */
  readonly items?: number;
  /** Of one more table, whose backup and restore are measured for memory. */
  readonly large?: number;
}

/** What `--only` can name. */
const PARTS: Readonly<Record<Mode, readonly string[]>> = {
  tables: ['cities', 'million', 'memory', 'latency'],
  cassandra: ['reads', 'writes', 'memory', 'large-restore', 'latency'],
  swift: [],
  auth: [],
};

/** Options beside --quick and --help that a mode knows. */
const OPTIONS: Readonly<Record<Mode, readonly string[]>> = {
  tables: ['json', 'only', 'rounds'],
  cassandra: ['json', 'only', 'rounds', 'items', 'large'],
  swift: [],
  auth: [],
};

export const HELP = `Measures backup and restore beside their peers, in turns in one run, on servers of its own.

Usage: npm run bench -- [MODE] [--OPTION…]

  (no mode)  tables in PostgreSQL beside pg_dump and pg_restore; peak memory; latency of get_item (4 minutes; Debian's postgresql)
  cassandra  tables in Cassandra beside DSBulk and cqlsh COPY, and the limit of reading; memory; latency, idle, under the default limit of backups
             and at full speed (fetches what is not there)
  swift      uploads beside python-swiftclient's \`swift upload\`
  auth       what asking for a token that Keystone has validated costs a request

Options:
  --quick      small sizes, one round: does it work?
  --json       one object as the last line, not tables (no mode, cassandra)
  --only PARTS some of ${PARTS.tables.join()} (no mode), of ${PARTS.cassandra.join()} (cassandra)
  --rounds N   how often each is measured (no mode, cassandra)
  --items N    rows of the table (cassandra; default 1000000)
  --large N    memory of a backup at that size, too, and of a restore with the part large-restore (cassandra; 5000000: ten minutes)
  --help       this

Examples:
  npm run bench -- --only cities --rounds 5
  npm run bench -- cassandra --only reads --rounds 1
  npm run bench -- cassandra --only memory --items 100000 --large 5000000
Progress goes to standard error, results to standard output. What it starts it stops, also when it is interrupted. Results so far: bench/RESULTS.md
`;

/** The command line is wrong. */
export class UsageError extends Error {}

/**
 * Reads what follows `npm run bench --`.
 * @returns 'help' if that is asked for
 * @throws UsageError naming what is wrong
 */
export function parseBench(args: readonly string[]): BenchRequest | 'help' {
  const { values, positionals } = parse(args);
  if (values.help) return 'help';
  const mode = modeOf(positionals);
  for (const option of ['json', 'only', 'rounds', 'items', 'large'] as const) {
    if (values[option] !== undefined && !OPTIONS[mode].includes(option)) throw new UsageError(`--${option} is no option of this bench`);
  }
  return {
    mode,
    quick: values.quick ?? false,
    json: values.json ?? false,
    only: partsOf(mode, values.only),
    ...numberOf('rounds', values.rounds, 1),
    ...numberOf('items', values.items, 1),
    ...numberOf('large', values.large, 0),
  };
}

function parse(args: readonly string[]) {
  const flag = { type: 'boolean' } as const;
  const word = { type: 'string' } as const;
  try {
    const options = { help: { ...flag, short: 'h' }, quick: flag, json: flag, only: word, rounds: word, items: word, large: word } as const;
    return parseArgs({ args: [...args], allowPositionals: true, options });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function modeOf(positionals: readonly string[]): Mode {
  const [word, ...more] = positionals;
  const mode = word === undefined ? 'tables' : MODES.find((each) => each === word);
  if (mode === undefined || more.length > 0) throw new UsageError(`${more[0] ?? word} is no bench: there are ${MODES.slice(1).join(', ')}, and that of no word`);
  return mode;
}

function partsOf(mode: Mode, only: string | undefined): readonly string[] {
  const parts = only?.split(',') ?? PARTS[mode];
  if (!parts.every((part) => PARTS[mode].includes(part))) throw new UsageError(`--only wants some of ${PARTS[mode].join()}`);
  return parts;
}

function numberOf<N extends string>(name: N, text: string | undefined, least: number): { [key in N]?: number } {
  if (text === undefined) return {};
  const value = Number(text);
  if (!/^[0-9]+$/.test(text) || value < least || !Number.isSafeInteger(value)) throw new UsageError(`--${name} wants a whole number of at least ${least}`);
  return { [name]: value } as { [key in N]?: number };
}
