import { execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';

/** Of the project. Built, this file lies one folder deeper. */
export const ROOT = [resolve(__dirname, '..'), resolve(__dirname, '../..')].find((folder) => existsSync(join(folder, 'test/services'))) ?? __dirname;

/** Runs a script of test/services for the service of that name below `folder`, and resolves with the lines that it printed. */
export async function runScript(folder: string, name: string, [script = '', ...args]: readonly string[], env: Record<string, string> = {}, signal?: AbortSignal): Promise<string[]> {
  const environment = { ...process.env, PORT: '', ...env, SERVICES_DIR: join(folder, 'services', name) };
  const { stdout } = await promisify(execFile)(resolve(ROOT, 'test/services', script), args, { env: environment, ...(signal === undefined ? {} : { signal }) });
  return stdout.trim().split('\n');
}

/** However this process ends, what is left of the services below `folder` is killed, and the folder removed: when it ends, or when what is returned is called. */
export function watchOver(folder: string): () => Promise<void> {
  const reaper = spawn(process.execPath, [resolve(ROOT, 'test/setup/reaper.js'), folder], { detached: true, stdio: ['pipe', 'ignore', 'ignore'] });
  reaper.unref();
  const gone = new Promise<void>((done) => reaper.once('exit', () => done()));
  return () => {
    reaper.ref();
    reaper.stdin.end();
    return gone;
  };
}
