import { Writable } from 'node:stream';
import { Output } from '../../src/cli/output';
import { run } from '../../src/cli/run';

export interface CliResult {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export interface CliOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly signal?: AbortSignal;
  readonly terminal?: boolean;
  /** In place of a stdout that keeps everything. */
  readonly stdout?: Writable;
  /** Called with what has come to stdout and stderr so far, whenever more comes. */
  readonly onText?: (out: string, err: string) => void;
}

/** Runs the command line in this process, with streams of its own. */
export async function runCli(argv: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  const texts = { out: '', err: '' };
  const keep = (name: 'out' | 'err'): Writable =>
    new Writable({
      write(chunk: Buffer, _encoding, done) {
        texts[name] += chunk.toString('utf8');
        options.onText?.(texts.out, texts.err);
        done();
      },
    });
  const io = {
    out: new Output(options.stdout ?? keep('out')),
    err: new Output(keep('err')),
    terminal: options.terminal ?? false,
    env: options.env ?? {},
    cwd: options.cwd ?? process.cwd(),
    signal: options.signal ?? new AbortController().signal,
  };
  const code = await run(argv, io, 'test/0');
  return { code, ...texts };
}

/** Every line of a text, as JSON. */
export function jsonLines(text: string): Record<string, unknown>[] {
  const lines = text.split('\n').filter((line) => line !== '');
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
}
