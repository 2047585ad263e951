import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { extname, join } from 'node:path';

/** What the page is made of: these files, and nothing else in their folder. */
const NAMES = [
  'index.html',
  'console.css',
  'icon.svg',
  'api.js',
  'app.js',
  'backup-dialogs.js',
  'backups-view.js',
  'dialogs.js',
  'dom.js',
  'format.js',
  'jobs-view.js',
  'parts.js',
  'request-token.js',
  'restore-dialog.js',
  'store.js',
  'tables-view.js',
  'watch.js',
] as const;

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/** A file as it is served. */
export interface ConsoleFile {
  readonly content: Buffer;
  readonly type: string;
  /** Of the content, for `If-None-Match`. */
  readonly etag: string;
}

/** The console's files by name, read at the start: a request never reaches the disk. A missing one keeps the process from starting. */
export function readConsoleFiles(folder = join(__dirname, 'assets')): ReadonlyMap<string, ConsoleFile> {
  return new Map(
    NAMES.map((name): [string, ConsoleFile] => {
      const content = readFileSync(join(folder, name));
      const etag = `"${createHash('sha256').update(content).digest('base64url').slice(0, 22)}"`;
      return [name, { content, type: TYPES[extname(name)] ?? 'application/octet-stream', etag }];
    }),
  );
}
