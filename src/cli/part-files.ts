import { mkdir, readdir, rename, rm, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { compress as zstd } from '@mongodb-js/zstd';
import { CliError, EXIT } from './exit-codes';

/** Bytes of lines in a file: small enough to hold in memory, large enough that a terabyte stays below DynamoDB's 50,000 objects an import. */
const PART_BYTES = 32 * 1024 * 1024;

export const PART_COMPRESSIONS = ['gzip', 'zstd', 'none'] as const;
export type PartCompression = (typeof PART_COMPRESSIONS)[number];

const ENDINGS: Readonly<Record<PartCompression, string>> = { gzip: '.json.gz', zstd: '.json.zst', none: '.json' };

async function compressPart(body: Buffer, compression: PartCompression): Promise<Buffer> {
  if (compression === 'zstd') return zstd(body);
  return compression === 'gzip' ? promisify(gzip)(body) : body;
}

/** Lines written to numbered files of a folder of their own; each file is whole or not there. */
export class PartFiles {
  private lines: string[] = [];
  private bytes = 0;
  private readonly files: string[] = [];

  private constructor(
    private readonly folder: string,
    private readonly compression: PartCompression,
    private readonly madeFolder: boolean,
    private readonly partBytes: number,
  ) {}

  /** @throws CliError if the folder holds anything: an import takes every file below its prefix */
  static async in(folder: string, compression: PartCompression, partBytes = PART_BYTES): Promise<PartFiles> {
    const made = await mkdir(folder, { recursive: true }).catch(() => {
      throw new CliError(EXIT.usage, 'UsageError', 'the output folder cannot be made');
    });
    if ((await readdir(folder)).length > 0)
      throw new CliError(EXIT.conflict, 'ConflictError', 'the output folder is not empty');
    return new PartFiles(folder, compression, made !== undefined, partBytes);
  }

  get count(): number {
    return this.files.length;
  }

  async add(line: string): Promise<void> {
    this.lines.push(line);
    this.bytes += Buffer.byteLength(line);
    if (this.bytes >= this.partBytes) await this.flush();
  }

  async flush(): Promise<void> {
    if (this.lines.length === 0) return;
    const body = await compressPart(Buffer.from(this.lines.join(''), 'utf8'), this.compression);
    const path = join(this.folder, `${String(this.files.length + 1).padStart(6, '0')}${ENDINGS[this.compression]}`);
    const unfinished = `${path}.part`;
    this.files.push(path);
    await writeFile(unfinished, body, { flag: 'wx' });
    await rename(unfinished, path);
    this.lines = [];
    this.bytes = 0;
  }

  /** Takes back everything that was written. */
  async discard(): Promise<void> {
    for (const path of this.files) {
      await rm(path, { force: true });
      await rm(`${path}.part`, { force: true });
    }
    if (this.madeFolder) await rmdir(this.folder).catch(() => undefined);
  }
}
