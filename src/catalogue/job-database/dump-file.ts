import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { BACKUP_SCHEMA } from '../../database';
import { DomainError } from '../../kernel';

/**
 * The file of a dumped job database (docs/adr/0010-job-database.md): a gzipped script that psql takes, too. Two comment lines at the head, a `COPY … FROM stdin`
 * for each table, and in its last line the SHA-256 of everything before that.
 */
export const MAGIC = '-- MagnetoDB backup/restore: job database, version 1';
export const DIGEST_PREFIX = '-- sha256: ';
export const END_OF_ROWS = '\\.';
const COPY_LINE = new RegExp(`^COPY ${BACKUP_SCHEMA}\\.([a-z_]{1,63}) \\(([a-z_]{1,63}(?:, [a-z_]{1,63})*)\\) FROM stdin;$`);
const MAX_HEADER_BYTES = 64 * 1024;
const NEWLINE = 0x0a;

export interface DumpHeader {
  /** ISO 8601. */
  readonly created_at: string;
  /** Name and version of the product that wrote it. */
  readonly writer: string;
  /** Names of the migrations that had made the schema, in order. */
  readonly migrations: readonly string[];
}

/** A table's part of the file. Its rows must be read to their end before the next part is asked for. */
export interface DumpedTable {
  readonly table: string;
  readonly columns: readonly string[];
  /** Lines of COPY's text format, with their ends. */
  rows(): AsyncGenerator<Buffer>;
}

export function headerLines(header: DumpHeader): string {
  return `${MAGIC}\n-- ${JSON.stringify(header)}\n`;
}

export function copyStatement(table: string, columns: readonly string[]): string {
  return `COPY ${BACKUP_SCHEMA}.${table} (${columns.join(', ')}) FROM stdin;`;
}

/**
 * Reads the file once, to know that it is whole.
 * @throws DomainError `ArchiveDamaged`, `ArchiveUnsupported`
 */
export async function checkDump(path: string): Promise<DumpHeader> {
  const hash = createHash('sha256');
  const head: string[] = [];
  let digestLine: Buffer | undefined;
  for await (const line of linesOf(path)) {
    if (digestLine !== undefined) hash.update(digestLine);
    digestLine = line;
    if (head.length < 2) head.push(line.toString('utf8'));
  }
  const header = readHeader(head);
  const digest = digestLine?.toString('utf8') ?? '';
  if (digest !== `${DIGEST_PREFIX}${hash.digest('hex')}\n`) throw damaged('is not whole: its SHA-256 differs');
  return header;
}

function readHeader([magic, line]: readonly string[]): DumpHeader {
  if (magic !== `${MAGIC}\n`) {
    if (magic?.startsWith(MAGIC.slice(0, MAGIC.lastIndexOf(' '))) === true)
      throw new DomainError('ArchiveUnsupported', 'the dump is of a version that this product does not know');
    throw damaged('is no dump of a job database');
  }
  try {
    const header = JSON.parse(line?.slice(3) ?? '') as DumpHeader;
    const { migrations } = header;
    if (Array.isArray(migrations) && migrations.every((name) => typeof name === 'string')) return header;
  } catch {
    // Said below.
  }
  throw damaged('has no readable header');
}

/** The tables of a file that `checkDump` found whole, in the order in which they can be filled. */
export async function* tablesOf(path: string): AsyncGenerator<DumpedTable> {
  const lines = linesOf(path);
  try {
    for (let next = await lines.next(); !next.done; next = await lines.next()) {
      const match = COPY_LINE.exec(next.value.toString('latin1', 0, MAX_HEADER_BYTES).trimEnd());
      if (match?.[1] === undefined || match[2] === undefined) continue;
      yield { table: match[1], columns: match[2].split(', '), rows: () => rowsOf(lines) };
    }
  } finally {
    await lines.return(undefined);
  }
}

async function* rowsOf(lines: AsyncGenerator<Buffer>): AsyncGenerator<Buffer> {
  for (;;) {
    const next = await lines.next();
    if (next.done === true) throw damaged('ends within a table');
    if (next.value.toString('latin1') === `${END_OF_ROWS}\n`) return;
    yield next.value;
  }
}

/** Lines with their ends. */
async function* linesOf(path: string): AsyncGenerator<Buffer> {
  const plain = createGunzip();
  const unpacking = pipeline(createReadStream(path), plain);
  // What goes wrong comes out of `plain`, too.
  unpacking.catch(() => undefined);
  let rest: Buffer[] = [];
  try {
    for await (const part of plain as AsyncIterable<Buffer>) {
      let start = 0;
      for (let end = part.indexOf(NEWLINE); end >= 0; end = part.indexOf(NEWLINE, start)) {
        rest.push(part.subarray(start, end + 1));
        yield rest.length === 1 && rest[0] ? rest[0] : Buffer.concat(rest);
        rest = [];
        start = end + 1;
      }
      if (start < part.length) rest.push(part.subarray(start));
    }
    if (rest.length > 0) yield Buffer.concat(rest);
  } catch (error) {
    if (String((error as NodeJS.ErrnoException).code).startsWith('Z_')) throw damaged('is not whole: it cannot be unpacked');
    throw error;
  } finally {
    plain.destroy();
  }
}

function damaged(what: string): DomainError {
  return new DomainError('ArchiveDamaged', `the dump ${what}`);
}
