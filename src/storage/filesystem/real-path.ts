import { promises as fs } from 'node:fs';
import { dirname, join, basename } from 'node:path';
import { isMissing } from './fs-errors';

/** Where an absolute path leads once every symbolic link is followed. What does not exist yet has no links, and stays as it is. */
export async function realPath(path: string): Promise<string> {
  const missing: string[] = [];
  for (let current = path; ; current = dirname(current)) {
    try {
      return join(await fs.realpath(current), ...missing);
    } catch (error) {
      if (!isMissing(error) || current === dirname(current)) throw error;
      // A dangling link is there, although what it leads to is not: to create below it would leave the folder.
      if (await isLink(current)) throw error;
      missing.unshift(basename(current));
    }
  }
}

async function isLink(path: string): Promise<boolean> {
  try {
    return (await fs.lstat(path)).isSymbolicLink();
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}

/** Is `path` the folder itself or something within it? Both absolute and normal. */
export function isWithin(folder: string, path: string): boolean {
  return path === folder || path.startsWith(folder.endsWith('/') ? folder : `${folder}/`);
}
