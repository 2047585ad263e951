import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { Call, OptionSpec } from './command';
import { usageError } from './exit-codes';

/** Options that make up the `strategy` of a request. */
export const STRATEGY_OPTIONS: Readonly<Record<string, OptionSpec>> = {
  strategy: { value: 'JSON', help: 'the strategy as JSON, or @FILE to read it from one (secrets belong there)' },
};

export const WAIT_OPTIONS: Readonly<Record<string, OptionSpec>> = {
  wait: { help: 'wait until the job has ended; a failed one is exit code 1' },
  interval: { value: 'SECONDS', help: 'between two looks at the job (default 1)' },
};

/** `--strategy`, with what other options put over it; undefined if there is nothing to say. */
export async function readStrategy(
  call: Call,
  over: Readonly<Record<string, unknown>> = {},
): Promise<Record<string, unknown> | undefined> {
  const given = call.text('strategy');
  const base = given === undefined ? {} : parseObject(await textOf(given, call.io.cwd));
  const strategy = { ...base, ...over };
  return Object.keys(strategy).length === 0 ? undefined : strategy;
}

/** The body of a call on a backup outside: its `--strategy`, which holds credentials; undefined if there is none. */
export async function accessBody(call: Call): Promise<{ strategy: Record<string, unknown> } | undefined> {
  const strategy = await readStrategy(call);
  return strategy && { strategy };
}

/** Without the keys that have no value. */
export function present(values: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
}

async function textOf(given: string, cwd: string): Promise<string> {
  if (!given.startsWith('@')) return given;
  return readFile(resolve(cwd, given.slice(1)), 'utf8').catch(() => {
    throw usageError('the file of --strategy cannot be read');
  });
}

function parseObject(text: string): Record<string, unknown> {
  try {
    const json: unknown = JSON.parse(text);
    if (typeof json === 'object' && json !== null && !Array.isArray(json)) return json as Record<string, unknown>;
  } catch {
    // Said below, without repeating what may hold a secret.
  }
  throw usageError('--strategy must be a JSON object, or @FILE with one');
}
