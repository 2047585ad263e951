import { randomUUID } from 'node:crypto';
import { constants, promises as fs } from 'node:fs';
import { FileHandle } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { DomainError, fileLocation } from '../../kernel';
import { GetOptions, ObjectInfo, ObjectSource, ObjectStore, ObjectStoreCapabilities } from '../object-store';
import { wrongSize } from '../source-bytes';
import { FileStream } from './file-stream';
import { errnoOf, isMissing, storageErrorFrom } from './fs-errors';
import { isWithin, realPath } from './real-path';

export interface FilesystemOptions {
  /** Absolute path of the store's root. Made with the first `put` if it is not there. */
  readonly root: string;
  /** A folder at or above the root: every path must truly lie in it, symbolic links followed. Default: the root. */
  readonly boundary?: string;
  /** A folder at or above the root that stays when it is empty; emptied folders below it are removed. Default: the root. */
  readonly keep?: string;
}

/** How often a put makes its folders again when a concurrent delete has just removed them as empty. */
const FOLDER_ATTEMPTS = 20;

/** Flags of a read: no link is followed at the last part, and a pipe or device that lies in the way cannot block the open. */
const READ = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/**
 * Objects as files below a folder. A put writes `<folder>/.<name>.part/<random>`, checks the length, syncs, renames, and syncs the folder:
 * an object is whole or absent whatever happens. What a killed put leaves behind goes with the next `put` or `delete` of its name.
 */
export class FilesystemObjectStore implements ObjectStore {
  readonly capabilities: ObjectStoreCapabilities = {
    kind: 'file',
    maxObjectBytes: Number.MAX_SAFE_INTEGER,
    writable: true,
  };
  private readonly root: string;
  private readonly boundary: string;
  private readonly keep: string;

  constructor({ root, boundary = root, keep = root }: FilesystemOptions) {
    this.root = root;
    this.boundary = boundary;
    this.keep = keep;
  }

  async put(name: string, source: ObjectSource, signal?: AbortSignal): Promise<void> {
    await this.guarded(signal, async () => {
      const path = await this.pathOf(name);
      const { file, part } = await this.openPart(path);
      try {
        try {
          await writeAll(file, source, signal);
          await file.sync();
        } finally {
          await file.close();
        }
        signal?.throwIfAborted();
        await moveIntoPlace(part, path);
      } catch (error) {
        await this.discard(part);
        throw error;
      }
    });
  }

  async get(name: string, options: GetOptions = {}): Promise<Readable | undefined> {
    const { start = 0, end = Number.MAX_SAFE_INTEGER, signal } = options;
    return this.guarded(signal, async () => {
      const file = await openToRead(await this.pathOf(name));
      if (!file) return undefined;
      try {
        const stat = await file.stat();
        signal?.throwIfAborted();
        if (stat.isFile()) return new FileStream(file, start, Math.min(end, stat.size), signal);
      } catch (error) {
        await file.close();
        throw error;
      }
      await file.close();
      return undefined;
    });
  }

  async head(name: string, signal?: AbortSignal): Promise<ObjectInfo | undefined> {
    return this.guarded(signal, async () => {
      const stat = await fs.lstat(await this.pathOf(name)).catch(ignoreMissing);
      return stat?.isFile() ? { size: stat.size } : undefined;
    });
  }

  async delete(name: string, signal?: AbortSignal): Promise<void> {
    await this.guarded(signal, async () => {
      const path = await this.pathOf(name);
      await fs.unlink(path).catch(ignoreNoFile);
      await fs.rm(partFolder(path), { recursive: true, force: true }).catch(ignoreOccupied);
      await this.removeEmpty(dirname(path));
    });
  }

  async *list(prefix: string, signal?: AbortSignal): AsyncIterable<string> {
    const folder = prefix.slice(0, prefix.lastIndexOf('/') + 1);
    yield* this.walk(folder, prefix, signal);
  }

  url(name: string): string {
    return fileLocation(name === '' ? this.root : join(this.root, name)).href;
  }

  /** Domain errors only leave this class; an aborted call rejects with the signal's reason. */
  private async guarded<T>(signal: AbortSignal | undefined, call: () => Promise<T>): Promise<T> {
    signal?.throwIfAborted();
    try {
      return await call();
    } catch (error) {
      signal?.throwIfAborted();
      throw storageErrorFrom(error);
    }
  }

  /** The path of an object, after it was made sure that its folder truly lies within the boundary. */
  private async pathOf(name: string): Promise<string> {
    const path = join(this.root, name);
    const [folder, boundary] = await Promise.all([realPath(dirname(path)), realPath(this.boundary)]);
    if (!isWithin(boundary, folder))
      throw new DomainError('StorageError', 'an object lies behind a symbolic link that leaves its store');
    return path;
  }

  private async openPart(path: string): Promise<{ file: FileHandle; part: string }> {
    const part = join(partFolder(path), randomUUID());
    for (let attempt = 1; ; attempt++) {
      try {
        await makeFolders(dirname(part));
        return { file: await fs.open(part, 'wx'), part };
      } catch (error) {
        // Once the file is there no concurrent delete can take the folders for empty; until then it can.
        if (errnoOf(error) !== 'ENOENT' || attempt === FOLDER_ATTEMPTS) throw error;
      }
    }
  }

  /** Takes back a part that will not be an object. Best effort: the put's own error matters more, and a delete of the name does it too. */
  private async discard(part: string): Promise<void> {
    try {
      await fs.rm(part, { force: true });
      await this.removeEmpty(dirname(part));
    } catch {
      // Said above.
    }
  }

  /** Removes a folder and those above it, as far as they are empty and below `keep`. */
  private async removeEmpty(folder: string): Promise<void> {
    for (let current = folder; current !== this.keep && isWithin(this.keep, current); current = dirname(current)) {
      try {
        await fs.rmdir(current);
      } catch (error) {
        if (isOccupied(error)) return;
        if (!isMissing(error)) throw error;
      }
    }
  }

  private async *walk(folder: string, prefix: string, signal: AbortSignal | undefined): AsyncIterable<string> {
    const directory = await this.guarded(signal, async () => {
      await this.pathOf(`${folder}x`);
      return fs.opendir(join(this.root, folder)).catch(ignoreMissing);
    });
    if (!directory) return;
    try {
      for (;;) {
        const entry = await this.guarded(signal, () => directory.read());
        if (!entry) return;
        const name = `${folder}${entry.name}`;
        if (entry.name.startsWith('.')) continue;
        if (entry.isFile() && name.startsWith(prefix)) yield name;
        if (entry.isDirectory() && name.startsWith(prefix)) yield* this.walk(`${name}/`, prefix, signal);
      }
    } finally {
      await directory.close();
    }
  }
}

/** Where puts of one object write: a folder of its own, so that a delete finds what killed puts left without listing anything large. */
function partFolder(path: string): string {
  return join(dirname(path), `.${basename(path)}.part`);
}

async function writeAll(file: FileHandle, source: ObjectSource, signal: AbortSignal | undefined): Promise<void> {
  let total = 0;
  await pipeline(
    source.open(),
    async (chunks: AsyncIterable<Uint8Array>) => {
      for await (const chunk of chunks) {
        total += chunk.length;
        if (total > source.size) throw wrongSize();
        for (let offset = 0; offset < chunk.length;) {
          offset += (await file.write(chunk, offset, chunk.length - offset)).bytesWritten;
        }
      }
    },
    { signal },
  );
  const { size } = await file.stat();
  if (total !== source.size || size !== source.size) throw wrongSize();
}

/** Whatever else lies in the part's folder is of killed puts, or of puts at the same time, which then have come before this one. */
async function moveIntoPlace(part: string, path: string): Promise<void> {
  try {
    await fs.rename(part, path);
    await fs.rm(dirname(part), { recursive: true, force: true }).catch(ignoreOccupied);
    await syncFolder(dirname(path));
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
    // Another put has taken the part away, and its object has overwritten this one.
    if (await fs.lstat(path).catch(ignoreMissing)) return;
    throw new DomainError('StorageError', 'an object was deleted while it was stored', {
      cause: error,
      transient: true,
    });
  }
}

/**
 * Makes a folder and those above it; each one that is new is made to last by a sync of the folder that holds it. (Node's own recursion goes on for
 * ever where none can be made, as below /proc.)
 */
async function makeFolders(folder: string, last = false): Promise<void> {
  try {
    await fs.mkdir(folder);
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return;
    if (errnoOf(error) !== 'ENOENT' || last) throw error;
    await makeFolders(dirname(folder));
    return makeFolders(folder, true);
  }
  await syncFolder(dirname(folder));
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await fs.open(folder, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** A link is no object, wherever it leads: as `head` sees it, and nothing that could pass by itself. */
async function openToRead(path: string): Promise<FileHandle | undefined> {
  return fs.open(path, READ).catch((error: unknown) => (errnoOf(error) === 'ELOOP' ? undefined : ignoreMissing(error)));
}

function ignoreMissing(error: unknown): undefined {
  if (isMissing(error)) return undefined;
  throw error;
}

/** Deleting what is not an object, a folder included, is deleting nothing. */
function ignoreNoFile(error: unknown): void {
  if (errnoOf(error) !== 'EISDIR') ignoreMissing(error);
}

/** Linux says ENOTEMPTY; POSIX allows EEXIST as well. */
function isOccupied(error: unknown): boolean {
  const code = errnoOf(error);
  return code === 'ENOTEMPTY' || code === 'EEXIST' || code === 'EBUSY';
}

function ignoreOccupied(error: unknown): void {
  if (!isOccupied(error) && !isMissing(error)) throw error;
}
