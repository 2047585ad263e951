import { Writable } from 'node:stream';

/** A stream that is written with back-pressure; each write waits until the system has taken it. */
export class Output {
  constructor(private readonly stream: Writable) {
    // Errors reach the caller through the write that they befell; unheard, the event would end the process.
    stream.on('error', () => undefined);
  }

  write(chunk: string | Buffer): Promise<void> {
    return new Promise((resolve, reject) => {
      this.stream.write(chunk, (error) => (error ? reject(new OutputError(error)) : resolve()));
    });
  }

  line(text: string): Promise<void> {
    return this.write(`${text}\n`);
  }

  /** One JSON value a line. */
  json(value: unknown): Promise<void> {
    return this.line(JSON.stringify(value));
  }
}

/** Nobody can be told: the stream itself failed. */
export class OutputError extends Error {
  /** Has the reader gone, as `head` does when it has enough? That is no failure. */
  readonly readerGone: boolean;

  constructor(cause: Error) {
    super('the output cannot be written', { cause });
    const code = (cause as NodeJS.ErrnoException).code ?? '';
    this.readerGone = ['EPIPE', 'ERR_STREAM_DESTROYED', 'ERR_STREAM_WRITE_AFTER_END'].includes(code);
  }
}

/** Text from outside, made harmless for a terminal: control and formatting characters are spelt out. */
export function safeText(text: string): string {
  return text.replace(
    /[\p{Cc}\p{Cf}\u2028\u2029]/gu,
    (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`,
  );
}

/** One value of a resource for people. */
export function showValue(value: unknown): string {
  if (value === undefined || value === null) return '-';
  return safeText(typeof value === 'string' ? value : JSON.stringify(value));
}

/** `key  value` lines. */
export function keyValueLines(values: Readonly<Record<string, unknown>>): string {
  const width = Math.max(0, ...Object.keys(values).map((key) => key.length));
  return Object.entries(values)
    .map(([key, value]) => `${key.padEnd(width)}  ${showValue(value)}\n`)
    .join('');
}

/** A table for people; columns are as wide as their widest cell. */
export function tableLines(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows) row.forEach((cell, index) => (widths[index] = Math.max(widths[index] ?? 0, cell.length)));
  return rows
    .map(
      (row) =>
        `${row
          .map((cell, index) => cell.padEnd(widths[index] ?? 0))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('');
}

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

/** Bytes for people: `12.3 MiB`. */
export function showBytes(bytes: number): string {
  const power = bytes < 1 ? 0 : Math.min(UNITS.length - 1, Math.floor(Math.log2(bytes) / 10));
  const value = bytes / 1024 ** power;
  return `${power === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${UNITS[power]}`;
}

/** A count for people: `1,234,567`. */
export function showCount(count: number): string {
  return count.toLocaleString('en-US');
}
