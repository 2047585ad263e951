import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, realpathSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const NEEDED = ['src', 'migrations', 'package.json'];

/** The commit that stands for the version in use before this one: from it on a deployment can be upgraded without a pause. */
export const PREVIOUS_COMMIT = readFileSync(join(__dirname, 'PREVIOUS_COMMIT'), 'utf8').trim();

/**
 * The folder with the previous version's source, out of the repository's history. It is kept among what tests compile, by its commit.
 * @throws Error if the history is not there
 */
export async function previousVersion(): Promise<string> {
  const packages = realpathSync(join(__dirname, '../../node_modules'));
  // Its packages are linked: another checkout's may be gone when they are wanted.
  const checkout = createHash('sha256').update(packages).digest('hex').slice(0, 8);
  const kept = join(tmpdir(), `magnetodb-swc-${process.getuid?.() ?? 0}`, `version-${PREVIOUS_COMMIT}-${checkout}`);
  if (existsSync(kept)) return kept;
  const aside = `${kept}.${process.pid}`;
  const archive = `${aside}.tar`;
  mkdirSync(aside, { recursive: true, mode: 0o700 });
  try {
    // Beside the packages, which are linked, not copied, where a tree is copied.
    await run('git', ['-C', dirname(packages), 'archive', '--format=tar', '-o', archive, PREVIOUS_COMMIT, ...NEEDED]).catch((cause: unknown) => {
      throw new Error(
        `the previous version, commit ${PREVIOUS_COMMIT}, is not in the history of ${dirname(packages)}: fetch it whole (git fetch --unshallow)`,
        { cause },
      );
    });
    await run('tar', ['-xf', archive, '-C', aside]);
    symlinkSync(packages, join(aside, 'node_modules'));
    renameSync(aside, kept);
  } catch (error) {
    // Another run was quicker.
    if (!existsSync(kept)) throw error;
  } finally {
    rmSync(aside, { recursive: true, force: true });
    rmSync(archive, { force: true });
  }
  return kept;
}
