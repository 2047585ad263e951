import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, open, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { newId } from '../../src/kernel';
import { FilesystemObjectStore } from '../../src/storage';
import { writeSampleArchive } from '../fakes/sample-archive';
import { until } from '../setup/until';

// Whole programs start here, beside whatever else the machine does.
jest.setTimeout(300_000);

const ROOT = join(__dirname, '../..');
const SHELL = /^```sh\n([\s\S]*?)^```$/gm;

describe('the disaster drill of docs/operations.md', () => {
  let folder: string;
  /** The process group of all that the drill starts. */
  let drill: number | undefined;

  beforeAll(async () => {
    folder = await realpath(await mkdtemp(join(tmpdir(), 'drill-')));
    await mkdir(join(folder, 'bin'));
  });
  afterAll(async () => {
    if (drill !== undefined) await stop(drill);
    await rm(folder, { recursive: true, force: true });
  });

  /** `npx magnetodb-backup` of the tree under test, which need not be built. */
  async function putNpx(): Promise<void> {
    await putProgram('npx', `#!/bin/sh\n[ "$1" = magnetodb-backup ] || exit 99\nshift\nexec ${runs('src/cli/main.ts')} "$@"\n`);
  }

  /** `npm start`: a shell that runs the script of package.json, signals handed to that shell alone. */
  async function putNpm(): Promise<void> {
    const { scripts } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as { scripts: { start: string } };
    const built = /node((?: --[^ ]+)*) dist\/src\/gateway\/main\.js$/;
    expect(scripts.start).toMatch(built);
    const start = scripts.start.replace(built, (_found, options: string) => runs('src/gateway/main.ts', options));
    await putProgram(
      'npm',
      `#!${process.execPath}
if (process.argv[2] !== 'start') process.exit(99);
const shell = require('node:child_process').spawn('sh', ['-c', ${JSON.stringify(start)}], { stdio: 'inherit' });
process.on('SIGTERM', () => shell.kill('SIGTERM'));
shell.on('exit', (code) => process.exit(code ?? 1));
`,
    );
  }

  const runs = (script: string, options = ''): string => `'${process.execPath}'${options} -r '${join(ROOT, 'test/setup/swc-register.js')}' '${join(ROOT, script)}'`;

  async function putProgram(name: string, text: string): Promise<void> {
    const path = join(folder, 'bin', name);
    await writeFile(path, text);
    await chmod(path, 0o755);
  }

  async function freePort(): Promise<number> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    await new Promise((resolve) => server.close(resolve));
    return port;
  }

  it('does what it says, word by word', async () => {
    const manual = await readFile(join(ROOT, 'docs/operations.md'), 'utf8');
    const section = manual.slice(manual.indexOf('## Disaster drill')).split('\n## ')[0] ?? '';
    const commands = [...section.matchAll(SHELL)].map(([, text]) => text ?? '');
    expect(commands).toHaveLength(4);

    const backups = join(folder, 'backups');
    const id = newId();
    await mkdir(backups);
    await writeSampleArchive(new FilesystemObjectStore({ root: join(backups, id), boundary: backups, keep: backups }), {
      compression: 'zstd',
      draft: { backup_id: id, project_id: 'demo' },
    });
    await putNpm();
    await putNpx();
    const port = String(await freePort());

    const script = commands
      .join('\n')
      .replaceAll('/mnt/backups', backups)
      .replaceAll('0190a5b2-ac96-774b-bcce-b302099a8057', id)
      .replaceAll('8490', port);
    expect(script).not.toContain('/mnt');
    const path = join(folder, 'drill.sh');
    await writeFile(path, `set -eu\ntrap 'kill $GATEWAY 2>/dev/null || true' EXIT\nGATEWAY=\n${script}\nGATEWAY=\necho "the drill is over"\n`);
    const env = { TEST_RUN_DIR: process.env.TEST_RUN_DIR, PATH: `${join(folder, 'bin')}:${process.env.PATH ?? ''}`, HOME: process.env.HOME ?? '/', TMPDIR: folder, LOG_LEVEL: 'error' };
    // What it prints goes to a file: a pipe would be open for as long as a gateway that is deaf to signals.
    const output = await open(join(folder, 'output'), 'w');
    const shell = spawn('bash', [path], { cwd: folder, env, detached: true, stdio: ['ignore', output.fd, output.fd] });
    drill = shell.pid;
    await once(shell, 'exit');
    await output.close();
    const stdout = await readFile(join(folder, 'output'), 'utf8');
    expect(stdout).toContain('every digest agrees');
    expect(stdout.match(/^status +RESTORED$/gm)).toHaveLength(2);
    expect(stdout).toMatch(/^imported +1$/m);
    expect(stdout).toContain('the drill is over');
    // The gateway has heard the signal, through all that stands between.
    await expect(fetch(`http://127.0.0.1:${port}/healthcheck`)).rejects.toThrow('fetch failed');
  });
});

/** Ends all processes of a group that are still there. */
async function stop(group: number): Promise<void> {
  if (signal(group, 'SIGTERM')) await until(() => !signal(group, 0)).catch(() => signal(group, 'SIGKILL'));
}

/** False: there is no such group. */
function signal(group: number, name: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(-group, name);
  } catch {
    return false;
  }
}
