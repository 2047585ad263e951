import { execFile } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises';

import { AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { newId } from '../../src/kernel';
import { FilesystemObjectStore } from '../../src/storage';
import { writeSampleArchive } from '../fakes/sample-archive';

// Whole programs start here, beside whatever else the machine does.
jest.setTimeout(180_000);

const ROOT = join(__dirname, '../..');
const SHELL = /^```sh\n([\s\S]*?)^```$/gm;

describe('the disaster drill of docs/operations.md', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await realpath(await mkdtemp(join(tmpdir(), 'drill-')));
    await mkdir(join(folder, 'bin'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  /** `npm start` and `npx magnetodb-backup` of the tree under test, which need not be built. */
  async function program(name: string, word: string, script: string): Promise<void> {
    const path = join(folder, 'bin', name);
    const run = `exec '${process.execPath}' -r '${join(ROOT, 'test/setup/swc-register.js')}' '${join(ROOT, script)}' "$@"`;
    await writeFile(path, `#!/bin/sh\n[ "$1" = ${word} ] || exit 99\nshift\n${run}\n`);
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
    await program('npm', 'start', 'src/gateway/main.ts');
    await program('npx', 'magnetodb-backup', 'src/cli/main.ts');

    const script = commands
      .join('\n')
      .replaceAll('/mnt/backups', backups)
      .replaceAll('0190a5b2-ac96-774b-bcce-b302099a8057', id)
      .replaceAll('8490', String(await freePort()));
    expect(script).not.toContain('/mnt');
    // Whatever goes wrong, no gateway is left behind.
    const path = join(folder, 'drill.sh');
    await writeFile(path, `set -eu\ntrap 'kill $GATEWAY 2>/dev/null || true' EXIT\nGATEWAY=\n${script}\nGATEWAY=\necho "the drill is over"\n`);
    const env = { PATH: `${join(folder, 'bin')}:${process.env.PATH ?? ''}`, HOME: process.env.HOME ?? '/', TMPDIR: folder, LOG_LEVEL: 'error' };
    const { stdout } = await promisify(execFile)('bash', [path], { cwd: folder, env });
    expect(stdout).toContain('every digest agrees');
    expect(stdout.match(/^status +RESTORED$/gm)).toHaveLength(2);
    expect(stdout).toMatch(/^imported +1$/m);
    expect(stdout).toContain('the drill is over');
  });
});
